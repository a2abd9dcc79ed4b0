"""Merging, unmerging and splitting: conversations go along and find back, through chains too."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from app.core.db import session
from app.core.errors import Invalid
from app.core.people import Organisation
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from tests.service.workflows.conftest import Take
from workflows.models import Ticket, TicketConversation, TicketLink

MakeTicket = Callable[..., Ticket]
Talk = Callable[..., int]


def talks(ticket: Ticket) -> set[int]:
    rows = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)
    return set(session().scalars(rows))


def test_a_merge_takes_the_conversations_along_and_back(ticket: MakeTicket, conversation: Talk, agent: Actor, tell: Take) -> None:
    one, two = ticket("executing"), ticket("created")
    first, second = conversation(one), conversation(two)
    tell(one, "merge", agent, into=f"#{two.number}")
    assert (one.state, one.merged_into_id, one.close_result) == ("merged", two.id, "merged")
    assert (talks(one), talks(two)) == (set(), {first, second})
    tell(one, "unmerge", agent)
    assert (one.state, one.merged_into_id, one.closed_at) == ("executing", None, None)
    assert (talks(one), talks(two)) == ({first}, {second})


@pytest.mark.parametrize("order", ["inner first", "outer first"])
def test_a_chain_comes_apart_in_any_order(order: str, ticket: MakeTicket, conversation: Talk, agent: Actor, tell: Take) -> None:
    a, b, c = ticket(), ticket(), ticket()
    ca, cb, cc = conversation(a), conversation(b), conversation(c)
    tell(a, "merge", agent, into=b.number)
    tell(b, "merge", agent, into=c.number)
    assert talks(c) == {ca, cb, cc}
    if order == "inner first":
        tell(a, "unmerge", agent)
        assert (talks(a), talks(b), talks(c)) == ({ca}, set(), {cb, cc})
        tell(b, "unmerge", agent)
    else:
        tell(b, "unmerge", agent)
        assert (talks(a), talks(b), talks(c)) == (set(), {ca, cb}, {cc})
        tell(a, "unmerge", agent)
    assert (talks(a), talks(b), talks(c)) == ({ca}, {cb}, {cc})
    assert {t.state for t in (a, b, c)} == {"created"}


def test_a_new_conversation_after_the_merge_stays(ticket: MakeTicket, conversation: Talk, agent: Actor, tell: Take) -> None:
    one, two = ticket(), ticket()
    first = conversation(one)
    tell(one, "merge", agent, into=two.number)
    later = conversation(two)
    tell(one, "unmerge", agent)
    assert (talks(one), talks(two)) == ({first}, {later})


def test_a_shared_conversation_is_not_lost(ticket: MakeTicket, conversation: Talk, agent: Actor, tell: Take) -> None:
    one = ticket("executing")
    shared = conversation(one)
    tell(one, "split", agent, subject="第二个问题")
    other = session().scalars(select(Ticket).where(Ticket.subject == "第二个问题")).one()
    assert talks(other) == {shared}
    assert session().scalars(select(TicketLink)).one().kind == "split"
    tell(other, "merge", agent, into=one.number)
    assert talks(one) == {shared}
    tell(other, "unmerge", agent)
    assert (talks(one), talks(other)) == ({shared}, {shared})


def test_where_a_ticket_cannot_go(ticket: MakeTicket, company: Callable[..., Organisation], agent: Actor, tell: Take) -> None:
    found = ticket()
    lake, hill = company("澄湖"), company("北岭")
    with unit_of_work():
        found.organisation_id = lake.id
    foreign = ticket(organisation_id=hill.id)
    for into in (found.number, ticket("closed").number, foreign.number, 99999, "abc", "#", "9" * 30):
        with pytest.raises(Invalid) as problem:
            tell(found, "merge", agent, into=into)
        assert "into" in problem.value.errors, into
        assert found.state == "created"


def test_one_cannot_merge_into_what_one_cannot_see(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    blind = Actor(kind="user", id=agent.id, name="x", role="agent", permissions=frozenset({"ticket.read", "ticket.dispatch"}))
    found = ticket("dispatched")
    with pytest.raises(Invalid):
        tell(found, "merge", blind, into=ticket("created").number)


def test_no_circle(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    one, two = ticket(), ticket()
    tell(one, "merge", agent, into=two.number)
    with pytest.raises(Invalid):
        tell(two, "merge", agent, into=one.number)
