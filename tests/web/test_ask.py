"""/ask: a request written on the portal becomes one conversation and one ticket, whatever happens on the way."""

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.clock import now
from app.core.db import session
from app.core.files import StoredFile
from app.core.installed_base import Device
from app.core.people import Contact, Identity, Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.replies import reply
from app.routing import rules as routing
from app.web.security import limiter
from channels import email as mail_channel
from channels.accounts import add_account
from channels.base import Inbound, Sender
from channels.counters import set_counter
from channels.events import MessageReceived
from channels.models import Account, Conversation, Message, RawPayload
from channels.receiving import receive
from tests.conftest import FreshClient
from tests.web.knowledge_house import House
from workflows.engine import take
from workflows.models import FollowUp, Ticket, TicketNote
from workflows.tickets import TICKET

MakeUser = Callable[..., User]
Drain = Callable[[], int]
WORDS = "三号线的网关离线了\n换过卡，绿灯不亮"
FORM = {"text": WORDS, "impact": "machine_down", "name": "李秀兰", "email": "Li@Customer.example", "once": "a"}


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, app: Flask) -> list[tuple[str, str]]:
    """A mailbox to write from, and what it sent: (to, content)."""
    sent: list[tuple[str, str]] = []

    def hand_over(settings: Any, to: str, content: bytes) -> str:
        sent.append((to, content.decode("ascii")))
        return "250 taken"

    monkeypatch.setattr(mail_channel, "_hand_over", hand_over)
    with unit_of_work():
        add_account(SYSTEM, "email", "support", {"address": "help@desk.example", "smtp_host": "nowhere.example"})
    return sent


def ticket() -> Ticket:
    session().rollback()
    return session().scalars(select(Ticket)).one()


def count(model: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model)) or 0


def bodies(post: list[tuple[str, str]]) -> list[str]:
    from email import message_from_string, policy

    return [message_from_string(text, policy=policy.default).get_body(("plain",)).get_content() for _, text in post]  # type: ignore[union-attr]


def test_a_request_becomes_a_ticket_with_all_that_was_said(client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain) -> None:
    files = [(io.BytesIO(b"log"), "gate\u202eway.log"), (io.BytesIO(b"\x89PNG\r\n\x1a\n"), "../foto.png")]
    answer = client.post("/ask", data={**FORM, "product": str(house.gateway.id), "serial": "SN1", "phone": "13800138000", "files": files})
    assert answer.status_code == 303
    row = ticket()
    assert (row.subject, row.kind, row.impact, row.priority, row.channel) == ("三号线的网关离线了", "fault", "machine_down", "P2", "portal")
    assert row.product_id == house.gateway.id and row.contact is not None and row.contact.name == "李秀兰"
    assert session().scalars(select(StoredFile.name).order_by(StoredFile.id)).all() == ["gateway.log", "_foto.png"]
    notes = "\n".join(session().scalars(select(TicketNote.text)))
    assert "SN1" in notes and "+8613800138000" in notes
    page = client.get(answer.location).text
    assert f"编号 {row.number}" in page and "换过卡，绿灯不亮" in page and "SN1" not in page, "notes stay inside"
    assert f"编号 {row.number}" not in client.get(answer.location).text, "said once"
    drain()
    assert count(Ticket) == 1
    (letter,) = bodies(post)
    assert post[0][0] == "li@customer.example" and str(row.number) in letter and answer.location in letter
    assert "绿灯不亮" not in letter, "a receipt repeats nothing: the address may be a stranger's"


def test_no_mail_is_promised_where_none_can_leave(client: FreshClient, house: House) -> None:
    said = client.get(client.post("/ask", data=FORM).location).text
    assert "编号" in said and "请收藏这个页面" in said and "已发到你的邮箱" not in said


def test_mail_is_promised_where_it_can_leave(client: FreshClient, house: House, post: list[tuple[str, str]]) -> None:
    assert "已发到你的邮箱" in client.get(client.post("/ask", data=FORM).location).text


@pytest.mark.parametrize("name", ["中奖了 http://evil.example", "领奖\nwww.evil.example", "加微信 evil123", "请" * 100])
def test_a_receipt_carries_nothing_that_somebody_typed(
    client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain, name: str
) -> None:
    client.post("/ask", data={**FORM, "text": "点击 http://evil.example 领奖", "name": name})
    drain()
    from email import message_from_string, policy

    mail = message_from_string(post[0][1], policy=policy.default)
    assert str(mail["To"]) == "li@customer.example" and str(ticket().number) in str(mail["Subject"])
    for sign in ("evil", "领奖", "微信", "请" * 9):
        assert sign not in f"{mail['Subject']} {mail['To']} {bodies(post)[0]}"


