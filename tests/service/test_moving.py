"""Words are moved to the ticket where they belong, and back; sessions and first-contact resolution follow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import moving
from app.core import clock
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.events import EventRow, OutboxRow
from app.core.people import Organisation
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from channels.base import Inbound, Sender
from channels.models import Account, Conversation, Message, Session
from channels.receiving import receive
from channels.sending import queue_message
from workflows.access import access_ticket
from workflows.models import Ticket, TicketConversation
from workflows.move_models import MessageMove
from workflows.service import tickets_of_conversation

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def account(app: Any) -> int:
    with unit_of_work() as s:
        row = Account(kind="email", slug="support", settings={"address": "support@desk.example"})
        s.add(row)
    return row.id


@pytest.fixture
def mail(account: int, drain: Callable[[], int]) -> Callable[..., Message]:
    count = [0]

    def come(text: str, sender: str = "wang@client.example", at: datetime = NOON, **given: Any) -> Message:
        count[0] += 1
        with clock.frozen(at):
            with unit_of_work() as s:
                given.setdefault("subject", "网关离线")
                inbound = Inbound(
                    external_id=f"m{count[0]}@client.example", sender=Sender("email", sender, "王工"), text=text,
                    visible_text=text, **given,
                )  # fmt: skip
                message = receive(s.get_one(Account, account), inbound)
                assert message is not None
                number = message.id
            drain()
        return session().get_one(Message, number)

    return come


@pytest.fixture
def agent(make_user: Callable[..., Any]) -> Actor:
    return make_user("agent").actor("page")


def ticket_of(message: Message) -> Ticket:
    session().rollback()
    return tickets_of_conversation(session().get_one(Message, message.id).conversation_id)[0]


def words_on(ticket: Ticket) -> list[str]:
    rows = (
        select(Message.text)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(TicketConversation.ticket_id == ticket.id)
        .order_by(Message.id)
    )
    return list(session().scalars(rows))


def sessions_of(conversation_id: int) -> list[tuple[int, int]]:
    rows = select(Session.inbound, Session.agent_turns).where(Session.conversation_id == conversation_id).order_by(Session.id)
    return [tuple(row) for row in session().execute(rows)]


def threaded(message: Message) -> dict[str, Any]:
    return {"answers": (message.external_id,)}


def test_a_message_and_what_follows_move_to_a_new_ticket_that_is_as_old_as_they_are(mail, agent):
    first = mail("网关离线了")
    second = mail("另外：打印机卡纸", at=NOON + timedelta(minutes=5), **threaded(first))
    third = mail("打印机型号 M402", at=NOON + timedelta(minutes=6), **threaded(second))
    ticket = ticket_of(first)
    with unit_of_work() as s:
        move = moving.move_message(
            agent, access_ticket(agent, ticket.number), s.get_one(Message, second.id), subject="打印机卡纸", following=True
        )
        new = s.get_one(Ticket, move.to_ticket_id)
    assert words_on(ticket) == ["网关离线了"]
    assert words_on(new) == ["另外：打印机卡纸", "打印机型号 M402"]
    assert (new.created_at, new.contact_id, new.state) == (NOON + timedelta(minutes=5), ticket.contact_id, "created")
    assert abs((new.due_at - new.created_at) - (ticket.due_at - ticket.created_at)) < timedelta(seconds=1)
    home = session().get_one(Message, third.id).conversation
    assert (home.token, home.last_message_at) == (str(new.number), NOON + timedelta(minutes=6))
    assert sessions_of(first.conversation_id) == [(1, 0)]
    assert sessions_of(home.id) == [(2, 0)]
    answer = mail("请问修好了吗", at=NOON + timedelta(minutes=9), **threaded(third))
    assert ticket_of(answer).number == new.number


def test_taking_a_move_back_leaves_everything_as_it_was(mail, agent):
    first = mail("网关离线了")
    second = mail("打印机卡纸", at=NOON + timedelta(minutes=5), **threaded(first))
    ticket = ticket_of(first)
    before = sessions_of(first.conversation_id)
    with unit_of_work() as s:
        move = moving.move_message(agent, ticket, s.get_one(Message, second.id), subject="打印机卡纸")
        home, number = move.to_conversation_id, move.id
    with unit_of_work():
        moving.move_back(agent, number)
    assert words_on(ticket) == ["网关离线了", "打印机卡纸"]
    assert sessions_of(first.conversation_id) == before == [(2, 0)]
    assert sessions_of(home) == []
    opened = session().get_one(Ticket, session().get_one(MessageMove, number).to_ticket_id)
    assert opened.state == "cancelled"
    with unit_of_work():
        assert moving.move_back(agent, number).undone_at is not None  # a second time changes nothing


def test_a_message_joins_the_conversation_of_the_same_person_on_the_other_ticket(mail, agent):
    first = mail("网关离线了")
    other = mail("打印机卡纸", subject="打印机")
    ticket, target = ticket_of(first), ticket_of(other)
    again = mail("打印机还是卡", **threaded(first))
    with unit_of_work() as s:
        move = moving.move_message(agent, ticket, s.get_one(Message, again.id), to=s.get_one(Ticket, target.id))
        assert move.to_conversation_id == other.conversation_id
    assert words_on(target) == ["打印机卡纸", "打印机还是卡"]
    assert sessions_of(other.conversation_id) == [(1, 0), (1, 0)]


def test_all_of_a_conversation_moves_as_it_is_and_back(mail, agent):
    first, other = mail("网关离线了"), mail("打印机卡纸", sender="li@client.example", subject="打印机")
    ticket, target = ticket_of(first), ticket_of(other)
    with unit_of_work() as s:
        move = moving.move_message(agent, ticket, s.get_one(Message, first.id), to=s.get_one(Ticket, target.id))
        assert move.message_ids == []
        number = move.id
    assert words_on(ticket) == []
    assert words_on(target) == ["网关离线了", "打印机卡纸"]
    assert session().get_one(Conversation, first.conversation_id).token == str(target.number)
    link = session().scalars(select(TicketConversation).where(TicketConversation.conversation_id == first.conversation_id)).one()
    assert link.came_from == [ticket.id]  # the portal of the other person does not show it
    with unit_of_work():
        moving.move_back(agent, number)
    assert words_on(ticket) == ["网关离线了"]
    assert words_on(target) == ["打印机卡纸"]
    assert session().get_one(Conversation, first.conversation_id).token == str(ticket.number)


def test_an_answer_that_moves_takes_the_first_response_along(mail, agent):
    first = mail("网关离线了")
    ticket = ticket_of(first)
    with clock.frozen(NOON + timedelta(minutes=2)), unit_of_work() as s:
        told = queue_message(agent, s.get_one(Conversation, first.conversation_id), "打印机请换纸盒")
        told.state = "sent"
        s.get_one(Ticket, ticket.id).first_response_at = clock.now()
        number = told.id
    with unit_of_work() as s:
        move = moving.move_message(agent, s.get_one(Ticket, ticket.id), s.get_one(Message, number), subject="打印机")
    session().rollback()
    assert session().get_one(Ticket, ticket.id).first_response_at is None
    assert session().get_one(Ticket, move.to_ticket_id).first_response_at == NOON + timedelta(minutes=2)
    assert sessions_of(first.conversation_id) == [(1, 0)]
    assert sessions_of(move.to_conversation_id) == [(0, 1)]


def test_first_contact_resolution_of_both_is_judged_again(mail, agent, drain):
    first = mail("网关离线了")
    second = mail("打印机卡纸", **threaded(first))
    ticket = ticket_of(first)
    with unit_of_work() as s:
        move = moving.move_message(agent, ticket, s.get_one(Message, second.id), subject="打印机")
    waiting = select(EventRow).join(OutboxRow, OutboxRow.event_id == EventRow.id)
    waiting = waiting.where(OutboxRow.reaction == "judge_ticket", OutboxRow.state == "due")
    judged = {row.payload["ticket_id"] for row in session().scalars(waiting)}
    assert {ticket.id, move.to_ticket_id} <= judged


def test_what_cannot_be_moved_says_why(mail, agent, make_user):
    first = mail("网关离线了")
    other = mail("打印机卡纸", sender="li@client.example", subject="打印机")
    ticket, target = ticket_of(first), ticket_of(other)
    message = session().get_one(Message, first.id)
    with pytest.raises(Invalid) as same:
        moving.move_message(agent, ticket, message, to=ticket)
    assert "into" in same.value.errors
    with pytest.raises(Invalid) as untitled:
        moving.move_message(agent, ticket, message, subject=" ")
    assert "subject" in untitled.value.errors
    with pytest.raises(NotFound):
        moving.move_message(agent, target, message, to=ticket)  # it is not on that ticket
    with unit_of_work() as s:
        s.get_one(Ticket, target.id).state = "closed"
    with pytest.raises(Invalid):
        moving.move_message(agent, ticket, message, to=session().get_one(Ticket, target.id))
    with unit_of_work() as s:
        queue_message(SYSTEM, s.get_one(Conversation, first.conversation_id), "马上看")
    with pytest.raises(Refused):
        moving.move_message(agent, ticket, session().get_one(Message, first.id), subject="新", following=True)
    with pytest.raises(Forbidden):
        moving.move_message(make_user("manager").actor("page"), ticket, message, subject="新")


def test_a_stranger_who_names_a_ticket_is_proposed_and_joins_when_a_person_says_so(mail, agent):
    first = mail("网关离线了")
    ticket = ticket_of(first)
    stranger = mail("我也遇到了", sender="zhao@elsewhere.example", token=str(ticket.number))
    own = ticket_of(stranger)
    assert own.number != ticket.number
    assert moving.propose(session().get_one(Message, stranger.id)) == ticket.number
    with unit_of_work() as s:
        assert moving.accept_proposal(agent, s.get_one(Ticket, own.id), s.get_one(Message, stranger.id)) is None
    session().rollback()
    assert session().get_one(Ticket, own.id).state == "merged"
    assert words_on(ticket) == ["网关离线了", "我也遇到了"]
    assert moving.propose(session().get_one(Message, stranger.id)) is None


def test_a_stranger_of_another_company_brings_the_words_only(mail, agent):
    first = mail("网关离线了")
    ticket = ticket_of(first)
    stranger = mail("我也遇到了", sender="zhao@elsewhere.example", token=str(ticket.number))
    own = ticket_of(stranger)
    with unit_of_work() as s:
        one, two = Organisation(name="甲厂", kind="client"), Organisation(name="乙厂", kind="client")
        s.add_all([one, two])
        s.flush()
        s.get_one(Ticket, ticket.id).organisation_id, s.get_one(Ticket, own.id).organisation_id = one.id, two.id
    with unit_of_work() as s:
        move = moving.accept_proposal(agent, s.get_one(Ticket, own.id), s.get_one(Message, stranger.id))
        assert move is not None
    session().rollback()
    assert session().get_one(Ticket, own.id).state == "created"
    assert words_on(ticket) == ["网关离线了", "我也遇到了"]


def test_a_refused_proposal_is_asked_no_more(mail, agent):
    first = mail("网关离线了")
    stranger = mail("我也遇到了", sender="zhao@elsewhere.example", token=str(ticket_of(first).number))
    own = ticket_of(stranger)
    with unit_of_work() as s:
        moving.refuse_proposal(agent, s.get_one(Ticket, own.id), s.get_one(Message, stranger.id))
    assert moving.propose(session().get_one(Message, stranger.id)) is None
    with pytest.raises(Refused):
        moving.accept_proposal(agent, own, session().get_one(Message, stranger.id))


def open_sessions_of(conversation_id: int) -> list[datetime]:
    rows = select(Session.last_at).where(Session.conversation_id == conversation_id, Session.ended_at.is_(None))
    return list(session().scalars(rows.order_by(Session.id)))


@pytest.mark.parametrize("following", [False, True])
@pytest.mark.parametrize("minutes", [5, 30])
def test_a_conversation_never_has_two_open_sessions_after_a_move(mail, agent, following, minutes):
    """The older one ends, whether it was there or came; taken back, each side has the one that it had."""
    first = mail("网关离线了")
    again = mail("打印机还是卡", at=NOON + timedelta(minutes=minutes), **threaded(first))
    other = mail("打印机卡纸", subject="打印机", at=NOON + timedelta(minutes=10))
    ticket, target = ticket_of(first), ticket_of(other)
    with clock.frozen(NOON + timedelta(minutes=40)):
        with unit_of_work() as s:
            move = moving.move_message(agent, ticket, s.get_one(Message, again.id), to=s.get_one(Ticket, target.id), following=following).id
        assert open_sessions_of(other.conversation_id) == [NOON + timedelta(minutes=max(minutes, 10))]
        assert len(open_sessions_of(first.conversation_id)) == 1
        with unit_of_work():
            moving.move_back(agent, move)
        assert len(open_sessions_of(first.conversation_id)) == 1
        assert open_sessions_of(other.conversation_id) == [NOON + timedelta(minutes=10)]
    assert sessions_of(first.conversation_id) == [(2, 0)]
