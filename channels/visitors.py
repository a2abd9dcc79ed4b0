"""Visitors of web chats: one browser each, known by a token that only it holds.

What a visitor says of themselves (name, mail, phone) proves nothing: it makes an identity marked `suspect` where the
address is nobody's yet, and never joins the visitor to somebody whom we know. An agent does that.
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    and_,
    delete,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.core.audit import note
from app.core.clock import now
from app.core.db import Base, CleanText, Json, UTCDateTime, session
from app.core.directory.events import ContactChanged
from app.core.directory.identities import find_identity
from app.core.directory.merging import kept
from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid
from app.core.events import record
from app.core.files import StoredFile
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.text import clean
from channels.events import DeskSaw, VisitorSaw
from channels.models import RECEIVED, SENT, Account, Conversation, Message
from channels.visitor_models import VisitorPass
from channels.visitor_pages import forget_pages
from channels.webchat_settings import remembered

SILENT = timedelta(days=7)
"""How long one is remembered that never said a word."""
SHOWN = 100
"""The newest messages that a browser is given when it comes back."""


class Visitor(Base):
    """A browser that chats. `key` is its public name and the value of its identity; of the token only the hash is kept.

    `seen_id` is the newest message of ours that it showed, `desk_seen_id` the newest of its own that the desk showed,
    `mailed_id` the newest of ours that went out by mail because it was not seen. `external_id`: whom the site vouches
    for; then the tokens are passes, one for each browser. `answers`: what was asked before the first word.
    """

    __tablename__ = "visitor"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        Index("ix_visitor_account_id_last_online_at", "account_id", "last_online_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    key: Mapped[str] = mapped_column(CleanText(40), unique=True)
    token_hash: Mapped[str] = mapped_column(CleanText(64), unique=True)
    language: Mapped[str] = mapped_column(CleanText(5), default="zh")
    name: Mapped[str] = mapped_column(CleanText(120), default="")
    email: Mapped[str] = mapped_column(CleanText(254), default="")
    phone: Mapped[str] = mapped_column(CleanText(40), default="")
    seen_id: Mapped[int] = mapped_column(default=0)
    desk_seen_id: Mapped[int] = mapped_column(default=0)
    mailed_id: Mapped[int] = mapped_column(default=0, server_default="0")
    mailed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    external_id: Mapped[str | None] = mapped_column(CleanText(128))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    answers: Mapped[dict[str, str]] = mapped_column(Json, default=dict, server_default="{}")
    last_online_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @property
    def verified(self) -> bool:
        """Whether their site vouches for who they are."""
        return self.external_id is not None

    @property
    def reachable(self) -> bool:
        """Whether they told us how to reach them when their page is closed."""
        return bool(self.email or self.phone)

    @property
    def shown_name(self) -> str:
        """Their name, or one that tells them from the others."""
        return self.name or placeholder(self.key, self.language)


@dataclass(frozen=True)
class Claim:
    """What a visitor says of themselves, in normal form; empty where they said nothing."""

    name: str = ""
    email: str = ""
    phone: str = ""


def placeholder(key: str, language: str) -> str:
    """What somebody without a name is called."""
    mark = key[-4:].upper()
    return f"Visitor {mark}" if language == "en" else f"访客 {mark}"  # data


def is_placeholder(name: str) -> bool:
    """Whether this is such a stand-in: nobody is to be greeted by it."""
    return re.fullmatch(r"(?:访客|Visitor) [0-9A-F]{4}", name) is not None  # data


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def meet(account: Account, language: str) -> tuple[Visitor, str]:
    """A browser that we do not know. Returns its row and its token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    visitor = Visitor(account_id=account.id, key=f"v-{secrets.token_hex(10)}", token_hash=token_hash(token), language=language)
    session().add(visitor)
    session().flush()
    return visitor, token


def speak(visitor: Visitor, language: str) -> None:
    """The browser came back in another language. Their contact follows where it had its language from here."""
    before, visitor.language = visitor.language, language
    conversation = conversation_of(visitor)
    contact = kept(conversation.contact) if conversation is not None and conversation.contact is not None else None
    if contact is not None and not visitor.verified and contact.language == before:
        contact.language = language
    session().flush()


