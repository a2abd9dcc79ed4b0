"""Pages of the ladders, one's own wishes, and the door of the SMS gateway."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core import clock
from app.core.db import session
from app.core.people import Identity, Team
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.reach import reaching
from channels.accounts import add_account, set_active
from channels.base import Inbound, Sender
from channels.models import Message, RawPayload
from channels.reaching import plans
from channels.reaching.models import ReachWish
from channels.receiving import receive
from tests.conftest import FreshClient
from workflows.models import Ticket
from workflows.opening import open_ticket

PHONE = "+8613800138000"
WORDS = {"zh": {"subject": "预约", "text": "您好，已约好。", "short": "已约好。"}}


@pytest.fixture
def sms(client: FreshClient) -> int:
    with unit_of_work():
        return add_account(SYSTEM, "sms", "sms", {"endpoint": "http://127.0.0.1:9/", "sign_name": "恒川互联", "hook_secret": "geheim"}).id


@pytest.fixture
def ticket(sms: int) -> Ticket:
    with clock.frozen(datetime(2026, 3, 2, 4, 0, tzinfo=UTC)), unit_of_work() as s:  # no quiet hours at noon in China
        mailbox = add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"})
        message = receive(mailbox, Inbound("m1", Sender("email", "wang@chenghu.example", "王工"), "跳E07", "跳E07", subject="跳E07"))
        assert message is not None and message.conversation.contact is not None
        person = message.conversation.contact
        s.add(Identity(kind="phone", value=PHONE, contact_id=person.id))
        plans.save_plan(SYSTEM, "appointment", "customer", [("wechat", 5), ("sms", 5), ("call", 0)])
        found = open_ticket(SYSTEM, subject="跳E07", channel="email", contact=person, conversation_id=message.conversation_id)
        message.conversation.token = str(found.number)
        reaching.tell_customer(found, "appointment", "k", WORDS)
    return found


def push(client: FreshClient, what: Any, secret: str = "geheim", slug: str = "sms") -> Any:
    return client.post(f"/hooks/sms/{slug}?secret={secret}", data=json.dumps(what), content_type="application/json")


UP = {"phone_number": "13800138000", "content": "改周四", "sequence_id": "1"}
REPORT = {"phone_number": "13800138000", "success": True, "biz_id": "none"}


def test_the_gateway_pushes_a_list_and_each_item_is_kept_once(client: FreshClient, sms: int) -> None:
    answer = push(client, [UP, REPORT, {"rubbish": 1}])
    assert answer.status_code == 200 and answer.json["code"] == answer.json["result"] == 0
    push(client, [UP, REPORT])
    session().rollback()
    assert [m.text for m in session().query(Message).filter(Message.account_id == sms)] == ["改周四"]
    # The report names a message that nobody has sent yet: it waits a little for the sending that it overtook.
    assert sorted(r.state for r in session().query(RawPayload)) == ["failed", "new", "parsed"]


def test_who_does_not_know_the_secret_is_refused(client: FreshClient, sms: int) -> None:
    assert push(client, UP, "wrong").status_code == push(client, UP, "").status_code == 403
    assert client.post("/hooks/sms/sms", json=UP, headers={"X-Huiyin-Secret": "geheim"}).status_code == 200
    assert push(client, UP, slug="nobody").status_code == 404
    assert push(client, "x" * 300_000).status_code == 413
    with unit_of_work():
        add_account(SYSTEM, "webchat", "site", {})
    assert push(client, UP, slug="site").status_code == 404


def test_a_stopped_account_takes_nothing(client: FreshClient, sms: int) -> None:
    with unit_of_work():
        set_active(SYSTEM, "sms", False)
    assert push(client, UP).status_code == 200 and session().query(RawPayload).count() == 0


def test_an_administrator_orders_the_ways(client: FreshClient, make_user: Callable[..., Any]) -> None:
    client.log_in(make_user("administrator"))
    page = client.get("/admin/reaching").text
    assert "原来的会话" in page or "same conversation" in page
    form = {"place-sms": "1", "minutes-sms": "5", "place-email": "2", "minutes-email": "60"}
    assert client.post("/admin/reaching/customer/rating", data=form).status_code == 303
    assert plans.plan_of("rating", "customer") == [("sms", 5), ("email", 60)]
    for wrong in ({}, {"place-sms": "x", "minutes-sms": "5"}, {"place-sms": "1", "minutes-sms": "-5"}, {"place-call": "1", "minutes-call": "0", "place-sms": "2", "minutes-sms": "5"}):
        answer = client.post("/admin/reaching/customer/rating", data=wrong)
        assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert client.post("/admin/reaching/customer/rating", data={"default": "1"}).status_code == 303
    session().rollback()
    assert plans.plan_of("rating", "customer") == list(plans.DEFAULTS["rating", "customer"])
    assert client.post("/admin/reaching/staff/rating", data=form).status_code == 404


def test_a_robot_is_given_to_a_team(client: FreshClient, make_user: Callable[..., Any]) -> None:
    client.log_in(make_user("administrator"))
    with unit_of_work() as s:
        team = Team(name="一线")
        s.add(team)
        s.flush()
        robot, other = add_account(SYSTEM, "robot", "group", {"webhook_secret": "https://robot.example/"}), add_account(SYSTEM, "webchat", "site", {})
    assert client.post("/admin/reaching/robots", data={"group": f"team:{team.id}", "account": str(robot.id)}).status_code == 303
    assert f'<option value="{robot.id}" selected>' in client.get("/admin/reaching").text
    assert client.post("/admin/reaching/robots", data={"group": f"team:{team.id}", "account": str(other.id)}).status_code == 422
    assert client.post("/admin/reaching/robots", data={"group": "team:999", "account": ""}).status_code == 404
    assert client.post("/admin/reaching/robots", data={"group": f"team:{team.id}", "account": ""}).status_code == 303


def test_the_ticket_and_the_list_show_every_rung(client: FreshClient, ticket: Ticket, make_user: Callable[..., Any]) -> None:
    client.log_in(make_user("agent"))
    page = client.get(f"/desk/tickets/{ticket.number}").text
    assert 'id="told"' in page and PHONE in page and 'class="rung skipped"' in page
    client.log_in(make_user("administrator"))
    listed = client.get("/admin/reaching/ladders").text
    assert PHONE in listed and f"/desk/tickets/{ticket.number}" in listed
    assert PHONE not in client.get("/admin/reaching/ladders?state=reached&before=x").text


def test_one_says_how_one_wants_to_be_told(client: FreshClient, make_user: Callable[..., Any]) -> None:
    user = make_user("technician")
    client.log_in(user)
    assert 'name="mobile"' in client.get("/me").text
    client.post("/me/reaching", data={"mobile": "138 0013 8000", "prefer": "sms", "ways": ["sms", "email"]})
    session().rollback()
    wish = session().query(ReachWish).one()
    assert (wish.user_id, wish.mobile, wish.prefer, wish.off) == (user.id, PHONE, "sms", ["app", "call", "template"])
    client.post("/me/reaching", data={"mobile": "1", "prefer": "sms", "ways": ["sms"]})
    client.post("/me/reaching", data={"mobile": "", "prefer": "sms", "ways": ["email"]})
    session().rollback()
    assert session().query(ReachWish).one().mobile == PHONE, "what cannot be is refused whole"
