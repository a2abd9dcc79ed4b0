"""What a platform lets us send is counted by person, whatever conversations we keep their words in, and piece by piece."""

from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.db import session
from app.core.uow import unit_of_work
from channels import windows
from channels.base import SendFailed, Unreachable
from channels.models import Account, Conversation, ReplyWindow
from channels.wecom.adapter import WecomChannel
from tests.service.channels.test_windows import House, at, house, platform, state

__all__ = ["at", "house", "platform"]


def another(of: Conversation) -> Conversation:
    """A second conversation with the same person, as a move or a second open ticket makes it."""
    with unit_of_work() as s:
        first = s.get_one(Conversation, of.id)
        made = Conversation(
            account_id=first.account_id, identity_id=first.identity_id, contact_id=first.contact_id,
            last_message_at=first.last_message_at - timedelta(minutes=1),
        )  # fmt: skip
        s.add(made)
        s.flush()
        return made


def test_a_second_conversation_with_the_same_person_shares_the_grant(house: House, drain: Any) -> None:
    line = house.hears()
    home = another(line)
    assert house.left(home).messages == 5
    assert state(house.writes(home))[0] == "queued"
    assert house.left(line).messages == 4
    for _n in range(4):
        house.writes(line)
    drain()
    assert len(house.platform.taken) == 5 and house.left(home).refusal
    waiting = house.writes(home)
    drain()
    assert state(waiting)[0] == "held"
    house.hears("还没好")
    drain()
    assert state(waiting)[0] == "sent"


def test_somebody_else_has_a_grant_of_their_own(house: House) -> None:
    line = house.hears()
    with unit_of_work() as s:
        stranger = Conversation(account_id=line.account_id)
        s.add(stranger)
    assert house.left(line).messages == 5 and house.left(stranger).messages == 0


@pytest.mark.parametrize("problem", [SendFailed("忙", final=True), Unreachable("走了")])
def test_an_answer_of_several_pieces_gives_all_of_them_back(
    house: House, drain: Any, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    monkeypatch.setattr(house.platform, "parts", lambda account, message, files: 3, raising=False)
    line = house.hears()
    house.platform.answers = [problem]
    house.writes(line)
    drain()
    row = session().query(ReplyWindow).one()
    assert row.used == 0


def test_pieces_counted_on_two_grants_are_given_back_to_both(house: House, drain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.platform, "parts", lambda account, message, files: 5, raising=False)
    line = house.hears()
    with unit_of_work() as s:
        windows.opened(s.get_one(Conversation, line.id), "click")
    house.platform.answers = [SendFailed("忙", final=True)]
    house.writes(line)
    drain()
    assert [row.used for row in session().query(ReplyWindow)] == [0, 0]


def test_wecom_counts_every_piece(app: Any) -> None:
    account = Account(kind="wecom", slug="kf", settings={})
    message = type("Said", (), {"kind": "text", "text": "说明。" * 1000})()
    assert WecomChannel().parts(account, message, []) == 5 and clock.now()
