"""`flask channel …`: accounts, imports, and the inbox of raw payloads."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.commands.calls import import_calls
from app.commands.output import answer, json_option, plain_errors
from app.commands.parse import parse_command
from app.commands.simulate import simulate
from app.core.db import session
from app.core.errors import DeskError
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import accounts, receiving
from channels.mail.mailboxes import read_mails
from channels.models import RawPayload

channel = AppGroup("channel", help="Accounts, imports and raw payloads.")
channel.add_command(parse_command, "parse")
channel.add_command(import_calls, "import-calls")
channel.add_command(simulate)
account = AppGroup("account", help="Configured mailboxes and other accounts.")
channel.add_command(account)


def _pairs(values: Iterable[str]) -> dict[str, str]:
    found = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name:
            raise click.UsageError(f"--set {value}: write key=value")
        found[name] = text
    return found


@account.command("add")
@click.argument("kind")
@click.argument("slug")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting; may be repeated.")
@json_option
@plain_errors
def add(kind: str, slug: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Add an account. email: address, name, signature, time_zone; out: smtp_host, smtp_port, smtp_user, smtp_password,
    smtp_security (none, starttls, tls); in: imap_host, imap_port, imap_user, imap_password, imap_security (tls, starttls,
    plain), imap_folder, imap_processed_folder, imap_poll_seconds, imap_start (all, new).

    webchat: title, welcome, colour (#0b6480), allowed_sites (origins, empty: any page), hours (1-5 09:00-18:00; 6 10:00-16:00),
    time_zone, ask (no, offer, require: a way to be reached before the chat)."""
    with unit_of_work():
        made = accounts.add_account(SYSTEM, kind, slug, _pairs(settings))
    answer(as_json, accounts.shown(made), f"渠道账号 {slug} 已添加。")


@account.command("set")
@click.argument("slug")
@click.argument("settings", nargs=-1, metavar="KEY=VALUE…")
@click.option("--set", "more", multiple=True, metavar="KEY=VALUE", help="A setting; may be repeated.")
@json_option
@plain_errors
def change(slug: str, settings: tuple[str, ...], more: tuple[str, ...], as_json: bool) -> None:
    """Change settings of an account; an empty value removes one."""
    with unit_of_work():
        made = accounts.set_account(SYSTEM, slug, _pairs([*settings, *more]))
    answer(as_json, accounts.shown(made), f"渠道账号 {slug} 已更新。")


@account.command("reseal")
@click.option("--old-key-file", type=click.File(), help="File with the house key that the passwords were sealed under before.")
@json_option
@plain_errors
def reseal(old_key_file: TextIO | None, as_json: bool) -> None:
    """Seal stored passwords under the present house key. Exit status 1 when some could not be opened: set those anew."""
    with unit_of_work():
        written, lost = accounts.reseal_accounts(SYSTEM, old_key_file.read().strip() if old_key_file else None)
    answer(
        as_json,
        {"written": written, "lost": lost},
        f"重新加密 {written} 个账号。" + (f"解不开：{', '.join(lost)}。" if lost else ""),
    )
    if lost:
        sys.exit(1)


@account.command("list")
@json_option
@plain_errors
def show(as_json: bool) -> None:
    """List the accounts, secrets masked."""
    rows = [accounts.shown(a) for a in accounts.list_accounts()]
    words = "\n".join(f"{r['slug']}\t{r['kind']}\t{r['settings'].get('address', '')}" for r in rows)
    answer(as_json, {"items": rows}, words or "还没有渠道账号。")


@channel.command("import-mail")
@click.option("--account", "slug", required=True, help="The account that the mails belong to.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@json_option
@plain_errors
def import_mail(slug: str, paths: tuple[Path, ...], as_json: bool) -> None:
    """Take in mails from .eml files, mbox files, Maildirs or folders of these. Each is stored once, as it came.
    Exit status 1 when one could not be read or understood; the others are in all the same."""
    found = accounts.access_account(slug)
    if found.kind != "email":
        raise click.UsageError(f"{slug} is no e-mail account")
    result: dict[str, Any] = {"seen": 0, "imported": 0, "duplicate": 0, "failed": []}
    account_id = found.id
    for path in paths:
        for name, content in read_mails(path):
            result["seen"] += 1
            if isinstance(content, bytes):
                outcome = receiving.accept(account_id, content, source=name)
                if outcome.state == receiving.FAILED:
                    result["failed"].append({"file": name, "reason": unpack(outcome.reason), "raw_id": outcome.raw_id})
                else:
                    result[outcome.state] += 1
            else:
                result["failed"].append({"file": name, "reason": str(content), "raw_id": None})
            if sys.stderr.isatty():
                click.echo(f"\r{result['seen']} …", err=True, nl=False)
    if sys.stderr.isatty():
        click.echo("\r", err=True, nl=False)
    words = [f"看到 {result['seen']} 封：导入 {result['imported']}，重复 {result['duplicate']}，失败 {len(result['failed'])}。"]
    words += [f"  {f['file']}: {f['reason']}" + (f"（原始消息 {f['raw_id']}）" if f["raw_id"] else "") for f in result["failed"]]
    answer(as_json, result, "\n".join(words))
    if result["failed"]:
        sys.exit(1)


@channel.command("raw")
@click.option("--state", type=click.Choice(["new", "parsed", "duplicate", "failed"]), help="Only those in this state.")
@click.option("--account", "slug", help="Only those of this account.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 10_000), help="How many at most.")
@json_option
@plain_errors
def raw(state: str | None, slug: str | None, limit: int, as_json: bool) -> None:
    """List raw payloads, newest first."""
    rows = select(RawPayload).order_by(RawPayload.id.desc()).limit(limit)
    if state:
        rows = rows.where(RawPayload.state == state)
    if slug:
        rows = rows.where(RawPayload.account_id == accounts.access_account(slug).id)
    items = [
        {
            "id": r.id,
            "account": r.account.slug,
            "state": r.state,
            "reason": unpack(r.reason) if r.reason else None,
            "received_at": r.received_at.isoformat().replace("+00:00", "Z"),
            "source": r.source,
        }
        for r in session().scalars(rows)
    ]
    words = "\n".join(f"{i['id']}\t{i['state']}\t{i['source']}\t{i['reason'] or ''}" for i in items)
    answer(as_json, {"items": items}, words or "没有原始消息。")


@channel.command("replay")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all-failed", is_flag=True, help="Every payload that failed.")
@json_option
@plain_errors
def replay(ids: tuple[int, ...], all_failed: bool, as_json: bool) -> None:
    """Try failed payloads again. Exit status 1 when one of them failed again."""
    if bool(ids) == all_failed:
        raise click.UsageError("name ids, or --all-failed")
    chosen = list(ids) or list(
        session().scalars(select(RawPayload.id).where(RawPayload.state.in_(("failed", "new"))).order_by(RawPayload.id))
    )
    result = {"replayed": 0, "failed": 0}
    for raw_id in chosen:
        try:
            outcome = receiving.replay(SYSTEM, raw_id)
        except DeskError as problem:
            click.echo(f"{raw_id}: {problem}", err=True)
            result["failed"] += 1
            continue
        result["failed" if outcome.state == receiving.FAILED else "replayed"] += 1
        if outcome.state == receiving.FAILED:
            click.echo(f"{raw_id}: {unpack(outcome.reason)}", err=True)
    answer(as_json, result, f"重放 {result['replayed']}，仍然失败 {result['failed']}。")
    if result["failed"]:
        sys.exit(1)
