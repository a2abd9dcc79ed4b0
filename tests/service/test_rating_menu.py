"""The one survey, answered where it was asked: by a tap on its menu, or by a digit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import sending
from channels.accounts import add_account
from channels.base import Inbound, Outbound, Sender
from channels.models import Account, Conversation, Message
from channels.receiving import receive
from channels.sending import queue_message
from channels.visitor_models import ChatRating
from tests.service.reaching.conftest import Post
from tests.service.reaching.test_progress import SOLVED
from workflows import service as desk
from workflows.engine import take
from workflows.models import FollowUp, Ticket
from workflows.tickets import TICKET

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SENDERS = {"wechat": "openid", "wecom": "wecom", "webchat": "visitor", "weibo": "weibo", "app": "app", "email": "email"}
WRITTEN = {"wechat": {"appid": "wx0000000001", "token": "t0ken"}, "email": {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"}}


@dataclass
class Talk:
    """A person's line on one channel, whose ticket has just been solved; `post` has what went out."""

    kind: str
    post: Post
    drain: Callable[[], int]
    count: int = 0

    def says(self, text: str, item: str = "", **given: Any) -> Message:
        self.count += 1
        address = "wang@chenghu.example" if self.kind == "email" else "someone-1"
        answers = tuple(o.external_id for o in self.post.taken[-1:]) if self.kind == "email" else ()
        with unit_of_work() as s:
            account = s.scalars(select(Account).where(Account.kind == self.kind)).one()
            message = receive(
                account,
                Inbound(
                    f"m{self.count}@x.example", Sender(SENDERS[self.kind], address, "王工", verified=True), text, text, subject="变频器",
                    continues=self.kind != "email", kind="menu" if item else "text", meta={"item": item} if item else {}, answers=answers, **given,
                ),
            )  # fmt: skip
            assert message is not None
            number = message.id
        self.drain()
        session().rollback()
        return session().get_one(Message, number)

    @property
    def ticket(self) -> Ticket:
        session().rollback()
        return session().scalars(select(Ticket).order_by(Ticket.id)).first()  # type: ignore[return-value]

    @property
    def question(self) -> FollowUp:
        return self.ticket.follow_ups[-1]

    def said_last(self) -> str:
        rows = select(Message.visible_text).where(Message.direction == "out").order_by(Message.id.desc()).limit(1)
        return session().scalar(rows) or ""


Begin = Callable[[str], Talk]


@pytest.fixture
def begin(app: Flask, monkeypatch: pytest.MonkeyPatch, drain: Callable[[], int], actor: Any) -> Iterator[Begin]:
    def made(kind: str, *, solved: bool = True) -> Talk:
        post = Post(kind)
        monkeypatch.setattr(sending, "channel_for", lambda _kind: post)
        with unit_of_work():
            add_account(SYSTEM, kind, f"{kind}-1", WRITTEN.get(kind, {}))
        talk = Talk(kind, post, drain)
        talk.says("变频器跳E07")
        if solved:
            agent = actor("agent")
            with unit_of_work() as s:
                take(TICKET, s.scalars(select(Ticket)).one(), "solve_now", agent, **SOLVED)
            drain()
        return talk

    with clock.frozen(NOON):
        yield made


def asked(talk: Talk) -> Outbound:
    return talk.post.taken[-1]


@pytest.mark.parametrize("kind", ["wechat", "wecom"])
def test_the_question_goes_out_as_a_menu_and_a_tap_answers_it(begin: Begin, kind: str) -> None:
    talk = begin(kind)
    menu = asked(talk)
    ids = [one["id"] for one in menu.meta["items"]]
    assert menu.kind == "menu" and "解决了吗" in menu.meta["head"] and len(ids) == len(set(ids)) == 5
    tapped = talk.says(menu.meta["items"][1]["text"], ids[1])
    ticket = talk.ticket
    assert (ticket.state, ticket.close_result, ticket.reopened) == ("closed", "answered", 0)
    assert (talk.question.score, talk.question.solved, talk.question.answered_via, talk.question.state) == (4, True, "message", "answered")
    assert tapped.placed == "rated" and asked(talk).is_auto and "记下" in asked(talk).text
    again = talk.says(menu.meta["items"][0]["text"], ids[0])
    assert talk.question.score == 4 and again.conversation_id == tapped.conversation_id, "a late tap changes nothing"
    assert session().scalar(select(func.count()).select_from(Ticket)) == 1


