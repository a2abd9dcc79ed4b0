"""/r/<signed>: what a customer sees and says behind the link that we sent."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import letters
from app.core.clock import frozen, now
from app.core.db import session
from app.core.events import OutboxRow
from app.core.files import StoredFile, store_file
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from app.replies import reply
from channels.accounts import add_account
from channels.base import Inbound, InboundFile, Sender
from channels.models import Conversation, Message
from channels.receiving import receive
from tests.conftest import FreshClient
from workflows import service as desk
from workflows.engine import take
from workflows.models import FollowUp, Ticket, TicketConversation
from workflows.orders_models import OrderPlan, OrderQuote, ServiceOrder
from workflows.tickets import TICKET

Drain = Callable[[], int]


@pytest.fixture
def worker(make_user: Callable[..., User]) -> Actor:
    return make_user("agent", display_name="周小禾").actor("test")


@pytest.fixture
def ticket(app: Flask, worker: Actor, drain: Drain) -> Ticket:
    """A mail came, an agent took it, wrote a note for colleagues and an answer."""
    with unit_of_work():
        account = add_account(SYSTEM, "email", "support", {"address": "help@desk.example"})
        receive(account, Inbound("one@customer.example", Sender("email", "li@customer.example", "李秀兰"), "网关离线了", "网关离线了", "网关离线"))
    drain()
    with unit_of_work() as s:
        ticket = s.scalars(select(Ticket)).one()
        conversation = s.scalars(select(Conversation)).one()
        take(TICKET, ticket, "dispatch", worker, assignee=worker.id)
        take(TICKET, ticket, "start", worker)
        desk.add_note(worker, ticket, "内部：此客户上月也报过")
        reply(worker, ticket, conversation, "请看 APN 是不是旧卡的。")
    return ticket


def resolve(ticket: Ticket, worker: Actor) -> None:
    with unit_of_work() as s:
        wrap_up = {"category": "connection", "cause": "换卡"}
        take(TICKET, s.get_one(Ticket, ticket.id), "resolve", worker, resolution="改了 APN。", kind="fault", wrap_up=wrap_up)


def link(ticket: Ticket) -> str:
    return f"/r/{letters.sign_ticket(ticket.id)}"


def state(ticket: Ticket) -> str:
    session().rollback()
    return session().get_one(Ticket, ticket.id).state


def inbound() -> list[str]:
    session().rollback()
    return list(session().scalars(select(Message.visible_text).where(Message.direction == "in").order_by(Message.id)))


def sent() -> None:
    """What the desk wrote has left the house."""
    with unit_of_work() as s:
        for message in s.scalars(select(Message).where(Message.direction == "out")):
            message.state = "sent"


def everything() -> tuple[int, int, int]:
    """Something that changes with every write of meaning."""
    session().rollback()
    count = session().scalar(select(func.count()).select_from(OutboxRow)) or 0
    ticket = session().scalars(select(Ticket)).one()
    return count, ticket.version, session().scalar(select(func.count()).select_from(Message)) or 0


def test_an_answer_that_can_still_be_taken_back_is_not_shown(client: FreshClient, ticket: Ticket) -> None:
    assert "请看 APN 是不是旧卡的" not in client.get(link(ticket)).text
    sent()
    assert "请看 APN 是不是旧卡的" in client.get(link(ticket)).text


def test_it_shows_the_way_in_the_customers_words(client: FreshClient, ticket: Ticket) -> None:
    sent()
    answer = client.get(link(ticket))
    page = answer.text
    assert answer.status_code == 200
    assert "网关离线" in page and "周小禾" in page and "请看 APN 是不是旧卡的" in page
    assert "内部" not in page and "此客户上月也报过" not in page
    assert "executing" not in page
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]


def test_addresses_in_an_answer_can_be_tapped(client: FreshClient, ticket: Ticket, worker: Actor) -> None:
    with unit_of_work() as s:
        reply(worker, s.get_one(Ticket, ticket.id), s.scalars(select(Conversation)).one(),
              "全文：https://desk.example/articles/apn?a=1&b=<b>2。再看 javascript:alert(1)")  # fmt: skip
    sent()
    page = client.get(link(ticket)).text
    assert '<a href="https://desk.example/articles/apn?a=1&amp;b=&lt;b&gt;2" rel="noopener noreferrer nofollow">' in page
    assert "</a>。再看 javascript:alert(1)" in page


@pytest.mark.parametrize("signed", ["x", "MQ.x", "MQ", "%00", "MQ.z_aKfNZI0eMdkj1kGZ6fSN0i3kc", "长" * 50])
def test_a_wrong_signature_leads_nowhere(client: FreshClient, ticket: Ticket, signed: str) -> None:
    assert client.get(f"/r/{signed}").status_code == 404
    assert client.post(f"/r/{signed}", data={"solved": "1"}).status_code == 404
    assert client.post(f"/r/{signed}/reply", data={"text": "在吗"}).status_code == 404


def test_reading_changes_nothing(client: FreshClient, ticket: Ticket, worker: Actor) -> None:
    resolve(ticket, worker)
    before = everything()
    for method in ("GET", "HEAD", "OPTIONS"):
        client.open(link(ticket), method=method)
        client.open(link(ticket) + "?solved=1&rating=5", method=method)
    assert everything() == before
    assert state(ticket) == "following_up"


def test_solved_closes_with_the_score_and_once(client: FreshClient, ticket: Ticket, worker: Actor) -> None:
    resolve(ticket, worker)
    assert 'name="rating"' in client.get(link(ticket)).text
    for rating in ("5", "1"):
        answer = client.post(link(ticket), data={"solved": "1", "rating": rating, "comment": "三分钟就好了"})
        assert answer.status_code == 303 and answer.location == link(ticket)
    assert state(ticket) == "closed"
    question = session().scalars(select(FollowUp)).one()
    assert (question.score, question.comment, question.solved, question.answered_via) == (5, "三分钟就好了", True, "link")
    page = client.get(link(ticket)).text
    assert "谢谢" in page and 'name="rating"' not in page


def test_not_solved_brings_the_words_back_to_the_desk(
    client: FreshClient, ticket: Ticket, worker: Actor, drain: Drain
) -> None:
    resolve(ticket, worker)
    once = re.search(r'name="once" value="([^"]+)"', client.get(link(ticket)).text)
    assert once
    for _ in range(2):
        client.post(link(ticket), data={"solved": "0", "comment": "又断了", "rating": "2", "once": once[1]})
    assert state(ticket) == "executing"
    drain()
    row = session().get_one(Ticket, ticket.id)
    assert (row.state, row.reopened, row.assignee_id) == ("executing", 1, worker.id)
    assert inbound() == ["网关离线了", "又断了"]
    assert session().scalar(select(func.count()).select_from(Ticket)) == 1
    assert session().scalars(select(FollowUp)).one().solved is False
    assert "又断了" in client.get(link(ticket)).text


def test_what_the_agent_answers_next_still_goes_to_the_mailbox(
    client: FreshClient, ticket: Ticket, worker: Actor, drain: Drain
) -> None:
    client.post(link(ticket) + "/reply", data={"text": "补充：是二厂的", "once": "a"})
    drain()
    with unit_of_work() as s:
        conversation = s.scalars(select(Conversation)).one()
        message = reply(worker, s.get_one(Ticket, ticket.id), conversation, "收到，马上看。")
        assert message.to_address == "li@customer.example"
        assert "one@customer.example" in message.answers
        assert not [known for known in message.answers if known.startswith("sha256:")], "no mail program knows a page's id"


def test_a_word_more_is_stored_once(client: FreshClient, ticket: Ticket, drain: Drain) -> None:
    for once in ("a", "a", "b"):
        assert client.post(link(ticket) + "/reply", data={"text": "在吗", "once": once}).status_code == 303
    client.post(link(ticket) + "/reply", data={"text": "   ", "once": "c"})
    drain()
    assert inbound() == ["网关离线了", "在吗", "在吗"]
    assert state(ticket) == "executing"


def test_a_form_without_an_answer_comes_back(client: FreshClient, ticket: Ticket, worker: Actor) -> None:
    resolve(ticket, worker)
    for given in ({}, {"solved": "2"}, {"solved": "1", "rating": "6"}, {"solved": "1", "rating": "x", "comment": "写了很久"}):
        answer = client.post(link(ticket), data=given)
        assert answer.status_code == 422
        assert given.get("comment", "") in answer.text
    assert state(ticket) == "following_up"


def test_nothing_is_asked_before_it_is_resolved(client: FreshClient, ticket: Ticket) -> None:
    assert 'name="rating"' not in client.get(link(ticket)).text
    client.post(link(ticket), data={"solved": "1", "rating": "5"})
    client.post(link(ticket), data={"solved": "0"})
    assert state(ticket) == "executing"


def test_a_closed_request_may_go_on_for_a_while(
    client: FreshClient, ticket: Ticket, worker: Actor, drain: Drain
) -> None:
    resolve(ticket, worker)
    client.post(link(ticket), data={"solved": "1"})
    assert "问题又出现了" in client.get(link(ticket)).text
    with frozen(now() + timedelta(days=60)):
        assert "问题又出现了" not in client.get(link(ticket)).text
        late = client.post(link(ticket), data={"solved": "0", "comment": "又来了"})
        assert late.status_code == 409
        assert state(ticket) == "closed"
        assert inbound() == ["网关离线了"]
    client.post(link(ticket), data={"solved": "0", "comment": "又来了", "once": "x"})
    drain()
    assert state(ticket) == "executing"


def test_without_a_conversation_the_words_become_a_note(client: FreshClient, ticket: Ticket) -> None:
    with unit_of_work() as s:
        s.delete(s.scalars(select(TicketConversation)).one())
    client.post(link(ticket) + "/reply", data={"text": "电话里说过的那个", "once": "a"})
    session().rollback()
    with unit_of_work() as s:
        notes = [n.text for n in s.scalars(select(desk.TicketNote))]
    assert any("电话里说过的那个" in text for text in notes)


def test_a_merged_request_shows_where_it_goes_on(client: FreshClient, ticket: Ticket, worker: Actor, drain: Drain) -> None:
    with unit_of_work() as s:
        account = s.scalars(select(Conversation)).one().account
        receive(account, Inbound("two@customer.example", Sender("email", "wang@customer.example", "王"), "也离线", "也离线", "二厂也离线"))
    drain()
    with unit_of_work() as s:
        second = s.scalars(select(Ticket).order_by(Ticket.id.desc())).first()
        assert second is not None
        take(TICKET, second, "merge", worker, into=str(ticket.number))
    page = client.get(link(second)).text
    assert str(ticket.number) in page and "也离线" in page
    assert "请看 APN" not in page, "the other customer's words are not theirs"
    client.post(link(second) + "/reply", data={"text": "我这里恢复了", "once": "a"})
    drain()
    assert "我这里恢复了" in inbound()


def test_a_request_does_not_show_what_another_person_wrote_who_was_merged_into_it(
    client: FreshClient, ticket: Ticket, worker: Actor, drain: Drain
) -> None:
    with unit_of_work() as s:
        account = s.scalars(select(Conversation)).one().account
        for number, sender in enumerate(("wang@other.example", "li@customer.example")):
            words = f"第 {number} 封的密码"
            receive(account, Inbound(f"{number}@x.example", Sender("email", sender), words, words, f"另报 {number}"))
    drain()
    with unit_of_work() as s:
        for second in s.scalars(select(Ticket).where(Ticket.id != ticket.id)).all():
            take(TICKET, second, "merge", worker, into=str(ticket.number))
    page = client.get(link(ticket)).text
    assert "网关离线了" in page and "第 1 封的密码" in page, "what the same person wrote elsewhere is theirs"
    assert "第 0 封的密码" not in page
    resolve(ticket, worker)
    drain()
    with unit_of_work() as s:
        asked = s.scalars(select(Message).where(Message.author_kind == "system")).one()
        assert asked.to_address == "li@customer.example"


def test_an_urge_reaches_the_holder_and_waits_before_the_next(client: FreshClient, ticket: Ticket, worker: Actor) -> None:
    assert "催一下" in client.get(link(ticket)).text
    for _ in range(3):
        assert client.post(link(ticket) + "/urge").location == link(ticket)
    session().rollback()
    row = session().get_one(Ticket, ticket.id)
    assert row.urged == 1 and row.urged_at is not None
    page = client.get(link(ticket)).text
    assert "分钟后可以再催" in page
    with frozen(now() + timedelta(minutes=11)):
        client.post(link(ticket) + "/urge")
    assert session().get_one(Ticket, ticket.id, populate_existing=True).urged == 2
    resolve(ticket, worker)
    client.post(link(ticket) + "/urge")
    assert "不用再催" in client.get(link(ticket)).text
    assert session().get_one(Ticket, ticket.id, populate_existing=True).urged == 2


def test_files_come_along_and_only_those_of_the_request_can_be_fetched(
    client: FreshClient, ticket: Ticket, worker: Actor, drain: Drain
) -> None:
    png = b"\x89PNG\r\n\x1a\nrest"
    for _ in range(2):
        files = [(io.BytesIO(png), "灯.png"), (io.BytesIO(b"<script>"), "a.html")]
        assert client.post(link(ticket) + "/reply", data={"text": "", "once": "a", "files": files}).status_code == 303
    drain()
    assert inbound() == ["网关离线了", "（见附件）"]
    page = client.get(link(ticket)).text
    found = re.findall(r'href="(/r/[^"]+/files/\d+)"', page)
    assert len(found) == 2 and "灯.png" in page
    picture, other = (client.get(address) for address in found)
    assert picture.data == png and picture.mimetype == "image/png"
    assert other.headers["Content-Disposition"].startswith("attachment") and "sandbox" in other.headers["Content-Security-Policy"]
    with unit_of_work() as s:
        account = s.scalars(select(Conversation)).one().account
        secret = InboundFile("geheim.txt", "text/plain", b"x")
        receive(account, Inbound("two@x.example", Sender("email", "wang@x.example"), "别人", "别人", "别人", files=(secret,)))
        foreign = s.scalars(select(StoredFile).order_by(StoredFile.id.desc())).first()
        order_file = store_file(b"x", "proof.jpg", "image/jpeg", owner="order", owner_id=1)
        assert foreign is not None
    for file_id in (foreign.id, order_file.id, 99999, 0):
        assert client.get(f"{link(ticket)}/files/{file_id}").status_code == 404


def test_too_large_a_file_is_refused_and_the_words_stay(client: FreshClient, ticket: Ticket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.asking.LARGEST_FILE", 3)
    answer = client.post(link(ticket) + "/reply", data={"text": "看这张", "files": (io.BytesIO(b"xxxx"), "a.png")})
    assert answer.status_code == 422 and "看这张" in answer.text and "10 MB" in answer.text
    assert inbound() == ["网关离线了"]


def test_the_pulse_beats_when_the_page_changes(client: FreshClient, ticket: Ticket, worker: Actor) -> None:
    def pulse() -> str:
        return client.get(link(ticket) + "/pulse").text

    first = pulse()
    assert first == pulse() and f'data-pulse="{first}"' in client.get(link(ticket)).text
    client.post(link(ticket) + "/reply", data={"text": "在吗", "once": "a"})
    second = pulse()
    assert second != first
    with unit_of_work() as s:
        supplier = Organisation(kind="supplier", name="宏控自动化")
        s.add(supplier)
        s.flush()
        escalate_order(s.get_one(Ticket, ticket.id), worker, supplier)
    third = pulse()
    assert third != second
    with unit_of_work() as s:
        s.scalars(select(ServiceOrder)).one().place = "二号门"
    assert pulse() != third
    assert client.get("/r/x/pulse").status_code == 404


def test_it_shows_who_comes_and_when_and_what_it_costs(
    client: FreshClient, ticket: Ticket, worker: Actor, make_user: Callable[..., User]
) -> None:
    begin = now() + timedelta(days=1)
    with unit_of_work() as s:
        supplier = Organisation(kind="supplier", name="宏控自动化")
        s.add(supplier)
        s.flush()
        man = make_user("technician", organisation=supplier, display_name="郑师")
        order = escalate_order(s.get_one(Ticket, ticket.id), worker, supplier)
        order.supplier_id, order.technician_id = supplier.id, man.id
        order.state, order.window_from, order.window_to, order.place = "planned", begin, begin + timedelta(hours=2), "三厂二号门"
        plan = OrderPlan(order_id=order.id, steps="换风扇", cost_cents=128000, by="x")
        s.add(plan)
        s.flush()
        order.quote = "asked"
        quote = OrderQuote(order_id=order.id, plan_id=plan.id, amount_cents=128000)
        s.add(quote)
    page = client.get(link(ticket)).text
    for shown in ("宏控自动化", "郑师", "三厂二号门", "1,280.00", f"/quotes/{quote.token}", order.code):
        assert shown in page, shown
    with unit_of_work() as s:
        s.get_one(ServiceOrder, order.id).state = "closed"
    page = client.get(link(ticket)).text
    assert order.code not in page and f"/quotes/{quote.token}" not in page and "三厂二号门" not in page


def escalate_order(ticket: Ticket, worker: Actor, supplier: Organisation) -> ServiceOrder:
    take(TICKET, ticket, "escalate", worker, reason="上门看", supplier=supplier.id)
    return session().scalars(select(ServiceOrder)).one()


def test_it_is_already_solved_is_said_with_one_tap(client: FreshClient, ticket: Ticket, drain: Drain) -> None:
    client.post(link(ticket) + "/reply", data={"quick": "solved", "once": "a"})
    drain()
    assert inbound()[-1].startswith("问题已经解决了") and state(ticket) == "executing", "the desk closes, with its wrap-up"
    page = client.get(link(ticket)).text
    assert "由他们结束这个请求" in page and 'value="solved"' not in page
    said = len(inbound())
    client.post(link(ticket) + "/reply", data={"quick": "solved", "once": "b"})
    assert len(inbound()) == said, "said once is enough"
    client.post(link(ticket) + "/reply", data={"text": "又停了", "once": "c"})
    assert 'value="solved"' in client.get(link(ticket)).text
