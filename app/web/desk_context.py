"""The panel beside a ticket: who asks, from where, with which machines, what was before, and what is on record."""

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _

from app.core.clock import now
from app.core.db import session
from app.core.installed_base import Device
from app.core.people import Contact, Identity
from app.core.permissions import Actor
from app.core.text import unpack
from app.queries import ticket_page
from app.web import desk_words as words
from app.web.call_words import number_word
from app.web.desk_show import hide_keys, ticket_url
from app.web.i18n import local
from app.web.said_show import call_line
from channels.counters import Counter
from channels.models import Message
from workflows.kinds import CATEGORIES
from workflows.models import Ticket


def context(found: ticket_page.Customer, ticket: Ticket, actor: Actor) -> dict[str, Any]:
    """What _context.html reads."""
    person, url = found.contact, ticket_url(ticket)
    works = actor.can("ticket.work")
    return {
        "contact": person and {
            "id": person.id, "name": person.label, "url": f"/contacts/{person.id}", "title": person.title or None,
            "language": person.language, "note": person.note,
            "identities": [_own(i, url, actor) for i in _telling(found.identities)],
        },
        "organisation": found.organisation and {
            "name": found.organisation.name, "url": f"/organisations/{found.organisation.id}",
            "level": str(words.CONTRACTS.get(found.level, found.level)) if found.level else None,
            "manager": found.manager.label if found.manager else None,
        },
        "shared": found.shared and identity(found.shared),
        "people_url": f"{url}/people" if works and actor.can("contact.read") else None,
        "people": [candidate(c) for c in found.others],
        "pick_url": f"{url}/contact",
        "may_add": works and actor.can("contact.edit"),
        "devices": [_device(d, ticket) for d in found.devices],
        "device_url": f"{url}/device" if works else None,
        "classify_url": f"{url}/classify" if works and ticket.state not in ("cancelled", "merged") else None,
        "product": words.product_word(ticket.product.code, ticket.product.name) if ticket.product else None,
        "recent": [
            {"number": t.number, "url": ticket_url(t), "subject": t.subject, "state": t.state,
             "state_label": words.state_word(t.state), "at": t.created_at}
            for t in found.recent
        ],
        "last": [_last(message, of) for message, of in found.last],
        "history_url": f"{url}/said?all=1" if person else None,
        "repeat": _repeat(found.repeat),
        "facts": facts(ticket),
    }  # fmt: skip


def identity(found: Identity) -> dict[str, Any]:
    kind, label = words.IDENTITIES.get(found.kind, ("other", found.kind))
    return {
        "id": found.id, "kind": kind, "label": str(label), "value": found.label,
        "text": _shown(found, str(label)),
        "shared": found.shared, "suspect": found.suspect,
    }  # fmt: skip


def _shown(found: Identity, label: str) -> str:
    """An identity as people write it; a code of a platform is only named."""
    if found.kind in words.CODED:
        return label if found.label == found.value else found.label
    return number_word(found.label) if found.kind == "phone" else found.label


def _telling(found: list[Identity]) -> list[Identity]:
    """The identities without the marks of browsers but the newest (each visit from a new one leaves another), and without
    the second mark of the same WeChat."""
    visits = [i for i in found if i.kind == "visitor"]
    wechat = any(i.kind == "openid" for i in found)
    return [i for i in found if (i.kind != "visitor" or i is visits[-1]) and not (i.kind == "unionid" and wechat)]


def _own(found: Identity, url: str, actor: Actor) -> dict[str, Any]:
    return identity(found) | {"share_url": f"{url}/identities/{found.id}/share" if actor.can("contact.edit") else None}


def candidate(contact: Contact) -> dict[str, Any]:
    why = [contact.title, *(i.label for i in contact.identities if i.kind not in words.CODED)][:3]
    return {"id": contact.id, "name": contact.label, "url": f"/contacts/{contact.id}", "why": " · ".join(w for w in why if w)}


def _device(device: Device, ticket: Ticket) -> dict[str, Any]:
    inside = device.warranty_until is not None and device.warranty_until >= local(now()).date()
    warranty = None if device.warranty_until is None else _("保内") if inside else _("保外")
    return {
        "id": device.id,
        "model": device.model or device.product.code,
        "serial": device.serial,
        "url": f"/devices/{device.id}",
        "site": " · ".join(w for w in (device.site.name if device.site else "", device.name) if w),
        "warranty": warranty,
        "warranty_tone": "good" if inside else "",
        "here": device.id == ticket.device_id,
    }


def _last(message: Message, of: Ticket | None) -> dict[str, Any]:
    kind = message.conversation.account.kind
    return {
        "channel": kind,
        "channel_label": words.channel_word(kind),
        "text": call_line(message) or hide_keys(" ".join(message.visible_text.split()))[:90],
        "at": message.created_at,
        "number": of.number if of else None,
        "url": f"{ticket_url(of)}#m-{message.id}" if of else None,
    }


def _repeat(repeat: ticket_page.Repeat) -> str:
    if repeat.device:
        return _("7 天内第 %(n)s 次，同一台设备", n=repeat.device + 1)
    return _("7 天内第 %(n)s 次来找我们", n=repeat.person + 1) if repeat.person else ""


def facts(ticket: Ticket) -> list[dict[str, Any]]:
    """What is on record of the ticket, in the order in which it came: each with a moment or with words."""
    moments = [
        (_("登记"), ticket.created_at),
        (_("首次响应"), ticket.first_response_at),
        (_("开始处理"), ticket.started_at),
        (_("恢复运行"), ticket.restored_at),
        (_("解决"), ticket.resolved_at),
        (_("结单"), ticket.closed_at),
    ]
    found: list[dict[str, Any]] = [{"label": label, "at": at, "text": ""} for label, at in moments if at]
    due = ticket.due_at if ticket.state in ("created", "dispatched", "executing") else None
    if due:
        found.append({"label": _("时限"), "at": due, "text": ""})
        if abs(ticket.first_due_at - due) > timedelta(minutes=1):
            found.append({"label": _("原时限"), "at": ticket.first_due_at, "text": ""})
    counter = session().get(Counter, ticket.counter_id) if ticket.counter_id else None
    texts = [
        (_("服务台"), " · ".join(filter(None, (counter.name, counter.place))) if counter else ""),
        (_("派工"), ticket.dispatched_by),
        (_("分类"), _(CATEGORIES[ticket.category]) if ticket.category in CATEGORIES else ""),
        (_("原因"), unpack(ticket.cause, _) if ticket.cause else ""),
        (_("解决办法"), ticket.resolution or ""),
        (_("挂起"), _("%(n)s 次", n=ticket.holds) if ticket.holds else ""),
        (_("转派与退回"), _("%(n)s 次", n=ticket.bounces) if ticket.bounces else ""),
        (_("重开"), _("%(n)s 次", n=ticket.reopened) if ticket.reopened else ""),
        (_("结单方式"), str(words.RESULTS.get(ticket.close_result or "", ""))),
    ]
    return found + [{"label": label, "at": None, "text": text} for label, text in texts if text]
