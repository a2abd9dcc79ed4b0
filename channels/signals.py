"""What platforms tell beside messages: delivered, refused, taken back, followed, entered. It changes what we know; it
never opens a ticket by itself."""

from datetime import timedelta

from sqlalchemy import or_, select

from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.events import record
from app.core.people import Identity
from app.core.permissions import SYSTEM
from channels import windows
from channels.accounts import note_traffic
from channels.base import Signal
from channels.events import SignalHeard
from channels.meeting import introduce
from channels.models import Account, Conversation, Message, RawPayload
from channels.sending import mark_returned
from channels.threading import line_with

REPORTS_EARLY = frozenset({"sms", "wechat"})
PATIENCE = timedelta(minutes=3)


class NotYet(Exception):
    """The report speaks of a message that we do not know by this id: perhaps its sending is being written down this moment."""


def hear(account: Account, signal: Signal, raw: RawPayload | None = None) -> None:
    """Do what a signal means, once per payload, within the caller's unit of work. Raises NotYet while a report of arrival may
    have overtaken the sending that it speaks of: then the payload is read again later."""
    identity = line = None
    if signal.kind in ("delivered", "refused") and signal.about and account.kind in REPORTS_EARLY and raw is not None:
        if find_message(account, signal.about) is None and now() - raw.received_at < PATIENCE:
            raise NotYet
    if signal.sender is not None:
        _contact, identity = find_or_create_contact(
            SYSTEM, signal.sender.kind, signal.sender.value, name=signal.sender.name, verified=signal.sender.verified
        )
        line = line_with(account.id, identity.id)
    message = find_message(account, signal.about) if signal.about else None
    if signal.kind == "refused" and message is not None and message.direction == "out":
        mark_returned(message, signal.reason, str(signal.meta.get("window", "")))
    elif signal.kind == "delivered" and message is not None and message.direction == "out":
        message.meta = {**message.meta, "delivered_at": now().isoformat()}
    elif signal.kind == "recalled" and message is not None and message.direction == "in":
        message.meta = {**message.meta, "recalled": True}
    elif signal.kind in ("followed", "unfollowed") and identity is not None:
        identity.reachable = signal.kind == "followed"
    deed = {"followed": "scan" if signal.meta.get("scan") else "follow", "clicked": "click", "scanned": "scan"}.get(signal.kind)
    if deed is not None and line is not None:
        windows.opened(line, deed, signal.at)
    if signal.kind != "unfollowed":
        introduce(account, identity)
    note_traffic(account.id, last_received_at=now())
    session().flush()
    record(
        SignalHeard(
            account_id=account.id,
            kind=signal.kind,
            identity_id=identity.id if isinstance(identity, Identity) else None,
            conversation_id=line.id if isinstance(line, Conversation) else None,
            message_id=message.id if message else None,
            meta=dict(signal.meta),
        )
    )


def find_message(account: Account, about: str) -> Message | None:
    """The message of an account that the platform names by its own id or by ours."""
    rows = select(Message).where(
        Message.account_id == account.id, or_(Message.external_id == about[:900], Message.provider_id == about[:200])
    )
    return session().scalar(rows.order_by(Message.id.desc()).limit(1))
