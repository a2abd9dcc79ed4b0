"""/api/v1/tickets: requests, what was said on them, their steps, and handing them on as service orders."""

from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from marshmallow import pre_load, validates_schema
from marshmallow.exceptions import ValidationError

from app import registering, replies
from app.api.base import Resource, heed_if_match, step_parameter
from app.api.desk_shapes import (
    MessageAnswer,
    OrderAnswer,
    TicketAnswer,
    message_card,
    order_card,
    order_parts,
    ticket_card,
    ticket_cards,
    ticket_parts,
)
from app.api.fields import ApiSchema, Choice, Near, Part, QueryWhole, Ref, Rows, Text, Whole, Yes
from app.api.paging import PageArgs, cursor_at, listing, opened, page_of
from app.api.step_bodies import MOST_FILES, TICKET_STEPS, EscalateBody, Impact, StepBody, given_for
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused
from app.core.people import IDENTITY_KINDS, Contact, Identity
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries import messages, ticket_page
from app.queries.directory import families
from app.queries.tickets import matches
from app.viewer import current_actor, needs
from knowledge.access import access_article
from workflows import service
from workflows.access import access_ticket, readable_tickets
from workflows.engine import take
from workflows.kinds import KINDS
from workflows.models import Ticket
from workflows.order_access import readable_orders
from workflows.order_links import orders_of
from workflows.orders_models import ServiceOrder
from workflows.service import OPEN
from workflows.tickets import TICKET

api = Resource("tickets", "Requests: what is asked, by whom, where it stands, and what was said.")


class Asker(ApiSchema):
    """Who asks: `id` of a known contact, or addresses. A known address finds its owner, a new one makes a contact."""

    id = Whole(1)
    name = Text.of(Contact.name)
    organisation = Whole(1, metadata={"description": "id of the company of a new contact"})
    email = Text.of(Identity.value, shortest=1)
    phone = Text.of(Identity.value, shortest=1)

    @validates_schema
    def one_of_both(self, data: Any, **rest: Any) -> None:
        if "id" in data and len(data) > 1:
            raise ValidationError(_("只给 id，或者只给联系方式。"), "id")

    @pre_load
    def leave_out_null(self, data: Any, **rest: Any) -> Any:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data


_ADDRESSES = {kind: Text.of(Identity.value, shortest=1) for kind in IDENTITY_KINDS if kind not in ("email", "phone")}
AskerBody: Any = type("AskerBody", (Asker,), {**_ADDRESSES, "__doc__": Asker.__doc__})


class TicketNew(ApiSchema):
    """A new request. `text` is what the customer said. Only a client's own people may leave `contact` out."""

    subject = Text.of(Ticket.subject, shortest=1, required=True)
    text = Text(registering.LONGEST)
    contact = Part(AskerBody, allow_none=True)
    product_id = Ref("product_id", data_key="product", allow_none=True)
    device_id = Ref("device_id", data_key="device", allow_none=True)
    kind = Choice(list(KINDS))
    impact = Impact()


class TicketArgs(PageArgs):
    state = Choice(["open", *TICKET.states], metadata={"description": "open: any state that is no end"})
    kind = Choice(list(KINDS))
    product = QueryWhole(1, metadata={"description": "id of the product"})
    assignee = QueryWhole(1, metadata={"description": "id of the person"})
    team = QueryWhole(1, metadata={"description": "id of the team"})
    contact = QueryWhole(1, metadata={"description": "id of the contact, merged ones included"})
    q = Text(200, metadata={"description": "words of the subject, contact, company, serial number, or a number"})
    updated_since = Near(metadata={"description": "changed at this moment or later; then ordered by the change"})


class MessageNew(ApiSchema):
    """An answer to the customer, or with `note` a note for colleagues."""

    text = Text(replies.LONGEST, shortest=1, required=True)
    note = Yes()
    articles = Rows(Whole(1), MOST_FILES, metadata={"description": "ids of articles that the text uses"})
    conversation = Whole(1, metadata={"description": "through which one; the one that spoke last when left out"})


@api.route("")
@needs("ticket.read")
@api.arguments(TicketArgs, location="query")
@api.response(200, listing(TicketAnswer))
def list_tickets(args: dict[str, Any]) -> Any:
    """The tickets that you may see, the newest first; with `updated_since` in the order in which they changed."""
    actor = current_actor()
    rows = readable_tickets(actor).options(*ticket_parts())
    if "state" in args:
        rows = rows.where(Ticket.state.in_(OPEN) if args["state"] == "open" else Ticket.state == args["state"])
    exact = {"kind": Ticket.kind, "product": Ticket.product_id, "assignee": Ticket.assignee_id, "team": Ticket.team_id}
    for name, column in exact.items():
        if name in args:
            rows = rows.where(column == args[name])
    if "contact" in args:
        rows = rows.where(Ticket.contact_id.in_(families([args["contact"]]).get(args["contact"], [args["contact"]])))
    if args.get("q", "").strip():
        rows = rows.where(matches(args["q"]))
    if "updated_since" in args:
        page = page_of(rows.where(Ticket.touched_at >= args["updated_since"]), args, [Ticket.touched_at, Ticket.id])
    else:
        page = page_of(rows, args, [Ticket.id], descending=True)
    return {**page, "items": ticket_cards(actor, page["items"])}


