"""The dry run prints one object per file and never fails on one of them."""

import io
import json
from pathlib import Path

from click.testing import CliRunner

from app.commands.parse import parse_command, parse_files

PAYLOADS = Path(__file__).parents[2] / "payloads" / "email"
KEYS = {"file", "external_id", "message_id", "from", "reply_to", "to", "cc", "subject", "in_reply_to", "references", "text",
        "visible_text", "html", "is_auto", "is_bounce", "bounce", "attachments", "suspect"}


def test_every_file_has_its_line(tmp_path: Path):
    empty = tmp_path / "empty.eml"
    empty.write_bytes(b"")
    files = [str(PAYLOADS / "bounce.eml"), str(tmp_path / "absent"), str(empty), str(tmp_path), str(PAYLOADS / "foxmail.eml")]
    out = io.StringIO()
    assert parse_files("email", files, out) == 0
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [a["file"] for a in answers] == files
    assert set(answers[0]) == set(answers[4]) == KEYS
    assert all(set(a) == {"file", "error"} for a in answers[1:4])


def test_command_splits_replies(tmp_path: Path):
    body = tmp_path / "正文.txt"
    body.write_text("好的\n\n-----原始邮件-----\n旧", "utf-8")
    result = CliRunner().invoke(parse_command, ["--kind", "reply-text", str(body)])
    assert result.exit_code == 0
    assert json.loads(result.output) == {"file": str(body), "visible_text": "好的", "signature": None}
    assert CliRunner().invoke(parse_command, ["--kind", "fax", str(body)]).exit_code == 2
