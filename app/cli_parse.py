"""`channel parse`: shows what a channel's adapter makes of recorded input, without database or network."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

import click

from app.core.text import unpack
from channels.mail.message import Unparseable, parse_mail
from channels.mail.quotes_html import split_reply_html
from channels.mail.quotes_text import Reply, split_reply_text


def _mail(raw: bytes) -> dict[str, Any]:
    return parse_mail(raw).to_json()


def _reply(split: Callable[[str], Reply]) -> Callable[[bytes], dict[str, Any]]:
    def parse(raw: bytes) -> dict[str, Any]:
        reply = split(raw.decode("utf-8-sig", "replace"))
        return {"visible_text": reply.visible_text, "signature": reply.signature}
    return parse


KINDS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "email": _mail,
    "reply-text": _reply(split_reply_text),
    "reply-html": _reply(split_reply_html),
}


def parse_files(kind: str, files: Iterable[str], out: TextIO) -> int:
    """Write one JSON object per file, in order; a file that cannot be read or understood gives its `error`.

    Returns the exit status, 0 whenever every file has its line.
    """
    parse = KINDS[kind]
    for name in files:
        shown = name.encode("utf-8", "replace").decode("utf-8")
        try:
            answer = parse(Path(name).read_bytes())
        except Unparseable as error:
            answer = {"error": unpack(error.reason)}
        except OSError as error:
            answer = {"error": f"The file cannot be read: {error.strerror or error}."}
        except Exception as error:  # the contract: never a traceback, and the next file is handled
            print(f"{shown}: {error!r}", file=sys.stderr)
            answer = {"error": f"The file cannot be understood ({type(error).__name__})."}
        out.write(json.dumps({"file": shown, **answer}, ensure_ascii=False) + "\n")
    out.flush()
    return 0


@click.command("parse", help="Show how the channel adapters understand recorded input: one line of JSON a file. No database is touched.")
@click.option("--kind", required=True, type=click.Choice(sorted(KINDS)), help="What the files hold.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def parse_command(kind: str, files: tuple[str, ...]) -> None:
    """Dry run of the adapters for administrators and tests; prints NDJSON in UTF-8."""
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    raise SystemExit(parse_files(kind, files, sys.stdout))
