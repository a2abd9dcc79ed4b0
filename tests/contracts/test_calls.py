"""What holds for the channel that reports calls and takes no words: each report once, kept before it is understood, replayed
after a better release, its secrets sealed; and nothing goes out."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account, opened, set_account, shown
from channels.base import Deed, SendFailed, Unparseable
from channels.calls import adapter
from channels.calls.models import Call
from channels.models import Account, Conversation, Message, RawPayload
from channels.registry import channel_for
from channels.sending import queue_message


def report(number: int = 1, name: str = "王工") -> bytes:
    given = {"id": f"c{number}", "caller": "13800138000", "callee": "8001", "caller_name": name, "outcome": "answered",
             "started_at": "2026-11-20 12:00:00", "answered_at": "2026-11-20 12:00:05", "ended_at": "2026-11-20 12:01:00"}  # fmt: skip
    return json.dumps(given).encode()


@pytest.fixture
def account_id(app: Flask) -> int:
    with unit_of_work():
        return add_account(SYSTEM, "calls", "hotline", {"secret": "0123456789abcdef"}).id


def account(account_id: int) -> Account:
    session().rollback()
    return session().get_one(Account, account_id)


def count(model: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model)) or 0


def test_what_it_cannot_read_it_says(account_id: int) -> None:
    dice = random.Random(7)
    good = report()
    noise = [dice.randbytes(dice.randint(0, 300)) for _ in range(60)] + [good[: dice.randrange(len(good))] for _ in range(40)]
    deep = [b"", b"[" * 100_000, b"{" * 5_000, b"null", b"0", good * 3, adapter.ENVELOPE + b"{", adapter.ENVELOPE + b"[]\n" + good]
    parse, here = channel_for("calls").parse, account(account_id)
    for raw in [*noise, *deep]:
        try:
            assert isinstance(parse(here, raw), Deed)
        except Unparseable as problem:
            assert unpack(str(problem)).strip()
    assert isinstance(parse(here, good), Deed)


def test_a_call_is_taken_once(account_id: int) -> None:
    states = [receiving.accept(account_id, report()).state, receiving.accept(account_id, report()).state]
    states.append(receiving.accept(account_id, report(), dedup_key="under another name").state)
    assert states == [receiving.IMPORTED, receiving.DUPLICATE, receiving.DUPLICATE]
    assert receiving.accept(account_id, report(2)).state == receiving.IMPORTED
    assert (count(Call), count(Message), count(Conversation)) == (2, 2, 1)


def test_it_is_kept_before_it_is_understood(account_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def dies(*given: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(adapter, "store_rows", dies)
        receiving.accept(account_id, report())
    assert (count(RawPayload), count(Call)) == (1, 0)
    with clock.frozen(clock.now().replace(year=clock.now().year + 1)):
        assert receiving.pick_up() == 1
    assert count(Call) == 1


def test_what_broke_the_parser_can_be_replayed(account_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*given: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(adapter.CallsChannel, "parse", breaks)
        outcome = receiving.accept(account_id, report())
    assert outcome.state == receiving.FAILED and "ZeroDivisionError" in unpack(outcome.reason)
    assert receiving.replay(SYSTEM, outcome.raw_id).state == receiving.IMPORTED and count(Call) == 1


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a\x00b\x1b[31m", "\ud83d", "长" * 9_000, "%s%(x)s{{7*7}}"])
def test_hostile_names_come_in_as_names(account_id: int, name: str) -> None:
    outcome = receiving.accept(account_id, report(name=name))
    assert outcome.state == receiving.IMPORTED, outcome.reason
    session().rollback()
    call = session().scalars(select(Call)).one()
    json.dumps(call.meta, ensure_ascii=False).encode()
    assert "\x00" not in str(call.meta) and "\x1b" not in str(call.meta)


def test_nothing_goes_out(account_id: int, drain: Callable[[], int]) -> None:
    receiving.accept(account_id, report())
    drain()
    with unit_of_work() as s:
        message_id = queue_message(SYSTEM, s.scalars(select(Conversation)).one(), "您好").id
    drain()
    session().rollback()
    message = session().get_one(Message, message_id)
    assert (message.state, unpack(message.error or "")) == ("failed", "电话不能用文字回复。")
    with pytest.raises(SendFailed) as refused:
        channel_for("calls").send(account(account_id), None)  # type: ignore[arg-type]
    assert refused.value.final


def test_secrets_are_sealed_and_masked(account_id: int) -> None:
    given = {"secret": "another-secret-1", "recording_password": "user:geheim"}
    with unit_of_work():
        set_account(SYSTEM, "hotline", given)
    here = account(account_id)
    for name, secret in given.items():
        assert secret not in str(here.settings) and shown(here)["settings"][name] == "••••" and opened(here)[name] == secret
