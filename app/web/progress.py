"""/r/<signed>: how a request stands, like a parcel, for whoever holds the link we sent; and their answer.

Reading changes nothing, however often a mail scanner opens the link. Each answer is a form that a person submits.
"""

import secrets
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, make_response, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import letters, progress, viewer
from app.core.clock import now
from app.core.errors import DeskError, NotFound, Stale
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import portal as queries
from app.web.errors import words_of
from app.web.i18n import show_datetime
from app.web.security import limiter
from channels.models import Message
from workflows.models import Ticket
from workflows.ticket_guards import last_question, within_reopen_time
from workflows.tickets import TICKET

blueprint = Blueprint("progress", __name__, url_prefix="/r/<signed>")
LONGEST, SHOWN = 4000, 1500

STAGES = {
    "created": _l("已收到"),
    "dispatched": _l("已安排"),
    "executing": _l("处理中"),
    "following_up": _l("等你确认"),
    "closed": _l("已结束"),
}
WAY = {
    "opened": _l("收到你的请求"),
    "dispatch": _l("已安排处理人"),
    "transfer": _l("换了更合适的人处理"),
    "return": _l("重新安排处理人"),
    "start": _l("开始处理"),
    "escalate": _l("安排服务人员"),
    "hold": _l("暂时等待"),
    "resume": _l("继续处理"),
    "solve_now": _l("给出处理结果"),
    "resolve": _l("给出处理结果"),
    "urge": _l("收到催促"),
    "reopen": _l("重新打开，继续处理"),
    "merge": _l("并入另一个请求，一起处理"),
    "unmerge": _l("又分开处理"),
    "close": _l("请求结束"),
    "cancel": _l("请求已撤销"),
}
RESULTS = {"resolve", "solve_now"}
GOOD = {"opened", "start", "close", *RESULTS}
WAITS = {
    "customer": _l("在等你补充资料"),
    "date": _l("已约好时间"),
    "part": _l("在等备件"),
    "supplier": _l("在等供应商答复"),
    "colleague": _l("在等同事答复"),
}
ENDED = {
    "answered": _l("已结束，谢谢你的答复"),
    "silence": _l("没有收到答复，先结束了"),
    "unreachable": _l("几次联系不上，先结束了"),
    "cancelled": _l("请求已撤销"),
}


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.public
@limiter.limit("120 per minute")
def page(signed: str) -> Response:
    """Where the request stands, what is next, and what was said."""
    return _page(_ticket(signed), signed)


@blueprint.post("")
@viewer.public
@limiter.limit("30 per minute")
def answer(signed: str) -> Response:
    """Solved (with a score and words) or not (with words, and it goes on)."""
    ticket = _ticket(signed)
    given = {name: clean(request.form.get(name, "")).strip()[:LONGEST] for name in ("solved", "rating", "comment", "once")}
    rating = int(given["rating"]) if given["rating"] in ("1", "2", "3", "4", "5") else None
    if given["solved"] not in ("0", "1") or (given["rating"] and rating is None):
        return _page(ticket, signed, given, _("请选「解决了」或「没解决」。"), 422)
    try:
        with unit_of_work():
            ticket = _ticket(signed)
            actor = progress.asker(ticket)
            if given["solved"] == "1":
                progress.confirm_solved(actor, ticket, rating=rating, comment=given["comment"])
            else:
                progress.deny_solved(actor, ticket, given["comment"], given["once"], rating=rating)
    except Stale:
        pass  # somebody moved the ticket at the same moment; the page shows how it stands now
    except DeskError as problem:
        return _page(_ticket(signed), signed, given, words_of(problem), 409)
    return redirect(f"/r/{signed}", 303)


@blueprint.post("/reply")
@viewer.public
@limiter.limit("30 per minute")
def reply(signed: str) -> Response:
    """A word more, to whoever works on it."""
    words, once = clean(request.form.get("text", "")).strip()[:LONGEST], request.form.get("once", "")[:100]
    with unit_of_work():
        ticket = _ticket(signed)
        if words:
            progress.say(progress.asker(ticket), ticket, words, once)
    return redirect(f"/r/{signed}", 303)


def _ticket(signed: str) -> Ticket:
    ticket_id = letters.read_signed(signed)
    ticket = progress.access_request(ticket_id) if ticket_id is not None else None
    if ticket is None:
        raise NotFound()
    return ticket


