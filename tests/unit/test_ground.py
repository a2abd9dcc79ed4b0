"""Small things of the ground floor that everything stands on."""

import io
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import clock
from app.core.errors import DeskError, Invalid, Refused
from app.core.files import get_bytes, put_bytes, safe_name, use_folder
from app.core.logs import set_up_logs
from app.core.permissions import NOBODY, PERMISSIONS, ROLES, SYSTEM, require
from app.core.text import clean, pack, unpack
from app.core.trace import begin_trace, request_id


@given(st.text(alphabet=st.characters(codec=None)))
def test_clean_text_can_be_stored_anywhere(text):
    cleaned = clean(text)
    cleaned.encode()
    assert "\x00" not in cleaned and "\r" not in cleaned
    assert clean(cleaned) == cleaned


@given(st.text(alphabet=st.characters(codec=None)))
def test_a_safe_name_is_never_empty_and_has_no_folder(name):
    found = safe_name(name)
    assert found and "/" not in found and "\\" not in found and len(found.encode()) <= 700
    assert found not in (".", "..")


def test_bytes_are_kept_once_by_content(tmp_path):
    use_folder(tmp_path)
    first, second = put_bytes(b"trace"), put_bytes(b"trace")
    assert first == second and get_bytes(first) == b"trace"
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "Z" * 64])
def test_a_digest_that_is_none_leads_nowhere(tmp_path, digest):
    use_folder(tmp_path)
    with pytest.raises(DeskError):
        get_bytes(digest)


def test_the_clock_can_be_stopped_and_moved():
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with clock.frozen(noon):
        clock.advance(timedelta(hours=1))
        assert clock.now() == noon + timedelta(hours=1)
    with pytest.raises(RuntimeError):
        clock.advance(timedelta(1))
    with pytest.raises(ValueError, match="aware"), clock.frozen(datetime(2026, 1, 1)):  # noqa: DTZ001
        pass


def test_errors_say_what_is_missing():
    problem = Invalid.of("reason", "写下原因。")
    assert problem.errors == {"reason": ["写下原因。"]}
    assert str(Refused("「%(step)s」不适用。", step="派工")) == "「派工」不适用。"


def test_roles_hold_only_known_permissions_and_some_role_holds_each():
    granted = set().union(*(permissions for _, permissions in ROLES.values()))
    assert granted == set(PERMISSIONS)
    assert len(ROLES) == 12
    require(SYSTEM, "user.manage")
    with pytest.raises(DeskError):
        require(NOBODY, "ticket.read")
    with pytest.raises(ValueError, match="no such permission"):
        NOBODY.can("ticket.raed")


def test_a_log_line_is_json_with_the_request_id_and_without_unknown_fields():
    out = io.StringIO()
    set_up_logs("INFO", out)
    begin_trace("abc-123")
    logging.getLogger("huiyin.test").info("request", extra={"status": 200, "text": "变频器", "password": "hunter2"})
    line = json.loads(out.getvalue())
    assert (line["event"], line["status"], line["request_id"]) == ("request", 200, "abc-123")
    assert "hunter2" not in out.getvalue() and "变频器" not in out.getvalue()


@pytest.mark.parametrize("given_id", ["x" * 41, "a b", "a\nb", "é", ""])
def test_a_strange_request_id_is_not_taken_over(given_id):
    begin_trace(given_id)
    assert request_id() != given_id and len(request_id()) == 16


def test_a_packed_text_is_read_in_the_readers_language():
    assert unpack(pack("还差 %(n)s 步", n=2), lambda said: said.replace("还差", "missing")) == "missing 2 步"
    assert unpack("没有邮件头") == "没有邮件头"


@pytest.mark.parametrize(
    "forged",
    [
        '{"say": "%(x)s", "with": {}}', '{"say": "%(n)99999999999s", "with": {"n": 1}}', '{"say": "%", "with": {}}', '{"say": 7}',
        '{"say": "%s%s", "with": [1]}', '{"say"', '{"say":' + "[" * 100_000, '{"say": "%(n)d", "with": {"n": "a"}}',
    ],
)  # fmt: skip
def test_what_only_looks_packed_is_shown_as_it_is(forged):
    """The text of a bounce or of a mail server stands in the same column, and a stranger wrote it."""
    assert unpack(forged) == forged
