"""One act on many tickets: each by itself, each with its outcome, and a way back where the law has one.

A ticket that refuses keeps none of the others from going on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.core.errors import DeskError, Invalid, Refused
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from workflows.access import access_ticket
from workflows.engine import take
from workflows.models import Ticket
from workflows.ticket_guards import question_settled
from workflows.tickets import TICKET

MOST = 60
"""Tickets of one act: more than a page of the queue holds is no choice but a slip."""
Back = list[Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one ticket: `problem` says why it was refused, `back` holds what undo() needs, empty without a way back."""

    number: int
    subject: str = ""
    problem: DeskError | None = None
    back: Back = field(default_factory=list)


def _assign(actor: Actor, ticket: Ticket, given: Mapping[str, Any]) -> Back:
    """Dispatch what nobody works on yet; what somebody works on is transferred, which needs a reason."""
    before = [ticket.assignee_id, ticket.team_id]
    chosen = {name: given.get(name) for name in ("assignee", "team")}
    if not any(chosen.values()):
        raise Invalid.of("assignee", "选择团队或人员。")
    if ticket.state == "executing" or ticket.held:
        if ticket.assignee_id is not None and ticket.assignee_id == chosen["assignee"]:
            raise Refused("已经在这个人手里。")
        take(TICKET, ticket, "transfer", actor, **chosen, reason=given.get("reason"))
        return []
    was = ticket.state
    take(TICKET, ticket, "dispatch", actor, **chosen)
    return ["dispatch", *before] if was == "dispatched" and any(before) else []


def _merge(actor: Actor, ticket: Ticket, given: Mapping[str, Any]) -> Back:
    into = given.get("into")
    if into == ticket.number:
        raise Refused("合并到的就是它。")
    take(TICKET, ticket, "merge", actor, into=into)
    return ["unmerge"]


def _hold(actor: Actor, ticket: Ticket, given: Mapping[str, Any]) -> Back:
    take(TICKET, ticket, "hold", actor, **{name: given.get(name) for name in ("party", "reason", "until")})
    return ["resume"]


def _close(actor: Actor, ticket: Ticket, given: Mapping[str, Any]) -> Back:
    """Close where silence or three failed attempts allow it; that a customer agreed is said for one ticket at a time."""
    allowed = (r for r in ("silence", "unreachable") if question_settled(ticket, actor, {"result": r}) is None)
    take(TICKET, ticket, "close", actor, result=next(allowed, "silence"))
    return []


ACTS: Mapping[str, Callable[[Actor, Ticket, Mapping[str, Any]], Back]] = {
    "assign": _assign,
    "merge": _merge,
    "hold": _hold,
    "close": _close,
}


def act_on(actor: Actor, act: str, numbers: Sequence[int], given: Mapping[str, Any]) -> list[Outcome]:
    """Do it to each ticket, in the order given, each in a unit of work of its own. Raises Invalid for too many or none."""
    if not numbers:
        raise Invalid.of("tickets", "先选工单。")
    if len(numbers) > MOST:
        raise Invalid.of("tickets", "一次最多处理 %(n)s 张工单。", n=MOST)
    return [_one(actor, number, lambda ticket: ACTS[act](actor, ticket, given)) for number in numbers]


def _one(actor: Actor, number: int, do: Callable[[Ticket], Back]) -> Outcome:
    subject = ""
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            subject = ticket.subject
            back = do(ticket)
            version = ticket.version
    except DeskError as problem:
        return Outcome(number, subject, problem)
    return Outcome(number, subject, back=[number, version, *back] if back else [])


def undo(actor: Actor, backs: Sequence[Back]) -> list[Outcome]:
    """Take the acts back, as far as nobody has touched the tickets since."""
    return [_one(actor, int(number), partial(_undo, actor, version, how)) for number, version, *how in backs]


def _undo(actor: Actor, version: int, how: Back, ticket: Ticket) -> Back:
    step, *before = how
    take(TICKET, ticket, step, actor, version=version, **dict(zip(("assignee", "team"), before, strict=False)))
    return []
