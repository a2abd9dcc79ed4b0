"""What must hold before a step of the ticket law; each says in one sentence why not, or None."""

from app.core.clock import now
from app.core.errors import Refused
from app.core.permissions import Actor
from workflows.engine import Given, early
from workflows.kinds import KINDS
from workflows.models import FollowUp, Ticket
from workflows.order_links import count_open
from workflows.rules import MAX_HOLDS, RULES, UNREACHABLE_AFTER


@early
def mine_or_free(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    if ticket.assignee_id in (None, actor.id) or actor.can("ticket.dispatch"):
        return None
    return "这张工单派给了别人。"


@early
def solvable_at_once(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    return None if KINDS[ticket.kind].solvable else "这类工单不能一键首解，请按步骤处理。"


@early
def not_held_yet(ticket: Ticket, actor: Actor, given: Given) -> str | Refused | None:
    if ticket.held:
        return "已经挂起了。"
    return Refused("已挂起 %(n)s 次，不能再挂起。", n=MAX_HOLDS) if ticket.holds >= MAX_HOLDS else None


@early
def is_held(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    return None if ticket.held else "没有挂起。"


@early
def no_open_order(ticket: Ticket, actor: Actor, given: Given) -> str | Refused | None:
    """A ticket neither resolves nor closes over work that is still owed, nor while it is being called off."""
    if ticket.cancelling:
        return "这张工单正在撤销。"
    n = count_open(ticket)
    return Refused("还有 %(n)s 张服务订单没有结束。", n=n) if n else None


@early
def not_cancelling(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    return "这张工单正在撤销。" if ticket.cancelling else None


@early
def no_cancel_awaited(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    return "已向供应商提议撤单，等他们确认。" if ticket.cancelling and count_open(ticket) else None


@early
def within_reopen_time(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    if ticket.state == "following_up" or (ticket.closed_at and now() - ticket.closed_at <= RULES.reopen):
        return None
    return "结单已久，请另开一张关联的工单。"


def question_settled(ticket: Ticket, actor: Actor, given: Given) -> str | Refused | None:
    """Closing needs an answer, or silence after a delivered question, or three attempts that reached nobody."""
    question = last_question(ticket)
    result = result_of(given)
    if result == "answered":
        if actor.kind == "user" and actor.id is not None and actor.id == ticket.resolved_by_id:
            return "回访的人不能是解决的人，请同事回访。"
        return None
    if result == "silence":
        if question and question.delivered_at and now() - question.delivered_at >= RULES.silence:
            return None
        return "回访问题还没有送达，或等待的时间还没有到。"
    if result == "unreachable":
        attempts = question.attempts if question else 0
        if attempts >= UNREACHABLE_AFTER:
            return None
        return Refused("联系不上要先尝试 %(needed)s 次，目前 %(n)s 次。", needed=UNREACHABLE_AFTER, n=attempts)
    return "结单要有结果：客户答复、超时未答或无法联系。"


def score_in_range(ticket: Ticket, actor: Actor, given: Given) -> str | None:
    score = given.get("rating")
    return None if score in (None, 1, 2, 3, 4, 5) else "评分是 1 到 5。"


def last_question(ticket: Ticket) -> FollowUp | None:
    return ticket.follow_ups[-1] if ticket.follow_ups else None


def result_of(given: Given) -> str:
    """How a closing came about: named, or an answer when a rating or comment is given, else nothing."""
    named = given.get("result")
    if named:
        return str(named)
    return "answered" if given.get("rating") is not None or given.get("comment") else ""
