"""Customers as actors: what their own words and clicks bring about is done in their name."""

from app.core.people import Contact
from app.core.permissions import Actor
from channels.models import Message
from channels.threading import STRANGER

CUSTOMER = frozenset({"ticket.read", "ticket.close"})


def customer(contact: Contact | None, name: str = "") -> Actor:
    """The person who wrote, as the actor of what their words bring about."""
    if contact is None:
        return Actor(kind="contact", id=None, name=name or "客户", permissions=CUSTOMER, via="message")
    return Actor(kind="contact", id=contact.id, name=contact.label, permissions=CUSTOMER, via="message")


def writer(message: Message) -> Actor:
    """Who wrote it: the person of the conversation, unless a stranger joined who had our mail before them."""
    return customer(None if message.placed == STRANGER else message.conversation.contact, message.author_name)
