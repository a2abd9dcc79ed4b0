"""The rules of the order law: appointments, judgement, prices, visits, delivery, rework, clocks, cancelling."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.people import User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from tests.service.workflows.conftest import later
from tests.service.workflows.orders.conftest import WINDOW, House
from workflows import order_service
from workflows.order_access import access_order
from workflows.order_kinds import CODE_TRIES
from workflows.orders import ORDER
from workflows.orders_models import OrderAppointment, OrderMark, OrderQuote, ServiceOrder

MakeOrder = Callable[..., ServiceOrder]
Move = Callable[..., Any]
LATER = {"from": "2026-03-04T09:00:00+08:00", "to": "2026-03-04T11:00:00+08:00"}
MOMENT = "2026-03-04T09:00:00+08:00"


def test_a_technician_and_a_window_make_a_schedule_in_either_order(house: House, order: MakeOrder, move: Move) -> None:
    for steps in (("assign", "appoint"), ("appoint", "assign")):
        found = order()
        with pytest.raises(Refused):
            move(found, "appoint", house.dispatcher, window=WINDOW)
        move(found, "accept", house.dispatcher)
        move(found, steps[0], house.dispatcher, technician=house.technician.id, window=WINDOW)
        assert found.state == "created"
        move(found, steps[1], house.dispatcher, technician=house.technician.id, window=WINDOW)
        assert found.state == "scheduled" and found.scheduled_at
    for bad in ({"from": MOMENT}, {"from": MOMENT, "to": MOMENT}, {"from": "x", "to": "y"}, "morgen",
                {"from": "2026-03-01T09:00:00+08:00", "to": "2026-03-01T11:00:00+08:00"},
                {"from": MOMENT, "to": "2026-03-20T09:00:00+08:00"}):  # fmt: skip
        with pytest.raises(Invalid) as problem:
            move(found, "reappoint", house.dispatcher, window=bad, party="customer", reason="x")
        assert "window" in problem.value.errors
    with pytest.raises(Invalid):
        move(found, "assign", house.dispatcher, technician=house.foreign.id)


def test_each_change_of_the_window_keeps_party_and_reason(house: House, order: MakeOrder, move: Move) -> None:
    found = order("scheduled")
    move(found, "reappoint", house.agent, window=LATER, party="customer", reason="停不了机")
    with pytest.raises(Invalid):
        move(found, "reappoint", house.agent, window=LATER, party="nobody", reason="x")
    rows = list(session().scalars(select(OrderAppointment).order_by(OrderAppointment.id)))
    assert [(row.party, row.reason) for row in rows] == [("", ""), ("customer", "停不了机")]
    assert rows[1].was_from == rows[0].window_from and found.reappointed == 1


def test_not_ours_counts_only_when_judged(house: House, order: MakeOrder, move: Move) -> None:
    for upheld in (True, False):
        found = order()
        move(found, "reject", house.dispatcher, why="not_ours", reason="是电网的问题")
        assert (found.supplier_id, found.rejected, found.state) == (house.platform_id, 0, "created")
        with pytest.raises(NotFound):
            access_order(house.dispatcher, found.number)
        mark = session().scalars(select(OrderMark).order_by(OrderMark.id.desc())).first()
        assert mark is not None and mark.decision == "asked"
        with pytest.raises(Forbidden), unit_of_work():
            order_service.judge(house.dispatcher, found, mark.id, True, "看了")
        with pytest.raises(Invalid), unit_of_work():
            order_service.judge(house.agent, found, mark.id, upheld, " ")
        with unit_of_work():
            order_service.judge(house.agent, found, mark.id, upheld, "看了波形")
        assert found.rejected == (1 if upheld else 0)
        assert found.supplier_id == (house.platform_id if upheld else house.supplier_id)
        with pytest.raises(Refused), unit_of_work():
            order_service.judge(house.agent, found, mark.id, upheld, "再来")
    other = order()
    move(other, "reject", house.dispatcher, why="capacity", reason="排不开")
    assert other.rejected == 1 and other.rejected_by_id == house.supplier_id
    with pytest.raises(Refused):
        move(other, "reject", house.agent, why="capacity", reason="平台也不做")
    with unit_of_work():
        order_service.hand_over(house.agent, other, house.other_id, "换一家")
    assert access_order(house.foreign, other.number) is other
    move(other, "accept", house.foreign)
    with pytest.raises(Refused), unit_of_work():
        order_service.hand_over(house.agent, other, house.supplier_id, "又换")


def test_out_of_warranty_the_customer_confirms_the_price(house: House, order: MakeOrder, move: Move) -> None:
    found = order("scheduled")
    for bad in ("viel", "-1", "NaN", "1e12"):
        with pytest.raises(Invalid):
            move(found, "plan", house.technician, steps="换板", warranty="out", cost=bad)
    move(found, "plan", house.technician, steps="换板", parts="主板 ×1\n\n风扇 ×2", warranty="out", cost="1,200.50")
    quote = order_service.last_quote(found)
    assert quote is not None and (found.quote, quote.amount_cents, quote.plan.parts) == ("asked", 120050, ["主板 ×1", "风扇 ×2"])
    move(found, "depart", house.technician)
    move(found, "arrive", house.technician)
    with pytest.raises(Refused):
        move(found, "start", house.technician)
    customer = Actor(kind="contact", id=house.contact_id, name="王建国", via="link")
    with unit_of_work():
        order_service.answer_quote(customer, order_service.access_quote(quote.token), False, "太贵")
    assert found.quote == "refused"
    with pytest.raises(Refused), unit_of_work():
        order_service.answer_quote(customer, quote, True)
    move(found, "plan", house.technician, steps="只换风扇", warranty="out", cost="300")
    again = order_service.last_quote(found)
    assert again is not None and again.id != quote.id
    with unit_of_work():
        order_service.answer_quote(house.agent, again, True)
    move(found, "start", house.technician)
    assert found.state == "delivering" and found.quote == "confirmed"
    with pytest.raises(NotFound):
        order_service.access_quote("no-such-token-at-all-here")


def test_simple_work_takes_the_standard_procedure(house: House, order: MakeOrder, move: Move) -> None:
    with pytest.raises(Invalid):
        move(order("scheduled"), "plan", house.technician, simple=True)
    remote = order("scheduled", work="remote")
    move(remote, "plan", house.technician, simple=True)
    for step in ("depart", "arrive"):
        with pytest.raises(Refused):
            move(remote, step, house.technician)
    move(remote, "start", house.technician)
    move(remote, "deliver", house.technician, solution="改了参数")
    assert remote.state == "checking"


def test_a_second_visit_is_no_rework(house: House, order: MakeOrder, move: Move, prove: Callable[..., None]) -> None:
    found = order("delivering")
    clock.advance(timedelta(hours=1))
    move(found, "leave", house.technician, result="part", reason="风扇没带")
    assert (found.state, found.window_from, found.visited_at, found.reworks) == ("delivering", None, None, 0)
    with pytest.raises(Refused):
        move(found, "depart", house.technician)
    prove(found)
    with pytest.raises(Refused, match="现场"):
        move(found, "deliver", house.technician, solution="好了", code=found.code)
    move(found, "appoint", house.technician, window=LATER)
    move(found, "depart", house.technician)
    with pytest.raises(Invalid):
        move(found, "leave", house.technician, result="done")
    move(found, "leave", house.technician, result="absent")
    assert found.visits[-1].wasted and found.visits_count == 2
    move(found, "appoint", house.technician, window=LATER)
    move(found, "arrive", house.technician)
    with pytest.raises(Refused):
        move(found, "arrive", house.technician)
    move(found, "deliver", house.technician, solution="好了", code=found.code)
    move(found, "pass", house.agent)
    assert found.visits[-1].result == "done" and found.visits[-1].left_at


def test_delivery_needs_evidence_and_the_customers_word(
    house: House, order: MakeOrder, move: Move, prove: Callable[..., None]
) -> None:
    found = order("delivering")
    with pytest.raises(Refused) as missing:
        move(found, "deliver", house.technician, solution="好了", code=found.code)
    assert "照片" in str(missing.value)
    prove(found)
    for wrong in ({}, {"code": "000000" if found.code != "000000" else "111111"}):
        with pytest.raises(Refused):
            move(found, "deliver", house.technician, solution="好了", **wrong)
    for _try in range(CODE_TRIES):
        with unit_of_work():
            order_service.wrong_code(found)
    with pytest.raises(Refused, match="签字"):
        move(found, "deliver", house.technician, solution="好了", code=found.code)
    with unit_of_work():
        order_service.add_evidence(house.technician, found, kind="signature", content=b"\xff\xd8\xff" + b"0" * 9)
    move(found, "deliver", house.technician, solution="好了")
    assert found.state == "checking" and found.code_given_at is None
    assert found.code not in str([row.details for row in session().scalars(select(AuditRow))])


def test_rework_begins_a_new_round(house: House, order: MakeOrder, move: Move, prove: Callable[..., None]) -> None:
    found = order("checking")
    code = found.code
    move(found, "rework", house.agent, reason="读数不对")
    assert (found.state, found.reworks, found.window_from, found.delivered_at) == ("scheduled", 1, None, None)
    assert found.visits[-1].left_at and found.first_delivered_at
    with unit_of_work():
        found.code = "999999" if code != "999999" else "888888"
    move(found, "appoint", house.dispatcher, window=LATER)
    move(found, "plan", house.technician, steps="再换")
    move(found, "arrive", house.technician)
    move(found, "start", house.technician)
    with pytest.raises(Refused):
        move(found, "deliver", house.technician, solution="好了", code=found.code)
    prove(found)
    with pytest.raises(Refused):
        move(found, "deliver", house.technician, solution="好了", code=code)
    move(found, "deliver", house.technician, solution="好了", code=found.code)
    assert found.state == "checking"


def test_who_did_the_work_does_not_check_it(house: House, order: MakeOrder, move: Move, prove: Callable[..., None]) -> None:
    found = order("created", supplier=house.platform_id, work="remote")
    assert found.chosen == "person"
    move(found, "accept", house.agent)
    with pytest.raises(Invalid):
        move(found, "assign", house.agent, technician=house.technician.id)
    with unit_of_work() as s:
        s.get_one(User, house.leader.id).role = "second_line"
    move(found, "assign", house.agent, technician=house.leader.id)
    move(found, "appoint", house.agent, window=WINDOW)
    move(found, "plan", house.agent, simple=True)
    move(found, "start", house.leader)
    move(found, "deliver", house.leader, solution="好了")
    for step in ("pass", "close", "rework"):
        with pytest.raises(Refused):
            move(found, step, house.leader, reason="自己看过")
    move(found, "pass", house.agent)
    assert found.close_result == "passed" and found.checked_by_id == house.agent.id


@pytest.mark.parametrize(("party", "moved"), [("part", 0), ("platform", 0), ("downtime", 5), ("permit", 5), ("customer", 5)])
def test_the_clock_stops_for_what_nobody_can_hasten(party: str, moved: int, house: House, order: MakeOrder, move: Move) -> None:
    found = order("scheduled")
    due = found.due_at
    move(found, "hold", house.technician, party=party, reason="等", until=later(days=1))
    assert {s.name for s in ORDER.offers(found, house.dispatcher)} == {"assign", "reappoint", "resume", "extend", "unable"}
    with pytest.raises(Refused):
        move(found, "plan", house.technician, steps="x")
    clock.advance(timedelta(hours=5))
    move(found, "resume", house.technician)
    assert found.due_at == due + timedelta(hours=moved)


def test_an_extension_is_the_platforms_to_approve(house: House, order: MakeOrder, move: Move) -> None:
    found = order("scheduled")
    due, wish = found.due_at, "2026-06-01T09:00:00+08:00"
    move(found, "extend", house.dispatcher, reason="等风扇", until=wish)
    mark = session().scalars(select(OrderMark)).one()
    assert found.due_at == due and mark.was == due
    with unit_of_work():
        order_service.decide_extension(house.agent, found, mark.id, True)
    assert found.due_at == mark.until and found.first_due_at == due
    with pytest.raises(Invalid):
        move(found, "extend", house.agent, reason="x", until=later(hours=1))


def test_a_late_cancel_records_the_wasted_trip(house: House, order: MakeOrder, move: Move) -> None:
    found = order("planned")
    for who in (house.agent, house.dispatcher):
        with pytest.raises(Refused):
            move(found, "cancel", who, reason="不要了")
    with unit_of_work():
        assert order_service.propose_cancel(house.agent, found, "客户不要了") is False
    move(found, "depart", house.technician)
    move(found, "cancel", house.dispatcher, reason="收到")
    assert found.wasted_trip and found.visits[-1].result == "cancelled" and found.visits[-1].left_at
    early = order("scheduled")
    move(early, "cancel", house.leader, reason="主管决定")
    assert not early.wasted_trip and early.state == "cancelled"
    fresh = order()
    with unit_of_work():
        assert order_service.propose_cancel(house.agent, fresh, "重复") is True
    assert fresh.state == "cancelled"


def test_evidence_is_kept_once_and_only_by_who_may(house: House, order: MakeOrder, move: Move) -> None:
    found = order("delivering")
    with unit_of_work():
        one = order_service.add_evidence(house.technician, found, kind="reading", text="62 ℃", client_id="a-1")
        two = order_service.add_evidence(house.technician, found, kind="reading", text="62 ℃", client_id="a-1")
    assert one is two and one.visit_id == found.visits[-1].id
    for kind, more in (("film", {}), ("photo", {}), ("photo", {"content": b"%PDF-1.7"}), ("reading", {}), ("note", {"text": "x" * 2001})):
        with pytest.raises(Invalid), unit_of_work():
            order_service.add_evidence(house.technician, found, kind=kind, **more)
    with pytest.raises(Forbidden), unit_of_work():
        order_service.add_evidence(house.foreign, found, kind="note", text="我看看")
    fresh, ended = order(), order("closed")
    for place in (fresh, ended):
        with pytest.raises(Refused), unit_of_work():
            order_service.add_evidence(house.dispatcher, place, kind="note", text="x")


def test_unable_and_unchecked_ends_say_so(house: House, order: MakeOrder, move: Move) -> None:
    found = order("unable")
    assert (found.close_result, found.unable_why, found.unable_reason) == ("unable", "no_part", "停产")
    checked = order("checking")
    move(checked, "close", house.agent, reason="客户已书面确认")
    assert checked.close_result == "unchecked" and checked.checked_at is None
    dropped = order("scheduled")
    move(dropped, "plan", house.technician, steps="换板", warranty="out", cost="99")
    move(dropped, "unable", house.technician, why="declined", reason="太贵")
    assert session().scalars(select(OrderQuote.state)).all() == ["dropped"]
