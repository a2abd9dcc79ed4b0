"""「进度」 and 「催一下」, from whoever writes them: answered, urged, and never a ticket more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.db import session
from app.core.people import Contact
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account
from channels.base import Inbound, Sender
from channels.models import Account, Conversation, Message
from channels.reaching.models import ReachWish
from channels.receiving import receive
from tests.service.reaching.conftest import MAIL, PHONE, House, messages_out
from workflows.engine import take
from workflows.models import Ticket
from workflows.tickets import TICKET

Drain = Callable[[], int]
SOLVED = {"resolution": "改了参数。", "wrap_up": {"category": "connection", "cause": "APN"}}


def write(account: str, inbound: Inbound) -> Message:
    with unit_of_work():
        message = receive(session().query(Account).filter_by(slug=account).one(), inbound)
        assert message is not None
    return message


def by_mail(text: str, number: int = 2, **given: Any) -> Inbound:
    return Inbound(f"m{number}", Sender("email", given.pop("who", MAIL)), text, text, subject="回复：变频器跳E07", answers=given.pop("answers", ("m1",)), **given)


def by_sms(text: str, number: int = 1) -> Inbound:
    return Inbound(f"s{number}", Sender("phone", PHONE, verified=True), text, text, continues=True)


def answers() -> list[str]:
    return [m.text for m in messages_out() if m.is_auto]


def tickets() -> list[tuple[int, str]]:
    session().rollback()
    return [(t.id, t.state) for t in session().query(Ticket).order_by(Ticket.id)]


def test_by_mail_it_is_answered_with_state_and_link(house: House, drain: Drain) -> None:
    before = tickets()
    write("support", by_mail("到哪了？"))
    drain()
    (said,) = answers()
    assert f"#{house.ticket.number} 变频器跳E07" in said and "/r/" in said and "安排处理人" in said
    assert tickets() == before and house.mail.taken[-1].to == MAIL and house.mail.taken[-1].is_auto


def test_by_another_channel_of_the_same_person(house: House, drain: Drain) -> None:
    before = tickets()
    write("sms", by_sms("进度"))
    drain()
    assert str(house.ticket.number) in answers()[0] and tickets() == before
    assert house.sms.taken[0].to == PHONE


def test_an_urge_is_taken_once_and_told_so(house: House, drain: Drain) -> None:
    for number in (1, 2):
        write("sms", by_sms("催一下", number))
        drain()
    session().refresh(house.ticket)
    assert house.ticket.urged == 1
    first, second = answers()
    assert "已经替您催了" in first and "刚催过" in second
    clock.advance(timedelta(minutes=11))
    write("sms", by_sms(f"催一下 {house.ticket.number}", 3))
    drain()
    session().refresh(house.ticket)
    assert house.ticket.urged == 2


def test_a_closed_request_stays_closed(house: House, drain: Drain, actor: Any) -> None:
    agent, leader = actor("agent"), actor("leader")
    with unit_of_work():
        take(TICKET, house.ticket, "solve_now", agent, **SOLVED)
    with unit_of_work():
        take(TICKET, house.ticket, "close", leader, rating=5)
    drain()
    before = tickets()
    write("support", by_mail("进度怎么样了"))
    drain()
    assert tickets() == before == [(house.ticket.id, "closed")]
    assert answers()[-1].startswith("您这里没有还在处理的请求")


def test_a_stranger_gets_the_honest_answer_and_no_ticket(house: House, drain: Drain) -> None:
    before = tickets()
    write("support", by_mail("进度", who="fremd@elsewhere.example", answers=()))
    drain()
    assert tickets() == before and "没有还在处理的请求" in answers()[-1] and str(house.ticket.number) not in answers()[-1]


def test_a_forged_sender_learns_nothing(house: House, drain: Drain) -> None:
    """From is the customer's, Reply-To is somebody else's: the answer would go there."""
    write("support", by_mail("进度", answers=(), reply_to="thief@elsewhere.example"))
    drain()
    assert all(str(house.ticket.number) not in text and "/r/" not in text for text in answers())


def test_who_quotes_a_mail_of_ours_but_is_nobody_we_know_learns_nothing(house: House, drain: Drain) -> None:
    write("support", by_mail("进度", who="fremd@elsewhere.example", answers=("m1",)))
    drain()
    assert all("/r/" not in text for text in answers())


def test_an_unproven_visitor_hears_of_this_chat_alone(house: House, drain: Drain) -> None:
    with unit_of_work():
        add_account(SYSTEM, "webchat", "site", {})
    message = write("site", Inbound("v1", Sender("visitor", "v-1", "王工"), "你好，机器停了", "你好，机器停了", continues=True))
    drain()
    with unit_of_work():
        conversation = session().get_one(Conversation, message.conversation_id)
        assert conversation.identity is not None
        conversation.identity.contact_id = conversation.contact_id = house.person.id
    write("site", Inbound("v2", Sender("visitor", "v-1"), "进度", "进度", continues=True))
    drain()
    said = [m.text for m in messages_out() if m.conversation_id == message.conversation_id and m.meta.get("purpose") == "progress"]
    assert len(said) == 1 and "机器停了" in said[0] and str(house.ticket.number) not in said[0]


def test_two_machines_do_not_talk_for_ever(house: House, drain: Drain) -> None:
    for number in range(10):
        write("sms", by_sms("status", number))
        drain()
    assert len(house.sms.taken) == 6
    assert "status" not in house.sms.taken[0].text.lower() and "request" in house.sms.taken[0].text.lower() or "Received" in house.sms.taken[0].text


def test_one_word_more_is_for_a_person(house: House, drain: Drain, actor: Any) -> None:
    agent, leader = actor("agent"), actor("leader")
    with unit_of_work():
        take(TICKET, house.ticket, "solve_now", agent, **SOLVED)
    drain()
    write("support", by_mail("进度不对，又跳闸了", number=5))
    drain()
    assert tickets()[0][1] != "following_up" and leader.can("ticket.close")


@pytest.mark.parametrize("word", ["TD", "退订", " t "])
def test_who_wants_no_more_short_messages_gets_none(word: str, house: House, drain: Drain) -> None:
    before = tickets()
    write("sms", by_sms(word))
    drain()
    assert tickets() == before and not house.sms.taken
    wish = session().query(ReachWish).one()
    assert (wish.contact_id, wish.off) == (house.person.id, ["sms"]) and session().get_one(Contact, house.person.id).id == house.person.id
