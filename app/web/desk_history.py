"""Everything with one person, as lines: on their own page, and beside a request of theirs."""

from typing import Any

from flask import request
from flask_babel import gettext as _

from app.core.people import Contact
from app.core.permissions import Actor
from app.core.text import clean
from app.queries import history
from app.web import desk_show, order_words, said_show
from app.web import desk_words as words
from app.web.i18n import local
from channels.models import HELD, WITHDRAWN
from workflows.kinds import KINDS
from workflows.models import Ticket
from workflows.order_kinds import WORKS
from workflows.orders_models import ServiceOrder

SHOWN = 700
"""Signs of a message that a history shows; the whole stands on its ticket."""


def asked() -> dict[str, str]:
    """What the address narrows a history to."""
    return {name: clean(request.args.get(name, ""))[:80] for name in ("channel", "before")}


def panel(actor: Actor, contact: Contact, url: str, *, here: Ticket | None = None, newest_first: bool = True) -> dict[str, Any]:
    """What directory/_history.html reads. `url` gives this list again; `here` is the ticket beside which it stands."""
    given = asked()
    channel = given["channel"] if given["channel"] in words.CHANNELS else ""
    found = history.history_of(actor, contact, channel, given["before"])
    shown = found.happenings if newest_first else found.happenings[::-1]
    total = sum(found.channels.values())
    chips = [{"label": _("全部"), "url": desk_show.query(url), "count": total, "here": not channel, "key": ""}]
    chips += [
        {"label": words.channel_word(key), "url": desk_show.query(url, channel=key), "count": n, "here": key == channel, "key": key}
        for key, n in found.channels.items()
    ]
    conversations = {h.message.conversation_id for h in shown if h.message}
    return {
        "history": _lines(found, shown, here),
        "history_chips": chips if len(found.channels) > 1 else [],
        "history_url": desk_show.query(url, channel=channel, before=given["before"]),
        "history_start": desk_show.query(url, channel=channel) if given["before"] else None,
        "history_earlier": desk_show.query(url, channel=channel, before=found.earlier) if found.earlier else None,
        "history_newest_first": newest_first,
        "history_live": " ".join([f"changed:contact:{contact.id}", *(f"changed:conversation:{n}" for n in sorted(conversations))]),
    }


def _lines(found: history.History, shown: list[history.Happening], here: Ticket | None) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    day = None
    for one in shown:
        date = local(one.at).date()
        if date != day:
            day = date
            lines.append({"kind": "day", "label": desk_show.day_word(date)})
        if one.message is not None:
            lines.append(_message(one, found, here))
        elif one.ticket is not None:
            lines.append(_ticket(one.ticket, here))
        elif one.order is not None:
            lines.append(_order(one.order))
    return lines


def _message(one: history.Happening, found: history.History, here: Ticket | None) -> dict[str, Any]:
    message = one.message
    assert message is not None
    ticket = found.tickets.get(message.conversation_id)
    kind = message.conversation.account.kind
    text = desk_show.hide_keys(message.visible_text.strip())
    held = said_show.content(message, (), lambda row: "", text[:SHOWN])
    if held["menu"]:
        held["menu"] |= {name: desk_show.hide_keys(held["menu"][name]) for name in ("head", "tail")}
    return {
        "kind": "message",
        "id": message.id,
        "direction": message.direction,
        "author": _("系统") if message.author_kind == "system" else (message.author_name or _("不知道是谁")),
        "channel": kind,
        "channel_label": words.channel_word(kind),
        "at": message.created_at,
        "content": held if held["text"] or any(held[name] for name in ("location", "link", "menu", "merged", "call", "waiting")) or held["kind"] == "recalled" else held | {"text": _("（没有正文）")},
        "more": len(text) > SHOWN,
        "files": len(found.files.get(message.id, ())),
        "auto": message.is_auto,
        "failed": str(words.DELIVERY.get(message.state, "")) if message.state in ("failed", "undecided", HELD, WITHDRAWN) else "",
        "ticket": _ref(ticket, here),
        "url": f"{desk_show.ticket_url(ticket)}#m-{message.id}" if ticket else None,
    }


def _ref(ticket: Ticket | None, here: Ticket | None) -> dict[str, Any] | None:
    if ticket is None:
        return None
    mine = here is not None and ticket.id == here.id
    return {"number": ticket.number, "url": desk_show.ticket_url(ticket), "subject": ticket.subject, "here": mine}


def _ticket(ticket: Ticket, here: Ticket | None) -> dict[str, Any]:
    about = [
        _(KINDS[ticket.kind].label),
        ticket.product.code if ticket.product else "",
        ticket.device.serial if ticket.device else "",
    ]
    return {
        "kind": "ticket",
        "ticket": _ref(ticket, here),
        "state": ticket.state,
        "state_label": words.state_word(ticket.state),
        "channel": ticket.channel,
        "channel_label": words.channel_word(ticket.channel),
        "about": " · ".join(word for word in about if word),
        "resolution": (ticket.resolution or "")[:200],
        "at": ticket.created_at,
    }


def _order(order: ServiceOrder) -> dict[str, Any]:
    return {
        "kind": "order",
        "number": order.number,
        "url": f"/orders/{order.number}",
        "work": _(WORKS[order.work].label),
        "supplier": order.supplier.label if order.supplier else _("平台"),
        "subject": order.subject,
        "state": order.state,
        "state_label": order_words.state_word(order.state),
        "at": order.created_at,
    }