def test_sent_twice_it_is_one_request(client: FreshClient, house: House) -> None:
    first, second = (client.post("/ask", data=FORM).location for _ in range(2))
    assert first == second and count(Ticket) == 1 and count(Message) == 1
    client.post("/ask", data={**FORM, "once": "b"})
    client.post("/ask", data={**FORM, "text": WORDS + "。还有一台"})
    assert count(Ticket) == 3


def test_sent_twice_at_the_same_moment_it_is_one_request(app: Flask, house: House) -> None:
    def send(_: int) -> tuple[int, str]:
        with app.app_context():
            answer = app.test_client().post("/ask", data=FORM)
            return answer.status_code, answer.location

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(send, range(4)))
    assert len(answers) == 1 and answers.pop()[0] == 303
    assert count(Ticket) == 1 and count(Message) == 1 and count(RawPayload) == 1


def test_the_worker_opens_the_ticket_where_the_page_was_stopped(
    client: FreshClient, house: House, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(message: Message) -> Ticket:
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr("app.asking.open_request", stopped)
        with pytest.raises(RuntimeError):
            client.post("/ask", data=FORM)
    assert count(Ticket) == 0 and count(Message) == 1
    drain()
    assert (ticket().impact, ticket().channel) == ("machine_down", "portal")
    assert client.post("/ask", data=FORM).status_code == 303
    assert count(Ticket) == 1


def test_the_worker_after_the_page_changes_nothing(client: FreshClient, house: House, actor: Callable[..., Any]) -> None:
    """Also when it comes so late that the ticket was solved meanwhile."""
    client.post("/ask", data=FORM)
    agent = actor("agent")
    row = ticket()
    with unit_of_work() as s:
        wrap_up = {"category": "connection", "cause": "换卡"}
        take(TICKET, s.get_one(Ticket, row.id), "solve_now", agent, resolution="改了 APN。", wrap_up=wrap_up)
        message = s.scalars(select(Message).where(Message.direction == "in")).one()
        routing.route_message(MessageReceived(message.conversation_id, 1, message.id, False))
    assert ticket().state == "following_up" and count(Ticket) == 1


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"text": "  "}, "写下发生了什么"),
        ({"text": "长" * 9000}, "太长了"),
        ({"impact": ""}, "选一项"),
        ({"impact": "world_end"}, "选一项"),
        ({"email": "", "phone": ""}, "留一个邮箱或手机号"),
        ({"email": "li@@x"}, "邮箱地址要像"),
        ({"email": "", "phone": "abc"}, "没有电话号码"),
        ({"product": "99999"}, "没有这个产品"),
        ({"product": "'; drop"}, "没有这个产品"),
        ({"kind": "party"}, "没有这个类别"),
    ],
)
def test_an_error_says_what_and_loses_nothing(client: FreshClient, house: House, given: dict[str, str], wrong: str) -> None:
    answer = client.post("/ask", data={**FORM, "serial": "SN-77", "files": (io.BytesIO(b"x"), "a.log"), **given})
    assert answer.status_code == 422 and wrong in answer.text and answer.mimetype == "text/html"
    assert "SN-77" in answer.text and "李秀兰" in answer.text and "文件要重新选" in answer.text
    assert count(Ticket) == count(RawPayload) == 0


def test_too_many_or_too_large_files_are_refused_in_words(client: FreshClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(io.BytesIO(b"x"), f"{n}.log") for n in range(9)]
    assert "最多 6 个文件" in client.post("/ask", data={**FORM, "files": many}).text
    monkeypatch.setattr("app.asking.LARGEST_FILE", 3)
    assert "最大 10 MB" in client.post("/ask", data={**FORM, "files": (io.BytesIO(b"xxxx"), "a.log")}).text
    assert count(Ticket) == 0


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "🔥💥", "a\x00b\ud800c", "' OR 1=1 --", "%(n)s %s {{ 7*7 }}"])
def test_odd_words_are_only_words(client: FreshClient, house: House, text: str) -> None:
    answer = client.post("/ask", data={**FORM, "text": text.encode("utf-8", "surrogatepass"), "name": text.encode("utf-8", "surrogatepass")})
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert "<script>alert" not in page and ">49<" not in page


