"""Which conversation a message belongs to, and why.

In this order: an id of ours that it answers; the ids it refers to, latest first; the signed mark in the address that it
was sent to; the short mark in its subject, but only for somebody of the same conversation or company: a stranger who
quotes a number does not join. Whoever knows an id or a signed address of ours has the mail before them, so they join; but a stranger's words are marked, and move no answer to another address.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from app.core.db import session
from app.core.directory.merging import family_ids
from app.core.people import Contact, Identity
from channels.base import Inbound
from channels.models import Account, Conversation, Message

STRANGER = "stranger_in_thread"
STRAY = "stray_bounce"
TOKEN_OF_OTHERS = "stranger_with_token"


@dataclass(frozen=True)
class Place:
    """`conversation` is None for a new one. `why` is a short code; `returned` is our message that bounced."""

    conversation: Conversation | None
    why: str
    returned: Message | None = None


def find_conversation(
    account: Account, inbound: Inbound, contact: Contact | None, identity: Identity | None
) -> Place:
    if inbound.returned and (mine := _by_external_id(account, inbound.returned)):
        return Place(mine.conversation, "returned", mine)
    for position, external_id in enumerate(inbound.answers):
        if external_id and (found := _by_external_id(account, external_id)):
            if not _belongs(found.conversation, contact, identity):
                return Place(found.conversation, STRANGER)
            return Place(found.conversation, "in_reply_to" if position == 0 else "references")
    if inbound.mark and (candidate := _by_token(account, inbound.mark)):
        return Place(candidate, "reply_address" if _belongs(candidate, contact, identity) else STRANGER)
    if inbound.token:
        candidate = _by_token(account, inbound.token)
        if candidate is not None and _belongs(candidate, contact, identity):
            return Place(candidate, "subject_token")
        if candidate is not None:
            return Place(None, TOKEN_OF_OTHERS)
    if inbound.continues and identity is not None and (line := line_with(account.id, identity.id)):
        return Place(line, "same_line")
    if inbound.is_bounce:
        return Place(_strays(account), STRAY)
    return Place(None, "new")


def _by_token(account: Account, token: str) -> Conversation | None:
    rows = select(Conversation).where(_answered_here(Conversation.account_id, account), Conversation.token == token)
    return session().scalar(rows.order_by(Conversation.id.desc()).limit(1))


def line_with(account_id: int, identity_id: int) -> Conversation | None:
    """The conversation with a sender, on a channel that has one with each; after a part of it was moved to another
    ticket, the one that was spoken in last."""
    rows = select(Conversation).where(Conversation.identity_id == identity_id, Conversation.account_id == account_id)
    return session().scalar(rows.order_by(Conversation.last_message_at.desc(), Conversation.id.desc()).limit(1))


def _strays(account: Account) -> Conversation | None:
    """Where bounces of mails that we did not send gather: somebody who forges our address brings thousands of them."""
    newest = (
        select(Message)
        .where(Message.account_id == account.id, Message.is_bounce.is_(True), Message.placed == STRAY)
        .order_by(Message.id.desc())
        .limit(1)
    )
    found = session().scalar(newest)
    return found.conversation if found else None


def _by_external_id(account: Account, external_id: str) -> Message | None:
    return session().scalar(
        select(Message).where(_answered_here(Message.account_id, account), Message.external_id == external_id[:900])
    )


def _answered_here(account_id: Any, account: Account) -> ColumnElement[bool]:
    """What a message of this account may answer: its own, and, for a mailbox, what it carried for the portal's form."""
    if account.kind != "email":
        return account_id == account.id  # type: ignore[no-any-return]
    return account_id.in_(select(Account.id).where(or_(Account.id == account.id, Account.kind == "portal")))  # type: ignore[no-any-return]


def _belongs(conversation: Conversation, contact: Contact | None, identity: Identity | None) -> bool:
    if conversation.identity_id is None and conversation.contact_id is None:
        return True  # nobody is known there whom somebody else could be taken for
    if identity is not None and conversation.identity_id == identity.id:
        return True
    if contact is not None and conversation.contact_id in family_ids(contact):
        return True
    organisation_id = contact.organisation_id if contact else identity.organisation_id if identity else None
    return organisation_id is not None and organisation_id == conversation.organisation_id
