"""What a step of the ticket law changes besides the state. Called by `take()` only; `state` itself is the engine's."""

from typing import Any, TypeVar

from sqlalchemy import select

from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.events import record
from app.core.people import Team, User
from app.core.permissions import SYSTEM, Actor
from workflows.engine import STAY, Given, moment
from workflows.events import ArticleUsed, HoldEnds
from workflows.holding import begin_hold, end_hold
from workflows.kinds import ALWAYS, CATEGORIES, IMPACTS, KINDS, SAMPLE, priority_of, time_to_solve
from workflows.models import FollowUp, Ticket, TicketArticle, TicketMark
from workflows.order_links import cancel_with_ticket, urge_orders
from workflows.rules import BOUNCES_TO_LEADER, SAMPLE_EVERY, URGE_PAUSE
from workflows.ticket_guards import last_question, result_of

Named = TypeVar("Named", User, Team)
PARTIES = {"customer": "客户", "supplier": "供应商", "part": "备件", "colleague": "同事", "date": "约定日期"}
STOPS_CLOCK = frozenset({"customer", "date"})
"""While one of these is waited for, the customer's clock stands still; else it is the house's own time."""
LEVELS = {"second_line": "二线", "supervisor": "主管"}


def dispatch(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    """Set team and person. A person's team is filled in; a team alone leaves the person open."""
    person, team = _person(given.get("assignee")), _team(given.get("team"))
    if person and not team and person.teams:
        team = ticket.team if ticket.team in person.teams else person.teams[0]
    if team and person and person not in team.members:
        raise Invalid.of("assignee", "这个人不在所选的团队里。")
    _check_sight(ticket, person)
    ticket.assignee, ticket.team = person, team
    ticket.dispatched_by = actor.name
    return None


def _check_sight(ticket: Ticket, person: User | None) -> None:
    """A supplier's resident sees tickets of own products alone; nobody is given what they cannot open."""
    if person is None or person.role != "resident":
        return
    if ticket.product is None or ticket.product.supplier_id != person.organisation_id:
        raise Invalid.of("assignee", "驻场人员只能接自己企业产品的工单，请先选对产品。")


def start(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    if actor.kind == "user" and (ticket.assignee_id is None or ticket.assignee_id != actor.id):
        ticket.assignee = session().get(User, actor.id)
    ticket.started_at = ticket.started_at or now()
    return None


def transfer(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    before = ticket.team
    dispatch(ticket, actor, given)
    _bounced(ticket, before)
    return None


def give_back(ticket: Ticket, actor: Actor, given: Given) -> str:
    before, ticket.assignee, ticket.team = ticket.team, None, None
    return "dispatched" if _bounced(ticket, before) else "created"


def _bounced(ticket: Ticket, team: Team | None) -> bool:
    """The third bounce goes to the leader of the team that had it: somebody must decide. True if it went there."""
    ticket.bounces += 1
    leader = session().get(User, team.leader_id) if team and team.leader_id else None
    if ticket.bounces < BOUNCES_TO_LEADER or leader is None or not leader.active:
        return False
    ticket.team, ticket.assignee, ticket.dispatched_by = team, leader, SYSTEM.name
    return True


def solve(ticket: Ticket, actor: Actor, given: Given) -> str:
    """Write down how it was solved. Leads to following_up, or to closed where nobody is asked."""
    wrap_up = given.get("wrap_up") or {}
    if not isinstance(wrap_up, dict):
        raise Invalid.of("wrap_up", "小结要有分类和原因。")
    category = wrap_up.get("category")
    if category not in CATEGORIES:
        raise Invalid.of("wrap_up", "选择分类。")
    kind = given.get("kind") or ticket.kind
    if kind not in KINDS:
        raise Invalid.of("kind", "没有这个类别。")
    moment_ = now()
    restored = moment(given["restored_at"], "restored_at") if given.get("restored_at") else None
    if restored and not ticket.created_at <= restored <= moment_:
        raise Invalid.of("restored_at", "恢复时间要在登记之后、现在之前。")
    ticket.boxes = worked_off(kind, given)
    ticket.kind, ticket.category = kind, category
    ticket.product = _product(wrap_up.get("product")) or ticket.product
    ticket.cause = (str(wrap_up.get("cause") or "").strip() or None)
    ticket.cause = ticket.cause[:300] if ticket.cause else None
    ticket.resolution = str(given["resolution"]).strip()
    ticket.restored_at = restored or ticket.restored_at or moment_
    ticket.first_resolved_at = ticket.first_resolved_at or moment_
    ticket.resolved_at = moment_
    ticket.resolved_by_id = actor.id if actor.kind == "user" else ticket.assignee_id
    for article_id in wrap_up.get("articles") or []:
        remember_article(ticket, actor, article_id, "solved")
    if is_asked(ticket):
        ticket.follow_ups.append(FollowUp(ticket_id=ticket.id))
        return "following_up"
    ticket.closed_at, ticket.close_result = moment_, "not_asked"
    return "closed"


def worked_off(kind: str, given: Given) -> dict[str, str]:
    """The kind's checklist as it was worked off: `boxes` names what was done, `skipped` says why the rest was not.

    `boxes` is a list of codes, or code → reason for skipping it ("" where done). Raises Invalid where a box is open.
    """
    wanted, said = KINDS[kind].boxes, given.get("boxes") or {}
    if not isinstance(said, dict | list):
        raise Invalid.of("boxes", "勾选做过的步骤。")
    why = str(given.get("skipped") or "").strip()[:300]
    reasons = said if isinstance(said, dict) else dict.fromkeys(map(str, said), "")
    if any(not isinstance(reason, str) for reason in reasons.values()):
        raise Invalid.of("boxes", "勾选做过的步骤。")
    if any(code not in reasons for code in wanted) and not why:
        raise Invalid.of("skipped", "还有没勾的步骤，写下跳过的原因。")
    return {code: reasons.get(code, why).strip()[:300] for code in wanted}


def solve_now(ticket: Ticket, actor: Actor, given: Given) -> str:
    ticket.solved_at_once = True
    if actor.kind == "user" and ticket.assignee_id is None:
        ticket.assignee = session().get(User, actor.id)
        ticket.team = ticket.team or next(iter(ticket.assignee.teams if ticket.assignee else []), None)
    ticket.started_at = ticket.started_at or now()
    return solve(ticket, actor, given)


def is_asked(ticket: Ticket) -> bool:
    """Whether the customer is asked afterwards: always, by sample, or never, as the kind says."""
    rule = KINDS[ticket.kind].follow_up
    return rule == ALWAYS or (rule == SAMPLE and ticket.id % SAMPLE_EVERY == 0)


def hold(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    until = begin_hold(ticket, given, PARTIES, "选择在等谁。")
    record(HoldEnds(ticket_id=ticket.id, hold=ticket.holds), due_at=until)
    return None


def resume(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    """End the hold. The due date moves by the time spent waiting for the customer or an agreed date, and only by that."""
    end_hold(ticket, STOPS_CLOCK)
    return None


def urge(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    """Count every urge; `urged_at` moves only after a pause, so that holders are told once and not ten times."""
    ticket.urged += 1
    if ticket.urged_at is None or now() - ticket.urged_at >= URGE_PAUSE:
        ticket.urged_at = now()
    urge_orders(ticket, actor)
    return None


def raise_level(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    if given["to"] not in LEVELS:
        raise Invalid.of("to", "升级给二线或主管。")
    ticket.level = given["to"]
    _mark(ticket, actor, "raise", to=given["to"], reason=given["reason"])
    return None


def supervise(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    until = moment(given["until"], "until")
    if until <= now():
        raise Invalid.of("until", "时间要在现在之后。")
    _mark(ticket, actor, "supervise", reason=given["reason"], until=until)
    return None


def extend(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    """Ask for a later due date; somebody who may supervise approves at once. Both dates stay on record."""
    until = moment(given["until"], "until")
    if until <= ticket.due_at:
        raise Invalid.of("until", "新的时间要晚于现在的时限。")
    if now() > ticket.due_at:
        raise Refused("时限已过，不能再申请延期。")
    mark = _mark(ticket, actor, "extend", reason=given["reason"], until=until, was=ticket.due_at)
    if actor.can("ticket.supervise"):
        decide(mark, actor, True)
        ticket.due_at = until
    return None


def decide(mark: TicketMark, actor: Actor, approved: bool) -> None:
    mark.decision = "approved" if approved else "refused"
    mark.decided_by, mark.decided_at = actor.name, now()


def _mark(ticket: Ticket, actor: Actor, kind: str, **given: Any) -> TicketMark:
    mark = TicketMark(
        ticket_id=ticket.id, kind=kind, asked_by=actor.name, asked_by_id=actor.id if actor.kind == "user" else None, **given
    )
    mark.reason = str(mark.reason)[:500]
    session().add(mark)
    return mark


def close(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    result = result_of(given)
    question = last_question(ticket)
    if question is None:
        question = FollowUp(ticket_id=ticket.id)
        ticket.follow_ups.append(question)
    if result == "answered":
        question.state, question.answered_at, question.solved = "answered", now(), True
        question.score = given.get("rating") or question.score
        question.comment = str(given["comment"])[:2000] if given.get("comment") else question.comment
        question.answered_via = given.get("via") or ("phone" if actor.kind == "user" else "link")
        question.recorded_by_id = actor.id if actor.kind == "user" else None
    else:
        question.state = "silent" if result == "silence" else "unreachable"
    ticket.closed_at, ticket.close_result = now(), result
    return None


def reopen(ticket: Ticket, actor: Actor, given: Given) -> str:
    """Back to the one who had it, if they still work here; otherwise back to the team. There is as much time again as
    at first; `first_due_at` keeps the date that was promised."""
    for question in ticket.follow_ups:
        if question.state in ("asking", "asked"):
            question.state = "answered" if actor.kind == "contact" else "dropped"
            question.solved = False if actor.kind == "contact" else None
            question.answered_at = now()
            question.score = given.get("rating") or question.score
            question.comment = str(given["comment"])[:2000] if given.get("comment") else question.comment
    ticket.reopened += 1
    ticket.due_at = max(ticket.due_at, now() + time_to_solve(ticket.priority))
    ticket.closed_at = ticket.close_result = ticket.resolved_at = ticket.restored_at = None
    if ticket.assignee and ticket.assignee.active:
        return "executing"
    ticket.assignee = None
    return "dispatched"


def cancel(ticket: Ticket, actor: Actor, given: Given) -> str:
    """Cancelled at once, or, over orders that a supplier has accepted, marked until the last of them has ended."""
    if not cancel_with_ticket(ticket, actor, str(given["reason"])):
        ticket.cancelling = True
        return STAY
    resume(ticket, actor, given)
    ticket.cancelling = False
    ticket.closed_at, ticket.close_result = now(), "cancelled"
    return "cancelled"


def remember_article(
    ticket: Ticket, actor: Actor, article_id: int, use: str, *, how: str = "", message_id: int | None = None
) -> None:
    """Write once that an article was `inserted`, `solved` the ticket, or was sent by the answer service (`robot`)."""
    known = session().scalar(
        select(TicketArticle.id).where(
            TicketArticle.ticket_id == ticket.id, TicketArticle.article_id == article_id, TicketArticle.use == use
        )
    )
    if known is None:
        user_id = actor.id if actor.kind == "user" else None
        session().add(TicketArticle(ticket_id=ticket.id, article_id=article_id, use=use, how=how, message_id=message_id, user_id=user_id))
        record(
            ArticleUsed(
                ticket_id=ticket.id, version=ticket.version, article_id=article_id, user_id=user_id, use=use, how=how, message_id=message_id
            )
        )  # fmt: skip


def set_impact(ticket: Ticket, impact: str) -> None:
    """Set impact and what follows from it: priority and due date, counted from the creation. What holds and approved
    extensions added to the due date stays added."""
    if impact not in IMPACTS:
        raise Invalid.of("impact", "选择影响程度。")
    added = ticket.due_at - ticket.first_due_at
    ticket.impact, ticket.priority = impact, priority_of(ticket.kind, impact)
    ticket.first_due_at = ticket.created_at + time_to_solve(ticket.priority)
    ticket.due_at = ticket.first_due_at + added


def _person(given: Any) -> User | None:
    if given in (None, ""):
        return None
    found = given if isinstance(given, User) else _by_id_or_name(User, given)
    if found is None or not found.active:
        raise Invalid.of("assignee", "没有这个人，或已停用。")
    if not found.actor("check").can("ticket.work"):
        raise Invalid.of("assignee", "这个人的角色不处理工单。")
    return found


def _team(given: Any) -> Team | None:
    if given in (None, ""):
        return None
    found = given if isinstance(given, Team) else _by_id_or_name(Team, given)
    if found is None:
        raise Invalid.of("team", "没有这个团队。")
    return found


def _product(given: Any) -> Product | None:
    if given in (None, ""):
        return None
    if isinstance(given, Product):
        return given
    number = _number(given)
    found = session().get(Product, number) if number else None
    found = found or session().scalar(select(Product).where(Product.code == str(given)))
    if found is None:
        raise Invalid.of("wrap_up", "没有这个产品。")
    return found


def _number(given: Any) -> int:
    """An id as given, or 0 (which no row has) for what cannot be one."""
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else 0


def _by_id_or_name(kind: type[Named], given: Any) -> Named | None:
    if isinstance(given, int) or str(given).isdecimal():
        return session().get(kind, _number(given))
    return session().scalar(select(kind).where(kind.name == str(given)))
