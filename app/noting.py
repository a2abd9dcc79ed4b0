"""Words that a colleague took down from somebody at the telephone or at the counter: the first message of a conversation
in which they can be answered, in the customer's name."""

from sqlalchemy import select

from app.core.db import session
from app.core.people import Contact, Identity
from app.registering import LOOKED_UP, WRITTEN_DOWN
from channels.base import Inbound, Sender
from channels.models import Message
from channels.portal import portal_account
from channels.receiving import receive


def take_down(contact: Contact, words: str, once: str, *, ways: frozenset[str] = frozenset({"email", "phone"})) -> Message:
    """Keep what a person said. `once` names the form: sent twice, it is one message. In a unit of work."""
    account = portal_account()
    external_id = f"{WRITTEN_DOWN}.{once}"
    known = session().scalar(select(Message).where(Message.account_id == account.id, Message.external_id == external_id))
    if known is not None:
        return known
    address = _address(contact, ways)
    message = receive(
        account,
        Inbound(
            external_id=external_id,
            sender=Sender(address.kind, address.value, contact.name, suspect=address.suspect) if address else None,
            subject=_title(words),
            text=words,
            visible_text=words,
            reply_to=address.value if address and address.kind == "email" else None,
        ),
    )
    assert message is not None
    message.placed = WRITTEN_DOWN
    if address is None or message.conversation.contact_id is None:  # nobody's address, or one of many people's
        message.author_kind, message.author_id, message.author_name = "contact", contact.id, contact.label
        message.conversation.contact_id = contact.id
        message.conversation.organisation_id = contact.organisation_id
    session().flush()
    return message


def _address(contact: Contact, ways: frozenset[str]) -> Identity | None:
    """Where the person is answered: by mail rather than on a page that nobody tells them of."""
    found = [identity for identity in contact.identities if identity.kind in ways]
    return min(found, key=lambda i: (LOOKED_UP.index(i.kind), i.suspect, i.id), default=None)


def _title(words: str) -> str:
    return next((line.strip()[:80] for line in words.splitlines() if line.strip()), "")
