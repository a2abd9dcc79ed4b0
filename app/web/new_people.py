"""Who asks, from the words typed into one field: somebody known by number, address or name, or a new person."""

import re
from typing import Any

from flask_babel import gettext as _

from app.core.directory.identities import find_identity
from app.core.directory.merging import kept
from app.core.errors import Invalid
from app.core.people import Contact
from app.core.permissions import Actor
from app.core.text import clean
from app.queries import tickets
from app.web import desk_context

LONGEST, SHOWN = 100, 6
_PHONE = re.compile(r"\+?[\d\s().\-–]{6,24}\d")
_MAIL = re.compile(r"[^\s@，,;；]+@[^\s@，,;；]+")

Newcomer = tuple[str, str, str]
"""Name, phone and mail address of somebody new."""


def read(who: str) -> Newcomer:
    """What the words of the field say about somebody new: 「王工 138 0013 8000」."""
    rest = who
    mail = _MAIL.search(rest)
    rest = rest.replace(mail[0], " ") if mail else rest
    phone = _PHONE.search(rest)
    rest = rest.replace(phone[0], " ") if phone else rest
    name = " ".join(rest.replace("，", " ").replace(",", " ").split())
    return name[:120], phone[0].strip() if phone else "", mail[0] if mail else ""


def choices(actor: Actor, typed: Any, chosen: Contact | None = None, *, new: bool = False) -> dict[str, Any]:
    """What _new_people.html shows: people for the words typed so far, and the new person that they would make. Exactly
    one is chosen already where nothing else can be meant."""
    who = clean(str(typed or "")).strip()[:LONGEST]
    found = tickets.search_contacts(actor, who, SHOWN) if len(who) >= 2 and actor.can("contact.read") else []
    exact = _exact(found, who)
    if chosen is not None:
        found = [chosen, *(c for c in found if c.id != chosen.id)]
    elif exact is not None:
        found = [exact, *(c for c in found if c.id != exact.id)]
    people = [desk_context.candidate(c) | {"organisation": c.organisation.label if c.organisation else ""} for c in found]
    picked: int | str | None = chosen.id if chosen else exact.id if exact else None
    if picked is None and (new or (len(who) >= 2 and not found)):
        picked = "new"
    fresh = " · ".join(part for part in read(who) if part) if len(who) >= 2 and exact is None else ""
    return {"people": people, "who": who, "chosen": picked, "fresh": fresh}


def one_of(actor: Actor, typed: str) -> Contact | Newcomer:
    """Whom words mean that were sent before anybody was chosen: the one known person, or somebody new. Raises Invalid
    where it may be several."""
    who = clean(typed).strip()[:LONGEST]
    found = tickets.search_contacts(actor, who, SHOWN) if len(who) >= 2 and actor.can("contact.read") else []
    exact = _exact(found, who)
    if exact is not None:
        return exact
    if found:
        raise Invalid.of("contact", _("有几位都可能是，选一位，或选新联系人。"))
    return read(who)


def _exact(found: list[Contact], who: str) -> Contact | None:
    """The one whose number or address this is, among those that this person may see."""
    _name, phone, mail = read(who)
    for kind, value in (("phone", phone), ("email", mail)):
        try:
            known = find_identity(kind, value) if value else None
        except Invalid:
            continue
        if known is not None and known.contact is not None and not known.shared:
            owner = kept(known.contact)
            return next((contact for contact in found if contact.id == owner.id), None)
    return None