@pytest.mark.parametrize("kind", ["wechat", "wecom"])
def test_not_solved_gives_the_ticket_back_to_who_had_it(begin: Begin, kind: str) -> None:
    talk = begin(kind)
    item = asked(talk).meta["items"][-1]
    talk.says(item["text"], item["id"])
    assert (talk.ticket.state, talk.question.solved, talk.ticket.reopened) == ("executing", False, 1)
    assert talk.ticket.assignee is not None


@pytest.mark.parametrize("kind", sorted(SENDERS))
@pytest.mark.parametrize(("text", "score"), [("5", 5), (" ４分。", 4), ("【1】", 1)])
def test_a_digit_answers_where_the_question_was_the_last_word(begin: Begin, kind: str, text: str, score: int) -> None:
    talk = begin(kind)
    digit = talk.says(text)
    assert (talk.ticket.state, talk.question.score, digit.placed) == ("closed", score, "rated")


@pytest.mark.parametrize("kind", sorted(SENDERS))
def test_zero_says_that_it_is_not_solved(begin: Begin, kind: str) -> None:
    talk = begin(kind)
    talk.says("0")
    assert (talk.ticket.state, talk.question.solved, talk.question.score) == ("executing", False, None)


@pytest.mark.parametrize("text", ["6", "5台都坏了", "55", "E5", "-1"])
def test_other_numbers_are_words(begin: Begin, text: str) -> None:
    talk = begin("wechat")
    talk.says(text)
    assert (talk.ticket.state, talk.question.score) == ("executing", None)


def test_a_digit_after_other_words_of_ours_is_no_score(begin: Begin, actor: Any) -> None:
    talk, agent = begin("wechat"), actor("leader")
    with unit_of_work() as s:
        queue_message(agent, s.scalars(select(Conversation)).one(), "现在显示几号报警？")
    talk.drain()
    talk.says("5")
    assert (talk.ticket.state, talk.question.score) == ("executing", None), "it is the answer to that"


def test_a_digit_of_a_stranger_in_the_thread_answers_nothing(begin: Begin) -> None:
    talk = begin("email")
    with unit_of_work() as s:
        inbound = Inbound(
            "other@x.example", Sender("email", "someone@else.example", "路人"), "5", "5", subject="Re: 变频器",
            answers=(talk.post.taken[-1].external_id,),
        )  # fmt: skip
        receive(s.scalars(select(Account).where(Account.kind == "email")).one(), inbound)
    talk.drain()
    assert talk.ticket.state != "closed" and talk.question.score is None


def test_thanks_stay_what_they_were(begin: Begin) -> None:
    talk = begin("wechat")
    talk.says("谢谢，好了[呲牙]")
    assert (talk.ticket.state, talk.question.score, talk.question.solved) == ("closed", None, True)


def test_the_menu_at_the_end_of_a_talk_rates_the_talk(begin: Begin, actor: Any) -> None:
    talk, agent = begin("wecom", solved=False), actor("agent")
    with unit_of_work() as s:
        queue_message(agent, s.scalars(select(Conversation)).one(), "请停机断电。")
    talk.drain()
    talk.says("5 非常满意", "rate:5")
    assert session().scalars(select(ChatRating.score)).all() == [5]
    assert talk.ticket.state not in TICKET.ends and len(desk.tickets_of_conversation(1)) == 1


def test_a_tap_on_a_menu_of_nothing_opens_no_ticket(begin: Begin) -> None:
    talk = begin("wecom", solved=False)
    talk.says("5 非常满意", "rate:5")
    assert session().scalars(select(ChatRating)).all() == []
    assert session().scalar(select(func.count()).select_from(Ticket)) == 1
