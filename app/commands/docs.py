"""`flask desk docs`: writes the pages of docs/ that are made from the code. A test fails when they are stale."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
from flask import Flask, current_app

from app.config import PREFIX, Settings
from app.core.events import Event
from app.core.permissions import PERMISSIONS, ROLES
from app.reactions import REACTIONS

DOCS = Path(__file__).parents[2] / "docs"
MADE = "<!-- Made by `flask desk docs`. Change the code, not this page. -->"


def pages(flask: Flask) -> dict[str, str]:
    """File name → content of every generated page."""
    return {
        "settings.md": _settings(),
        "permissions.md": _permissions(),
        "events.md": _events(),
        "commands.md": _commands(flask),
    }


def write(flask: Flask) -> list[str]:
    """Write the pages that changed; returns their names."""
    DOCS.mkdir(exist_ok=True)
    changed = []
    for name, text in pages(flask).items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", MADE, *parts]) + "\n"


def _settings() -> str:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for field in fields(Settings):
        default = {True: "1", False: "0", "": "empty"}.get(field.default, field.default)
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {field.metadata['doc']} |")
    return _page(
        "Settings",
        "Read once at start from environment variables and from `.env` in the folder of the project; a variable wins "
        "over the file. An unknown `HUIYIN_*` name or a value that cannot be used stops the start and is named.",
        "\n".join(rows),
    )


def _permissions() -> str:
    names = ["| permission | lets |", "|---|---|"]
    names += [f"| `{name}` | {words} |" for name, words in PERMISSIONS.items()]
    roles = ["| role | 角色 | permissions |", "|---|---|---|"]
    for role, (words, granted) in ROLES.items():
        listed = "all" if granted == frozenset(PERMISSIONS) else ", ".join(f"`{p}`" for p in PERMISSIONS if p in granted)
        roles.append(f"| `{role}` | {words} | {listed} |")
    return _page(
        "Roles and permissions",
        "A role is a set of named permissions. A permission opens a door; which rows lie behind it is decided by the "
        "gatekeepers (`access_*`, `readable_*`): residents see their own products, account managers their own "
        "companies, client administrators their own company.",
        "\n".join(names),
        "\n".join(roles),
    )


def _events() -> str:
    parts = []
    for name, kind in sorted(Event.registry.items()):
        if not kind.__module__.startswith(("app.", "channels.", "knowledge.", "workflows.")):
            continue
        shape = ", ".join(f"{f.name}: {getattr(f.type, '__name__', f.type)}" for f in fields(kind))
        reactions = ", ".join(f"`{r.__name__}`" for r in REACTIONS.get(kind, ())) or "none"
        parts.append(f"## {name}\n\n{inspect.getdoc(kind)}\n\n`{name}({shape})` · reactions: {reactions}")
    return _page(
        "Events",
        "What happened, in the past tense. An event is written in the transaction of the change itself, with one outbox "
        "row for each reaction; `app/reactions.py` is the table.",
        *parts,
    )


def _commands(flask: Flask) -> str:
    parts = []
    for name in ("desk", "channel", "knowledge", "worker"):
        command = flask.cli.commands.get(name)
        if command is not None:
            parts += list(_command(command, f"flask {name}"))
    return _page(
        "Commands",
        "`--json` prints exactly one JSON document. Exit status: 0 done, 1 refused or failed, 2 wrong usage; an error is "
        "one line on standard error. `FLASK_APP` need not be set.",
        *parts,
    )


def _command(command: click.Command, path: str) -> Iterator[str]:
    if command.hidden:
        return
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _command(command.commands[name], f"{path} {name}")
        return
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {path}", f"`{path} {usage}`", inspect.cleandoc(command.help or "")]
    options = []
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            options.append(f"- `{'`, `'.join(parameter.opts)}` {parameter.help or ''}".rstrip())
    if options:
        lines.append("\n".join(options))
    yield "\n\n".join(lines)


@click.command("docs")
def docs() -> None:
    """For developers: write the generated pages of docs/."""
    changed = write(current_app._get_current_object())  # type: ignore[attr-defined]
    click.echo("\n".join(changed) or "nothing to change")
