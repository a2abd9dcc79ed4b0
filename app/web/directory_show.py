"""Companies, people and machines in the shape that templates/directory/ asks for."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.clock import now
from app.core.installed_base import Contract, Device
from app.core.people import Contact, Identity, Organisation
from app.queries.directory_pages import Company, Some
from app.web import desk_words
from app.web.i18n import local
from workflows.models import Ticket

ORGANISATION_KINDS = {"client": _l("客户企业"), "supplier": _l("供应商"), "platform": _l("平台")}
CONTACT_FIELDS = {
    "name": _l("姓名"),
    "organisation_id": _l("企业"),
    "title": _l("职务"),
    "language": _l("语言"),
    "note": _l("备注"),
}
LANGUAGES = {"zh": "中文", "en": "English"}  # data: each language in its own words


def organisation_url(organisation: Organisation) -> str:
    return f"/organisations/{organisation.id}"


def contact_url(contact: Contact) -> str:
    return f"/contacts/{contact.id}"


def device_url(device: Device) -> str:
    return f"/devices/{device.id}"


def company_ref(organisation: Organisation | None) -> dict[str, str] | None:
    return {"name": organisation.label, "url": organisation_url(organisation)} if organisation else None


def identity(found: Identity) -> dict[str, Any]:
    kind, label = desk_words.IDENTITIES.get(found.kind, ("other", found.kind))
    return {
        "id": found.id,
        "kind": kind,
        "label": str(label),
        "value": found.label,
        "shared": found.shared,
        "verified": found.verified,
        "suspect": found.suspect,
    }


def organisation_row(row: Organisation, some: Some) -> dict[str, Any]:
    level = some.of("level", row.id, "")
    return {
        "id": row.id,
        "url": organisation_url(row),
        "name": row.name,
        "short_name": row.short_name,
        "kind_label": str(ORGANISATION_KINDS.get(row.kind, row.kind)),
        "level": str(desk_words.CONTRACTS.get(level, level)),
        "manager": row.manager.label if row.manager else "",
        "sites": some.of("sites", row.id),
        "devices": some.of("devices", row.id),
        "contacts": some.of("contacts", row.id),
        "open_tickets": some.of("tickets", row.id),
    }


def contact_row(card: dict[str, Any], some: Some) -> dict[str, Any]:
    contact: Contact = card["contact"]
    return {
        **person(card),
        "id": contact.id,
        "organisation": company_ref(contact.organisation),
        "open_tickets": some.of("tickets", contact.id),
        "last_at": some.of("last_at", contact.id, None),
    }


def person(card: dict[str, Any]) -> dict[str, Any]:
    contact: Contact = card["contact"]
    return {
        "url": contact_url(contact),
        "name": name_of(contact, card["identities"]),
        "title": contact.title,
        "identities": [identity(i) for i in card["identities"]],
    }


def name_of(contact: Contact, identities: Iterable[Identity] = ()) -> str:
    return contact.name or next((i.label for i in identities), contact.label)


def device_row(device: Device, some: Some | None = None) -> dict[str, Any]:
    return {
        "url": device_url(device),
        "model": device.model or device.product.code,
        "serial": device.serial,
        "product": device.product.label,
        "organisation": company_ref(device.organisation),
        "site": device.site.name if device.site else "",
        "open_tickets": some.of("tickets", device.id) if some else 0,
        **warranty(device),
    }


def warranty(device: Device) -> dict[str, str]:
    if device.warranty_until is None:
        return {"warranty": "", "warranty_tone": ""}
    inside = device.warranty_until >= local(now()).date()
    return {"warranty": _("保内") if inside else _("保外"), "warranty_tone": "good" if inside else ""}


def contract_row(contract: Contract) -> dict[str, Any]:
    today = local(now()).date()
    if contract.starts_on > today:
        state, tone = _("未生效"), "info"
    elif contract.ends_on is not None and contract.ends_on < today:
        state, tone = _("已到期"), "warn"
    else:
        state, tone = _("生效中"), "good"
    return {
        "number": contract.number,
        "level": str(desk_words.CONTRACTS.get(contract.level, contract.level)),
        "product": contract.product.label if contract.product else "",
        "supplier": contract.supplier.label if contract.supplier else "",
        "starts_on": contract.starts_on,
        "ends_on": contract.ends_on,
        "state_label": state,
        "tone": tone,
    }


def ticket_row(ticket: Ticket) -> dict[str, Any]:
    return {
        "number": ticket.number,
        "url": f"/desk/tickets/{ticket.number}",
        "subject": ticket.subject,
        "state": ticket.state,
        "state_label": desk_words.state_word(ticket.state),
        "at": ticket.created_at,
    }


def company_page(organisation: Organisation, around: Company) -> dict[str, Any]:
    """What organisation.html needs besides its forms."""
    return {
        "organisation": {
            "id": organisation.id,
            "url": organisation_url(organisation),
            "name": organisation.name,
            "short_name": organisation.short_name,
            "kind_label": str(ORGANISATION_KINDS.get(organisation.kind, organisation.kind)),
            "version": organisation.version,
            "domains": organisation.email_domains,
            "manager": organisation.manager.label if organisation.manager else "",
            "note": organisation.note,
            "created_at": organisation.created_at,
        },
        "contracts": [contract_row(row) for row in around.contracts],
        "sites": [{"name": site.name, "address": site.address, "devices": number} for site, number in around.sites],
        "devices": [device_row(row) for row in around.devices],
        "devices_total": around.devices_total,
        "devices_url": f"/devices?organisation={organisation.id}",
        "contacts": [person(card) for card in around.contacts],
        "contacts_total": around.contacts_total,
        "contacts_url": f"/contacts?organisation={organisation.id}",
        "tickets": [ticket_row(row) for row in around.tickets],
    }
