"""Whose call it is: the outside number gives the person or the company, the extension gives the one of ours."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.directory.merging import kept
from app.core.errors import Invalid
from app.core.people import Contact, Identity, User
from app.core.permissions import SYSTEM
from channels.calls.numbers import EXTENSION, OUTSIDE, Number, read_number
from channels.calls.record import CallRecord
from channels.models import Account, Conversation


@dataclass(frozen=True)
class Party:
    """The other side of a call. `contact` is None for a shared number, whose company is known all the same."""

    number: str = ""
    identity: Identity | None = None
    contact: Contact | None = None

    @property
    def organisation_id(self) -> int | None:
        if self.contact is not None and self.contact.organisation_id is not None:
            return self.contact.organisation_id
        return self.identity.organisation_id if self.identity is not None else None


class Book:
    """What one batch of calls looks up: read in a few queries, kept for the batch."""

    def __init__(self, account: Account) -> None:
        self.account = account
        settings = account.settings
        self._outside_line = str(settings.get("outside_line", ""))
        users = session().scalars(select(User).where(User.active.is_(True))).all()
        self._users: dict[str, User] = {}
        for user in users:
            for name in (user.name, user.email, user.extension):
                if name:
                    self._users[name.lower()] = user
        self._extensions = frozenset(u.extension for u in users if u.extension)
        own = str(settings.get("own_numbers", "")).replace("，", ",").split(",")
        self._own = {self.read(one).value or one.strip() for one in own if one.strip()}
        self._parties: dict[str, Party] = {}
        self._lines: dict[int, Conversation] = {}

    def read(self, raw: str | None) -> Number:
        return read_number(raw or "", self._outside_line, self._extensions)

    def user_of(self, agent: str | None) -> User | None:
        """The one of ours whose extension, login or e-mail this is."""
        if not agent:
            return None
        return self._users.get(agent.lower()) or self._users.get(agent.partition("@")[0].lower())

    def settle(self, call: CallRecord) -> Number | None:
        """Decide the direction where the record leaves it open or takes a service number for an extension, and return
        the outside number; None for an internal call or a withheld number."""
        caller, callee = self.read(call.caller), self.read(call.callee)
        if call.direction in (None, "internal") and call.caller:
            if caller.kind == EXTENSION and callee.kind == OUTSIDE:
                call.direction = "outbound"
            elif caller.kind == OUTSIDE and callee.kind == EXTENSION:
                call.direction = "inbound"
            elif caller.value in self._own:
                call.direction = "outbound"
            elif callee.value in self._own or (call.direction is None and (call.queue or self.user_of(call.agent))):
                call.direction = "inbound"
        if call.direction == "internal":
            return None
        other = callee if call.direction == "outbound" else caller
        return other if other.kind == OUTSIDE else None

    def preload(self, numbers: Iterable[str]) -> None:
        """Read the known ones of these numbers, and their conversations on this account, at once."""
        wanted = sorted({n for n in numbers if n and n not in self._parties})
        for start in range(0, len(wanted), 400):
            rows = (
                select(Identity)
                .where(Identity.kind == "phone", Identity.value.in_(wanted[start : start + 400]))
                .options(selectinload(Identity.contact))
            )
            for identity in session().scalars(rows):
                if identity.shared:
                    self._parties[identity.value] = Party(identity.value, identity)
                elif identity.contact is not None:
                    self._parties[identity.value] = Party(identity.value, identity, kept(identity.contact))
        known = [p.identity.id for n in wanted if (p := self._parties.get(n)) and p.identity is not None]
        for start in range(0, len(known), 400):
            lines = select(Conversation).where(
                Conversation.account_id == self.account.id, Conversation.identity_id.in_(known[start : start + 400])
            )
            for line in session().scalars(lines.order_by(Conversation.id)):
                self._lines[line.identity_id or 0] = line

    def party(self, number: Number, name: str = "") -> Party:
        """The person or company of an outside number; somebody new is met here."""
        found = self._parties.get(number.value)
        if found is None:
            try:
                contact, identity = find_or_create_contact(SYSTEM, "phone", number.value, shown=number.raw, name=name)
            except Invalid:
                return Party(number.value)
            found = self._parties[number.value] = Party(number.value, identity, contact)
        return found

    def line(self, party: Party) -> Conversation | None:
        return self._lines.get(party.identity.id) if party.identity is not None else None

    def keep_line(self, line: Conversation) -> None:
        if line.identity_id is not None:
            self._lines[line.identity_id] = line
