"""A long random walk over both laws at once: whatever is done in any order, tickets and orders fit together."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from app.core import clock
from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import DeskError, Invalid
from app.core.uow import unit_of_work
from tests.service.workflows.conftest import SOLVED, later
from tests.service.workflows.orders.conftest import PNG, House
from workflows import order_service
from workflows.engine import take
from workflows.models import Ticket
from workflows.order_access import readable_orders
from workflows.order_links import orders_of
from workflows.orders import ORDER
from workflows.orders_models import OPEN_ORDER, OrderAppointment, OrderMark, ServiceOrder
from workflows.tickets import TICKET

NOT_OPEN = ("closed", "cancelled", "merged")


def whole(tickets: list[Ticket], orders: list[ServiceOrder]) -> None:
    """What is true of tickets and orders at any moment."""
    for ticket in tickets:
        open_ = [o for o in orders_of(ticket) if o.state in OPEN_ORDER]
        assert ticket.state in TICKET.states
        assert not (open_ and ticket.state in ("following_up", *NOT_OPEN)), "no ticket is done over an open order"
        assert not (ticket.cancelling and ticket.state in NOT_OPEN)
    for order in orders:
        assert order.state in ORDER.states
        assert (order.closed_at is not None) == (order.state in ORDER.ends) == (order.close_result is not None)
        assert order.held == (order.hold_party is not None) == (order.hold_until is not None)
        assert not (order.held and order.state in ORDER.ends)
        assert order.due_at >= order.first_due_at
        assert (order.window_from is None) == (order.window_to is None)
        if order.state in ("scheduled", "planned", "delivering"):
            assert order.technician_id and order.accepted_at
        if order.state == "checking":
            assert order.delivered_at and order.solution
        assert order.visits_count == len(order.visits)
        assert sum(visit.left_at is None for visit in order.visits) <= (0 if order.state in ORDER.ends else 1)
        assert order.reworks == marks(order, "rework")
        assert order.reappointed == count(OrderAppointment, order, OrderAppointment.party != "")
        judged = count(OrderMark, order, OrderMark.kind == "reject", OrderMark.decision == "upheld")
        plain = count(OrderMark, order, OrderMark.kind == "reject", OrderMark.decision == "")
        assert order.rejected == judged + plain
        urges = select(func.count()).select_from(AuditRow).where(
            AuditRow.action == "order.urged", AuditRow.subject_id == order.id
        )
        assert order.urged == session().scalar(urges)


def count(kind: Any, order: ServiceOrder, *where: Any) -> int:
    return session().scalar(select(func.count()).select_from(kind).where(kind.order_id == order.id, *where)) or 0


def marks(order: ServiceOrder, kind: str) -> int:
    return count(OrderMark, order, OrderMark.kind == kind)


FORWARD = ("start", "escalate", "accept", "assign", "appoint", "plan", "depart", "arrive", "start", "deliver", "pass", "rework")
RASH = frozenset({"cancel", "merge", "reject", "unable", "hold", "close"})


def chosen(data: st.DataObject, law: Any, item: Any, people: list[Any]) -> tuple[Any, str]:
    """Who does what: mostly something that is offered, mostly something that brings it on, now and then anything at all."""
    offered = [(who, step.name) for who in people for step in law.offers(item, who)]
    mood = data.draw(st.integers(0, 19), label="mood")
    forward = [pair for pair in offered if pair[1] in FORWARD]
    calm = [pair for pair in offered if pair[1] not in RASH]
    if mood == 0 or not offered:
        return data.draw(st.sampled_from(people)), data.draw(st.sampled_from(sorted(law.by_name)))
    return data.draw(st.sampled_from((forward if mood < 13 else calm if mood < 17 else offered) or offered))


def filled(data: st.DataObject, law: Any, name: str, house: House, tickets: list[Ticket], item: Any) -> dict[str, Any]:
    hours = data.draw(st.integers(1, 200), label="hours")
    given: dict[str, Any] = {"reason": "因为", "until": later(hours=hours)}
    if law is TICKET:
        more = {
            "escalate": {"product": house.product_id, "work": data.draw(st.sampled_from(("repair", "remote")))},
            "resolve": SOLVED, "solve_now": SOLVED, "close": {"rating": 5}, "raise": {"to": "second_line"},
            "dispatch": {"assignee": house.agent.id}, "transfer": {"assignee": house.agent.id}, "split": {"subject": "另一件"},
            "merge": {"into": data.draw(st.sampled_from([t.number for t in tickets]))}, "hold": {"party": "supplier"},
        }  # fmt: skip
        return {**given, **more.get(name, {})}
    window = {"from": later(hours=hours), "to": later(hours=hours + 2)}
    more = {
        "reject": {"why": data.draw(st.sampled_from(("not_ours", "area")))}, "assign": {"technician": house.technician.id},
        "appoint": {"window": window}, "reappoint": {"window": window, "party": "customer"}, "unable": {"why": "unsafe"},
        "plan": {"steps": "做", "warranty": data.draw(st.sampled_from(("in", "out"))), "cost": data.draw(st.sampled_from(("", "9")))},
        "leave": {"result": data.draw(st.sampled_from(("done", "part", "absent")))}, "hold": {"party": "permit"},
        "deliver": {"solution": "好了", "code": item.code},
    }  # fmt: skip
    return {**given, **more.get(name, {})}


class Walk(RuleBasedStateMachine):
    """Two tickets and whatever orders come of them; five people who do what comes to their minds."""

    house: House
    ours: Callable[..., Ticket]
    drain: Callable[[], int]

    @initialize()
    def open_both(self) -> None:
        self.tickets = [type(self).ours(), type(self).ours("dispatched")]
        with unit_of_work():
            take(TICKET, self.tickets[0], "escalate", self.house.agent, reason="看看", product=self.house.product_id)
        self.people = [self.house.agent, self.house.leader, self.house.dispatcher, self.house.technician, self.house.foreign]

    def orders(self) -> list[ServiceOrder]:
        return [o for t in self.tickets for o in orders_of(t)]

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        orders = self.orders()
        on_order = bool(orders) and data.draw(st.integers(0, 4)) > 0
        item: Any = data.draw(st.sampled_from(orders if on_order else self.tickets))
        law = ORDER if on_order else TICKET
        who, name = chosen(data, law, item, self.people)
        before, version, trail = item.state, item.version, audits(law, item, name)
        offered = name in {s.name for s in law.offers(item, who)}
        try:
            with unit_of_work():
                if name == "deliver":
                    order_service.add_evidence(self.house.technician, item, kind="photo", content=PNG)
                    version = item.version
                take(law, item, name, who, **filled(data, law, name, self.house, self.tickets, item))
        except DeskError:
            session().refresh(item)
            assert item.state == before
            assert audits(law, item, name) == trail, "what is refused leaves no trace"
        else:
            assert offered, f"{name} was taken and not offered"
            assert item.version > version
            assert audits(law, item, name) == trail + 1, "one entry a step"
        aside(data, self.house, item, on_order)

    @rule(data=st.data())
    def urge(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        if ticket.state in NOT_OPEN:
            return
        before = {o.id: o.urged for o in orders_of(ticket) if o.state in OPEN_ORDER}
        with unit_of_work():
            take(TICKET, ticket, "urge", self.house.agent)
        assert {o.id: o.urged - 1 for o in orders_of(ticket) if o.state in OPEN_ORDER} == before

    @rule(data=st.data())
    def fold_and_unfold(self, data: st.DataObject) -> None:
        """A merge that is undone leaves everything where it was."""
        first, second = data.draw(st.permutations(self.tickets))[:2]
        state = first.state
        hung = {t.id: sorted(o.id for o in orders_of(t)) for t in (first, second)}
        try:
            with unit_of_work():
                take(TICKET, first, "merge", self.house.agent, into=second.number)
        except DeskError:
            session().expire_all()
            return
        assert orders_of(first) == []
        with unit_of_work():
            take(TICKET, first, "unmerge", self.house.agent)
        assert first.state == state
        assert {t.id: sorted(o.id for o in orders_of(t)) for t in (first, second)} == hung

    @rule(minutes=st.sampled_from((1, 90, 1500)))
    def time_passes(self, minutes: int) -> None:
        clock.advance(timedelta(minutes=minutes))

    @rule()
    def work_is_done(self) -> None:
        type(self).drain()

    @invariant()
    def it_fits_together(self) -> None:
        session().expire_all()
        whole(self.tickets, self.orders())

    @invariant()
    def what_is_offered_is_what_is_accepted(self) -> None:
        for law, items in ((TICKET, self.tickets), (ORDER, self.orders())):
            for item in items[:2]:
                for who in (self.house.agent, self.house.dispatcher, self.house.technician):
                    assert [s.name for s in law.offers(item, who)] == accepted(law, item, who)

    @invariant()
    def each_sees_their_own(self) -> None:
        house, orders = self.house, self.orders()
        for who, theirs in (
            (house.dispatcher, {o.id for o in orders if o.supplier_id == house.supplier_id}),
            (house.foreign, {o.id for o in orders if o.supplier_id == house.other_id}),
            (house.technician, {o.id for o in orders if o.technician_id == house.technician.id}),
            (house.agent, {o.id for o in orders}),
        ):
            seen = set(session().scalars(readable_orders(who).with_only_columns(ServiceOrder.id)))
            assert seen & {o.id for o in orders} == theirs, who.role

    def teardown(self) -> None:
        type(self).drain()
        session().expire_all()
        for ticket in self.tickets:
            assert not (ticket.cancelling and not [o for o in orders_of(ticket) if o.state in OPEN_ORDER])


def audits(law: Any, item: Any, name: str) -> int:
    rows = select(func.count()).select_from(AuditRow)
    wanted = (AuditRow.action == f"{law.name}.{name}", AuditRow.subject == item.__tablename__, AuditRow.subject_id == item.id)
    return session().scalar(rows.where(*wanted)) or 0


def accepted(law: Any, item: Any, who: Any) -> list[str]:
    """The steps of which at most something to fill in is missing."""
    found = []
    for row in law.steps:
        try:
            law.find(item, row.name, who, {})
        except Invalid:
            pass
        except DeskError:
            continue
        found.append(row.name)
    return found


def test_both_laws_hold_together(house: House, ours: Callable[..., Ticket], drain: Callable[[], int]) -> None:
    class Here(Walk):
        pass

    Here.house, Here.ours, Here.drain = house, staticmethod(ours), staticmethod(drain)
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    steps = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking would take minutes; the walk prints its own steps
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Here, settings=settings(max_examples=6, stateful_step_count=30, deadline=None, phases=steps, suppress_health_check=checks)
    )


def aside(data: st.DataObject, house: House, item: Any, on_order: bool) -> None:
    """What is done with orders besides the law: judging, answering a price, proposing, handing over."""
    if not on_order:
        return
    asked = session().scalar(select(OrderMark.id).where(OrderMark.order_id == item.id, OrderMark.decision == "asked"))
    quote = order_service.last_quote(item)
    choice = data.draw(st.integers(0, 9))
    try:
        with unit_of_work():
            if choice < 3 and asked is not None:
                mark = session().get_one(OrderMark, asked)
                if mark.kind == "reject":
                    order_service.judge(house.agent, item, asked, choice == 0, "看过")
                else:
                    order_service.decide_extension(house.agent, item, asked, choice == 0)
            elif choice < 6 and quote is not None and quote.state == "asked":
                order_service.answer_quote(house.agent, quote, choice != 5)
            elif choice == 8:
                order_service.propose_cancel(house.agent, item, "不要了")
            elif choice == 9:
                order_service.hand_over(house.agent, item, house.supplier_id, "换一家")
    except DeskError:
        session().expire_all()
