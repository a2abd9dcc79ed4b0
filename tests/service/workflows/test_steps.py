"""The ticket law through take(): each step from each state it allows, and each refusal."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import Forbidden, Invalid, Refused, Stale
from app.core.events import EventRow
from app.core.people import Organisation, Team, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from tests.service.workflows.conftest import SOLVED, Take, later
from workflows.models import Ticket, TicketArticle, TicketMark
from workflows.tickets import TICKET

MakeTicket = Callable[..., Ticket]

GIVEN: dict[str, dict[str, Any]] = {
    "solve_now": SOLVED,
    "resolve": SOLVED,
    "return": {"reason": "信息不全"},
    "raise": {"to": "second_line", "reason": "要看日志"},
    "supervise": {"reason": "客户又问", "until": "2026-03-03T09:00:00+08:00"},
    "extend": {"reason": "等备件", "until": "2026-06-01T09:00:00+08:00"},
    "hold": {"party": "customer", "reason": "等照片", "until": "2026-03-04T09:00:00+08:00"},
    "close": {"rating": 4},
    "reopen": {"reason": "又离线"},
    "cancel": {"reason": "重复"},
    "split": {"subject": "另一个问题"},
}


def filled(step: str, ticket: MakeTicket, who: Actor) -> dict[str, Any]:
    if step in ("dispatch", "transfer"):
        return {"assignee": who.id, "reason": "换人"}
    if step == "merge":
        return {"into": ticket("created").number}
    if step == "escalate":
        with unit_of_work() as s:
            s.add(supplier := Organisation(kind="supplier", name=f"供应商 {secrets.token_hex(4)}"))
        return {"reason": "换风扇", "supplier": supplier.id}
    return GIVEN.get(step, {})


ELSEWHERE = {"escalate"}
"""Tested together with the law of service orders."""


@pytest.mark.parametrize("step", sorted(TICKET.by_name.keys() - ELSEWHERE))
def test_a_step_from_each_state(step: str, ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    for state in TICKET.states:
        step_from(state, step, ticket, leader, tell)


def step_from(state: str, step: str, ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    found = ticket(state)
    row = TICKET.by_name[step]
    given = filled(step, ticket, leader)
    before, version, trail = found.state, found.version, audit(found)
    if state not in row.sources or step == "resume":
        with pytest.raises(Refused):
            tell(found, step, leader, **given)
        assert (found.state, found.version, audit(found)) == (before, version, trail)
        return
    tell(found, step, leader, **given)
    targets = {before if target == "=" else target for target in row.targets}
    assert found.state in targets
    assert found.version > version
    last = audit(found)[-1]
    assert last == f"ticket.{step}"
    events = list(session().scalars(select(EventRow).where(EventRow.name == "TicketStepTaken")))
    assert events[-1].payload["step"] == step and events[-1].payload["after"] == found.state


def audit(ticket: Ticket) -> list[str]:
    rows = select(AuditRow.action).where(AuditRow.subject == "ticket", AuditRow.subject_id == ticket.id)
    return list(session().scalars(rows.order_by(AuditRow.id)))


def test_what_is_missing_is_named(ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    tickets = {state: ticket(state) for state in ("executing", "created", "following_up", "dispatched")}
    for step in TICKET.steps:
        if step.needs:
            with pytest.raises(Invalid) as problem:
                tell(next(found for state, found in tickets.items() if state in step.sources), step.name, leader)
            assert set(problem.value.errors) == {need.names[0] for need in step.needs}, step.name


def test_nobody_steps_without_the_permission(ticket: MakeTicket, tell: Take) -> None:
    found = ticket("created")
    for step in TICKET.steps:
        with pytest.raises(Forbidden):
            tell(found, step.name, Actor(kind="user", id=1, name="谁"))
    assert found.state == "created"


def test_a_stale_version_writes_nothing(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket("dispatched")
    seen = found.version
    tell(found, "urge", agent)
    with pytest.raises(Stale):
        tell(found, "start", agent, version=seen)
    assert found.state == "dispatched"


def test_an_unknown_step_is_refused(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    with pytest.raises(Refused):
        tell(ticket(), "explode", agent)


def test_offers_are_what_can_be_taken(ticket: MakeTicket, agent: Actor, leader: Actor) -> None:
    names = {step.name for step in TICKET.offers(ticket("created"), agent)}
    assert {"dispatch", "solve_now", "hold", "merge", "urge"} <= names
    assert not {"start", "resume", "close", "supervise"} & names
    assert "supervise" in {step.name for step in TICKET.offers(ticket("created"), leader)}
    assert [s.name for s in TICKET.offers(ticket("merged"), agent)] == ["unmerge"]


def test_a_team_waits_for_a_person_and_a_person_brings_the_team(
    ticket: MakeTicket, make_user: Callable[..., User], team: Callable[..., Team], agent: Actor, tell: Take
) -> None:
    lin = make_user("agent", display_name="林")
    first = team(lin)
    found = ticket()
    tell(found, "dispatch", agent, team=first.id)
    assert (found.team_id, found.assignee_id) == (first.id, None)
    tell(found, "dispatch", agent, assignee=lin.name)
    assert (found.team_id, found.assignee_id) == (first.id, lin.id)


def test_a_person_who_is_not_there(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket()
    for given in ("nobody", "99999", 0, "9" * 40, "٣"):
        with pytest.raises(Invalid) as problem:
            tell(found, "dispatch", agent, assignee=given)
        assert "assignee" in problem.value.errors


def test_who_cannot_work_gets_nothing(
    ticket: MakeTicket, make_user: Callable[..., User], team: Callable[..., Team], agent: Actor, tell: Take
) -> None:
    for user in (make_user("editor"), make_user("agent", active=False)):
        with pytest.raises(Invalid):
            tell(ticket(), "dispatch", agent, assignee=user.id)
    outsider, group = make_user("agent"), team(make_user("agent"))
    with pytest.raises(Invalid):
        tell(ticket(), "dispatch", agent, assignee=outsider.id, team=group.id)


def test_a_resident_gets_own_products_alone(
    ticket: MakeTicket, make_user: Callable[..., User], company: Callable[..., Organisation], agent: Actor, tell: Take
) -> None:
    from app.core.catalogue import Product

    supplier = company("拓联", "supplier")
    with unit_of_work() as s:
        own = Product(code="TL-G300", name="网关", supplier_id=supplier.id)
        s.add(own)
    resident = make_user("resident", organisation=supplier)
    with pytest.raises(Invalid):
        tell(ticket(), "dispatch", agent, assignee=resident.id)
    found = ticket(product_id=own.id)
    tell(found, "dispatch", agent, assignee=resident.id)
    assert found.assignee_id == resident.id


def test_what_is_somebody_elses_is_not_started(ticket: MakeTicket, make_user: Callable[..., User], tell: Take) -> None:
    found = ticket("dispatched")
    stranger = make_user("resident").actor("test")
    with pytest.raises(Refused):
        tell(found, "start", stranger)


def test_the_third_bounce_goes_to_the_leader(
    ticket: MakeTicket, make_user: Callable[..., User], team: Callable[..., Team], leader: Actor, agent: Actor, tell: Take
) -> None:
    member, chief = make_user("agent"), session().get_one(User, leader.id)
    first = team(member, chief, leader=chief)
    found = ticket()
    tell(found, "dispatch", agent, assignee=member.id)
    tell(found, "return", agent, reason="信息不全")
    assert (found.state, found.team_id, found.bounces) == ("created", None, 1)
    tell(found, "dispatch", agent, team=first.id)
    tell(found, "transfer", agent, assignee=member.id, reason="非本组")
    assert found.assignee_id == member.id
    tell(found, "return", agent, reason="还是不对")
    assert (found.state, found.assignee_id, found.team_id) == ("dispatched", chief.id, first.id)
    tell(found, "transfer", agent, assignee=member.id, reason="再转")
    assert found.assignee_id == chief.id, "from then on every bounce comes back to the leader"


def test_an_urge_is_counted_and_told_once_in_a_while(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    from app.core import clock

    found = ticket("executing")
    tell(found, "urge", agent)
    told = found.urged_at
    tell(found, "urge", agent)
    assert (found.urged, found.urged_at) == (2, told)
    clock.advance(later(minutes=11) - clock.now())
    tell(found, "urge", agent)
    assert found.urged == 3 and found.urged_at is not None and told is not None and found.urged_at > told


def test_raise_and_supervise_leave_marks(ticket: MakeTicket, leader: Actor, tell: Take) -> None:
    found = ticket("executing")
    tell(found, "raise", leader, to="second_line", reason="要看固件")
    tell(found, "supervise", leader, reason="客户投诉", until=later(hours=2))
    marks = list(session().scalars(select(TicketMark).where(TicketMark.ticket_id == found.id).order_by(TicketMark.id)))
    assert [(m.kind, m.to, m.reason) for m in marks] == [("raise", "second_line", "要看固件"), ("supervise", "", "客户投诉")]
    assert found.level == "second_line"
    for step, given in (("raise", {"to": "moon", "reason": "x"}), ("supervise", {"reason": "x", "until": later(hours=-1)})):
        with pytest.raises(Invalid):
            tell(found, step, leader, **given)


def test_solving_remembers_the_article_once(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    from knowledge.models import Article

    with unit_of_work() as s:
        article = Article(slug="apn", title="APN")
        s.add(article)
    found = ticket("executing")
    tell(found, "resolve", agent, **SOLVED | {"wrap_up": {"category": "usage", "articles": [article.id, article.id]}})
    kept = list(session().scalars(select(TicketArticle).where(TicketArticle.ticket_id == found.id)))
    assert [(k.article_id, k.use) for k in kept] == [(article.id, "solved")]


BAD_WRAP_UPS: list[tuple[dict[str, Any], str]] = [
    ({"wrap_up": {"category": "magic"}}, "wrap_up"),
    ({"wrap_up": "usage"}, "wrap_up"),
    ({"wrap_up": {"category": "usage", "product": "NO-SUCH"}}, "wrap_up"),
    ({"wrap_up": {"category": "usage"}, "kind": "miracle"}, "kind"),
    ({"wrap_up": {"category": "usage"}, "restored_at": "2031-01-01T00:00:00Z"}, "restored_at"),
    ({"wrap_up": {"category": "usage"}, "restored_at": "yesterday"}, "restored_at"),
]


def test_a_wrap_up_that_says_nothing(ticket: MakeTicket, agent: Actor, tell: Take) -> None:
    found = ticket("executing")
    for given, field in BAD_WRAP_UPS:
        with pytest.raises(Invalid) as problem:
            tell(found, "resolve", agent, resolution="好了", **given)
        assert field in problem.value.errors, given
    assert found.state == "executing" and found.category is None


def test_the_system_may_step(ticket: MakeTicket, tell: Take) -> None:
    found = ticket("dispatched")
    tell(found, "start", SYSTEM)
    assert found.state == "executing"
