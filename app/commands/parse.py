"""`channel parse`: shows what a channel's adapter makes of recorded input, without database or network."""

import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import click

from app.core.text import unpack
from channels.base import Unparseable as NotReadable
from channels.calls.asterisk import column_map
from channels.calls.formats import FORMATS, parse_calls
from channels.calls.times import zone_of
from channels.mail.message import Unparseable, parse_mail
from channels.mail.quotes_html import split_reply_html
from channels.mail.quotes_text import Reply, split_reply_text
from channels.wechat.body import BodyRefused, described, read_body
from channels.wechat.vectors import answer_vectors


def _mail(raw: bytes) -> dict[str, Any]:
    return parse_mail(raw).to_json()


def _reply(split: Callable[[str], Reply]) -> Callable[[bytes], dict[str, Any]]:
    def parse(raw: bytes) -> dict[str, Any]:
        reply = split(raw.decode("utf-8-sig", "replace"))
        return {"visible_text": reply.visible_text, "signature": reply.signature}
    return parse


def _wechat(raw: bytes) -> dict[str, Any]:
    return described(read_body(raw))


KINDS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "email": _mail,
    "reply-text": _reply(split_reply_text),
    "reply-html": _reply(split_reply_html),
    "wechat": _wechat,
}
CALLS = "calls"
OF_LINES: dict[str, Callable[[bytes], Iterable[dict[str, Any]]]] = {"wechat-crypto": answer_vectors}
"""Kinds whose files hold one case a line, each with an answer of its own."""


def parse_files(
    kind: str, files: Iterable[str], out: TextIO, parse: Callable[[bytes], dict[str, Any]] | None = None
) -> int:
    """Write one JSON object per file, in order; a file that cannot be read or understood gives its `error`.

    `parse` is given for a kind that needs more than its name. Returns the exit status, 0 whenever every file has its line.
    """
    for name in files:
        shown = name.encode("utf-8", "replace").decode("utf-8")
        try:
            content = Path(name).read_bytes()
            if kind in OF_LINES:
                out.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in OF_LINES[kind](content))
                continue
            answer = (parse or KINDS[kind])(content)
        except (Unparseable, BodyRefused) as error:
            answer = {"error": unpack(error.reason)}
        except NotReadable as error:
            answer = {"error": unpack(str(error))}
        except OSError as error:
            answer = {"error": f"The file cannot be read: {error.strerror or error}."}
        except Exception as error:  # the contract: never a traceback, and the next file is handled
            print(f"{shown}: {error!r}", file=sys.stderr)
            answer = {"error": f"The file cannot be understood ({type(error).__name__})."}
        out.write(json.dumps({"file": shown, **answer}, ensure_ascii=False) + "\n")
    out.flush()
    return 0


@click.command("parse", help="Show how the channel adapters understand recorded input: one line of JSON a file. No database is touched.")
@click.option("--kind", required=True, type=click.Choice(sorted({*KINDS, *OF_LINES, CALLS})), help="What the files hold.")
@click.option("--format", "form", type=click.Choice(sorted(FORMATS)), help="calls: what wrote the records.")
@click.option("--timezone", default="UTC", show_default=True, help="calls: zone of stamps that name none.")
@click.option("--columns", default="", help="calls: columns of a cdr_custom template, in order, divided by commas.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def parse_command(kind: str, form: str | None, timezone: str, columns: str, files: tuple[str, ...]) -> None:
    """Dry run of the adapters for administrators and tests; prints NDJSON in UTF-8."""
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    parse = None
    if kind == CALLS:
        if form is None:
            raise click.UsageError("--kind calls needs --format")
        parse = partial(parse_calls, form=form, timezone=zone_name(timezone), columns=columns_given(columns))
    raise SystemExit(parse_files(kind, files, sys.stdout, parse))


def zone_name(text: str) -> str:
    """A zone that exists, or wrong usage."""
    try:
        zone_of(text)
    except ValueError:
        raise click.UsageError(f"--timezone {text}: no such zone") from None
    return text


def columns_given(text: str) -> tuple[str, ...]:
    """The columns of a template, or wrong usage."""
    try:
        return column_map(text) if text else ()
    except ValueError as problem:
        raise click.UsageError(f"--columns: {problem}") from None
