"""What phones, dispatchers and hostile hands send to the pages of orders."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.core.db import session
from app.core.people import User
from app.core.uow import unit_of_work
from app.web.order_forms import DESK_FORMS, FORMS
from app.web.order_show import DIRECT
from tests.conftest import FreshClient
from tests.web.test_orders import PIECE, PNG, World, schedule, step, window, world  # noqa: F401
from workflows import service
from workflows.engine import take
from workflows.models import TicketMark
from workflows.order_links import orders_of
from workflows.orders import ORDER
from workflows.orders_models import OrderEvidence
from workflows.tickets import TICKET

JSON = {"Accept": "application/json"}
NASTY = "<script>alert(1)</script>\U0001f527\x00'\""
pytestmark = pytest.mark.usefixtures("world")


def send(client: FreshClient, world: World, **given: Any) -> Any:  # noqa: F811
    return client.post(f"/orders/{world.order.number}/evidence", data=given, content_type="multipart/form-data", headers=JSON)


def test_every_step_has_a_form_or_a_button() -> None:
    assert set(FORMS) | DIRECT == ORDER.by_name.keys()
    assert not set(FORMS) & DIRECT


def test_the_queue_of_a_phone_sends_again_and_nothing_doubles(world: World, client: FreshClient) -> None:  # noqa: F811
    schedule(world)
    client.log_in(world.users["technician"])
    photo = lambda: {"kind": "photo", "client_id": "k-1", "taken_at": "2026-01-02T03:04:05Z", "file": (io.BytesIO(PNG), "../../etc/<b>.png")}  # noqa: E731
    first, again = send(client, world, **photo()), send(client, world, **photo())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["ids"] == again.json["ids"] and len(world.order.evidence) == 1
    row = world.order.evidence[0]
    assert row.taken_at is not None and row.taken_at.year == 2026
    assert row.file is not None and "/" not in row.file.name
    assert send(client, world, kind="reading", text="62 ℃", client_id="k-2", taken_at="gestern").status_code == 201
    for bad in ({"kind": "photo", "file": (io.BytesIO(b"<svg onload=1>"), "a.png")}, {"kind": "reading", "text": "  "}, {"kind": "nichts", "text": "x"}):
        refused = send(client, world, client_id="k-3", **bad)
        assert refused.status_code == 422 and refused.json["message"]
    client.log_in(world.users["foreign"])
    assert send(client, world, kind="note", text="x").status_code == 404


def test_several_pictures_and_a_checklist_without_a_script(world: World, client: FreshClient) -> None:  # noqa: F811
    schedule(world)
    step(world, "plan", "technician", steps="断电\n换风扇\n送电")
    client.log_in(world.users["technician"])
    files = [(io.BytesIO(PNG), "a.png"), (io.BytesIO(PNG), "b.png")]
    url = f"/orders/{world.order.number}/evidence"
    assert client.post(url, data={"kind": "photo", "client_id": "p", "file": files}, content_type="multipart/form-data").status_code == 303
    assert client.post(url, data={"kind": "checklist", "done": ["断电", "送电", "编造的"]}).status_code == 303
    texts = list(session().scalars(select(OrderEvidence.text).where(OrderEvidence.kind == "checklist")))
    assert texts == ["✓ 断电\n✗ 换风扇\n✓ 送电"]
    assert sum(row.kind == "photo" for row in world.order.evidence) == 2
    empty = client.post(url, data={"kind": "checklist"})
    assert empty.status_code == 422 and "<details" in empty.text


def test_one_technician_for_several_orders(world: World, client: FreshClient) -> None:  # noqa: F811
    agent = world.as_("agent")
    with unit_of_work():
        take(TICKET, world.ticket, "escalate", agent, reason="第二张", work="remote")
    first, second = orders_of(world.ticket)
    client.log_in(world.users["dispatcher"])
    page = client.get("/orders?view=unaccepted").text
    assert 'form="several"' in page and f'value="{second.number}"' in page
    tech = world.users["technician"]
    given = {"order": [first.number, second.number, 609999], "technician": tech.id, "view": "open"}
    answer = client.post("/orders/assign", data=given)
    assert answer.status_code == 303
    assert [o.technician_id for o in orders_of(world.ticket)] == [tech.id, tech.id]
    shown = client.get(answer.location).text
    assert "已派 2 张订单" in shown and "#609999" in shown
    assert "先勾选" in client.get(client.post("/orders/assign", data={"technician": tech.id}).location).text
    wrong = client.post("/orders/assign", data={"order": [first.number], "technician": world.users["foreign"].id})
    assert "没有派出" in client.get(wrong.location).text
    narrowed = client.get(f"/orders?view=open&technician={tech.id}").text
    assert str(first.number) in narrowed
    assert str(first.number) not in client.get("/orders?view=open&technician=99999").text
    client.log_in(world.users["technician"])
    assert client.post("/orders/assign", data=given).status_code == 403


def test_a_supplier_decides_about_its_mails(world: World, client: FreshClient) -> None:  # noqa: F811
    user = world.users["dispatcher"]
    client.log_in(user)
    assert "没有登记邮箱" in client.get("/orders").text
    with unit_of_work() as s:
        s.get_one(User, user.id).email = "d@supplier.example"
    assert "d@supplier.example" in client.get("/orders").text
    assert client.post("/orders/mail", data={"wanted": "0"}).status_code == 303
    assert session().get_one(User, user.id).order_mail is False
    assert "订单邮件关着" in client.get("/orders").text


def test_the_red_dot_stands_until_something_is_done(world: World, client: FreshClient) -> None:  # noqa: F811
    with unit_of_work():
        take(TICKET, world.ticket, "urge", world.as_("agent"))
    client.log_in(world.users["dispatcher"])
    assert "reddot" in client.get("/orders?view=open").text
    step(world, "accept", "dispatcher")
    assert "reddot" not in client.get("/orders?view=open").text


def test_nothing_that_is_typed_into_a_step_runs_or_gets_lost(world: World, client: FreshClient) -> None:  # noqa: F811
    step(world, "accept", "dispatcher")
    address = f"/orders/{world.order.number}"
    client.log_in(world.users["dispatcher"])
    clean = NASTY.replace("\x00", "")
    for name, form in FORMS.items():
        stale = client.post(f"{address}/steps/{name}", data={f.name: NASTY for f in form.fields} | {"version": 1}, headers=PIECE)
        assert 400 <= stale.status_code < 500, name
        assert "<script>alert" not in stale.text and "Traceback" not in stale.text, name
        if any(f.kind == "textarea" for f in form.fields):
            assert "&lt;script&gt;" in stale.text and clean[-2:].replace("'", "&#39;").replace('"', "&#34;") in stale.text, name
    client.log_in(world.users["agent"])
    for name, form in DESK_FORMS.items():
        if name != "judge":
            answer = client.post(f"{address}/desk/{name}", data={f.name: NASTY for f in form.fields} | {"version": 1}, headers=PIECE)
            assert 400 <= answer.status_code < 500 and "<script>alert" not in answer.text, name


def test_missing_fields_are_named(world: World, client: FreshClient) -> None:  # noqa: F811
    step(world, "accept", "dispatcher")
    client.log_in(world.users["dispatcher"])
    for name in ("assign", "appoint", "hold", "extend"):
        answer = client.post(f"/orders/{world.order.number}/steps/{name}", data={}, headers=PIECE)
        assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text or "wrong" in answer.text, name
    foreign = client.post(f"/orders/{world.order.number}/steps/assign", data={"technician": world.users["foreign"].id}, headers=PIECE)
    assert foreign.status_code == 422 and "没有这位师傅" in foreign.text


def test_the_script_that_works_without_a_line_may_serve_orders_alone(client: FreshClient) -> None:
    answer = client.get("/orders/worker.js")
    assert answer.status_code == 200 and answer.headers["Service-Worker-Allowed"] == "/orders"
    assert "javascript" in answer.mimetype and "no-cache" in answer.headers["Cache-Control"]


def test_the_place_may_be_asked_for_on_an_order_alone(world: World, client: FreshClient) -> None:  # noqa: F811
    schedule(world)
    client.log_in(world.users["technician"])
    assert "geolocation=(self)" in client.get(f"/orders/{world.order.number}").headers["Permissions-Policy"]
    assert "geolocation=()" in client.get("/orders").headers["Permissions-Policy"]
    client.post(f"/orders/{world.order.number}/steps/arrive", data={"place": "31.2304,121.4737"}, headers=PIECE)
    assert world.order.visits[-1].place == "31.2304,121.4737"


def test_a_supervision_is_answered(world: World, client: FreshClient, make_user: Callable[..., User]) -> None:  # noqa: F811
    leader = make_user("leader")
    with unit_of_work():
        take(TICKET, world.ticket, "supervise", leader.actor("test"), reason="客户很急", until=window()["to"])
    mark = session().scalar(select(TicketMark).where(TicketMark.kind == "supervise"))
    assert mark is not None
    url = f"/desk/tickets/{world.ticket.number}/supervisions/{mark.id}"
    client.log_in(world.users["agent"])
    assert url in client.get(f"/desk/tickets/{world.ticket.number}").text
    assert client.get(url, headers=PIECE).status_code == 200
    assert client.post(url, data={"text": " "}, headers=PIECE).status_code == 422
    assert client.post(url, data={"text": "今天 15 点前到场"}, headers=PIECE).status_code == 204
    assert (mark.decision, mark.answer) == ("answered", "今天 15 点前到场")
    assert client.post(url, data={"text": "再答"}, headers=PIECE).status_code == 409
    assert client.post(url.replace(str(mark.id), "999"), data={"text": "x"}, headers=PIECE).status_code == 404


def test_a_hold_ends_with_the_word_of_whom_it_waits_for(world: World) -> None:  # noqa: F811
    agent, colleague = world.as_("agent"), world.as_("resident")
    with unit_of_work():
        take(TICKET, world.ticket, "hold", agent, party="colleague", reason="问二线", until=window()["to"])
        service.add_note(agent, world.ticket, "我自己的备注")
        assert world.ticket.held
        service.add_note(colleague, world.ticket, "固件 2.1 有此问题")
        assert not world.ticket.held


def test_a_checklist_is_worked_off_or_skipped_with_a_reason(world: World, client: FreshClient) -> None:  # noqa: F811
    agent = world.as_("agent")
    order = world.order
    with unit_of_work():
        take(ORDER, order, "cancel", agent, reason="不用了")
    client.log_in(world.users["agent"])
    url = f"/desk/tickets/{world.ticket.number}/steps/resolve"
    given = {"resolution": "开好了", "kind": "provision", "category": "account"}
    missing = client.post(url, data=given | {"boxes": ["opened"]}, headers=PIECE)
    assert missing.status_code == 422 and "没勾的步骤" in missing.text
    assert 'value="opened" checked' in missing.text and 'value="entitled"' in missing.text
    assert client.post(url, data=given | {"boxes": ["opened"], "skipped": "客户已有合同"}, headers=PIECE).status_code == 204
    assert world.ticket.boxes == {"entitled": "客户已有合同", "opened": "", "told": "客户已有合同"}
