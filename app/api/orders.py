"""/api/v1/orders: service orders, their steps and visits. A supplier's people see those of their company alone."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.api.base import Resource, heed_if_match, step_parameter
from app.api.desk_shapes import OrderAnswer, VisitAnswer, order_card, order_parts, visit_card
from app.api.fields import ApiSchema, Choice, Near, QueryWhole, Text, Whole
from app.api.files import read_upload
from app.api.paging import PageArgs, listing, page_of
from app.api.step_bodies import ORDER_STEPS, WITH_EVIDENCE, StepBody, given_for
from app.core.errors import NotFound, Refused
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries.orders import matches
from app.viewer import current_actor, needs
from workflows import order_service
from workflows.engine import take
from workflows.models import FIRST_NUMBER
from workflows.order_access import access_order, readable_orders
from workflows.order_kinds import EVIDENCE, WORKS
from workflows.orders import ORDER
from workflows.orders_models import OPEN_ORDER, ServiceOrder, Visit

api = Resource("orders", "Service orders: work that a supplier, or the platform itself, owes to a ticket.")


class OrderArgs(PageArgs):
    state = Choice(["open", *ORDER.states], metadata={"description": "open: any state that is no end"})
    work = Choice(list(WORKS))
    ticket = QueryWhole(1, metadata={"description": "number of the ticket"})
    supplier = QueryWhole(1, metadata={"description": "id of the supplier"})
    technician = QueryWhole(1, metadata={"description": "id of the technician"})
    product = QueryWhole(1, metadata={"description": "id of the product"})
    q = Text(200, metadata={"description": "words of the subject, place, device, product or company, or a number"})
    updated_since = Near(metadata={"description": "changed at this moment or later; then ordered by the change"})


class EvidenceNew(ApiSchema):
    """What shows that work was done. `client_id` is a name of yours: sent again under it, it stays one piece."""

    kind = Choice(list(EVIDENCE), required=True)
    text = Text(2000)
    file = Whole(1, metadata={"description": "id of an uploaded picture; photo and signature need one"})
    place = Text(200)
    taken_at = Near()
    client_id = Text(64)


@api.route("")
@needs("order.read")
@api.arguments(OrderArgs, location="query")
@api.response(200, listing(OrderAnswer))
def list_orders(args: dict[str, Any]) -> Any:
    """The orders that you may see, the newest first; with `updated_since` in the order in which they changed."""
    actor = current_actor()
    rows = readable_orders(actor).options(*order_parts())
    if "state" in args:
        rows = rows.where(ServiceOrder.state.in_(OPEN_ORDER) if args["state"] == "open" else ServiceOrder.state == args["state"])
    exact = {"work": ServiceOrder.work, "supplier": ServiceOrder.supplier_id, "technician": ServiceOrder.technician_id,
             "product": ServiceOrder.product_id}  # fmt: skip
    for name, column in exact.items():
        if name in args:
            rows = rows.where(column == args[name])
    if "ticket" in args:
        rows = rows.where(ServiceOrder.ticket_id == args["ticket"] - FIRST_NUMBER)
    if args.get("q", "").strip():
        rows = rows.where(matches(actor, args["q"]))
    if "updated_since" in args:
        since = rows.where(ServiceOrder.touched_at >= args["updated_since"])
        page = page_of(since, args, [ServiceOrder.touched_at, ServiceOrder.id])
    else:
        page = page_of(rows, args, [ServiceOrder.id], descending=True)
    return {**page, "items": [order_card(actor, order) for order in page["items"]]}


@api.route("/<int:number>")
@needs("order.read")
@api.response(200, OrderAnswer)
def read_order(number: int) -> Any:
    """One order."""
    actor = current_actor()
    return order_card(actor, access_order(actor, number))


def _counts_wrong_codes(view: Callable[..., Any]) -> Callable[..., Any]:
    """A refused delivery undid its own unit of work, so that the wrong code is counted in another, after all of it."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except Refused:
            body = request.get_json(silent=True)
            if kwargs.get("step") == "deliver" and isinstance(body, dict):
                _count(current_actor(), kwargs["number"], body.get("code"))
            raise

    return wrapper


def _count(actor: Actor, number: int, code: Any) -> None:
    typed = "".join(code.split()) if isinstance(code, str) else ""
    with unit_of_work():
        order = access_order(actor, number)
        if typed and typed != order.code:
            order_service.wrong_code(order)


@api.route("/<int:number>/steps/<step>", methods=["POST"], parameters=step_parameter(ORDER_STEPS))
@needs("order.read")
@_counts_wrong_codes
@api.idempotent
@api.arguments(StepBody, required=False)
@api.response(200, OrderAnswer)
def take_step(body: dict[str, Any], number: int, step: str) -> Any:
    """Take a step of the law. 422 names what is missing, 409 says why it is not possible now.

    `evidence` and `signature` of arrive, leave and deliver are ids of uploaded pictures; they are kept beside the order
    together with the step, or not at all.
    """
    actor = current_actor()
    if step not in ORDER.by_name:
        raise NotFound()
    access_order(actor, number)
    given = given_for(step, ORDER_STEPS.get(step, ()), body)
    pictures = _pictures(actor, body) if step in WITH_EVIDENCE else []
    with unit_of_work():
        order = access_order(actor, number)
        heed_if_match(order)
        if step == "arrive":
            take(ORDER, order, step, actor, **given)  # first: what shows an arrival belongs to that visit
        for file_id, kind, name, content in pictures:
            order_service.add_evidence(
                actor, order, kind=kind, content=content, name=name, client_id=f"file-{file_id}-{order.reworks}"
            )
        if step != "arrive":
            take(ORDER, order, step, actor, **given)
    return order_card(actor, order)


def _pictures(actor: Actor, body: dict[str, Any]) -> list[tuple[int, str, str, bytes]]:
    """The uploaded pictures of a body with their bytes, read before anything is locked."""
    named = [("evidence", number, "photo") for number in dict.fromkeys(body.get("evidence", ()))]
    if "signature" in body:
        named.append(("signature", body["signature"], "signature"))
    return [(number, kind, *read_upload(actor, number, field)) for field, number, kind in named]


@api.route("/<int:number>/visits")
@needs("order.read")
@api.arguments(PageArgs, location="query")
@api.response(200, listing(VisitAnswer))
def list_visits(args: dict[str, Any], number: int) -> Any:
    """The trips of an order, oldest first. They are written by the steps depart, arrive and leave."""
    order = access_order(current_actor(), number)
    rows = select(Visit).where(Visit.order_id == order.id).options(joinedload(Visit.technician))
    page = page_of(rows, args, [Visit.id])
    return {**page, "items": [visit_card(visit) for visit in page["items"]]}


@api.route("/<int:number>/evidence", methods=["POST"])
@needs("order.work")
@api.idempotent
@api.arguments(EvidenceNew)
@api.response(201, OrderAnswer)
def add_evidence(fields: dict[str, Any], number: int) -> Any:
    """Keep a photo, a reading, a checklist, a signature or a note beside the order; the answer is the order."""
    actor = current_actor()
    access_order(actor, number)
    file_id = fields.pop("file", None)
    name, content = read_upload(actor, file_id, "file") if file_id is not None else ("", None)
    with unit_of_work():
        order = access_order(actor, number)
        heed_if_match(order)
        order_service.add_evidence(actor, order, name=name, content=content, **fields)
    return order_card(actor, order)
