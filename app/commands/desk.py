"""`flask desk …`: set up, check, and look after the house."""

import sys

import click
from flask import current_app
from flask.cli import AppGroup

from app import doctor
from app.commands.output import answer, json_option, plain_errors
from app.core import migrate
from app.core.db import db
from app.kb.index import current_index
from knowledge.indexing import ensure

desk = AppGroup("desk", help="Set up, check and look after the desk.")


@desk.command("init")
@json_option
@plain_errors
def init(as_json: bool) -> None:
    """Make the data folder, the key, the database and the index, or bring them up to date. Safe to repeat."""
    settings = current_app.extensions["settings"]
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.signing_key()
    migrate.upgrade(db.engine)
    ensure(current_index())
    checks = doctor.examine(current_app)
    answer(as_json, {"ok": doctor.healthy(checks), "checks": checks}, f"数据在 {settings.data_dir.resolve()}，已就绪。")
    sys.exit(0 if doctor.healthy(checks) else 1)


@desk.command("doctor")
@json_option
@plain_errors
def examine(as_json: bool) -> None:
    """Check everything that the desk needs. Exit status 1 only when something required is broken."""
    checks = doctor.examine(current_app)
    lines = []
    for check in checks:
        mark = "✓" if check["ok"] else ("✗" if check["required"] else "!")
        lines.append(f"{mark} {check['name']}: {check['detail']}")
        if not check["ok"]:
            lines.append(f"    → {check['advice']}")
    answer(as_json, {"ok": doctor.healthy(checks), "checks": checks}, "\n".join(lines))
    sys.exit(0 if doctor.healthy(checks) else 1)


@desk.command("revision", hidden=True)
@click.argument("message")
def revision(message: str) -> None:
    """For developers: write a migration from the difference to the models."""
    migrate.new_revision(db.engine, message)


@click.command("worker")
def worker() -> None:
    """Run the worker role alone: it sends, indexes and keeps the clocks."""
    from app.worker import Worker

    Worker(current_app._get_current_object()).run()  # type: ignore[attr-defined]
