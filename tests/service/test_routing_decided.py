"""A question which ticket is meant that somebody else has answered: an agent by taking up, leaving or moving the words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import moving, talks
from app.core.clock import frozen, now
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.models import Conversation, Message
from tests.service.test_routing import Line, line, said_by_desk, tickets
from workflows import service as desk
from workflows.engine import take
from workflows.models import Ticket
from workflows.tickets import TICKET

__all__ = ["line"]


@pytest.fixture
def asked(line: Line, drain: Callable[[], Any]) -> tuple[Message, list[Ticket]]:
    """A message about which the writer was asked, and the two tickets of another channel that were offered."""
    first = line.says("你好")
    offered = [line.more(first, "网关离线"), line.more(first, "屏不亮")]
    message = line.says("今天又来了")
    assert message.placed == "asked" and len(said_by_desk(message)) == 2
    return message, offered


def later(drain: Callable[[], Any]) -> None:
    with frozen(now() + timedelta(minutes=11)):
        drain()
    session().rollback()


def test_words_that_an_agent_took_up_stay_on_their_ticket(asked: Any, drain: Callable[[], Any], actor: Callable[..., Any]) -> None:
    message, _offered = asked
    with unit_of_work() as s:
        made = talks.open_from_talk(actor("agent"), s.get_one(Conversation, message.conversation_id)).number
    later(drain)
    assert [t.number for t in desk.tickets_of_conversation(message.conversation_id)] == [made]


def test_words_that_an_agent_left_alone_reach_no_ticket(asked: Any, drain: Callable[[], Any], actor: Callable[..., Any]) -> None:
    message, _offered = asked
    with unit_of_work() as s:
        talks.leave_talk(actor("agent"), s.get_one(Conversation, message.conversation_id))
    count = tickets()
    later(drain)
    assert desk.tickets_of_conversation(message.conversation_id) == [] and tickets() == count


def test_words_that_an_agent_moved_stay_where_they_were_put(line: Line, drain: Callable[[], Any], actor: Callable[..., Any]) -> None:
    first = line.says("变频器跳E07")
    own = desk.tickets_of_conversation(first.conversation_id)[0].number
    line.more(first, "网关离线")
    with frozen(now() + timedelta(hours=5)):
        message = line.says("今天又来了")
        assert message.placed == "asked"
        with unit_of_work() as s:
            one = s.scalars(select(Ticket).where(Ticket.subject == "变频器跳E07")).one()
            where = s.get_one(Conversation, message.conversation_id)
            made = moving.move_conversation(actor("agent"), one, where, subject="另一件").to_ticket_id
        later(drain)
        here = [t.id for t in desk.tickets_of_conversation(session().get_one(Message, message.id).conversation_id)]
        assert here == [made] and own


def test_the_clock_prefers_an_offered_ticket_that_is_still_open(asked: Any, drain: Callable[[], Any]) -> None:
    message, offered = asked
    ordered = said_by_desk(message)[-1].meta["routing"]["tickets"]
    with unit_of_work() as s:
        gone = s.scalars(select(Ticket).where(Ticket.id.in_([t.id for t in offered]))).all()
        newest = next(t for t in gone if t.number == ordered[0])
        newest.state = "closed"
    later(drain)
    message = session().get_one(Message, message.id)
    assert [t.number for t in desk.tickets_of_conversation(message.conversation_id)] == [ordered[1]]


def test_a_chosen_ticket_that_was_merged_meanwhile_leads_to_where_it_went(asked: Any, line: Line) -> None:
    message, _offered = asked
    ordered = said_by_desk(message)[-1].meta["routing"]["tickets"]
    with unit_of_work() as s:
        rows = {t.number: t for t in s.scalars(select(Ticket))}
        into, gone = rows[ordered[0]], rows[ordered[1]]
        take(TICKET, gone, "merge", SYSTEM, into=str(into.number))
    count = tickets()
    chosen = line.says("2")
    assert tickets() == count
    assert [t.number for t in desk.tickets_of_conversation(chosen.conversation_id)] == [ordered[0]]
