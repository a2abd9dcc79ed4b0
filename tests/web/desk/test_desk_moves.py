"""Moving words, other ways to the customer, what did not go out: as agents meet them on the ticket page."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.db import session
from app.core.people import Identity, User
from app.core.permissions import SYSTEM
from app.core.tokens import create_token
from app.core.uow import unit_of_work
from channels import registry
from channels.base import Inbound, Sender
from channels.models import Account, Conversation, Message
from channels.receiving import receive
from channels.sending import queue_message
from tests.conftest import FreshClient
from tests.service.channels.test_windows import Ruled
from tests.web.desk.conftest import HTMX
from workflows.models import Ticket, TicketConversation
from workflows.move_models import MessageMove


def url(ticket: Ticket) -> str:
    return f"/desk/tickets/{ticket.number}"


def toast(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])
    return found


def message_of(ticket: Ticket) -> Message:
    rows = (
        select(Message)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(TicketConversation.ticket_id == ticket.id)
    )
    return session().scalars(rows.order_by(Message.id.desc()).limit(1)).one()


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Ruled:
    channel = Ruled()
    monkeypatch.setitem(registry.CHANNELS, "wechat", channel)  # type: ignore[misc]
    return channel


@pytest.fixture
def wechat(platform: Ruled, mail: Callable[..., Ticket]) -> tuple[Ticket, int]:
    """A ticket whose person also wrote on WeChat; the id of that conversation."""
    ticket = mail("网关离线了")
    with unit_of_work() as s:
        account = Account(kind="wechat", slug="gzh", settings={"window_messages": "2"})
        s.add(account)
        s.add(Identity(kind="openid", value="o-wang", shown="王工的微信", contact_id=ticket.contact_id))
        s.flush()
        inbound = Inbound(
            external_id="wx-1", sender=Sender("openid", "o-wang"), text="在吗", visible_text="在吗", continues=True
        )
        message = receive(account, inbound)
        assert message is not None
        s.add(TicketConversation(ticket_id=ticket.id, conversation_id=message.conversation_id))
        return ticket, message.conversation_id


def test_a_message_is_moved_with_one_form_and_taken_back(desk: FreshClient, mail: Callable[..., Ticket]) -> None:
    ticket, other = mail("网关离线了"), mail("打印机卡纸", subject="打印机")
    message = message_of(ticket)
    form = desk.get(f"{url(ticket)}/move?message={message.id}", headers=HTMX).text
    assert f"#{other.number}" in form
    assert "网关离线了" in form
    given = {"message": message.id, "what": "one", "into": str(other.number)}
    answer = desk.post(f"{url(ticket)}/move", data=given, headers=HTMX)
    assert answer.status_code == 204
    told = toast(answer)["toast"]
    assert told["text"] == f"已移到 #{other.number}"
    page = desk.get(url(other)).text
    assert "网关离线了" in page
    assert "从 #" in page
    assert desk.post(told["undo"], headers=HTMX).status_code == 204
    assert session().scalars(select(MessageMove)).one().undone_at is not None
    assert desk.get(url(ticket)).text.count("网关离线了") > 1


def test_the_form_says_what_is_wrong(desk: FreshClient, mail: Callable[..., Ticket]) -> None:
    ticket = mail("网关离线了")
    for into, said in (("99999", "没有这张工单。"), (str(ticket.number), "它本来就在这张工单里。"), ("x", "没有这张工单。")):
        answer = desk.post(f"{url(ticket)}/move", data={"what": "one", "into": into}, headers=HTMX)
        assert answer.status_code == 422
        assert said in answer.text
    answer = desk.post(f"{url(ticket)}/move", data={"what": "one", "into": "new", "subject": " "}, headers=HTMX)
    assert "写一个标题。" in answer.text


def test_nobody_moves_what_they_may_not_read(
    browser: Callable[..., FreshClient], desk: FreshClient, mail: Callable[..., Ticket]
) -> None:
    ticket, other = mail("网关离线了"), mail("打印机", subject="打印机")
    resident = browser("resident")
    assert resident.post(f"{url(ticket)}/move", data={"into": str(other.number)}, headers=HTMX).status_code == 404
    message = message_of(ticket)
    assert resident.post(f"/desk/messages/{message.id}/settled", headers=HTMX).status_code == 404
    assert resident.post(f"/desk/messages/{message.id}/proposal", data={"belongs": "yes"}, headers=HTMX).status_code == 404
    desk.post(f"{url(ticket)}/move", data={"what": "one", "into": str(other.number)}, headers=HTMX)
    move = session().scalars(select(MessageMove)).one()
    assert resident.post(f"/desk/moves/{move.id}/undo", headers=HTMX).status_code == 404


def test_a_strangers_mail_is_proposed_and_accepted_with_one_button(desk: FreshClient, mail: Callable[..., Ticket]) -> None:
    ticket = mail("网关离线了")
    own = mail("我也是", sender="zhao@elsewhere.example", subject="也离线", token=str(ticket.number))
    page = desk.get(url(own)).text
    assert f"似乎属于工单 #{ticket.number}" in page
    message = message_of(own)
    answer = desk.post(f"/desk/messages/{message.id}/proposal", data={"belongs": "yes"}, headers=HTMX)
    assert toast(answer)["toast"]["text"] == f"已并入 #{ticket.number}"
    assert "我也是" in desk.get(url(ticket)).text
    assert desk.post(f"/desk/messages/{message.id}/proposal", data={"belongs": "no"}, headers=HTMX).status_code == 409


def test_the_composer_says_what_may_still_be_sent_and_refuses_beyond(
    desk: FreshClient, wechat: tuple[Ticket, int], drain: Callable[[], int]
) -> None:
    ticket, line = wechat
    assert "还可发 2 条，剩 47 小时" in desk.get(f"{url(ticket)}/composer?conversation={line}").text
    given = {"conversation": line, "text": "请看电源灯", "note": "0"}
    assert desk.post(f"{url(ticket)}/messages", data=given, headers=HTMX).status_code == 204
    part = desk.get(f"{url(ticket)}/window?conversation={line}").text
    assert "还可发 1 条" in part
    assert "这是平台允许的最后一条" in part
    desk.post(f"{url(ticket)}/messages", data={**given, "text": "第二条"}, headers=HTMX)
    drain()
    answer = desk.post(f"{url(ticket)}/messages", data={**given, "text": "第三条"}, headers=HTMX)
    assert answer.status_code == 409
    assert "平台允许的 2 条已经发完" in answer.text
    assert "第三条" in answer.text  # what was typed is kept
    assert "用邮件 wang@client.example" in answer.text


def test_another_channel_continues_the_same_ticket(desk: FreshClient, wechat: tuple[Ticket, int]) -> None:
    ticket, line = wechat
    address = session().scalars(select(Identity).where(Identity.kind == "email")).one()
    answer = desk.post(f"{url(ticket)}/ways", data={"identity": address.id, "by": "email"}, headers=HTMX)
    back = toast(answer)["back"]
    composer = desk.get(back["url"], headers=HTMX).text
    chosen = int(back["url"].rpartition("=")[2])
    assert f'value="{chosen}" selected' in composer
    assert chosen != line
    assert desk.post(f"{url(ticket)}/ways", data={"identity": 9999, "by": "email"}, headers=HTMX).status_code == 404


def test_a_person_who_only_has_a_mail_address_gets_a_new_thread_with_the_tickets_number(
    desk: FreshClient, wechat: tuple[Ticket, int], account: Account
) -> None:
    ticket, _line = wechat
    with unit_of_work() as s:
        s.get_one(Account, account.id).settings = {"address": "support@desk.example", "smtp_host": "127.0.0.1"}
        second = Identity(kind="email", value="wang@home.example", shown="wang@home.example", contact_id=ticket.contact_id)
        s.add(second)
        s.flush()
        number = second.id
    desk.post(f"{url(ticket)}/ways", data={"identity": number, "by": "email"}, headers=HTMX)
    opened = session().scalars(select(Conversation).where(Conversation.identity_id == number)).one()
    assert (opened.token, opened.contact_id) == (str(ticket.number), ticket.contact_id)
    assert session().scalars(select(TicketConversation.ticket_id).where(TicketConversation.conversation_id == opened.id)).one() == ticket.id


def test_what_did_not_go_out_is_listed_and_dealt_with(
    desk: FreshClient, browser: Callable[..., FreshClient], wechat: tuple[Ticket, int]
) -> None:
    ticket, line = wechat
    with unit_of_work() as s:
        failed = queue_message(_agent(), s.get_one(Conversation, line), "没发出的话")
        failed.state, failed.error = "failed", "对方拒收"
        number = failed.id
    page = desk.get("/desk/unsent").text
    assert "没发出的话" in page
    assert "对方拒收" in page
    assert "没送达的消息" in desk.get("/desk").text
    assert "没发出的话" not in browser("resident").get("/desk/unsent").text
    assert "没发出的话" in browser("administrator").get("/desk/unsent?state=failed").text
    address = session().scalars(select(Identity).where(Identity.kind == "email")).one()
    moved = desk.post(f"{url(ticket)}/ways", data={"identity": address.id, "by": "email", "message": number}, headers=HTMX)
    assert moved.status_code == 204
    assert "没发出的话" in desk.get(toast(moved)["back"]["url"], headers=HTMX).text  # in the draft
    assert "没发出的话" not in desk.get("/desk/unsent").text


def _agent() -> Any:
    return session().scalars(select(User).where(User.role == "agent")).one().actor("page")


def test_the_api_tells_the_same(app: Flask, make_user: Callable[..., User], wechat: tuple[Ticket, int]) -> None:
    user = make_user("supervisor")
    with unit_of_work():
        secret = create_token(SYSTEM, user.id, "test")[1]
    client = app.test_client(use_cookies=False)
    answer = client.get(f"/api/v1/conversations/{wechat[1]}", headers={"Authorization": f"Bearer {secret}"}).get_json()
    assert (answer["reply"]["messages"], answer["reply"]["reserve"], answer["reply"]["refusal"]) == (2, 1, "")
    assert (answer["messages"][0]["kind"], answer["messages"][0]["details"]) == ("text", {})
