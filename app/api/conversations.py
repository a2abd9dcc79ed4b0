"""/api/v1/conversations: what was said with one contact on one account, whichever tickets it belongs to."""

from typing import Any

from flask_babel import gettext as _
from marshmallow import fields
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.api.base import Resource
from app.api.desk_shapes import MessageAnswer, message_card, named
from app.api.fields import Answer, Choice, Moment, Named, Near, QueryWhole
from app.api.paging import PageArgs, listing, page_of
from app.api.tickets import said_page
from app.core.db import session
from app.core.people import Contact, Organisation
from app.core.permissions import Actor
from app.core.text import unpack
from app.queries import messages
from app.queries.directory import families
from app.viewer import current_actor, needs
from channels import windows
from channels.accounts import KNOWN
from channels.models import Account, Conversation
from workflows.models import FIRST_NUMBER, TicketConversation

api = Resource("conversations", "Conversations: what was said with one contact on one account.")
MOST_MESSAGES = 200


class ConversationAnswer(Answer):
    """A conversation with the numbers of its tickets that you may see."""

    id = fields.Integer(required=True)
    channel = fields.String(required=True)
    account = fields.String(required=True)
    subject = fields.String(required=True)
    contact = fields.Nested(Named, required=True, allow_none=True)
    organisation = fields.Nested(Named, required=True, allow_none=True)
    tickets = fields.List(fields.Integer(), required=True)
    started_at = Moment(required=True)
    last_message_at = Moment(required=True)
    version = fields.Integer(required=True)


class ReplyLeft(Answer):
    """What the platform still lets us send here. With 0 messages `refusal` says why, and `waits` whether a message
    would leave after the customer's next words. `reserve` of them are kept for the result."""

    messages = fields.Integer(required=True)
    until = Moment(required=True, allow_none=True)
    reserve = fields.Integer(required=True)
    refusal = fields.String(required=True)
    waits = fields.Boolean(required=True)


class ConversationWhole(ConversationAnswer):
    """A conversation with its newest 200 messages, oldest first. `reply` is null where nobody counts our answers."""

    reply = fields.Nested(ReplyLeft, required=True, allow_none=True)
    messages = fields.List(fields.Nested(MessageAnswer), required=True)


class ConversationArgs(PageArgs):
    contact = QueryWhole(1, metadata={"description": "id of the contact, merged ones included"})
    ticket = QueryWhole(1, metadata={"description": "number of the ticket"})
    channel = Choice(sorted({*KNOWN, "email", "portal"}))
    updated_since = Near(metadata={"description": "spoken in at this moment or later; then ordered by that"})


@api.route("")
@needs("desk.use", "ticket.read")
@api.arguments(ConversationArgs, location="query")
@api.response(200, listing(ConversationAnswer))
def list_conversations(args: dict[str, Any]) -> Any:
    """The conversations that you may see, the newest first; with `updated_since` in the order of their last words."""
    actor = current_actor()
    rows = messages.readable_conversations(actor).options(*_parts())
    if "contact" in args:
        rows = rows.where(Conversation.contact_id.in_(families([args["contact"]]).get(args["contact"], [args["contact"]])))
    if "ticket" in args:
        links = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == args["ticket"] - FIRST_NUMBER)
        rows = rows.where(Conversation.id.in_(links))
    if "channel" in args:
        rows = rows.where(Conversation.account_id.in_(select(Account.id).where(Account.kind == args["channel"])))
    if "updated_since" in args:
        since = rows.where(Conversation.last_message_at >= args["updated_since"])
        page = page_of(since, args, [Conversation.last_message_at, Conversation.id])
    else:
        page = page_of(rows, args, [Conversation.id], descending=True)
    return {**page, "items": _cards(actor, page["items"])}


def _parts() -> tuple[Any, ...]:
    return joinedload(Conversation.account), joinedload(Conversation.contact).selectinload(Contact.identities)


def _cards(actor: Actor, found: list[Conversation]) -> list[dict[str, Any]]:
    numbers = messages.tickets_of(actor, [c.id for c in found])
    companies = {c.organisation_id for c in found if c.organisation_id is not None}
    rows = select(Organisation).where(Organisation.id.in_(companies))
    known = {o.id: o for o in session().scalars(rows)} if companies else {}
    plain = ("id", "subject", "started_at", "last_message_at", "version")
    return [
        {
            **{name: getattr(c, name) for name in plain},
            "channel": c.account.kind,
            "account": c.account.slug,
            "contact": named(c.contact),
            "organisation": known.get(c.organisation_id or 0),
            "tickets": numbers[c.id],
        }
        for c in found
    ]


@api.route("/<int:conversation_id>")
@needs("desk.use", "ticket.read")
@api.response(200, ConversationWhole, conditional=False)
def read_conversation(conversation_id: int) -> Any:
    """One conversation with its newest messages."""
    actor = current_actor()
    found = messages.access_conversation(actor, conversation_id)
    said = messages.newest_in(found, MOST_MESSAGES)
    left = windows.left(found)
    reply = {**vars(left), "refusal": unpack(left.refusal, _)} if left is not None else None
    return {**_cards(actor, [found])[0], "reply": reply, "messages": [message_card(one) for one in said]}


@api.route("/<int:conversation_id>/messages")
@needs("desk.use", "ticket.read")
@api.arguments(PageArgs, location="query")
@api.response(200, listing(MessageAnswer))
def list_messages(args: dict[str, Any], conversation_id: int) -> Any:
    """All messages of a conversation, oldest first."""
    found = messages.access_conversation(current_actor(), conversation_id)
    return said_page(args, lambda after, limit: messages.said_in(found, after, limit))