def find_visitor(account_id: int, token: str) -> Visitor | None:
    """The browser that holds this token, on this account; None for a forged, foreign or forgotten one."""
    account = session().get(Account, account_id)
    if not 20 <= len(token) <= 200 or account is None:
        return None
    digest = token_hash(token)
    passes = select(VisitorPass.visitor_id).where(VisitorPass.token_hash == digest, VisitorPass.until > now())
    own = (Visitor.token_hash == digest) & (Visitor.last_online_at > now() - remembered(account.settings))
    return session().scalar(select(Visitor).where(Visitor.account_id == account_id, or_(own, Visitor.id.in_(passes))))


def conversation_of(visitor: Visitor) -> Conversation | None:
    """What was said with this browser; None before its first word."""
    return session().scalar(
        select(Conversation)
        .join(Identity, Identity.id == Conversation.identity_id)
        .where(Identity.kind == "visitor", Identity.value == visitor.key, Conversation.account_id == visitor.account_id)
        .order_by(Conversation.last_message_at.desc(), Conversation.id.desc())
        .limit(1)
    )


def visitor_of(conversation: Conversation) -> Visitor | None:
    """The browser of a conversation; None on other channels."""
    identity = conversation.identity
    if identity is None or identity.kind != "visitor":
        return None
    return session().scalar(select(Visitor).where(Visitor.key == identity.value))


def line_of(conversation_id: int) -> Select[int]:
    """Every conversation of the browser whose conversation this is: words that the desk sorted onto another ticket stand
    in another one, and for the visitor it stays the same chat."""
    here = session().get(Conversation, conversation_id)
    if here is None or here.identity_id is None:
        return select(Conversation.id).where(Conversation.id == conversation_id)
    return select(Conversation.id).where(Conversation.identity_id == here.identity_id, Conversation.account_id == here.account_id)


def heard_by_visitor(conversation_id: int, limit: int = SHOWN) -> list[Message]:
    """What both sides said, as the visitor may see it, oldest first; also what was moved to another ticket."""
    rows = select(Message).where(Message.conversation_id.in_(line_of(conversation_id)), Message.state.in_((RECEIVED, SENT)))
    newest = session().scalars(rows.order_by(Message.id.desc()).limit(limit)).all()
    return list(reversed(newest))


def files_for_visitor(message_ids: Collection[int]) -> dict[int, list[StoredFile]]:
    """The files of these messages."""
    found: dict[int, list[StoredFile]] = {}
    if message_ids:
        rows = select(StoredFile).where(StoredFile.owner == "message", StoredFile.owner_id.in_(message_ids))
        for row in session().scalars(rows.order_by(StoredFile.id)):
            found.setdefault(row.owner_id or 0, []).append(row)
    return found


def access_visitor_file(visitor: Visitor, file_id: int) -> StoredFile | None:
    """A file that this browser uploaded, or that belongs to its conversation; None for anybody else's."""
    row = session().get(StoredFile, file_id) if 0 < file_id < 2**31 else None
    if row is None or row.owner not in ("visitor", "message"):
        return None
    if row.owner == "visitor":
        return row if row.owner_id == visitor.id else None
    message = session().get(Message, row.owner_id)
    conversation = conversation_of(visitor)
    if message is None or conversation is None or message.state not in (RECEIVED, SENT):
        return None
    return row if message.conversation_id in session().scalars(line_of(conversation.id)).all() else None


def claim_of(name: str, email: str, phone: str) -> Claim:
    """Read what a visitor typed about themselves. Raises Invalid with the field that is wrong."""
    name = clean(name).strip()
    if len(name) > 60:
        raise Invalid.of("name", "太长了。")
    found = {"email": "", "phone": ""}
    for kind, given in (("email", clean(email).strip()), ("phone", clean(phone).strip())):
        if given:
            try:
                found[kind] = normal_form(kind, given).value
            except Invalid as problem:
                raise Invalid.of(kind, next(iter(problem.errors.values()))[0]) from None
    if len(found["email"]) > 254 or len(found["phone"]) > 40:
        raise Invalid.of("email", "太长了。")
    return Claim(" ".join(name.split()), found["email"], found["phone"])