@pytest.mark.parametrize(
    "query", ["device=no-such", "device=%00", "article=nix", "product=nix", "q=" + "长" * 999, "q=%ED%A0%80", "article=..%2F..%2Fetc", "product=1&device=%F0%9F%94%A5"]
)
def test_odd_addresses_show_the_form(client: FreshClient, house: House, query: str) -> None:
    page = client.get(f"/ask?{query}")
    assert page.status_code == 200 and 'name="impact"' in page.text


def test_the_words_and_the_article_that_did_not_help_go_along(client: FreshClient, house: House) -> None:
    client.post("/articles/g300-e07/verdict", data={"solved": "0", "missing": "我的屏幕上没有这个菜单", "q": "网关离线"})
    article = client.get("/articles/g300-e07?q=网关离线").text
    link = re.search(r'href="(/ask\?[^"]+)"', article)
    assert link
    page = client.get(link[1].replace("&amp;", "&")).text
    assert "网关离线\n我的屏幕上没有这个菜单</textarea>" in page and "TL-G300 报 E07：没有 SIM 卡" in page
    client.post("/ask", data={**FORM, "article": "g300-e07"})
    assert "TL-G300 报 E07：没有 SIM 卡" in "".join(session().scalars(select(TicketNote.text)))


def test_answers_are_offered_without_javascript_too(client: FreshClient, house: House) -> None:
    page = client.get("/ask?q=变频器过热").text
    assert "/articles/v20-e07" in page and 'name="step"' in page
    again = client.post("/ask", data={**FORM, "text": "变频器过热", "step": "look"})
    assert again.status_code == 200 and again.mimetype == "text/html" and "/articles/v20-e07" in again.text and "李秀兰" in again.text
    assert count(Ticket) == 0
    inside = client.post("/ask", data={**FORM, "text": "坐席先问产品 口令 卡座批次", "step": "look"}).text
    assert not {"ask-e07", "batch", "chenghu-only"} & set(re.findall(r"/articles/([\w-]+)", inside))


def test_a_scanned_code_fills_in_the_machine(client: FreshClient, house: House) -> None:
    with unit_of_work() as s:
        device = Device(organisation_id=house.client.id, product_id=house.drive.id, serial="HK1", model="HK-V20", tag="tag-of-hk1")
        s.add(device)
    page = client.get("/ask?device=tag-of-hk1").text
    assert "HK-V20 HK1" in page and "澄湖" not in page, "the code tells the machine, not whose it is"
    client.post("/ask", data={**FORM, "device": "tag-of-hk1"})
    row = ticket()
    assert (row.device_id, row.product_id, row.organisation_id) == (device.id, house.drive.id, house.client.id)


def test_a_guessed_serial_number_leads_to_nobodys_machine(client: FreshClient, house: House) -> None:
    with unit_of_work() as s:
        device = Device(organisation_id=house.client.id, product_id=house.drive.id, serial="HK1")
        contact = Contact(name="王工", organisation_id=house.client.id)
        s.add_all([device, contact])
        s.flush()
        s.add(Identity(kind="email", value="wang@chenghu.example", contact_id=contact.id))
    client.post("/ask", data={**FORM, "serial": "HK1"})
    assert ticket().device_id is None and ticket().organisation_id is None
    client.post("/ask", data={**FORM, "serial": "HK1", "email": "wang@chenghu.example"})
    mine = session().scalars(select(Ticket).order_by(Ticket.id.desc())).first()
    assert mine is not None and mine.device_id == device.id


def test_who_types_a_strangers_address_changes_nothing_of_theirs(client: FreshClient, house: House) -> None:
    with unit_of_work() as s:
        contact = Contact(name="", organisation_id=house.client.id)
        s.add(contact)
        s.flush()
        s.add(Identity(kind="phone", value="+8613800138000", contact_id=contact.id, verified=True))
    client.post("/ask", data={**FORM, "phone": "13800138000", "email": "", "name": "骗子"})
    client.post("/ask", data={**FORM, "phone": "13800138000", "email": "thief@evil.example"})
    session().rollback()
    known = session().get_one(Contact, contact.id)
    assert known.name == "" and [i.kind for i in known.identities] == ["phone"], "no address is hung on somebody else"


