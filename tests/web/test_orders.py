"""Pages of service orders: who sees which, what stays covered, and forms that keep what was typed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.core.catalogue import Product
from app.core.clock import now
from app.core.installed_base import Device, Site
from app.core.people import Contact, Identity, Organisation, User
from app.core.uow import unit_of_work
from app.live.watching import may_watch
from tests.conftest import FreshClient
from workflows import order_service, service
from workflows.engine import take
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.order_links import orders_of
from workflows.orders import ORDER
from workflows.orders_models import ServiceOrder
from workflows.tickets import TICKET

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
PIECE = {"HX-Request": "true"}


@dataclass
class World:
    users: dict[str, User]
    ticket: Ticket
    order: ServiceOrder

    def as_(self, name: str) -> Any:
        return self.users[name].actor("test")


@pytest.fixture
def world(app: Flask, make_user: Callable[..., User]) -> World:
    with unit_of_work() as s:
        orgs = [Organisation(kind=k, name=n) for k, n in (("platform", "平台"), ("supplier", "宏控"), ("supplier", "拓联"), ("client", "澄湖"))]
        s.add_all(orgs)
        s.flush()
        platform, supplier, other, client = orgs
        product = Product(code="HK-V20", name="变频器", supplier_id=supplier.id)
        foreign = Product(code="TL-G300", name="网关", supplier_id=other.id)
        site = Site(organisation_id=client.id, name="一厂")
        contact = Contact(name="王建国", organisation_id=client.id)
        s.add_all([product, foreign, site, contact])
        s.flush()
        s.add(Identity(kind="phone", value="+8619900000001", contact_id=contact.id))
        s.add(device := Device(organisation_id=client.id, site_id=site.id, product_id=product.id, serial="SN-77"))
    users = {
        "dispatcher": make_user("dispatcher", organisation=supplier), "technician": make_user("technician", organisation=supplier),
        "foreign": make_user("dispatcher", organisation=other), "colleague": make_user("technician", organisation=supplier),
        "agent": make_user("agent"), "resident": make_user("resident", organisation=supplier),
        "stranger": make_user("resident", organisation=other), "manager": make_user("manager"),
    }  # fmt: skip
    agent = users["agent"].actor("test")
    with unit_of_work() as s:
        ticket = open_ticket(agent, subject="变频器过热", channel="email", contact=s.get_one(Contact, contact.id),
                             product_id=product.id, device_id=device.id, organisation_id=client.id)  # fmt: skip
        take(TICKET, ticket, "dispatch", agent, assignee=agent.id)
        take(TICKET, ticket, "start", agent)
        service.add_note(agent, ticket, "内部备注：客户很急")
        take(TICKET, ticket, "escalate", agent, reason="检查风扇")
    return World(users, ticket, orders_of(ticket)[0])


def step(world: World, name: str, who: str, **given: Any) -> None:
    with unit_of_work():
        take(ORDER, world.order, name, world.as_(who), **given)


def window() -> dict[str, Any]:
    return {"from": now() + timedelta(hours=1), "to": now() + timedelta(hours=3)}


def schedule(world: World) -> None:
    step(world, "accept", "dispatcher")
    step(world, "assign", "dispatcher", technician=world.users["technician"].id)
    step(world, "appoint", "dispatcher", window=window())


def test_each_sees_their_own(world: World, client: FreshClient) -> None:
    schedule(world)
    address = f"/orders/{world.order.number}"
    wanted = {"dispatcher": 200, "technician": 200, "foreign": 404, "colleague": 404, "agent": 200, "resident": 200,
              "stranger": 404, "manager": 404}  # fmt: skip
    for name, status in wanted.items():
        client.log_in(world.users[name])
        assert client.get(address).status_code == status, name
        listed = client.get("/orders?view=" + ("mine" if name in ("technician", "colleague") else "open"))
        assert (str(world.order.number) in listed.text) == (status == 200), name
        if status == 404:
            assert client.get(f"{address}/steps/plan").status_code == 404
            assert client.post(f"{address}/steps/plan", data={"steps": "x"}).status_code == 404
            assert client.post(f"{address}/evidence", data={"kind": "note", "text": "x"}).status_code in (403, 404)
        assert may_watch(world.as_(name), "order", world.order.id) == (status == 200)


def test_the_customer_stays_covered_until_accepted_and_notes_always(world: World, client: FreshClient) -> None:
    address = f"/orders/{world.order.number}"
    client.log_in(world.users["dispatcher"])
    for page in (address, "/orders"):
        shown = client.get(page).text
        assert "王建国" not in shown and "19900000001" not in shown and "王**" in shown
    assert "接单后可见" in client.get(address).text
    step(world, "accept", "dispatcher")
    shown = client.get(address).text
    assert "王建国" in shown and "19900000001" in shown and "SN-77" in shown
    assert "内部备注" not in shown and world.order.code not in shown
    client.log_in(world.users["agent"])
    assert world.order.code in client.get(address).text


def test_from_accepting_to_closing_through_the_pages(world: World, client: FreshClient) -> None:
    address = f"/orders/{world.order.number}"
    begin, end = ((now() + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M") for n in (30, 32))
    way: list[tuple[str, str, dict[str, Any]]] = [
        ("dispatcher", "accept", {}),
        ("dispatcher", "assign", {"technician": world.users["technician"].id}),
        ("dispatcher", "appoint", {"window_from": begin, "window_to": end}),
        ("technician", "plan", {"steps": "断电\n换风扇", "parts": "风扇 ×1", "warranty": "in", "cost": ""}),
        ("technician", "depart", {}),
        ("technician", "arrive", {}),
        ("technician", "start", {}),
    ]
    for who, name, data in way:
        client.log_in(world.users[who])
        if name not in ("accept", "depart", "arrive", "start"):
            assert client.get(f"{address}/steps/{name}", headers=PIECE).status_code == 200
        answer = client.post(f"{address}/steps/{name}", data=data, headers=PIECE)
        assert answer.status_code == 204 and f"changed:order:{world.order.id}" in answer.headers["HX-Trigger"], name
    photo = {"kind": "photo", "text": "换好了", "file": (io.BytesIO(PNG), "after.png")}
    assert client.post(f"{address}/evidence", data=photo, content_type="multipart/form-data").status_code == 303
    link = next(part for part in client.get(address).text.split('"') if part.startswith(f"{address}/files/"))
    picture = client.get(link)
    assert picture.mimetype == "image/png" and picture.data == PNG
    client.log_in(world.users["foreign"])
    assert client.get(link).status_code == 404
    client.log_in(world.users["technician"])
    given = {"solution": "换了风扇", "code": world.order.code}
    assert client.post(f"{address}/steps/deliver", data=given, headers=PIECE).status_code == 204
    assert client.post(f"{address}/steps/pass", headers=PIECE).status_code == 403
    client.log_in(world.users["agent"])
    assert "待验收" in client.get("/orders").text
    assert client.post(f"{address}/steps/pass").location == address
    assert "换了风扇" in client.get(address).text


def test_refused_forms_keep_what_was_typed(world: World, client: FreshClient) -> None:
    schedule(world)
    address = f"/orders/{world.order.number}"
    client.log_in(world.users["technician"])
    again = client.post(f"{address}/steps/plan", data={"steps": "拆柜子", "cost": "很多"}, headers=PIECE)
    assert again.status_code == 422 and "拆柜子" in again.text and "1200.50" in again.text
    stale = client.post(f"{address}/steps/plan", data={"steps": "拆柜子", "version": 1}, headers=PIECE)
    assert stale.status_code == 412 and "拆柜子" in stale.text
    refused = client.post(f"{address}/steps/start", headers=PIECE)
    assert refused.status_code == 409 and refused.text == ""
    late = client.post(f"{address}/steps/reject", data={"why": "other", "reason": "不想去"})
    assert late.status_code in (403, 409)
    client.log_in(world.users["dispatcher"])
    again = client.post(f"{address}/steps/reappoint", data={"window_from": "morgen", "party": "weather", "reason": "台风"}, headers=PIECE)
    assert again.status_code == 422 and "台风" in again.text
    assert client.get(f"{address}/steps/nothing").status_code == 404
    assert client.post(f"{address}/steps/nothing").status_code == 404
    whole = client.get(f"{address}/steps/hold")
    assert "<html" in whole.text and "停机窗口" in whole.text


def test_evidence_that_is_refused_comes_again(world: World, client: FreshClient) -> None:
    schedule(world)
    client.log_in(world.users["technician"])
    bad = {"kind": "photo", "text": "看这里", "file": (io.BytesIO(b"<script>"), "a.png")}
    answer = client.post(f"/orders/{world.order.number}/evidence", data=bad, content_type="multipart/form-data")
    assert answer.status_code == 422 and "看这里" in answer.text and "PNG" in answer.text


def test_wrong_codes_are_counted(world: World, client: FreshClient) -> None:
    schedule(world)
    for name, given in (("plan", {"steps": "换"}), ("depart", {}), ("arrive", {}), ("start", {})):
        step(world, name, "technician", **given)
    with unit_of_work():
        order_service.add_evidence(world.as_("technician"), world.order, kind="photo", content=PNG)
    client.log_in(world.users["technician"])
    wrong = "000000" if world.order.code != "000000" else "111111"
    for _try in range(2):
        answer = client.post(f"/orders/{world.order.number}/steps/deliver", data={"solution": "好了", "code": wrong}, headers=PIECE)
        assert answer.status_code == 409 and "好了" in answer.text
    assert world.order.code_tries == 2


def test_a_rejection_leads_back_and_the_platform_judges(world: World, client: FreshClient) -> None:
    address = f"/orders/{world.order.number}"
    client.log_in(world.users["dispatcher"])
    away = client.post(f"{address}/steps/reject", data={"why": "not_ours", "reason": "电网谐波"}, headers=PIECE)
    assert away.status_code == 204 and away.headers["HX-Redirect"] == "/orders"
    assert client.get(address).status_code == 404
    client.log_in(world.users["agent"])
    assert "非我方责任" in client.get(address).text and str(world.order.number) in client.get("/orders?view=judge").text
    mark = next(part for part in client.get(address).text.split('"') if part.startswith(f"{address}/marks/"))
    assert client.get(mark, headers=PIECE).status_code == 200
    assert client.post(mark, data={"answer": "refused", "reason": ""}, headers=PIECE).status_code == 422
    assert client.post(mark, data={"answer": "refused", "reason": "波形正常"}, headers=PIECE).status_code == 204
    client.log_in(world.users["dispatcher"])
    assert "电网谐波" in client.get(address).text


def test_the_desk_hands_over_and_proposes(world: World, client: FreshClient) -> None:
    address = f"/orders/{world.order.number}"
    client.log_in(world.users["agent"])
    other = world.users["foreign"].organisation_id
    for what, data in (("hand_over", {"supplier": "x", "reason": "y"}), ("propose", {}), ("quote", {"answer": "confirmed", "reason": "电话"})):
        assert client.get(f"{address}/desk/{what}", headers=PIECE).status_code == 200
        assert client.post(f"{address}/desk/{what}", data=data, headers=PIECE).status_code in (409, 422)
    assert client.get(f"{address}/desk/judge").status_code == 404
    assert client.post(f"{address}/desk/hand_over", data={"supplier": other, "reason": "换一家"}, headers=PIECE).status_code == 204
    client.log_in(world.users["foreign"])
    assert "换一家" not in client.get(address).text  # what was before is not theirs
    step(world, "accept", "foreign")
    client.log_in(world.users["agent"])
    assert client.post(f"{address}/desk/propose", data={"reason": "客户撤回"}, headers=PIECE).status_code == 204
    client.log_in(world.users["foreign"])
    assert "客户撤回" in client.get(address).text
    assert client.post(f"{address}/steps/cancel", data={"reason": "收到"}, headers=PIECE).status_code == 204


def test_the_ticket_shows_its_orders(world: World, client: FreshClient) -> None:
    client.log_in(world.users["agent"])
    page = client.get(f"/desk/tickets/{world.ticket.number}").text
    assert f"/orders/{world.order.number}" in page and "还有 1 张服务订单" in page
    part = client.get(f"/desk/tickets/{world.ticket.number}/orders").text
    assert "宏控" in part and f"changed:order:{world.order.id}" in part
    given = {"work": "remote", "reason": "远程看参数", "supplier": world.users["foreign"].organisation_id, "relation": "after", "other": world.order.number}
    assert client.get(f"/desk/tickets/{world.ticket.number}/steps/escalate", headers=PIECE).status_code == 200
    answer = client.post(f"/desk/tickets/{world.ticket.number}/steps/escalate", data=given, headers=PIECE)
    assert answer.status_code == 204
    assert "拓联" in client.get(f"/desk/tickets/{world.ticket.number}/orders").text


def test_a_price_is_answered_behind_its_link_without_a_login(world: World, client: FreshClient) -> None:
    schedule(world)
    step(world, "plan", "technician", steps="换主板", parts="主板", warranty="out", cost="1200.5")
    quote = order_service.last_quote(world.order)
    assert quote is not None
    address = f"/quotes/{quote.token}"
    assert client.get("/quotes/" + "x" * 32).status_code == 404
    shown = client.get(address).text
    assert "¥1,200.50" in shown and "换主板" in shown
    assert client.post(address, data={"remark": "先问问"}).status_code == 422
    assert client.post(address, data={"answer": "confirmed", "remark": "可以"}).status_code == 303
    assert "已同意" in client.get(address).text and world.order.quote == "confirmed"
    assert client.post(address, data={"answer": "refused"}).status_code == 409


def test_cancelling_a_ticket_says_that_it_waits(world: World, client: FreshClient) -> None:
    step(world, "accept", "dispatcher")
    client.log_in(world.users["agent"])
    address = f"/desk/tickets/{world.ticket.number}"
    answer = client.post(f"{address}/steps/cancel", data={"reason": "客户撤回"}, headers=PIECE)
    assert answer.status_code == 204 and "\\u63d0\\u8bae" in answer.headers["HX-Trigger"]
    page = client.get(address).text
    assert "正在撤单" in page and "提议撤单，等供应商确认" in page
    client.log_in(world.users["dispatcher"])
    assert "客户撤回" in client.get(f"/orders/{world.order.number}").text


def test_in_english_nothing_empty_is_looked_up(world: World, client: FreshClient) -> None:
    schedule(world)
    client.log_in(world.users["technician"])
    page = client.get(f"/orders/{world.order.number}", headers={"Accept-Language": "en"}).text
    assert 'lang="en"' in page and "Project-Id-Version" not in page
