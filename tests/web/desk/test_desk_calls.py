"""The desk's pages about calls, by a browser that is logged in, and the ring on an open page."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select

from app import realtime
from app.core.clock import now
from app.core.db import session
from app.core.directory.contacts import create_contact
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account
from channels.calls.live import read_plain
from channels.calls.models import Call
from channels.calls.storing import store_rows
from channels.models import Account
from tests.conftest import FreshClient
from workflows.call_models import CallTask
from workflows.call_tasks import open_call_task
from workflows.models import Ticket
from workflows.wrap_models import WrapUp

NUMBER = "+8619900000102"
PIECE = {"HX-Request": "true"}


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "calls", "pbx", {"secret": "a-long-secret"})


@pytest.fixture
def zhou(make_user: Callable[..., User]) -> User:
    return make_user("agent", extension="8001", display_name="周小禾")


@pytest.fixture
def tell(account: Account) -> Callable[..., Call]:
    """tell("ring", "c1") reports an event of a call as an exchange would."""

    def report(event: str, name: str = "c1", **more: Any) -> Call:
        body = {"event": event, "id": name, "caller": NUMBER, "callee": "4000000100", "direction": "inbound", "agent": "8001", "queue": "热线", **more}
        with unit_of_work():
            store_rows(account, read_plain(json.dumps(body | {"at": now().isoformat()}).encode(), ZoneInfo("UTC")).rows)
        return session().scalars(select(Call).where(Call.external_id == name)).one()

    return report


@pytest.fixture
def connect(app: Flask) -> Callable[[User], Any]:
    def open_page(user: User) -> Any:
        client = app.test_client()
        assert isinstance(client, FreshClient)
        client.log_in(user)
        return app.extensions["socketio"].test_client(app, namespace="/agent", flask_test_client=client)

    return open_page


def heard(app: Flask, page: Any) -> list[tuple[int, str]]:
    session().rollback()
    realtime.hub_of(app).poll()
    return [(m["args"][0]["call"], m["args"][0]["state"]) for m in page.get_received("/agent") if m["name"] == "ring"]


def test_it_rings_only_on_the_pages_of_the_one_whose_telephone_it_is(
    app: Flask, connect: Callable[[User], Any], zhou: User, make_user: Callable[..., User], tell: Callable[..., Call]
) -> None:
    wu = make_user("agent", extension="8002")
    mine, also_mine, theirs = connect(zhou), connect(zhou), connect(wu)
    call = tell("ring").id
    assert (heard(app, mine), heard(app, also_mine), heard(app, theirs)) == ([(call, "ring")], [(call, "ring")], [])
    tell("ring", agent="8002")
    assert heard(app, theirs) == [(call, "ring")]
    tell("answer", agent="8002")
    assert (heard(app, theirs), heard(app, mine)) == ([(call, "talk")], [(call, "gone")])
    tell("hangup", agent="8002")
    assert (heard(app, theirs), heard(app, mine)) == ([(call, "end")], [])


def test_the_card_goes_with_the_call(client: FreshClient, zhou: User, tell: Callable[..., Call]) -> None:
    client.log_in(zhou)
    assert client.get("/desk/calls/card").text == ""
    call = tell("ring")
    page = client.get("/desk/calls/card").text
    assert 'data-state="ring"' in page and "199 0000 0102" in page and f"/desk/tickets/new?call={call.id}" in page
    tell("answer")
    assert client.post(f"/desk/calls/{call.id}/note", data={"note": "风扇停了"}, headers=PIECE).status_code == 204
    assert "风扇停了" in client.get("/desk/calls/card").text
    tell("hangup")
    page = client.get(f"/desk/calls/{call.id}/card").text
    assert 'data-state="end"' in page and 'id="wrap-form"' in page and 'value="风扇停了"' in page
    done = client.post(f"/desk/wrap-ups/call/{call.id}", data={"category": "hardware", "cause": "风扇"}, headers=PIECE)
    assert done.status_code == 204 and "wrapped" in done.headers["HX-Trigger"]
    assert client.get("/desk/calls/card").text == ""
    row = session().scalars(select(WrapUp)).one()
    assert (row.category, row.note, row.user_id) == ("hardware", "风扇停了", zhou.id)


def test_a_wrap_up_without_a_category_comes_again(client: FreshClient, zhou: User, tell: Callable[..., Call]) -> None:
    client.log_in(zhou)
    for event in ("ring", "answer", "hangup"):
        call = tell(event)
    again = client.post(f"/desk/wrap-ups/call/{call.id}", data={"cause": "写到一半"}, headers=PIECE)
    assert again.status_code == 422 and "写到一半" in again.text and "选择分类" in again.text
    assert client.get("/desk/wrap-ups/session/1").status_code == 404
    assert client.get("/desk/wrap-ups/fax/1").status_code == 404


def test_a_ticket_from_a_call_in_one_form(client: FreshClient, zhou: User, tell: Callable[..., Call]) -> None:
    client.log_in(zhou)
    with unit_of_work():
        wang = create_contact(SYSTEM, name="王建平", identities=[{"kind": "phone", "value": NUMBER}])
    call = tell("ring")
    tell("answer")
    page = client.get(f"/desk/tickets/new?call={call.id}").text
    assert f'name="call" value="{call.id}"' in page and re.search(rf'name="contact" value="{wang.id}"[^>]*checked', page)
    made = client.post(
        "/desk/tickets/new",
        data={"contact": wang.id, "subject": "E07", "channel": "calls", "impact": "none", "kind": "fault", "call": call.id},
    )
    assert made.status_code == 303
    ticket = session().scalars(select(Ticket)).one()
    row = session().scalars(select(WrapUp)).one()
    assert (ticket.channel, ticket.contact_id, row.ticket_id, row.issue) == ("calls", wang.id, ticket.id, "fault")
    assert f"#{ticket.number}" in client.get(f"/desk/calls/{call.id}").text


def test_whoever_it_is_is_picked_or_added(client: FreshClient, zhou: User, tell: Callable[..., Call]) -> None:
    client.log_in(zhou)
    call = tell("ring")
    url = f"/desk/calls/{call.id}"
    assert client.post(f"{url}/contact", data={"name": " "}, headers=PIECE).status_code == 422
    assert client.post(f"{url}/contact", data={"name": "王工"}, headers=PIECE).status_code == 204
    assert "王工" in client.get(f"{url}/card").text
    assert "王工" in client.get(f"{url}/people?name=王工", headers=PIECE).text
    assert client.post(f"{url}/contact", data={"contact": 999}, headers=PIECE).status_code == 404


def test_the_queue_of_calls_to_make(client: FreshClient, zhou: User) -> None:
    client.log_in(zhou)
    assert "没有要回的电话" in client.get("/desk/calls").text
    with unit_of_work():
        task = open_call_task(SYSTEM, key="k", number=NUMBER, reason="abandoned", note="/r/AbC.secret 看看")
    page = client.get("/desk/calls").text
    assert "199 0000 0102" in page and "tel:+8619900000102" in page and "AbC.secret" not in page
    url = f"/desk/calls/tasks/{task.id}"
    assert client.post(f"{url}/take", headers=PIECE).status_code == 204
    assert "199 0000 0102" in client.get("/desk/calls?view=mine").text
    assert client.post(f"{url}/take", headers=PIECE).status_code == 409
    assert "接通了" in client.get(f"{url}/log", headers=PIECE).text
    assert client.post(f"{url}/log", data={"result": "later"}, headers=PIECE).status_code == 422
    assert client.post(f"{url}/log", data={"result": "reached", "comment": "已说明"}, headers=PIECE).status_code == 204
    page = client.get("/desk/calls?view=ended").text
    assert "接通了" in page and "已说明" in page
    assert client.post(f"{url}/reopen").status_code == 303
    assert session().scalars(select(CallTask)).one().state == "open"
    for odd in (f"{url}/dance", "/desk/calls/tasks/999/log"):
        assert client.get(odd).status_code == 404


def test_asking_for_a_call_by_hand(client: FreshClient, zhou: User) -> None:
    client.log_in(zhou)
    assert client.post("/desk/calls/tasks/new", data={"number": "abc"}, headers=PIECE).status_code == 422
    assert client.post("/desk/calls/tasks/new", data={"number": "138 0013 8000", "due": "x"}, headers=PIECE).status_code == 422
    asked = client.post("/desk/calls/tasks/new", data={"number": "138 0013 8000", "note": "说报价", "mine": "1"}, headers=PIECE)
    assert asked.status_code == 204
    task = session().scalars(select(CallTask)).one()
    assert (task.number, task.reason, task.state, task.user_id) == ("+8613800138000", "asked", "taken", zhou.id)


def test_calls_page_by_page(client: FreshClient, zhou: User, account: Account) -> None:
    client.log_in(zhou)
    with unit_of_work() as s:
        for n in range(60):
            s.add(Call(account_id=account.id, external_id=f"x{n}", direction="inbound", caller=f"1{n:03d}", number=f"+86199000{n:05d}", billsec=0,
                       outcome="abandoned" if n % 2 else "answered", started_at=now() - timedelta(minutes=n), queue="热线" if n % 3 else "投诉"))  # fmt: skip
    first = client.get("/desk/calls/log").text
    following = re.search(r'href="([^"]*cursor=[^"]*)"', first)
    assert following is not None
    second = client.get(following[1].replace("&amp;", "&")).text
    numbers = [re.findall(r"/desk/calls/(\d+)\"", page) for page in (first, second)]
    assert (len(set(numbers[0])), len(set(numbers[1]))) == (50, 10) and not set(numbers[0]) & set(numbers[1])
    assert len(set(re.findall(r"/desk/calls/(\d+)\"", client.get("/desk/calls/log?view=missed&queue=投诉").text))) == 10
    assert client.get("/desk/calls/log?cursor=nonsense").status_code == 200
    assert "没有符合条件的通话" in client.get("/desk/calls/log?q=nobody").text


def test_figures_of_the_telephone_and_the_rows_behind_them(
    client: FreshClient, make_user: Callable[..., User], zhou: User, account: Account
) -> None:
    with unit_of_work() as s:
        made = [("answered", 5, 60), ("answered", 20, 120), ("answered", 21, 300), ("abandoned", 40, 0), ("no_answer", 30, 0), ("ivr_only", None, 9)]
        for n, (outcome, wait, talk) in enumerate(made):
            s.add(Call(account_id=account.id, external_id=f"r{n}", direction="inbound", number=NUMBER, billsec=talk, outcome=outcome, wait=wait,
                       user_id=zhou.id if outcome == "answered" else None, started_at=now() - timedelta(hours=1), queue="热线", hold_s=None, wrap_up_s=30 if n == 0 else None))  # fmt: skip
        s.add(Call(account_id=account.id, external_id="o", direction="outbound", number=NUMBER, billsec=33, outcome="answered", wait=3,
                   user_id=zhou.id, started_at=now() - timedelta(hours=1)))  # fmt: skip
    client.log_in(make_user("leader"))
    page = client.get("/reports/calls").text
    cards = dict(re.findall(r'<article class="kpi"><h2><a [^>]*>([^<]+)</a></h2>\s*<p class="value"><a [^>]*>([^<]+)</a>', page))
    assert cards["接通率"] == "60.0%" and cards["20 秒接通率"] == "40.0%" and cards["放弃率"] == "20.0%"
    assert cards["通话时长（中位）"] == "2:00" and cards["话后处理（中位）"] == "0:30"
    assert "只到语音导航" in page and "1 / 1" in page
    for what, n in (("offered", 5), ("answered", 3), ("level", 2), ("late", 1), ("abandoned", 1), ("other", 1), ("talked", 4), ("out", 1), ("menu", 1), ("unwrapped", 4)):
        rows = client.get(f"/reports/calls/rows?what={what}")
        assert len(set(re.findall(r"/desk/calls/(\d+)\"", rows.text))) == n, what
    assert client.get("/reports/calls/rows?what=everything").status_code == 404
    assert len(set(re.findall(r"/desk/calls/(\d+)\"", client.get(f"/reports/calls/rows?what=offered&agent={zhou.id}").text))) == 3
    table = client.get("/reports/calls.csv").get_data(as_text=True)
    assert "0.6,0.4,0.2" in table and "热线" in table
    assert client.get("/reports/calls/rows.csv?what=abandoned").get_data(as_text=True).count("等待中挂断") == 1
    assert client.get("/reports/calls.xlsx").data[:2] == b"PK"
    assert "没有小结：4 / 4" in client.get("/desk/wrap-ups").text
    assert "75.0%" not in page


def test_only_leaders_see_everybodys_list(client: FreshClient, zhou: User, make_user: Callable[..., User], tell: Callable[..., Call]) -> None:
    for event in ("ring", "answer", "hangup"):
        tell(event)
    assert "199 0000 0102" in client.log_in(zhou).get("/desk/wrap-ups").text
    other = make_user("agent")
    assert "199 0000 0102" not in client.log_in(other).get(f"/desk/wrap-ups?agent={zhou.id}").text
    page = client.log_in(make_user("leader")).get("/desk/wrap-ups").text
    assert "199 0000 0102" in page and "周小禾" in page


def test_others_see_no_calls_that_are_not_theirs(client: FreshClient, zhou: User, make_user: Callable[..., User], tell: Callable[..., Call]) -> None:
    call = tell("ring")
    for role in ("resident", "manager"):
        client.log_in(make_user(role))
        assert client.get(f"/desk/calls/{call.id}").status_code == 404
        assert "199 0000 0102" not in client.get("/desk/calls/log").text
    assert client.log_in(make_user("client")).get("/desk/calls").status_code == 403