@api.route("", methods=["POST"])
@needs("ticket.create")
@api.idempotent
@api.arguments(TicketNew)
@api.response(201, TicketAnswer)
def create_ticket(fields: dict[str, Any]) -> Any:
    """Write down a request. It gets a conversation by the address that was given, so that it can be answered."""
    actor = current_actor()
    with unit_of_work():
        ticket = registering.register(actor, **fields)
    return ticket_card(actor, ticket), {"Location": url_for("api_tickets.read_ticket", number=ticket.number)}


@api.route("/<int:number>")
@needs("ticket.read")
@api.response(200, TicketAnswer)
def read_ticket(number: int) -> Any:
    """One ticket."""
    actor = current_actor()
    return ticket_card(actor, access_ticket(actor, number))


@api.route("/<int:number>/steps/<step>", methods=["POST"], parameters=step_parameter(TICKET_STEPS))
@needs("ticket.read")
@api.idempotent
@api.arguments(StepBody, required=False)
@api.response(200, TicketAnswer)
def take_step(body: dict[str, Any], number: int, step: str) -> Any:
    """Take a step of the law. 422 names what is missing, 409 says why it is not possible now."""
    actor = current_actor()
    if step not in TICKET.by_name:
        raise NotFound()
    given = given_for(step, TICKET_STEPS.get(step, ()), body)
    with unit_of_work():
        ticket = access_ticket(actor, number)
        heed_if_match(ticket)
        _check_articles(actor, given)
        take(TICKET, ticket, step, actor, **given)
    return ticket_card(actor, ticket)


def _check_articles(actor: Actor, given: dict[str, Any]) -> None:
    """Articles of the wrap-up are ones that the solver may read."""
    for number in given.get("wrap_up", {}).get("articles", ()):
        try:
            access_article(actor, number)
        except NotFound:
            raise Invalid.of("wrap_up", _("没有这篇知识，或已下架。")) from None


@api.route("/<int:number>/messages")
@needs("ticket.read")
@api.arguments(PageArgs, location="query")
@api.response(200, listing(MessageAnswer))
def list_messages(args: dict[str, Any], number: int) -> Any:
    """What was said, oldest first; notes are for colleagues only."""
    actor = current_actor()
    ticket = access_ticket(actor, number)
    return said_page(args, lambda after, limit: messages.said_on(actor, ticket, after, limit))


def said_page(args: dict[str, Any], find: Any) -> dict[str, Any]:
    """A page of messages and notes; `find(after, limit)` gets them."""
    after: messages.Place | None = None
    if args["cursor"]:
        at, kind, number = opened(args["cursor"], 3)
        after = (datetime.fromisoformat(at), kind, number)
    found = find(after, args["limit"] + 1)
    shown = found[: args["limit"]]
    onward = None
    if len(found) > len(shown):
        at, kind, number = shown[-1].place
        onward = cursor_at([at.isoformat(), kind, number])
    return {"items": [message_card(said) for said in shown], "next": onward}


@api.route("/<int:number>/messages", methods=["POST"])
@needs("ticket.work")
@api.idempotent
@api.arguments(MessageNew)
@api.response(201, MessageAnswer)
def write(fields: dict[str, Any], number: int) -> Any:
    """Answer the customer through the ticket's conversation, or keep a note. 409 where nobody can be reached."""
    actor = current_actor()
    with unit_of_work():
        ticket = access_ticket(actor, number)
        heed_if_match(ticket)
        if fields.get("note"):
            said = messages.one(note=service.add_note(actor, ticket, fields["text"]))
        else:
            said = messages.one(message=_reply(actor, ticket, fields))
    return message_card(said)


def _reply(actor: Actor, ticket: Ticket, fields: dict[str, Any]) -> Any:
    lines, wanted = ticket_page.lines_of(ticket), fields.get("conversation")
    if wanted is not None:
        lines = [line for line in lines if line.conversation.id == wanted]
        if not lines:
            raise Invalid.of("conversation", _("这张工单没有这个可以回复的会话。"))
    if not lines:
        raise Refused(_("没有可以回复的会话。请打电话给客户，经过写成备注。"))
    return replies.reply(actor, ticket, lines[0].conversation, fields["text"], article_ids=fields.get("articles", ()))


@api.route("/<int:number>/orders")
@needs("ticket.read", "order.read")
@api.arguments(PageArgs, location="query")
@api.response(200, listing(OrderAnswer))
def list_orders(args: dict[str, Any], number: int) -> Any:
    """The service orders of a ticket, oldest first."""
    actor = current_actor()
    ticket = access_ticket(actor, number)
    rows = readable_orders(actor).where(ServiceOrder.ticket_id == ticket.id).options(*order_parts())
    page = page_of(rows, args, [ServiceOrder.id])
    return {**page, "items": [order_card(actor, order) for order in page["items"]]}


@api.route("/<int:number>/orders", methods=["POST"])
@needs("ticket.work")
@api.idempotent
@api.arguments(EscalateBody)
@api.response(201, OrderAnswer)
def escalate(body: dict[str, Any], number: int) -> Any:
    """Hand the ticket on as a service order: the step `escalate`, answered with the order."""
    actor = current_actor()
    with unit_of_work():
        ticket = access_ticket(actor, number)
        heed_if_match(ticket)
        take(TICKET, ticket, "escalate", actor, **given_for("escalate", TICKET_STEPS["escalate"], body))
        order = orders_of(ticket)[-1]
    session().refresh(order)
    return order_card(actor, order), {"Location": url_for("api_orders.read_order", number=order.number)}


