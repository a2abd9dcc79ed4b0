"""Tickets and their orders: owner, no end over open work, cancelling, merging, urging, and what the customer hears."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import letters
from app.core import clock
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.installed_base import Contract
from app.core.people import Contact
from app.core.uow import unit_of_work
from app.queries import orders as queries
from channels.base import Inbound, Sender
from channels.models import Conversation, Message
from channels.receiving import receive
from tests.service.workflows.conftest import NOON, SOLVED
from tests.service.workflows.orders.conftest import WINDOW, House
from workflows import order_service
from workflows.engine import take
from workflows.models import Ticket, TicketConversation
from workflows.order_links import count_open, orders_of
from workflows.orders import ORDER
from workflows.orders_models import OPEN_ORDER, ServiceOrder
from workflows.tickets import TICKET

MakeOrder = Callable[..., ServiceOrder]
MakeTicket = Callable[..., Ticket]
Move = Callable[..., Any]
Drain = Callable[[], int]


def test_the_owner_is_found_by_contract_then_product_then_platform(
    house: House, ours: MakeTicket, escalated: MakeOrder, tell: Move
) -> None:
    found = escalated()
    assert (found.supplier_id, found.chosen, found.warranty) == (house.supplier_id, "product", "unknown")
    assert found.place == "一厂 湖滨路 1 号" and found.device_id == house.device_id
    with unit_of_work() as s:
        s.add(Contract(number="C-0", organisation_id=house.client_id, supplier_id=house.supplier_id, level="gold",
                       starts_on=date(2020, 1, 1), ends_on=date(2021, 1, 1)))  # fmt: skip
        s.add(Contract(number="C-1", organisation_id=house.client_id, supplier_id=house.other_id, level="gold",
                       starts_on=date(2020, 1, 1)))  # fmt: skip
    by_contract = escalated()
    assert (by_contract.supplier_id, by_contract.chosen) == (house.other_id, "contract")
    assert by_contract.contract is not None and by_contract.contract.number == "C-1"
    chosen = escalated(supplier=house.supplier_id)
    assert (chosen.supplier_id, chosen.chosen) == (house.supplier_id, "person")
    bare = ours(organisation_id=None, product_id=None, device_id=None)
    for given in ({}, {"product": "no-such"}, {"supplier": house.client_id}, {"product": house.product_id, "work": "dance"},
                  {"product": house.product_id, "relation": "after"}):  # fmt: skip
        with pytest.raises(Invalid):
            tell(bare, "escalate", house.agent, reason="看看", **given)
    with pytest.raises(Invalid):
        tell(bare, "escalate", house.agent, product=house.product_id)


def test_after_waits_for_the_other(house: House, order: MakeOrder, ours: MakeTicket, move: Move) -> None:
    found = ours()
    first = order("created", found)
    second = order("planned", found, work="remote", relation="after", other=str(first.number))
    with pytest.raises(Refused, match=str(first.number)):
        move(second, "start", house.technician)
    move(first, "cancel", house.agent, reason="不用了")
    move(second, "start", house.technician)
    assert second.state == "delivering"


def test_no_ticket_ends_over_an_open_order(house: House, ours: MakeTicket, order: MakeOrder, tell: Move, move: Move) -> None:
    found = ours()
    work = order("checking", found)
    for step in ("resolve", "solve_now"):
        with pytest.raises(Refused, match="1"):
            tell(found, step, house.agent, **SOLVED)
        assert step not in {s.name for s in TICKET.offers(found, house.agent)}
    move(work, "pass", house.agent)
    tell(found, "resolve", house.agent, **SOLVED)
    assert found.state == "following_up"
    with pytest.raises(Refused):
        tell(found, "escalate", house.agent, reason="x", product=house.product_id)


def test_a_held_ticket_may_be_handed_on(house: House, ours: MakeTicket, order: MakeOrder, tell: Move) -> None:
    found = ours()
    tell(found, "hold", house.agent, party="supplier", reason="等", until="2026-03-04T09:00:00+08:00")
    assert order("created", found).ticket_id == found.id


def test_cancelling_waits_for_every_supplier_and_finishes_by_itself(
    house: House, ours: MakeTicket, order: MakeOrder, tell: Move, move: Move, drain: Drain
) -> None:
    found = ours()
    fresh, accepted, checking = order("created", found), order("scheduled", found), order("checking", found)
    tell(found, "cancel", house.agent, reason="客户撤回")
    assert (found.state, found.cancelling) == ("executing", True)
    assert (fresh.state, accepted.cancelling, checking.cancelling) == ("cancelled", True, True)
    for step, given in (("cancel", {"reason": "再来"}), ("escalate", {"reason": "x", "product": house.product_id}),
                        ("merge", {"into": 1}), ("resolve", SOLVED)):  # fmt: skip
        with pytest.raises(Refused):
            tell(found, step, house.agent, **given)
    drain()
    move(accepted, "cancel", house.dispatcher, reason="收到")
    drain()
    session().refresh(found)
    assert found.state == "executing"
    move(checking, "pass", house.agent)
    drain()
    session().refresh(found)
    assert (found.state, found.close_result, found.cancelling) == ("cancelled", "cancelled", False)


def test_a_rejected_order_of_a_cancelled_ticket_is_called_off(
    house: House, ours: MakeTicket, order: MakeOrder, tell: Move, move: Move, drain: Drain
) -> None:
    found = ours()
    work = order("created", found)
    move(work, "accept", house.dispatcher)
    tell(found, "cancel", house.agent, reason="客户撤回")
    move(work, "reject", house.dispatcher, why="area", reason="太远")
    drain()
    session().refresh(found)
    assert (work.state, found.state) == ("cancelled", "cancelled")


def test_orders_go_along_with_merges_and_find_back(house: House, ours: MakeTicket, order: MakeOrder, tell: Move, move: Move) -> None:
    one, two, three = ours(), ours(), ours()
    work = order("scheduled", one)
    tell(one, "merge", house.agent, into=two.number)
    assert [o.id for o in orders_of(two)] == [work.id] and count_open(one) == 0
    with pytest.raises(Refused):
        tell(two, "resolve", house.agent, **SOLVED)
    tell(two, "merge", house.agent, into=three.number)
    assert work.ticket_id == three.id and work.came_from == [one.id, two.id]
    tell(one, "unmerge", house.agent)
    assert work.ticket_id == one.id and work.came_from == []
    asked = ours("following_up")
    with pytest.raises(Invalid):
        tell(one, "merge", house.agent, into=asked.number)


def test_an_urge_reaches_the_orders(house: House, ours: MakeTicket, order: MakeOrder, tell: Move) -> None:
    found = ours()
    work, ended = order("scheduled", found), order("closed", found)
    tell(found, "urge", house.agent)
    first = work.urged_at
    clock.advance(timedelta(minutes=2))
    tell(found, "urge", house.agent)
    assert (work.urged, work.urged_at, ended.urged, found.urged) == (2, first, 0, 2)


def test_a_hold_wakes_itself(house: House, order: MakeOrder, move: Move, drain: Drain) -> None:
    found = order("scheduled")
    move(found, "hold", house.technician, party="part", reason="等", until="2026-03-03T09:00:00+08:00")
    drain()
    assert found.held
    clock.advance(timedelta(days=2))
    drain()
    session().refresh(found)
    assert not found.held


def test_the_customer_hears_of_the_appointment_and_the_price(
    house: House, ours: MakeTicket, order: MakeOrder, move: Move, drain: Drain, conversation: Callable[..., int]
) -> None:
    found = ours()
    with unit_of_work() as s:
        s.get_one(Ticket, found.id).contact = s.get_one(Contact, house.contact_id)
    conversation(found)
    link = session().scalars(select(TicketConversation)).one()
    account = session().get_one(Conversation, link.conversation_id).account
    with unit_of_work():
        account.settings = {"address": "desk@example.com"}
        message = receive(account, Inbound(external_id="m1", sender=Sender("email", "wang@example.com", "王建国"), subject="网关",
                                           text="过热", visible_text="过热"))  # fmt: skip
        assert message is not None
        link.conversation_id = message.conversation_id
    work = order("scheduled", found)
    drain()
    sent = list(session().scalars(select(Message).where(Message.direction == "out")))
    assert len(sent) == 1 and work.code in sent[0].text and "2026-03-03" in sent[0].text
    move(work, "reappoint", house.dispatcher, window={"from": "2026-03-05T09:00:00+08:00", "to": "2026-03-05T10:00:00+08:00"},
         party="supplier", reason="师傅病了")  # fmt: skip
    move(work, "plan", house.technician, steps="换板", warranty="out", cost="99")
    drain()
    sent = list(session().scalars(select(Message).where(Message.direction == "out").order_by(Message.id)))
    assert len(sent) == 3 and "原定" in sent[1].text
    quote = order_service.last_quote(work)
    assert quote is not None and f"/quotes/{quote.token}" in sent[2].text and quote.message_id == sent[2].id
    for language in ("zh", "en"):
        assert "99.00" in letters.price_question(work, quote, language)


def test_each_open_order_stands_in_exactly_one_list(house: House, order: MakeOrder, move: Move) -> None:
    places = ("created", "scheduled", "planned", "delivering", "checking", "closed", "cancelled", "unable")
    made = [order(state) for state in places] + [order("planned", work="remote")]
    accepted, waiting, second = order(), order(), order("delivering")
    move(accepted, "accept", house.dispatcher)
    move(waiting, "accept", house.dispatcher)
    move(waiting, "assign", house.dispatcher, technician=house.technician.id)
    move(second, "leave", house.technician, result="again")
    day = queries.Day(NOON, NOON + timedelta(days=1), NOON + timedelta(days=7))
    lists = {
        key: {o.id for o in queries.listed(house.dispatcher, queries.Wanted(view=key), day).rows} for key in queries.DERIVED
    }
    every = [o for o in [*made, accepted, waiting, second] if o.state in OPEN_ORDER]
    for one in every:
        assert sum(one.id in found for found in lists.values()) == 1, one.state
    assert sum(len(found) for found in lists.values()) == len(every)
    assert accepted.id in lists["unassigned"] and {waiting.id, second.id} <= lists["unappointed"]
    counts = queries.counts(house.dispatcher, day)
    assert all(counts[key] == len(found) for key, found in lists.items())
    assert counts["open"] == len(every)
    assert queries.counts(house.technician, day)["mine"] == len([o for o in every if o.technician_id == house.technician.id])
    assert queries.counts(house.foreign, day)["open"] == 0


def test_lists_are_paged_by_key(house: House, escalated: MakeOrder, order: MakeOrder) -> None:
    made = [escalated().id for _n in range(5)] + [order("scheduled").id]
    day = queries.Day(NOON, NOON + timedelta(days=1), NOON + timedelta(days=7))
    for view, who in (("open", house.agent), ("open", house.dispatcher)):
        seen, cursor = [], ""
        while True:
            page = queries.listed(who, queries.Wanted(view=view, cursor=cursor), day, limit=2)
            seen += [o.id for o in page.rows]
            if page.next is None:
                break
            cursor = page.next
        assert sorted(seen) == sorted(made)
    assert queries.listed(house.agent, queries.Wanted(view="open", q="网关 A1"), day).rows
    assert not queries.listed(house.dispatcher, queries.Wanted(view="open", q="王建国"), day).rows
    assert queries.listed(house.agent, queries.Wanted(view="open", cursor="junk~9"), day).rows
    assert len(queries.listed(house.technician, queries.Wanted(view="week"), day).rows) == 1


def test_the_system_may_finish_what_people_began(house: House, order: MakeOrder) -> None:
    work = order("scheduled")
    with unit_of_work():
        take(ORDER, work, "hold", house.leader, party="date", reason="停产", until=datetime(2026, 3, 4, tzinfo=UTC))
    assert work.held and WINDOW