def test_the_answer_goes_out_by_mail_and_the_reply_comes_back_to_it(
    client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain, actor: Callable[..., Any]
) -> None:
    link = client.post("/ask", data=FORM).location
    drain()
    agent = actor("agent", display_name="周小禾")
    row = ticket()
    with unit_of_work() as s:
        conversation = s.scalars(select(Conversation)).one()
        take(TICKET, s.get_one(Ticket, row.id), "dispatch", agent, assignee=agent.id)
        take(TICKET, s.get_one(Ticket, row.id), "start", agent)
        sent = reply(agent, s.get_one(Ticket, row.id), conversation, "请看 APN。")
    drain()
    assert "请看 APN" in bodies(post)[-1] and "绿灯不亮" in bodies(post)[-1]
    assert "请看 APN" in client.get(link).text
    with unit_of_work() as s:
        support = s.scalars(select(Account).where(Account.kind == "email")).one()
        receive(support, Inbound("r1@customer.example", Sender("email", "li@customer.example"), "看了，还是不行", "看了，还是不行", "Re", answers=(sent.external_id,)))
        receive(support, Inbound("r2@customer.example", Sender("email", "li@customer.example"), "又试了", "又试了", "Re", token=str(row.number)))
    drain()
    assert count(Ticket) == 1 and count(Conversation) == 1
    assert "看了，还是不行" in client.get(link).text


def test_a_question_that_only_stands_on_a_page_was_not_delivered(
    client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain, actor: Callable[..., Any]
) -> None:
    wrap_up = {"category": "connection", "cause": "换卡"}
    for number, given in enumerate(({"email": "", "phone": "13800138000"}, {})):
        client.post("/ask", data={**FORM, "once": str(number), **given})
    drain()
    agent = actor("agent")
    with unit_of_work() as s:
        for row in s.scalars(select(Ticket)).all():
            take(TICKET, row, "solve_now", agent, resolution="改了 APN。", wrap_up=wrap_up)
    drain()
    session().rollback()
    by_phone, by_mail = session().scalars(select(FollowUp).order_by(FollowUp.id)).all()
    assert by_phone.message_id is not None and by_phone.delivered_at is None
    assert by_mail.delivered_at is not None and by_mail.delivered_at <= now()


def test_many_requests_from_one_address_wait_with_their_words(client: FreshClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "enabled", True)
    answers = [client.post("/ask", data={**FORM, "once": str(n)}) for n in range(11)]
    assert [a.status_code for a in answers] == [303] * 10 + [429]
    assert "绿灯不亮" in answers[-1].text and "一分钟后再提交" in answers[-1].text


def test_a_flooded_mailbox_gets_few_receipts(client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain) -> None:
    for number in range(8):
        client.post("/ask", data={**FORM, "once": str(number)})
    drain()
    assert count(Ticket) == 8 and len(post) == 5


def test_a_client_administrator_asks_for_the_company(client: FreshClient, house: House, make_user: MakeUser) -> None:
    client.log_in(make_user("client", organisation=house.client, display_name="钱国栋", email="qian@elsewhere.example"))
    page = client.get("/ask").text
    assert "钱国栋" in page and "qian@elsewhere.example" in page
    client.post("/ask", data={**FORM, "email": "qian@elsewhere.example"})
    assert ticket().organisation_id == house.client.id


def test_without_a_token_of_our_page_nothing_is_taken(app: Flask, client: FreshClient, house: House) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post("/ask", data=FORM).status_code == 400
    assert client.post("/requests", data={"who": "li@customer.example"}).status_code == 400
    assert count(Ticket) == 0


def test_pages_are_whole_in_english(client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain) -> None:
    client.set_cookie("lang", "en")
    page = client.get("/ask?q=E07").text
    assert "Tell us what happened" in page and "发生了什么" not in page
    link = client.post("/ask", data=FORM).location
    page = client.get(link).text
    assert "Received. Your number is" in page and "催一下" not in page
    drain()
    assert bodies(post)[0].startswith("Hello") and session().scalars(select(Organisation)).first() is not None


def test_a_counters_code_fills_in_the_place(client: FreshClient) -> None:
    with unit_of_work() as s:
        lake = Organisation(name="澄湖", kind="client")
        s.add(lake)
        s.flush()
        counter = set_counter(SYSTEM, None, name="一号厂房服务台", place="正门右手边", organisation_id=lake.id)
    page = client.get(f"/ask?counter={counter.slug}").text
    assert "一号厂房服务台" in page and f'name="counter" value="{counter.slug}"' in page
    assert 'name="counter"' not in client.get("/ask?counter=no-such").text
    given = {"text": "变频器停了", "impact": "none", "email": "wang@elsewhere.example", "once": "c1"}
    assert client.post("/ask", data=given | {"counter": "no-such"}).status_code == 303
    assert client.post("/ask", data=given | {"counter": counter.slug, "once": "c2"}).status_code == 303
    session().rollback()
    assert [(t.counter_id, t.organisation_id) for t in session().scalars(select(Ticket).order_by(Ticket.id))] == [(None, None), (counter.id, lake.id)]
