"""What was said to a customer without our outbox: by a colleague in the platform's own app, or by the platform in our
name. It stands in the conversation as sent, and nothing is sent for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.people import Identity
from channels.accounts import note_traffic
from channels.base import RemoteMedia
from channels.events import MessageSent
from channels.media import want
from channels.models import SENT, Account, Conversation, Message
from channels.sessions import spoke
from channels.threading import line_with


def keep_said(
    account: Account,
    identity: Identity,
    external_id: str,
    text: str,
    *,
    by: str = "",
    at: datetime | None = None,
    kind: str = "text",
    meta: Mapping[str, Any] | None = None,
    media: Sequence[RemoteMedia] = (),
) -> Message:
    """Store it once per `external_id`, within the caller's unit of work. `by`: the colleague's name, "" for the house."""
    external_id = external_id[:900]
    known = select(Message).where(Message.account_id == account.id, Message.external_id == external_id)
    if (found := session().scalar(known)) is not None:
        return found
    line = line_with(account.id, identity.id) or _begun(account, identity)
    session().refresh(line, with_for_update={"of": Conversation})
    moment = min(at or now(), now())
    message = Message(
        conversation_id=line.id, account_id=account.id, external_id=external_id, direction="out", kind=kind, meta=dict(meta or {}),
        author_kind="user" if by else "system", author_name=by[:200], text=text, visible_text=text, state=SENT, is_auto=not by,
        answers=[], provider_id=external_id[:200], sent_at=moment, created_at=moment, leaves_at=moment,
    )  # fmt: skip
    session().add(message)
    line.last_message_at = max(line.last_message_at, moment)
    session().flush()
    want(message, media)
    note_traffic(account.id, last_sent_at=moment)
    spoke(message)
    record(MessageSent(conversation_id=line.id, version=line.version, message_id=message.id))
    return message


def _begun(account: Account, identity: Identity) -> Conversation:
    contact = identity.contact
    line = Conversation(
        account_id=account.id, identity_id=identity.id, contact_id=contact.id if contact else None,
        organisation_id=(contact and contact.organisation_id) or identity.organisation_id,
    )  # fmt: skip
    session().add(line)
    session().flush()
    return line
