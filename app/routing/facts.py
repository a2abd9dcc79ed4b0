"""What a message says about where it belongs: the number or the device that it names, and what is open for the person.

Only the person's own tickets and their company's devices count: a number that somebody else's ticket has means nothing.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from app.core.db import session
from app.core.directory.merging import family_ids
from app.core.installed_base import Device
from app.core.people import Contact
from channels.models import Message
from channels.sessions import open_session
from workflows.models import FIRST_NUMBER, Ticket, TicketConversation
from workflows.tickets import TICKET

_NUMBER = re.compile(r"(?<![\w./-])(?:#|＃)?(\d{5,9})(?![\w-]|\.\d|/\d)", re.ASCII)
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9][A-Za-z0-9._/-]{3,60}(?![A-Za-z0-9])")
_READ = 4000
"""Characters of a message in which names are looked for."""
WORKED_ON = ("created", "dispatched", "executing")
MOST = 9


@dataclass(frozen=True)
class Fact:
    """Where a message belongs: `ticket`, or one of `several`, or to a new one about `device`; `why` for Message.placed."""

    ticket: Ticket | None = None
    why: str = ""
    several: Sequence[Ticket] = field(default=())
    device: int | None = None

    def found_device(self) -> Device | None:
        return session().get(Device, self.device) if self.device is not None else None


def ticket_named(contact: Contact, text: str) -> Ticket | None:
    """The one ticket of this person whose number stands in the text; None where there is none, or more than one."""
    plain = unicodedata.normalize("NFKC", text[:_READ])
    ids = {int(found) - FIRST_NUMBER for found in _NUMBER.findall(plain)}
    ids = {number for number in ids if number > 0}
    if not ids:
        return None
    rows = select(Ticket).where(Ticket.id.in_(sorted(ids)[:50]), Ticket.contact_id.in_(family_ids(contact)))
    found = session().scalars(rows.where(Ticket.state.not_in(("merged", "cancelled"))).limit(2)).all()
    return found[0] if len(found) == 1 else None


def device_named(contact: Contact, text: str) -> int | None:
    """The id of the one device of the person's company whose serial number stands in the text."""
    if contact.organisation_id is None:
        return None
    plain = unicodedata.normalize("NFKC", text[:_READ])
    codes = {code.strip("._/-").upper() for code in _CODE.findall(plain)}
    codes = {code for code in codes if len(code) >= 4 and any(sign.isdigit() for sign in code)}
    if not codes:
        return None
    rows = select(Device.id).where(
        Device.organisation_id == contact.organisation_id, func.upper(Device.serial).in_(sorted(codes)[:50])
    )
    found = session().scalars(rows.limit(2)).all()
    return found[0] if len(found) == 1 else None


def open_tickets_of(contact: Contact) -> list[Ticket]:
    """The person's tickets that are worked on, last touched first."""
    rows = select(Ticket).where(Ticket.contact_id.in_(family_ids(contact)), Ticket.state.in_(WORKED_ON))
    return list(session().scalars(rows.order_by(Ticket.touched_at.desc(), Ticket.id.desc()).limit(MOST)))


def last_spoken(message: Message, candidates: Sequence[Ticket]) -> Ticket | None:
    """Of these the one that was spoken of earlier in this session, on this line; None where it is silent since hours."""
    current = open_session(message.conversation_id)
    if current is None:
        return None
    earlier = select(func.count()).where(
        Message.session_id == current.id, Message.id < message.id, Message.is_auto.is_(False), Message.is_bounce.is_(False)
    )
    if not session().scalar(earlier):
        return None
    linked = select(TicketConversation.ticket_id).where(TicketConversation.conversation_id == message.conversation_id)
    own = set(session().scalars(linked))
    here = [t for t in candidates if t.id in own and t.state not in TICKET.ends]
    return max(here, key=lambda t: (t.touched_at, t.id), default=None)
