"""People of a mobile app: who a token says they are, their conversation, what they have seen, and their phones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_identity, find_or_create_contact
from app.core.directory.merging import kept
from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid, NotFound
from app.core.events import record
from app.core.files import StoredFile
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.sealing import CannotOpen
from app.core.text import clean
from channels.accounts import opened
from channels.app import KIND
from channels.app_models import PushToken
from channels.app_settings import SECRET_FROM
from channels.events import VisitorSaw
from channels.models import RECEIVED, SENT, Account, Conversation, Message
from channels.threading import line_with

LEEWAY = 60
LONGEST_TOKEN = 8192
LONGEST_SUB = 200
MOST_PHONES = 20
UPLOADED = "app"
"""The owner of files that were uploaded and not sent yet."""


class NotVouchedFor(Exception):
    """The token is missing, forged, over, or of another app."""


@dataclass(frozen=True)
class AppUser:
    """Who the app's own server says is asking. Addresses are in normal form, empty where none was given."""

    value: str
    name: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""


def read_token(account: Account, token: str) -> AppUser:
    """Check a JWT: HS256 and nothing else, `sub` and an `exp` to come. Raises NotVouchedFor."""
    if not token or len(token) > LONGEST_TOKEN:
        raise NotVouchedFor
    try:
        settings = opened(account)
    except CannotOpen:
        raise NotVouchedFor from None
    secrets = [str(settings.get(name) or "") for name in ("jwt_secret", "previous_jwt_secret")]
    for secret in secrets:
        if len(secret) < SECRET_FROM:
            continue
        try:
            said = jwt.decode(
                token, secret, algorithms=["HS256"], leeway=LEEWAY, issuer=str(settings.get("issuer") or "") or None,
                options={"require": ["exp", "sub"], "verify_aud": False},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
        return _user(account, said)
    raise NotVouchedFor


def _user(account: Account, said: Mapping[str, Any]) -> AppUser:
    sub = clean(str(said.get("sub") or "")).strip()
    if not sub or len(sub) > LONGEST_SUB or any(c.isspace() for c in sub):
        raise NotVouchedFor
    language = str(said.get("language") or said.get("locale") or "")[:2].lower()
    return AppUser(
        value=f"{account.slug}/{sub}",
        name=" ".join(clean(str(said.get("name") or "")).split())[:120],
        email=_address("email", said.get("email")),
        phone=_address("phone", said.get("phone") or said.get("phone_number")),
        language=language if language in ("zh", "en") else "",
    )


def _address(kind: str, given: Any) -> str:
    """The normal form of an address; empty for one that is none: a typing error must not lock anybody out."""
    try:
        return normal_form(kind, given).value if isinstance(given, str) and given.strip() else ""
    except Invalid:
        return ""


def introduce(user: AppUser) -> Identity:
    """The identity of an app's user, made on first sight. The app's server vouches for mail and phone: whoever is known
    by them already is this person, unless the address is shared by several."""
    identity = find_identity(KIND, user.value)
    if identity is None:
        owner = _known(user)
        if owner is not None:
            try:
                with session().begin_nested():
                    identity = Identity(
                        kind=KIND, value=user.value, shown=user.name or user.value, contact_id=owner.id,
                        organisation_id=owner.organisation_id, verified=True,
                    )  # fmt: skip
                    session().add(identity)
                    session().flush()
            except IntegrityError:
                identity = find_identity(KIND, user.value)
    if identity is None:
        _contact, identity = find_or_create_contact(
            SYSTEM, KIND, user.value, shown=user.name or user.value, name=user.name, verified=True
        )
    contact = kept(identity.contact) if identity.contact is not None else None
    if contact is not None:
        contact.name = contact.name or user.name
        contact.language = contact.language or user.language or None
        for kind, value in (("email", user.email), ("phone", user.phone)):
            if value and find_identity(kind, value) is None:
                session().add(Identity(kind=kind, value=value, shown=value, contact_id=contact.id, verified=True))
    session().flush()
    return identity


def _known(user: AppUser) -> Contact | None:
    for kind, value in (("phone", user.phone), ("email", user.email)):
        found = find_identity(kind, value) if value else None
        if found is not None and found.contact is not None and not found.shared and not found.suspect:
            return kept(found.contact)
    return None


def identity_of(user: AppUser) -> Identity | None:
    """The identity of somebody who was here before."""
    return find_identity(KIND, user.value)


def conversation_of(account: Account, user: AppUser) -> Conversation | None:
    """What was said with this person in this app; None before the first word."""
    identity = identity_of(user)
    return line_with(account.id, identity.id) if identity is not None else None


def lines_of(account: Account, user: AppUser) -> list[int]:
    """All conversations with this person in this app: with two open tickets, or after a move, there are several, and the
    app shows them as one."""
    identity = identity_of(user)
    return lines_with(account.id, identity.id) if identity is not None else []


def lines_with(account_id: int, identity_id: int) -> list[int]:
    rows = select(Conversation.id).where(Conversation.account_id == account_id, Conversation.identity_id == identity_id)
    return list(session().scalars(rows.order_by(Conversation.id)))


SHOWN_AT: ColumnElement[datetime] = case(
    (Message.direction == "out", func.coalesce(Message.sent_at, Message.created_at)), else_=Message.created_at
)
"""When the app could first see a message: ours may have waited here before it left, so ids do not order them."""


def heard(lines: Sequence[int], after: tuple[datetime, int] | None, limit: int) -> Sequence[Message]:
    """What both sides said, as the app may show it, after a place; oldest first."""
    rows = select(Message).where(Message.conversation_id.in_(lines), Message.state.in_((RECEIVED, SENT)))
    if after is not None:
        at, number = after
        rows = rows.where(or_(SHOWN_AT > at, and_(SHOWN_AT == at, Message.id > number)))
    return session().scalars(rows.order_by(SHOWN_AT, Message.id).limit(limit)).all()


def place_of(message: Message) -> tuple[datetime, int]:
    """Where a message stands in that order."""
    return (message.sent_at or message.created_at) if message.direction == "out" else message.created_at, message.id


def unread(lines: Sequence[int]) -> int:
    """How many of our messages the app has not shown yet."""
    rows = select(func.count()).where(Message.conversation_id.in_(lines), Message.direction == "out")
    return session().scalar(rows.where(Message.state == SENT, Message.seen_at.is_(None))) or 0


def saw(lines: Sequence[int], last_id: int) -> int:
    """The app showed everything up to this message of ours. Returns how many were new."""
    last = session().get(Message, last_id) if 0 < last_id < 2**31 else None
    if last is None or last.conversation_id not in lines:
        raise NotFound()
    at, number = place_of(last)
    seen = session().execute(
        update(Message)
        .where(
            Message.conversation_id.in_(lines), Message.direction == "out", Message.state == SENT,
            Message.seen_at.is_(None), or_(SHOWN_AT < at, and_(SHOWN_AT == at, Message.id <= number)),
        )
        .values(seen_at=now(), version=Message.version + 1)
        .returning(Message.conversation_id, Message.id)
        .execution_options(synchronize_session=False)
    ).all()  # fmt: skip
    for line in sorted({line for line, _id in seen}):
        newest = max(number for where, number in seen if where == line)
        record(VisitorSaw(conversation_id=line, version=session().get_one(Conversation, line).version, last_id=newest))
    return len(seen)


def access_app_file(account: Account, user: AppUser, file_id: int) -> StoredFile:
    """A file that this person uploaded, or of a message that their app may show; raises NotFound."""
    row = session().get(StoredFile, file_id) if 0 < file_id < 2**31 else None
    identity = identity_of(user)
    if row is None or identity is None:
        raise NotFound()
    if row.owner == UPLOADED and row.owner_id == identity.id:
        return row
    message = session().get(Message, row.owner_id) if row.owner == "message" and row.owner_id else None
    if message is None or message.conversation_id not in lines_of(account, user) or message.state not in (RECEIVED, SENT):
        raise NotFound()
    return row


def register_phone(account: Account, identity: Identity, platform: str, token: str, device: str) -> PushToken:
    """Remember a phone, or that it is this person's now. Only the newest few of each person are kept."""
    rows = select(PushToken).where(PushToken.account_id == account.id, PushToken.token == token)
    found = session().scalar(rows.with_for_update())
    if found is None:
        found = PushToken(account_id=account.id, identity_id=identity.id, platform=platform, token=token)
        session().add(found)
    found.identity_id, found.platform, found.device, found.registered_at = identity.id, platform, device, now()
    session().flush()
    mine = select(PushToken.id).where(PushToken.account_id == account.id, PushToken.identity_id == identity.id)
    old = session().scalars(mine.order_by(PushToken.registered_at.desc(), PushToken.id.desc()).offset(MOST_PHONES)).all()
    session().execute(delete(PushToken).where(PushToken.id.in_(old)))
    return found


def phones_of(account_id: int, identity_id: int) -> list[PushToken]:
    """The phones of a person, the oldest first."""
    rows = select(PushToken).where(PushToken.account_id == account_id, PushToken.identity_id == identity_id)
    return list(session().scalars(rows.order_by(PushToken.id)))


def forget_phone(account: Account, identity: Identity, phone_id: int) -> None:
    """No more pushes to this phone. Raises NotFound for anybody else's."""
    row = session().get(PushToken, phone_id) if 0 < phone_id < 2**31 else None
    if row is None or row.account_id != account.id or row.identity_id != identity.id:
        raise NotFound()
    session().delete(row)
    session().flush()


def forget_tokens(account_id: int, tokens: Sequence[str]) -> int:
    """The push service says that these phones are gone. Returns how many we had."""
    rows = delete(PushToken).where(PushToken.account_id == account_id, PushToken.token.in_(tokens[:100]))
    return len(session().scalars(rows.returning(PushToken.id)).all())


def forget_uploads() -> None:
    """Delete files that were uploaded and never sent; for housekeeping."""
    loose = (StoredFile.owner == UPLOADED) & (StoredFile.created_at < now() - timedelta(days=1))
    session().execute(delete(StoredFile).where(loose))