def introduce(visitor: Visitor) -> bool:
    """Hand what the visitor said of themselves on to their contact. Nothing before their first word, when there is none.

    An address that belongs to somebody else stays with them. Returns whether anything changed.
    """
    conversation = conversation_of(visitor)
    if conversation is None or conversation.contact is None or conversation.identity is None:
        return False
    # The address is typed by the browser: it hangs on the browser's own contact, also where that was merged into another.
    contact, own = kept(conversation.contact), conversation.identity.contact or conversation.contact
    conversation.identity.shown = placeholder(visitor.key, visitor.language)
    changed = _name(contact, visitor)
    for kind, value in (("email", visitor.email), ("phone", visitor.phone)):
        if value and find_identity(kind, value) is None:
            changed = _add(own, kind, value) or changed
    if changed:
        session().flush()
        record(ContactChanged(contact_id=contact.id, version=contact.version))
    return changed


def _name(contact: Contact, visitor: Visitor) -> bool:
    before = (contact.name, contact.language)
    if visitor.name and contact.name in ("", *(placeholder(visitor.key, language) for language in ("zh", "en"))):
        contact.name = visitor.name
    contact.language = contact.language or visitor.language
    return before != (contact.name, contact.language)


def _add(contact: Contact, kind: str, value: str) -> bool:
    try:
        with session().begin_nested():
            identity = Identity(kind=kind, value=value, shown=value, contact_id=contact.id, suspect=True)
            session().add(identity)
            session().flush()
    except IntegrityError:  # somebody else brought the same address at the same moment
        return False
    note(SYSTEM, "identity.added", contact, identity=kind, value=value)
    return True


def visitor_saw(visitor: Visitor, conversation: Conversation, last_id: int) -> bool:
    """The visitor looked at our messages up to this one. Returns whether that was new."""
    newest = _newest(conversation.id, "out", last_id)
    if newest <= visitor.seen_id:
        return False
    visitor.seen_id = newest
    table = Message.metadata.tables["message"]
    unseen = (table.c.conversation_id.in_(line_of(conversation.id)), table.c.direction == "out", table.c.seen_at.is_(None))
    seen = update(table).where(*unseen, table.c.id <= newest, table.c.state == SENT).values(seen_at=now())
    touched = set(session().scalars(seen.returning(table.c.conversation_id)))
    session().flush()
    for line in sorted({*touched, conversation.id}):  # each has ladders of its own that wait for this
        record(VisitorSaw(conversation_id=line, version=session().get_one(Conversation, line).version, last_id=newest))
    return True


def desk_saw(visitor: Visitor, conversation: Conversation, last_id: int) -> bool:
    """Somebody of the desk looked at the visitor's messages up to this one. Returns whether that was new."""
    newest = _newest(conversation.id, "in", last_id)
    if newest <= visitor.desk_seen_id:
        return False
    visitor.desk_seen_id = newest
    session().flush()
    record(DeskSaw(conversation_id=conversation.id, last_id=newest))
    return True


def _newest(conversation_id: int, direction: str, last_id: int) -> int:
    """The newest message of that direction up to an id that somebody claims to have seen."""
    rows = select(func.max(Message.id)).where(Message.conversation_id.in_(line_of(conversation_id)), Message.direction == direction)
    return session().scalar(rows.where(Message.id <= last_id)) or 0


def online_now(visitor_ids: Collection[int]) -> None:
    """Note that these browsers have their chat open now."""
    if visitor_ids:
        session().execute(update(Visitor).where(Visitor.id.in_(visitor_ids)).values(last_online_at=now()))


def forget_visitors() -> int:
    """Delete browsers that did not come back, and sooner those that never said a word; for housekeeping.
    Files that were uploaded and never sent go too."""
    spoke = select(Identity.value).where(Identity.kind == "visitor")
    old: ColumnElement[bool] = false()
    for account in session().scalars(select(Account).where(Account.kind == "webchat")):
        gone_by = now() - remembered(account.settings)
        old = or_(old, and_(Visitor.account_id == account.id, Visitor.last_online_at < gone_by))
    mute = (Visitor.last_online_at < now() - SILENT) & Visitor.key.not_in(spoke)
    loose = (StoredFile.owner == "visitor") & (StoredFile.created_at < now() - timedelta(days=1))
    session().execute(delete(StoredFile).where(loose))
    session().execute(delete(VisitorPass).where(VisitorPass.until < now()))
    forget_pages()
    gone = session().execute(delete(Visitor).where(old | mute).returning(Visitor.id))
    return len(gone.all())
