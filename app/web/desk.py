"""The agent's console: the queue, one ticket with everything around it, and searching. Parts of a page fetch themselves
again when Socket.IO says that something changed."""

from typing import Any

from flask import Blueprint, Flask, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import NotFound
from app.core.permissions import Actor
from app.core.text import clean
from app.queries import call_tasks, talks, ticket_page, tickets, unsent
from app.web import (
    desk_answers,
    desk_bulk,
    desk_calls,
    desk_context,
    desk_files,
    desk_finding,
    desk_moves,
    desk_new,
    desk_orders,
    desk_person,
    desk_reply,
    desk_show,
    desk_steps,
    desk_ways,
)
from app.web import desk_words as words
from app.web.desk_answer import is_piece, number
from channels.registry import CHANNELS
from workflows.access import access_ticket
from workflows.kinds import KINDS
from workflows.models import Ticket

blueprint = Blueprint("desk", __name__)
GROUPS = (("", ("mine", "team", "free", "overdue", "raised")), ("all", ("executing", "held", "following", "open", "ended")))
FIRST_CHOICE = ("mine", "free", "team")
SPOKEN = frozenset(CHANNELS) | {"calls", "walk_in", "api"}
"""Ways on which a ticket can come in this version; the words know more, for those to come."""


def init_app(flask: Flask) -> None:
    """The whole console: pages, steps, composer, files, new tickets."""
    flask.register_blueprint(blueprint)
    for part in (desk_steps, desk_reply, desk_person, desk_bulk, desk_files, desk_new, desk_calls, desk_orders, desk_ways, desk_moves, desk_finding):
        part.init_app(flask)


@blueprint.get("/desk")
@viewer.needs("desk.use", "ticket.read")
def queue() -> str:
    """The queue of the day. Without a view asked for, the first that has something to do."""
    return render_template("desk/queue.html", **_queue(viewer.current_actor()))


def _wanted(counts: dict[str, int]) -> tickets.Wanted:
    given = {name: clean(request.args.get(name, ""))[:100] for name in ("view", "q", "kind", "channel", "sort", "cursor")}
    view = given["view"]
    if view not in tickets.VIEWS:
        view = next((v for v in FIRST_CHOICE if counts.get(v)), "mine" if "mine" in counts else "open")
        if given["q"]:
            view = "open"
    return tickets.Wanted(
        view=view,
        q=given["q"].strip(),
        kind=given["kind"] if given["kind"] in KINDS else "",
        product=number("product"),
        channel=given["channel"] if given["channel"] in words.CHANNELS else "",
        team=number("team"),
        sort=given["sort"] if given["sort"] in tickets.SORTS else "due",
        cursor=given["cursor"],
    )


def _queue(actor: Actor, here: Ticket | None = None) -> dict[str, Any]:
    counts = tickets.counts(actor)
    wanted = _wanted(counts)
    page = tickets.queue(actor, wanted)
    narrowed = {
        "view": wanted.view, "q": wanted.q, "kind": wanted.kind, "product": wanted.product,
        "channel": wanted.channel, "team": wanted.team,
    }  # fmt: skip
    same = narrowed | {"sort": wanted.sort if wanted.sort != "due" else ""}
    return {
        **_views(actor, counts, wanted.view),
        "view": wanted.view,
        "view_label": str(words.VIEWS[wanted.view]),
        "q": wanted.q,
        "filters": [] if here else _filters(wanted),
        "filtered": any(value for name, value in narrowed.items() if name != "view"),
        "bulk": desk_bulk.acts(actor) if not here and actor.can("ticket.work") else [],
        "clear_url": desk_show.query("/desk", view=wanted.view),
        "list_url": desk_show.query("/desk/rows", **same, cursor=wanted.cursor, here=here.number if here else None),
        "page": {
            "shown": len(page.rows),
            "total": None,
            "next": desk_show.query("/desk", **same, cursor=page.next) if page.next else None,
            "first": desk_show.query("/desk", **same) if wanted.cursor else None,
        },
        "rows": [desk_show.row(found, here.id if here else None, **same) for found in page.rows],
        "new_url": "/desk/tickets/new",
        "back_url": desk_show.query("/desk", **same, cursor=wanted.cursor),
    }


def _views(actor: Actor, counts: dict[str, int], here: str) -> dict[str, Any]:
    """What _views.html reads: the ways to look at the queue, with how many tickets stand in each."""
    offered = {view.key for view in tickets.views_for(actor)}
    groups: list[dict[str, Any]] = []
    for label, keys in GROUPS:
        views = [
            {
                "key": key,
                "label": str(words.VIEWS[key]),
                "url": desk_show.query("/desk", view=key),
                "count": counts.get(key),
                "here": key == here,
                "tone": "bad" if key == "overdue" else "",
            }
            for key in keys
            if key in offered
        ]
        groups.append({"label": _("全部") if label else "", "views": views})
    waiting = sum(unsent.counts(actor).values())
    if waiting:
        row = {"key": "unsent", "label": _("没送达的消息"), "url": "/desk/unsent", "count": waiting, "here": False, "tone": "warn"}
        groups[0]["views"].append(row)
    return {"call_count": call_tasks.counts(actor)["open"], "talk_count": talks.count(actor), "view_groups": groups, "views_url": desk_show.query("/desk/views", view=here)}


