"""Rows as the desk's templates want them; each template's head says which names it reads."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask_babel import gettext as _

from app.core.audit import AuditRow
from app.core.clock import now
from app.core.errors import DeskError
from app.core.permissions import Actor
from app.core.text import unpack
from app.queries import ticket_page, tickets, timeline
from app.web import desk_message, order_words
from app.web import desk_words as words
from app.web.desk_message import hide_keys as hide_keys
from app.web.i18n import local, show_date, show_datetime
from workflows.kinds import IMPACTS, KINDS
from workflows.models import FollowUp, Ticket, TicketMark
from workflows.orders_models import FIRST_ORDER, ServiceOrder
from workflows.rules import RULES
from workflows.ticket_effects import PARTIES
from workflows.ticket_guards import question_settled
from workflows.tickets import TICKET

DIRECT = frozenset({"start", "resume", "urge", "unmerge"})
DANGEROUS = frozenset({"cancel"})
ICONS = {
    "dispatch": "user", "start": "player-play", "solve_now": "circle-check", "resolve": "circle-check",
    "transfer": "arrow-right", "return": "arrow-back-up", "raise": "chevron-up", "urge": "bell", "supervise": "eye",
    "extend": "calendar-time", "escalate": "tool", "hold": "player-pause", "resume": "player-play", "close": "check", "reopen": "refresh",
    "cancel": "circle-off", "merge": "git-merge", "unmerge": "unlink", "split": "arrows-split",
}  # fmt: skip
"""The steps that the desk has a form or a button for."""
KEYS = {"dispatch": "a", "transfer": "a", "escalate": "e", "merge": "m"}
NEXT = {"dispatched": "start", "executing": "resolve", "following_up": "close", "created": "dispatch"}
LINE = ("created", "dispatched", "executing", "following_up", "closed")


def ticket_url(ticket: Ticket) -> str:
    return f"/desk/tickets/{ticket.number}"


def row(found: tickets.Row, here: int | None = None, **view: Any) -> dict[str, Any]:
    """A line of the queue. Its address carries the view, so that the same list stands beside the ticket."""
    ticket, last = found.ticket, found.last
    person = ticket.contact.label if ticket.contact else (last.author if last and last.direction == "in" else "")
    return {
        "number": ticket.number,
        "url": query(ticket_url(ticket), **view),
        "unread": bool(last and last.awaits_us and ticket.state not in TICKET.ends),
        "here": ticket.id == here,
        "person": person or _("还不知道是谁"),
        "organisation": ticket.organisation.label if ticket.organisation else None,
        "channel": ticket.channel,
        "channel_label": words.channel_word(ticket.channel),
        "at": last.at if last else ticket.created_at,
        "subject": ticket.subject,
        "snippet": hide_keys(" ".join(last.text.split()))[:120] if last else "",
        "state": ticket.state,
        "state_label": words.state_word(ticket.state),
        "hold": ticket.held,
        "product": ticket.product.code if ticket.product else None,
        "kind": _(KINDS[ticket.kind].label),
        "urged": ticket.urged if ticket.state not in TICKET.ends else 0,
        "priority": words.priority_of(ticket, with_impact=here is None),
        "clock": words.clock_of(ticket),
        "assignee": ticket.assignee.label if ticket.assignee else (ticket.team.name if ticket.team else None),
    }


def head(ticket: Ticket) -> dict[str, Any]:
    """The ticket as the head of its page shows it."""
    hold = None
    if ticket.held:
        party = _(PARTIES.get(ticket.hold_party or "", ""))
        hold = {"party": party, "reason": ticket.hold_reason or "", "until": ticket.hold_until}
    into = ticket.merged_into_id
    return {
        "id": ticket.id,
        "number": ticket.number,
        "url": ticket_url(ticket),
        "subject": ticket.subject,
        "version": ticket.version,
        "channel": ticket.channel,
        "channel_label": words.channel_word(ticket.channel),
        "created_at": ticket.created_at,
        "kind": _(KINDS[ticket.kind].label),
        "product": words.product_word(ticket.product.code, ticket.product.name) if ticket.product else None,
        "impact": _(IMPACTS[ticket.impact]) if ticket.impact != "none" else None,
        "priority": words.priority_of(ticket),
        "clock": words.clock_of(ticket),
        "hold": hold,
        "assignee": ticket.assignee.label if ticket.assignee else None,
        "team": ticket.team.name if ticket.team else None,
        "contact_name": ticket.contact.label if ticket.contact else None,
        "organisation_name": ticket.organisation.label if ticket.organisation else None,
        "urged": ticket.urged,
        "resolution": ticket.resolution,
        "merged_into": {
            "number": into + ticket.number - ticket.id,
            "url": f"/desk/tickets/{into + ticket.number - ticket.id}",
        }
        if into
        else None,
    }


def stepper(ticket: Ticket) -> list[dict[str, str]]:
    """The state machine as a line: done, here, next; another end stands at the place where it was left."""
    if ticket.state in ("cancelled", "merged"):
        left_at = ticket.merged_from or ("executing" if ticket.started_at else "created")
        reached = LINE.index(left_at) if left_at in LINE else 0
        line = [{"key": s, "label": words.state_word(s), "mark": "done"} for s in LINE[: reached + 1]]
        return [*line, {"key": ticket.state, "label": words.state_word(ticket.state), "mark": "ended"}]
    here = LINE.index(ticket.state)
    if ticket.state == "closed":
        here = len(LINE)
    return [
        {"key": s, "label": words.state_word(s), "mark": "done" if i < here else "here" if i == here else "next"}
        for i, s in enumerate(LINE)
    ]


def closing_results(ticket: Ticket, actor: Actor) -> list[str]:
    """The results with which this actor could close the ticket now."""
    return [r for r in words.RESULTS if question_settled(ticket, actor, {"result": r}) is None]


def may_claim(ticket: Ticket, actor: Actor) -> bool:
    """Whether "give it to me and start" is one step for this actor now."""
    offered = {step.name for step in TICKET.offers(ticket, actor)}
    return actor.can("ticket.work") and ticket.state == "created" and not ticket.held and "dispatch" in offered


def actions(ticket: Ticket, actor: Actor) -> dict[str, Any]:
    """`next`, the one filled button, and `actions`, the rest, as the law offers them now."""
    url = ticket_url(ticket)
    wanted = "resume" if ticket.held else NEXT.get(ticket.state, "")
    following, rest = None, []
    if may_claim(ticket, actor):
        wanted = "claim"
        following = _action("claim", _("派给我并接单"), f"{url}/claim", direct=True)
    for step in TICKET.offers(ticket, actor):
        if step.name not in ICONS:
            continue
        offered = _action(step.name, _(step.label), f"{url}/steps/{step.name}", direct=step.name in DIRECT)
        if step.name == "close" and not closing_results(ticket, actor):
            offered |= {"enabled": False, "why": _("等客户答复，或请同事回访")}
            wanted = ""
        if step.name == wanted:
            following = offered | {"missing": [{"text": _(n.reason).rstrip("。."), "href": None} for n in step.needs]}
            if step.name == "close":
                following["missing"] = []
        else:
            rest.append(offered)
    if actor.can("ticket.work") and ticket.state not in TICKET.ends:
        rest.append(_action("classify", _("改类别、影响、产品"), f"{url}/classify", icon="tag", key="p"))
    if ticket.state == "following_up" and actor.can("ticket.close"):
        rest.append(_action("attempt", _("记一次没有接通"), f"{url}/attempts", icon="phone", direct=True))
    rest.sort(key=lambda a: a["danger"])
    return {"next": following, "actions": rest}


def _action(step: str, label: str, url: str, *, direct: bool = False, icon: str = "", key: str = "") -> dict[str, Any]:
    return {
        "step": step,
        "label": label,
        "url": url,
        "icon": icon or ICONS.get(step, "point"),
        "key": key or KEYS.get(step, ""),
        "direct": direct,
        "enabled": True,
        "why": "",
        "danger": step in DANGEROUS,
        "missing": [],
    }


def waiting_for(ticket: Ticket, question: FollowUp | None) -> str:
    """What a ticket in follow-up waits for, in one sentence."""
    if ticket.state != "following_up" or question is None:
        return ""
    if question.delivered_at:
        until = show_datetime(question.delivered_at + RULES.silence)
        return _("回访问题已送达，等客户答复；%(until)s 仍未答复就自动结单。", until=until)
    if question.message_id:
        return _("回访问题正在发出。")
    return _("没有可以自动发问的会话，请同事电话回访。已尝试 %(n)s 次。", n=question.attempts)


def mark(found: TicketMark, ticket: Ticket, actor: Actor) -> dict[str, Any]:
    """An extension that waits for a word, or a supervision that runs."""
    until = show_datetime(found.until)
    if found.kind == "supervise":
        text = _("%(who)s 督办，要求 %(until)s 前答复", who=found.asked_by, until=until)
        reply = f"{ticket_url(ticket)}/supervisions/{found.id}" if actor.can("ticket.work") else None
        if found.until and found.until < now():
            text = _("%(text)s，已过期", text=text)
        return {"icon": "eye", "text": text, "reason": found.reason, "approve_url": None, "reply_url": reply}
    text = _(
        "%(who)s 申请延期到 %(until)s，原时限 %(was)s", who=found.asked_by, until=until, was=show_datetime(found.was)
    )
    decide = f"{ticket_url(ticket)}/extensions/{found.id}" if actor.can("ticket.supervise") else None
    return {"icon": "calendar-time", "text": text, "reason": found.reason, "approve_url": decide}


def linked(found: ticket_page.Linked) -> dict[str, Any]:
    other = found.ticket
    return {
        "how": str(words.LINKED[found.how]),
        "number": other.number,
        "url": ticket_url(other),
        "subject": other.subject,
    }


def timeline_items(ticket: Ticket, shown: timeline.Timeline, actor: Actor) -> list[dict[str, Any]]:
    """Entries with a mark for each new day."""
    items: list[dict[str, Any]] = []
    day = None
    for entry in shown.entries:
        date = local(entry.at).date()
        if date != day:
            day = date
            items.append({"kind": "day", "label": day_word(date)})
        if entry.message is not None:
            items.append(desk_message.message(entry.message, ticket, shown, actor))
        elif entry.note is not None:
            items.append(
                {"kind": "message", "id": f"note-{entry.note.id}", "direction": "note", "author": entry.note.author,
                 "at": entry.at, "text": entry.note.text}
            )  # fmt: skip
        elif entry.step is not None:
            items.append(_step(entry.step, ticket, shown))
    return items


def _step(step: AuditRow, ticket: Ticket, shown: timeline.Timeline) -> dict[str, Any]:
    """A step of this ticket, of one that was merged into it, or of one of its orders."""
    url, icon = None, words.step_icon(step)
    if step.subject == ServiceOrder.__tablename__:
        number = (step.subject_id or 0) + FIRST_ORDER
        text, url, icon = _("订单 #%(number)s：%(text)s", number=number, text=order_words.step_word(step)), f"/orders/{number}", "tool"
    else:
        text = words.step_words(step, shown)
        if step.subject_id != ticket.id:
            text = _("在 #%(number)s：%(text)s", number=(step.subject_id or 0) + ticket.number - ticket.id, text=text)
    return {
        "kind": "event",
        "icon": icon,
        "text": text,
        "url": url,
        "who": _("系统") if step.actor_kind == "system" else step.actor_name,
        "at": step.at,
        "reason": _("；").join(filter(None, (unpack(step.reason or "", _), *_verdict(ticket, step)))),
    }


def _verdict(ticket: Ticket, step: AuditRow) -> tuple[str, ...]:
    """What the customer said to the question whether it is solved: the score, and their words where no message holds them."""
    if step.action not in ("ticket.close", "ticket.reopen"):
        return ()
    score = step.details.get("rating")
    said = [_("评分 %(score)s 分", score=score)] if score else []
    if step.action == "ticket.close":
        near = timedelta(seconds=10)
        said += [q.comment for q in ticket.follow_ups if q.comment and q.answered_at and abs(q.answered_at - step.at) < near]
    return tuple(said)


def day_word(date: Any) -> str:
    """A day as a mark between entries."""
    days = (local(now()).date() - date).days
    return {0: _("今天"), 1: _("昨天")}.get(days) or show_date(date)


def query(url: str, **given: Any) -> str:
    """An address with the parameters that have a value."""
    kept = {name: value for name, value in given.items() if value not in (None, "")}
    return f"{url}?{urlencode(kept)}" if kept else url


def refusal(problem: DeskError) -> str:
    """A refusal in the reader's words."""
    return problem.text(_)
