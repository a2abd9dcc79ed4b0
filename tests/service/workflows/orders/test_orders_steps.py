"""The order law through take(): each step from each state it allows, who may take it, and each refusal."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused, Stale
from app.core.events import EventRow
from app.core.people import User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from tests.service.workflows.conftest import later
from tests.service.workflows.orders.conftest import WINDOW, House
from workflows import order_service
from workflows.order_access import access_order
from workflows.orders import ORDER
from workflows.orders_models import ServiceOrder

MakeOrder = Callable[..., ServiceOrder]
Move = Callable[..., Any]
LATER = {"from": "2026-03-04T09:00:00+08:00", "to": "2026-03-04T11:00:00+08:00"}
MOMENT = "2026-03-04T09:00:00+08:00"

# Who takes the step, what they give, and what must have happened before, beside the state.
GIVEN: dict[str, tuple[str, dict[str, Any]]] = {
    "accept": ("dispatcher", {}),
    "reject": ("dispatcher", {"why": "capacity", "reason": "排不开"}),
    "assign": ("dispatcher", {"technician": 0}),
    "appoint": ("dispatcher", {"window": LATER}),
    "reappoint": ("dispatcher", {"window": LATER, "party": "customer", "reason": "停不了机"}),
    "plan": ("technician", {"steps": "换风扇"}),
    "depart": ("technician", {}),
    "arrive": ("technician", {"place": "31.2,121.4"}),
    "leave": ("technician", {"result": "again"}),
    "start": ("technician", {}),
    "deliver": ("technician", {"solution": "换了风扇"}),
    "pass": ("agent", {}),
    "rework": ("agent", {"reason": "读数不对"}),
    "close": ("agent", {"reason": "客户已书面确认"}),
    "hold": ("dispatcher", {"party": "part", "reason": "等风扇", "until": MOMENT}),
    "resume": ("dispatcher", {}),
    "extend": ("dispatcher", {"reason": "等风扇", "until": "2026-06-01T09:00:00+08:00"}),
    "unable": ("dispatcher", {"why": "no_part", "reason": "停产"}),
    "cancel": ("dispatcher", {"reason": "客户不要了"}),
}


def ready(order: ServiceOrder, step: str, house: House, move: Move, prove: Callable[..., None]) -> None:
    """What the step needs besides its state."""
    if step == "accept":
        return
    if order.accepted_at is None and step != "reject" and order.state == "created":
        move(order, "accept", house.dispatcher)
    if step == "appoint" and order.window_from:
        with unit_of_work():
            order.window_from = order.window_to = None
    if step == "reappoint" and not order.window_from:
        move(order, "appoint", house.dispatcher, window=WINDOW)
    travelling = order.visits and order.visits[-1].left_at is None
    if step == "leave" and not travelling and order.state != "checking":
        move(order, "depart", house.technician)
    if travelling and step in ("assign", "reappoint", "depart", "arrive") and order.state == "delivering":
        move(order, "leave", house.technician, result="done")
    if step == "start":
        move(order, "arrive", house.technician)
    if step == "deliver":
        prove(order)
    if step == "resume":
        move(order, "hold", house.dispatcher, party="part", reason="等", until=later(days=1))
    if step == "cancel":
        with unit_of_work():
            order_service.propose_cancel(house.agent, order, "客户不要了")


@pytest.mark.parametrize("step", ORDER.by_name)
def test_a_step_from_each_state(step: str, house: House, order: MakeOrder, move: Move, prove: Callable[..., None]) -> None:
    who_name, given = GIVEN[step]
    for state in ORDER.states:
        found, who = order(state), getattr(house, who_name)
        row = ORDER.by_name[step]
        if state not in row.sources:
            before = (found.state, found.version)
            with pytest.raises(Refused):
                move(found, step, who, **{**given, "technician": house.technician.id})
            assert (found.state, found.version) == before
            continue
        ready(found, step, house, move, prove)
        more = dict(given)
        if step == "assign":
            more["technician"] = house.technician.id
        if step == "deliver":
            more["code"] = found.code
        before_state, version = found.state, found.version
        move(found, step, who, **more)
        assert found.state in {before_state if target == "=" else target for target in row.targets}
        assert found.version > version
        last = session().scalars(select(AuditRow).where(AuditRow.subject == "service_order", AuditRow.subject_id == found.id)
                                 .order_by(AuditRow.id.desc())).first()  # fmt: skip
        assert last is not None and last.action == f"order.{step}"
        events = list(session().scalars(select(EventRow).where(EventRow.name == "OrderStepTaken").order_by(EventRow.id)))
        assert events[-1].subject == "order" and events[-1].payload["step"] == step
        assert events[-1].payload["after"] == found.state


def test_what_is_missing_is_named(house: House, order: MakeOrder, move: Move) -> None:
    for name, row in ORDER.by_name.items():
        if not row.needs:
            continue
        found = order(next(s for s in ("created", "scheduled", "delivering", "checking") if s in row.sources))
        ready(found, name, house, move, lambda _order: None)
        with pytest.raises(Invalid) as problem:
            move(found, name, getattr(house, GIVEN[name][0]))
        assert set(problem.value.errors) == {need.names[0] for need in row.needs}, name


def test_nobody_steps_without_the_permission(house: House, order: MakeOrder, move: Move) -> None:
    found = order()
    for name in ORDER.by_name:
        with pytest.raises(Forbidden):
            move(found, name, Actor(kind="user", id=1, name="谁"))
    with pytest.raises(Stale):
        move(found, "accept", house.dispatcher, version=found.version + 1)
    assert found.state == "created" and found.accepted_at is None


def test_an_order_is_its_owners(house: House, order: MakeOrder, move: Move, make_user: Callable[..., User]) -> None:
    found = order("scheduled")
    assert access_order(house.dispatcher, found.number) is found
    assert access_order(house.technician, found.number) is found
    assert access_order(house.agent, found.number) is found
    supplier = found.supplier
    colleague = make_user("technician", organisation=supplier).actor("test")
    for other in (house.foreign, colleague, make_user("client").actor("test"), make_user("dispatcher").actor("test")):
        with pytest.raises(NotFound):
            access_order(other, found.number)
    for number in (0, 5, found.number + 1, 2**40):
        with pytest.raises(NotFound):
            access_order(house.agent, number)
    with pytest.raises(Refused):
        move(found, "plan", house.agent, steps="我来")
    with pytest.raises(Refused):
        move(found, "plan", colleague, steps="我来")
    with pytest.raises(Forbidden):
        move(order("checking"), "pass", house.dispatcher)
    assert {s.name for s in ORDER.offers(found, house.agent)} == {"reappoint", "hold", "extend"}
