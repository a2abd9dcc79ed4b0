"""What every channel must do, whatever it speaks: understand or say why not, take each message once, keep it before
understanding it, and never send twice unseen. A channel joins by its line in outsides.CASES."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock, outbox
from app.core.db import session
from app.core.events import DONE, DUE, LEASED, UNDECIDED, OutboxRow
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import in_unit_of_work, unit_of_work
from channels import receiving
from channels.accounts import KNOWN, opened, set_account, shown
from channels.base import Inbound, Signal, Unparseable
from channels.models import Account, Conversation, Message, RawPayload
from channels.registry import AT_HAND, CHANNELS, channel_for
from channels.sending import queue_message
from tests.contracts.outsides import CASES, Case

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "]]><!--&#0;{{7*7}}%s%(x)s${jndi:ldap://x}",
    "Bcc: victim@elsewhere.example\r\nSubject: x\r\n\r\n.\r\n.\r\nQUIT\r\n",
    "👩‍🏭🇨🇳 \u202e反转\u202c \x07\x1b[31m \x00 end",
    "\ud83d lone surrogate",
    '"; DROP TABLE message; --',
    "长" * 2_000,
)

LISTENING = frozenset({"calls"})
"""Channels that report and take no words; tests/contracts/test_calls.py says what holds for them."""


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


class Party:
    """One channel with an account and its outside."""

    def __init__(self, kind: str, case: Case, outside: Any) -> None:
        self.kind, self.case, self.outside = kind, case, outside
        self.channel = channel_for(kind)
        self.account_id = case.open(outside)
        self.parse = self.channel.parse

    @property
    def account(self) -> Account:
        session().rollback()
        return session().get_one(Account, self.account_id)

    def take(self, text: str = "夏天一到下午就停。", number: int = 1, **given: Any) -> receiving.Outcome:
        return receiving.accept(self.account_id, self.case.say(text, number), **given)

    def answer(self, text: str = "请停机断电。", actor: Any = SYSTEM) -> int:
        with unit_of_work() as s:
            return queue_message(actor, s.scalars(select(Conversation)).one(), text).id


@pytest.fixture(params=sorted(CASES))
def party(request: pytest.FixtureRequest, app: Flask) -> Iterator[Party]:
    case = CASES[request.param]
    with case.outside() as outside:
        yield Party(request.param, case, outside)


@pytest.fixture
def wired(party: Party) -> Party:
    """A channel whose messages leave the house; one at hand has nothing to fail on the way, and says so elsewhere."""
    if party.case.at_hand:
        pytest.skip("optional: storing an answer is sending it on this channel")
    return party


def count(model: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model)) or 0


def state(message_id: int) -> str:
    session().rollback()
    return session().get_one(Message, message_id).state


def job() -> OutboxRow:
    session().rollback()
    return session().scalars(select(OutboxRow).where(OutboxRow.reaction == "deliver_message")).one()


def test_every_channel_is_here() -> None:
    assert not set(CASES) & LISTENING
    assert set(CASES) | LISTENING == set(CHANNELS) <= set(KNOWN)
    assert {kind for kind, case in CASES.items() if case.at_hand} == AT_HAND
    for kind, channel in CHANNELS.items():
        assert channel.kind == kind and isinstance(channel.idempotent, bool)


def test_it_understands(party: Party) -> None:
    first = party.parse(party.account, party.case.say("第一句", 1))
    again = party.parse(party.account, party.case.say("第一句", 1))
    other = party.parse(party.account, party.case.say("第二句", 2))
    assert isinstance(first, Inbound) and first.visible_text.strip() == "第一句"
    assert first.external_id and first.external_id == again.external_id != other.external_id
    assert first.sender is not None and first.sender.value
    assert first.sent_at is None or first.sent_at.utcoffset() is not None


def test_what_it_cannot_read_it_says(party: Party) -> None:
    """Noise, pieces and mixtures: an Inbound or Unparseable, nothing else, and always with a reason."""
    dice = random.Random(7)
    good = party.case.say("夏天一到下午就停。", 1)
    noise = [dice.randbytes(dice.randint(0, 300)) for _ in range(40)]
    pieces = [good[: dice.randrange(len(good))] for _ in range(40)] + [good[dice.randrange(len(good)) :] for _ in range(20)]
    swapped = []
    for _ in range(60):
        bent = bytearray(good)
        for _ in range(dice.randint(1, 8)):
            bent[dice.randrange(len(bent))] = dice.randrange(256)
        swapped.append(bytes(bent))
    deep = [b"[" * 100_000, b"{" * 5_000 + b"}" * 5_000, b"null", b'"', b"0", b"\xff\xfe" * 500, good * 3]
    for raw in [*party.case.bad, *noise, *pieces, *swapped, *deep]:
        try:
            assert isinstance(party.parse(party.account, raw), Inbound | Signal)
        except Unparseable as problem:
            assert unpack(str(problem)).strip()
    for raw in party.case.bad:
        with pytest.raises(Unparseable):
            party.parse(party.account, raw)


def test_a_message_is_taken_once(party: Party, drain: Callable[[], int]) -> None:
    assert party.take().state == receiving.IMPORTED
    assert party.take().state == receiving.DUPLICATE
    assert party.take(dedup_key="under another name").state == receiving.DUPLICATE
    assert count(Message) == 1
    assert party.take(number=2).state == receiving.IMPORTED
    drain()
    assert (count(Message), count(Conversation)) == (2, 1 if party.kind != "portal" else 2)


def test_it_is_kept_before_it_is_understood(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*given: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(receiving, "receive", dies)
        party.take()
    assert (count(RawPayload), count(Message)) == (1, 0)
    with clock.frozen(clock.now().replace(year=clock.now().year + 1)):
        assert receiving.pick_up() == 1
    assert count(Message) == 1


def test_what_broke_the_parser_can_be_replayed(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*given: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(type(party.channel), "parse", breaks)
        outcome = party.take()
    assert outcome.state == receiving.FAILED and "ZeroDivisionError" in unpack(outcome.reason)
    assert receiving.replay(SYSTEM, outcome.raw_id).state == receiving.IMPORTED
    assert count(Message) == 1


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_come_in_as_words(party: Party, text: str, drain: Callable[[], int]) -> None:
    outcome = party.take(text)
    assert outcome.state == receiving.IMPORTED, outcome.reason
    drain()
    stored = session().scalars(select(Message)).one()
    stored.text.encode()
    assert "\x00" not in stored.text and "\x1b" not in stored.text
    assert not stored.html or "<script" not in stored.html


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_go_out_as_words(party: Party, text: str, drain: Callable[[], int]) -> None:
    party.take()
    drain()
    message_id = party.answer(text)
    drain()
    assert state(message_id) == "sent"
    if party.case.at_hand:
        return
    party.case.left_well(party.outside.taken)


def test_an_answer_leaves_once(party: Party, drain: Callable[[], int]) -> None:
    party.take()
    drain()
    before = len(party.outside.taken)
    message_id = party.answer()
    if party.case.at_hand:
        assert state(message_id) == "sent"
    drain()
    drain()
    assert state(message_id) == "sent"
    assert len(party.outside.taken) - before == (0 if party.case.at_hand else 1)


def test_it_calls_nobody_inside_a_unit_of_work(wired: Party, drain: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    wired.take()
    drain()
    send, seen = type(wired.channel).send, []

    def watched(self: Any, *given: Any) -> Any:
        seen.append(in_unit_of_work())
        return send(self, *given)

    monkeypatch.setattr(type(wired.channel), "send", watched)
    wired.answer()
    drain()
    assert seen == [False]


def test_a_passing_failure_is_tried_again(wired: Party, drain: Callable[[], int]) -> None:
    wired.take()
    drain()
    before, wired.outside.says = len(wired.outside.taken), ["later"]
    message_id = wired.answer()
    drain()
    assert (state(message_id), job().state) == ("queued", DUE)
    assert unpack(session().get_one(Message, message_id).error or "")
    with clock.frozen(job().due_at):
        drain()
    assert (state(message_id), len(wired.outside.taken) - before) == ("sent", 1)


def test_a_final_refusal_ends_it(wired: Party, drain: Callable[[], int]) -> None:
    wired.take()
    drain()
    wired.outside.says = ["never"]
    message_id = wired.answer()
    drain()
    assert (state(message_id), job().state) == ("failed", DONE)
    assert unpack(session().get_one(Message, message_id).error or "")


def test_nobody_knows(wired: Party, drain: Callable[[], int]) -> None:
    """The line drops after all was handed over: undecided, unless the same key delivers once."""
    wired.take()
    drain()
    before, wired.outside.says = len(wired.outside.taken), ["lost"]
    message_id = wired.answer()
    drain()
    if not wired.channel.idempotent:
        assert (state(message_id), job().state) == ("undecided", UNDECIDED)
    with clock.frozen(job().due_at.replace(year=job().due_at.year + 1)):
        drain()
    assert len(wired.outside.taken) - before == 1


def test_killed_in_the_middle_of_a_send(wired: Party, drain: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    wired.take()
    drain()
    keys: list[str] = []

    def dies(self: Any, account: Account, message: Any) -> None:
        keys.append(message.key)
        raise Killed

    message_id = wired.answer()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(type(wired.channel), "send", dies)
        drain()
    assert (state(message_id), job().state) == ("sending", LEASED)
    send = type(wired.channel).send

    def counted(self: Any, account: Account, message: Any) -> Any:
        keys.append(message.key)
        return send(self, account, message)

    monkeypatch.setattr(type(wired.channel), "send", counted)
    assert outbox.release_vanished() == 1
    drain()
    if wired.channel.idempotent:
        assert state(message_id) == "sent" and len(keys) == 2 and len(set(keys)) == 1
    else:
        assert (state(message_id), job().state, len(keys)) == ("undecided", UNDECIDED, 1)


def test_secrets_are_sealed_masked_and_rotated(party: Party) -> None:
    if party.case.settings:
        with unit_of_work():
            set_account(SYSTEM, party.account.slug, party.case.settings)
    account = party.account
    for name, secret in party.case.settings.items():
        assert secret not in str(account.settings) and shown(account)["settings"][name] == "••••"
        assert opened(account)[name] == secret
        with unit_of_work():
            set_account(SYSTEM, account.slug, {name: "N" * len(secret)})
        assert opened(party.account)[name] == "N" * len(secret)