def _page(
    ticket: Ticket, signed: str, given: dict[str, str] | None = None, error: str | None = None, status: int = 200
) -> Response:
    holder = progress.holder_of(ticket)
    merged, url, open_ = holder is not ticket, f"/r/{signed}", holder.state not in TICKET.ends
    asked = ticket.state == "following_up"
    again = ticket.state == "closed" and within_reopen_time(ticket, progress.asker(ticket), {}) is None
    response = make_response(
        render_template(
            "portal/progress.html",
            ticket={
                "number": ticket.number,
                "subject": ticket.subject,
                "state": holder.state,
                "state_label": str(STAGES.get(holder.state, "")),
                "product": ticket.product.name if ticket.product else None,
                "created_at": ticket.created_at,
                "closed": not open_,
            },
            now=_now(holder, merged),
            steps=_steps(holder),
            way=_way(ticket, holder),
            followup={"url": url, "error": error, "values": given or {}} if asked else None,
            again={"url": url, "error": error} if again else None,
            answered=_answered(ticket),
            reply_url=f"{url}/reply" if open_ and not asked else None,
            once=secrets.token_urlsafe(9),
            meta={"robots": "noindex"},
        ),
        status,
    )
    # The address is the key: it is kept nowhere and told to nobody.
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _now(ticket: Ticket, merged: bool) -> dict[str, str]:
    """Who has it, and what is next."""
    who = ticket.assignee.label if ticket.assignee else (ticket.team.name if ticket.team else "")
    if ticket.state in TICKET.ends:
        score = question.score if (question := last_question(ticket)) else None
        rated = _("你的评分：%(n)s 分", n=score) if score and ticket.close_result == "answered" else ""
        return {"text": str(ENDED.get(ticket.close_result or "", _("已结束"))), "next": rated}
    if ticket.held:
        until = _("计划 %(time)s 继续", time=show_datetime(ticket.hold_until)) if ticket.hold_until else ""
        return {"text": str(WAITS.get(ticket.hold_party or "", _("暂时等待"))), "next": until}
    if ticket.state == "following_up":
        return {"text": _("处理好了，等你确认"), "next": ""}
    text = {
        "created": _("已收到，正在安排处理人"),
        "dispatched": _("已交给 %(who)s", who=who) if who else _("已安排处理人"),
        "executing": _("%(who)s 正在处理", who=who) if who else _("正在处理"),
    }[ticket.state]
    onward = _due(ticket.due_at)
    if merged:
        onward = _("和请求 %(number)s 是同一件事，一起处理。", number=ticket.number) + " " + onward
    return {"text": text, "next": onward}


def _due(due: datetime) -> str:
    if due > now():
        return _("计划 %(time)s 前给出结果", time=show_datetime(due))
    return _("比计划晚了，我们在跟进")


def _steps(ticket: Ticket) -> list[dict[str, str]]:
    """The five stages; what is behind is done, and an end that is no answer says so."""
    if ticket.state == "cancelled":
        shown = [{"key": "created", "label": str(STAGES["created"]), "mark": "done"}]
        return [*shown, {"key": "cancelled", "label": _("已撤销"), "mark": "ended"}]
    names = list(STAGES)
    here = names.index(ticket.state)
    ended = ticket.state == "closed"
    marks = ["done" if place < here or ended else "here" if place == here else "next" for place in range(len(names))]
    return [{"key": n, "label": str(STAGES[n]), "mark": m} for n, m in zip(names, marks, strict=True)]


def _way(ticket: Ticket, holder: Ticket) -> list[dict[str, Any]]:
    """Steps and messages, newest first."""
    marks = [mark for mark in queries.way_of(ticket) if mark.step in WAY]
    result = max((place for place, mark in enumerate(marks) if mark.step in RESULTS), default=-1)
    steps = [
        {
            "text": str(WAY[mark.step]),
            "at": mark.at,
            "mark": "done" if mark.step in GOOD else "",
            "said": ticket.resolution or "" if place == result else "",
            "by": "",
        }
        for place, mark in enumerate(marks)
    ]
    said = [_said(message) for message in queries.public_messages(queries.conversations_of(ticket, holder))]
    return sorted([*steps, *said], key=lambda entry: entry["at"], reverse=True)


def _said(message: Message) -> dict[str, Any]:
    text = message.visible_text.strip()
    return {
        "text": _("你写道") if message.direction == "in" else _("答复"),
        "at": message.created_at,
        "mark": "",
        "said": text if len(text) <= SHOWN else text[:SHOWN].rstrip() + "…",
        "by": message.author_name if message.direction == "out" else "",
    }


def _answered(ticket: Ticket) -> dict[str, Any] | None:
    question = last_question(ticket)
    if question is None or question.state != "answered" or question.solved is None or ticket.state == "following_up":
        return None
    return {"solved": question.solved, "rating": question.score}