def _filters(wanted: tickets.Wanted) -> list[dict[str, Any]]:
    kinds = [{"value": kind.code, "label": _(kind.label)} for kind in KINDS.values()]
    products = [{"value": number_, "label": label} for number_, label in tickets.product_choices()]
    sorts = [{"value": "new", "label": _("最新登记在前")}, {"value": "touched", "label": _("最近有动静在前")}]
    channels = [{"value": key, "label": str(label)} for key, label in words.CHANNELS.items() if key in SPOKEN]
    teams = [{"value": team.id, "label": team.name} for team in ticket_page.teams()]
    return [
        {"name": "kind", "label": _("所有类别"), "value": wanted.kind, "options": kinds},
        {"name": "product", "label": _("所有产品"), "value": wanted.product or "", "options": products},
        {"name": "channel", "label": _("所有渠道"), "value": wanted.channel, "options": channels},
        {"name": "team", "label": _("所有团队"), "value": wanted.team or "", "options": teams},
        {"name": "sort", "label": _("最急的在前"), "value": wanted.sort, "options": sorts},
    ]


@blueprint.get("/desk/views")
@viewer.needs("desk.use", "ticket.read")
def views() -> str:
    """The views with their counts alone, for the page that keeps them fresh."""
    actor = viewer.current_actor()
    here = request.args.get("view", "")
    return render_template("desk/_views.html", **_views(actor, tickets.counts(actor), here if here in tickets.VIEWS else ""))


@blueprint.get("/desk/rows")
@viewer.needs("desk.use", "ticket.read")
def rows() -> str:
    """The rows alone, for the list that refreshes itself."""
    actor, here = viewer.current_actor(), number("here")
    ticket = access_ticket(actor, here) if here else None
    return render_template("desk/_queue_list.html", **_queue(actor, ticket))


@blueprint.get("/desk/tickets/<int:number>")
@viewer.needs("desk.use", "ticket.read")
def ticket(number: int) -> str:
    """A ticket: the queue beside it, its head and steps, everything said and done, the composer, answers, the customer."""
    actor = viewer.current_actor()
    found = access_ticket(actor, number)
    given = {
        **_queue(actor, found),
        **_head(found, actor),
        **desk_person.said_of(found, actor),
        **_context(found, actor),
        **desk_orders.panel(found, actor),
        "answers": None,
        "composer": desk_reply.composer(found, actor),
        "draft": desk_reply.draft(found, actor) if actor.can("ticket.work") else None,
    }
    return render_template("desk/ticket.html", **given)


def _head(found: Ticket, actor: Actor) -> dict[str, Any]:
    return {
        "ticket": desk_show.head(found),
        "steps": desk_show.stepper(found),
        **desk_show.actions(found, actor),
        "waiting_for": desk_show.waiting_for(found, ticket_page.last_follow_up(found)) or desk_orders.waiting_for(found),
        "marks": [desk_show.mark(m, found, actor) for m in ticket_page.open_marks(found)],
        "linked": [desk_show.linked(other) for other in ticket_page.linked_tickets(actor, found)],
    }


def _context(found: Ticket, actor: Actor) -> dict[str, Any]:
    return desk_context.context(ticket_page.customer_of(actor, found), found, actor)


@blueprint.get("/desk/tickets/<int:number>/stepper")
@viewer.needs("desk.use", "ticket.read")
def stepper(number: int) -> str:
    """The head of a ticket: where it stands and what comes next."""
    actor = viewer.current_actor()
    return render_template("desk/_stepper.html", **_head(access_ticket(actor, number), actor))


@blueprint.get("/desk/tickets/<int:number>/timeline")
@viewer.needs("desk.use", "ticket.read")
def timeline_part(number: int) -> str:
    """Everything said and done."""
    actor = viewer.current_actor()
    found = access_ticket(actor, number)
    return render_template("desk/_timeline.html", ticket=desk_show.head(found), **desk_person.timeline_of(found, actor))


@blueprint.get("/desk/tickets/<int:number>/context")
@viewer.needs("desk.use", "ticket.read")
def context(number: int) -> str:
    """The customer beside the ticket."""
    actor = viewer.current_actor()
    found = access_ticket(actor, number)
    return render_template("desk/_context.html", ticket=desk_show.head(found), **_context(found, actor))


@blueprint.get("/desk/tickets/<int:number>/answers")
@viewer.needs("desk.use", "ticket.read", "article.read")
def answers(number: int) -> str:
    """The three best articles for the ticket's words, or for others that the agent typed."""
    actor = viewer.current_actor()
    found = access_ticket(actor, number)
    asked, typed = (clean(request.args.get(name, "")).strip() for name in ("q", "typed"))
    return render_template(
        "desk/_answers.html", ticket=desk_show.head(found), answers=desk_answers.answers_for(actor, found, asked[:200], typed[-300:])
    )


@blueprint.get("/desk/search")
@viewer.needs("desk.use", "ticket.read")
def search() -> Response | str:
    """A ticket number goes straight to its ticket; other words find tickets, people and articles."""
    actor = viewer.current_actor()
    q = clean(request.args.get("q", "")).strip()[:200]
    wanted = tickets.number_in(q)
    if wanted is not None:
        try:
            return redirect(desk_show.ticket_url(access_ticket(actor, wanted)), 303)
        except NotFound:
            pass  # then it is a word like any other
    found = tickets.search_tickets(actor, q) if q else []
    contacts = tickets.search_contacts(actor, q) if q and actor.can("contact.read") else []
    given = {
        "q": q,
        "rows": [desk_show.row(r) for r in found],
        "contacts": [desk_context.candidate(c) | {"organisation": c.organisation.label if c.organisation else ""} for c in contacts],
        "articles": desk_answers.found_articles(actor, q) if q and actor.can("article.read") else [],
        "piece": is_piece(),
    }
    return render_template("desk/search.html", **given)
