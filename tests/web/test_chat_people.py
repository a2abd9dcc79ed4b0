"""The chat's people side over the real socket and pages: verified visitors, questions first, the queue, pages, the end,
the rating, the transcript."""

import io
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import func, select

from app import realtime
from app.core.db import session
from app.core.events import EventRow
from app.core.people import Contact, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.replies import reply
from app.web import chat
from app.web.chat import TOKEN
from channels.accounts import add_account, set_account
from channels.models import Account, Message, Session
from channels.visitor_models import ChatRating, VisitorPage
from tests.conftest import FreshClient
from tests.web.chat_browser import Browser
from workflows.models import FollowUp, Ticket

SECRET = "a-secret-of-the-site-that-is-long-enough"
MakeUser = Callable[..., User]


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "portal", {"site_secret": SECRET, "title": "在线客服", "title_en": "Help desk"})


@pytest.fixture
def browser(app: Flask, account: Account) -> Callable[..., Browser]:
    return lambda *given, **named: Browser(app, *given, **named)


def poll(app: Flask) -> None:
    session().rollback()
    realtime.hub_of(app).poll()


def set_up(**given: str) -> None:
    with unit_of_work():
        set_account(SYSTEM, "portal", given)


def proof(**given: Any) -> str:
    return jwt.encode({"external_user_id": "u-7", "name": "王工", "exp": int(time.time()) + 600} | given, SECRET, "HS256")


def exchange(client: FreshClient, token: str = "", **body: Any) -> Any:
    return client.post("/chat/portal/token", json=body, headers={TOKEN: token} if token else {})


def speak(page: Browser, drain: Any, text: str = "触摸屏黑屏了，型号 HK-H7") -> Ticket:
    assert page.say({"client_msg_id": "a-1", "text": text})["ok"]
    drain()
    return session().scalars(select(Ticket).order_by(Ticket.id.desc())).first()  # type: ignore[return-value]


def answer(user: User, ticket: Ticket, text: str = "先断电再试") -> Message:
    with unit_of_work() as s:
        message = s.scalars(select(Message).where(Message.direction == "in").order_by(Message.id.desc())).first()
        return reply(user.actor("test"), s.get_one(Ticket, ticket.id), message.conversation, text)


# ---- who it is


def test_a_proof_is_exchanged_for_a_token_on_the_server(client: FreshClient, browser: Any) -> None:
    given = exchange(client, proof=proof())
    assert given.status_code == 200 and given.json["ok"] and "Set-Cookie" not in given.headers
    page = browser(token=given.json["token"])
    assert page.joined["verified"] is True and page.joined["contact"]["name"] == "王工"
    assert browser().joined["verified"] is False


@pytest.mark.parametrize("body", [{}, {"proof": 7}, {"proof": "a.b.c"}, {"proof": ""}, {"known": "x"}, {"known": ["x"]}, {"proof": "x" * 5000}])
def test_a_bad_proof_gives_no_token(client: FreshClient, account: Account, body: dict[str, Any]) -> None:
    given = exchange(client, **body)
    assert given.status_code == 403 and given.json["code"] == "verification" and given.json["message"]
    assert client.post("/chat/nobody/token", json=body).status_code == 404
    assert client.post("/chat/portal/token", data=b"[" * 100, content_type="application/json").status_code == 403


def test_verified_only_means_socket_and_http(client: FreshClient, browser: Any) -> None:
    page = browser()
    set_up(verified_only="yes")
    assert not browser().inside and not browser(token=page.token).inside
    assert page.say({"client_msg_id": "a", "text": "还在吗"})["code"] == "verification", "who is inside already, too"
    png = {"file": (io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"0" * 50), "a.png")}
    assert client.post("/chat/portal/files", data=png, headers={TOKEN: page.token}).status_code == 404
    token = exchange(client, proof=proof()).json["token"]
    known = browser(token=token)
    assert known.inside and known.say({"client_msg_id": "a", "text": "我登录了"})["ok"]
    png = {"file": (io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"0" * 50), "a.png")}
    assert client.post("/chat/portal/files", data=png, headers={TOKEN: token}).status_code == 200
    assert session().scalar(select(func.count(Message.id))) == 1


def test_whoever_is_logged_in_on_the_portal_is_known_in_its_chat(
    app: Flask, client: FreshClient, browser: Any, drain: Any, make_user: MakeUser
) -> None:
    assert 'data-known=""' in client.get("/chat/portal").text
    user = make_user("client", email="chen@chenghu.example", display_name="陈工")
    inside = app.test_client()
    assert isinstance(inside, FreshClient)
    page = inside.log_in(user).get("/chat/portal").text
    known = page.split('data-known="')[1].split('"')[0]
    assert len(known) > 20 and f'data-who="user:{user.id}"' in page
    given = exchange(client, known=known)
    talk = browser(token=given.json["token"])
    assert talk.joined["verified"] and talk.joined["contact"]["name"] == "陈工"
    ticket = speak(talk, drain)
    contact = session().get_one(Contact, ticket.contact_id)
    assert contact.name == "陈工" and {i.kind for i in contact.identities} == {"visitor", "email"}
    with unit_of_work():
        add_account(SYSTEM, "webchat", "other", {"site_secret": SECRET})
    assert client.post("/chat/other/token", json={"known": known}).status_code == 403, "the word is for one chat"
    with unit_of_work() as s:
        s.get_one(User, user.id).active = False
    assert exchange(client, known=known).status_code == 403


def test_staff_is_nobody_in_the_chat(app: Flask, account: Account, make_user: MakeUser) -> None:
    inside = app.test_client()
    assert isinstance(inside, FreshClient)
    assert 'data-known=""' in inside.log_in(make_user("agent")).get("/chat/portal").text


def test_the_head_speaks_the_visitors_language(client: FreshClient, account: Account) -> None:
    assert "<h1 class=\"cut\">Help desk</h1>" in client.get("/chat/portal?lang=en").text
    assert "<h1 class=\"cut\">在线客服</h1>" in client.get("/chat/portal?lang=zh").text


# ---- questions first

FORM = "name; text; 称呼\nemail; email; 邮箱; required\norder_no; text; 订单号"


def test_what_must_be_answered_first_is_insisted_on_by_the_server(browser: Any, drain: Any) -> None:
    set_up(fields=FORM)
    page = browser()
    assert [(f["key"], f["type"], f["label"], f["required"]) for f in page.joined["prechat"]["fields"]] == [
        ("name", "text", "称呼", False), ("email", "email", "邮箱", True), ("order_no", "text", "订单号", False),
    ]  # fmt: skip
    assert page.say({"client_msg_id": "a", "text": "停机了"})["code"] == "prechat"
    wrong = page.say({"answers": {"email": "no"}}, "fields")
    assert (wrong["ok"], wrong["field"]) == (False, "email") and wrong["message"]
    given = page.say({"answers": {"name": "王工", "email": "Wang@chenghu.example", "order_no": "A-17"}}, "fields")
    assert given == {"ok": True, "contact": {"name": "王工", "email": "wang@chenghu.example", "phone": ""}}
    ticket = speak(page, drain, "变频器停机了")
    texts = session().scalars(select(Message.text).where(Message.direction == "in").order_by(Message.id)).all()
    assert texts[0] == "变频器停机了" and "订单号：A-17" in texts[1]
    assert session().get_one(Contact, ticket.contact_id).name == "王工"
    again = browser(token=page.token).joined["prechat"]
    assert again == {"fields": [], "done": True}


@pytest.mark.parametrize("given", [None, {}, {"answers": []}, {"answers": {"email": {"a": 1}}}, {"answers": None}])
def test_nonsense_for_answers_is_refused_in_words(browser: Any, given: Any) -> None:
    set_up(fields=FORM)
    ack = browser().say(given, "fields")
    assert ack["ok"] is False and ack["message"]


# ---- the queue


def test_visitors_hear_how_many_are_before_them(app: Flask, browser: Any, drain: Any, make_user: MakeUser) -> None:
    first, second, third = browser(), browser(), browser()
    assert first.joined["queue"] == {"ahead": None}
    tickets = [speak(page, drain, f"第 {n} 台触摸屏黑屏了") for n, page in enumerate((first, second, third))]
    poll(app)
    assert [page.heard("queue")[-1] for page in (first, second, third)] == [{"ahead": 0}, {"ahead": 1}, {"ahead": 2}]
    assert browser(token=third.token).joined["queue"] == {"ahead": 2}
    with unit_of_work() as s:
        line = s.scalars(select(Message).where(Message.text == "第 0 台触摸屏黑屏了")).one().conversation
        reply(make_user("agent").actor("test"), s.get_one(Ticket, tickets[0].id), line, "马上看")
    poll(app)
    assert first.heard("queue") == [{"ahead": None}]
    assert [page.heard("queue") for page in (second, third)] == [[{"ahead": 0}], [{"ahead": 1}]]
    second.say({}, "end")
    poll(app)
    assert third.heard("queue") == [{"ahead": 0}], "who left does not stand there any more"
    set_up(queue="no")
    assert browser(token=third.token).joined["queue"] == {"ahead": None}


# ---- what they look at


def test_the_desk_sees_the_page_of_the_visitor(app: Flask, browser: Any, drain: Any, client: FreshClient, make_user: MakeUser) -> None:
    page = browser()
    ticket = speak(page, drain)
    for n in range(25):
        page.say({"url": f"https://www.chenghu.example/p/{n}?token=abc", "title": f"产品 {n} <b>"}, "page")
    assert session().scalar(select(func.count(VisitorPage.id))) == 20
    client.log_in(make_user("agent"))
    shown = client.get(f"/desk/tickets/{ticket.number}/visitor").text
    assert "产品 24 &lt;b&gt;" in shown and "https://www.chenghu.example/p/24?token=***" in shown and "token=abc" not in shown
    assert page.say({"url": "javascript:alert(1)", "title": "x"}, "page") == {"ok": True}
    assert page.say({"url": 7}, "page")["ok"] is False
    assert session().scalar(select(func.count(VisitorPage.id))) == 20
    set_up(pages="no")
    page.say({"url": "https://www.chenghu.example/last", "title": "x"}, "page")
    assert session().scalars(select(VisitorPage.url).order_by(VisitorPage.id.desc())).first() != "https://www.chenghu.example/last"


def test_pages_are_forgotten_after_a_day(browser: Any) -> None:
    from datetime import timedelta

    from app.core import clock
    from channels.visitors import forget_visitors

    browser().say({"url": "https://www.chenghu.example/", "title": "x"}, "page")
    with clock.frozen(clock.now() + timedelta(hours=25)), unit_of_work():
        forget_visitors()
    assert session().scalar(select(func.count(VisitorPage.id))) == 0


# ---- the end


def test_the_visitor_ends_the_chat_and_rates_it(app: Flask, browser: Any, drain: Any, make_user: MakeUser) -> None:
    page = browser()
    other = browser(token=page.token)
    ticket = speak(page, drain)
    assert page.say({"score": 5}, "rate")["ok"] is False, "nobody has answered"
    answer(make_user("agent"), ticket)
    assert page.say({}, "end") == {"ok": True}
    poll(app)
    assert page.heard("ended") == other.heard("ended") == [{"by": "visitor", "ended": True, "rate": True}]
    assert session().scalars(select(Session.ended_at)).one() is not None
    assert browser(token=page.token).joined["rate"] is True
    assert page.say({"score": 6}, "rate")["ok"] is False
    assert page.say({"score": 4, "comment": "很快"}, "rate") == {"ok": True}
    assert page.say({"score": 5, "comment": "很快"}, "rate") == {"ok": True}
    assert session().execute(select(ChatRating.score, ChatRating.comment)).all() == [(5, "很快")], "the last word counts, once"
    assert browser(token=page.token).joined["rate"] is False
    assert page.say({"client_msg_id": "b", "text": "还有一个问题"})["ok"]
    assert session().scalar(select(func.count(Session.id))) == 2


def test_the_desk_ends_the_chat(app: Flask, browser: Any, drain: Any, client: FreshClient, make_user: MakeUser) -> None:
    page = browser()
    ticket = speak(page, drain)
    agent = make_user("agent")
    sent = answer(agent, ticket)
    client.log_in(agent)
    url = f"/desk/tickets/{ticket.number}/chats/{sent.conversation_id}/end"
    assert client.post(url, headers={"HX-Request": "true"}).status_code == 204
    assert client.post(f"/desk/tickets/{ticket.number}/chats/{sent.conversation_id + 99}/end").status_code == 404
    poll(app)
    assert page.heard("ended") == [{"by": "desk", "ended": True, "rate": True}]
    assert "这段会话已结束" in client.get(f"/desk/tickets/{ticket.number}/visitor").text


@pytest.mark.parametrize(("given", "state", "solved"), [({"score": 5, "solved": True}, "closed", True), ({"score": 2, "solved": False}, "executing", False)])
def test_the_rating_answers_the_question_of_the_ticket(
    app: Flask, browser: Any, drain: Any, client: FreshClient, make_user: MakeUser, given: dict[str, Any], state: str, solved: bool
) -> None:
    from workflows.engine import take
    from workflows.tickets import TICKET

    page = browser()
    ticket = speak(page, drain)
    agent = make_user("agent")
    answer(agent, ticket)
    with unit_of_work() as s:
        row = s.get_one(Ticket, ticket.id)
        take(TICKET, row, "dispatch", agent.actor("test"), assignee=agent.id)
        take(TICKET, row, "start", agent.actor("test"))
        take(TICKET, row, "resolve", agent.actor("test"), resolution="换了电源", wrap_up={"category": "hardware", "cause": "电源"})
    drain()
    poll(app)
    asked = page.heard("message")[-1]
    assert asked["ask"] == "rating" and asked["author"]["type"] == "system"
    assert browser(token=page.token).joined["messages"][-1]["ask"] == "rating"
    assert page.say(given | {"comment": "谢谢"}, "rate") == {"ok": True}
    session().expire_all()
    question = session().scalars(select(FollowUp)).one()
    assert (question.solved, question.score) == (solved, given["score"])
    assert session().get_one(Ticket, ticket.id).state == state
    assert "ask" not in browser(token=page.token).joined["messages"][-1]


# ---- the transcript


def test_a_transcript_goes_only_when_somebody_answered_and_not_without_end(
    app: Flask, browser: Any, drain: Any, make_user: MakeUser
) -> None:
    page = browser()
    assert page.say({"email": "wang@chenghu.example"}, "transcript")["ok"] is False
    ticket = speak(page, drain)
    assert page.say({"email": "wang@chenghu.example"}, "transcript")["ok"] is False, "nobody has answered: anybody's words to anybody"
    answer(make_user("agent"), ticket)
    assert page.say({}, "transcript")["field"] == "email"
    assert page.say({"email": "nonsense"}, "transcript")["ok"] is False
    acks = [page.say({"email": "wang@chenghu.example"}, "transcript") for _ in range(5)]
    assert [ack["ok"] for ack in acks] == [True, True, True, False, False] and acks[-1]["code"] == "too_many"
    assert session().scalar(select(func.count(EventRow.id)).where(EventRow.name == "TranscriptAsked")) == 3
    set_up(transcript="no")
    assert page.say({"email": "wang@chenghu.example"}, "transcript")["ok"] is False


@pytest.mark.parametrize("event", ["fields", "page", "end", "rate", "transcript", "contact"])
@pytest.mark.parametrize("given", [None, "x", [], {"score": "5"}, {"score": True}, {"answers": "x"}, {"url": ["x"]}, {"email": {"a": 1}}, {"solved": 7}])
def test_nonsense_is_answered_and_breaks_nothing(browser: Any, event: str, given: Any) -> None:
    page = browser()
    page.say({"client_msg_id": "a", "text": "触摸屏黑屏了"})
    assert isinstance(page.say(given, event)["ok"], bool)
    assert page.say({"client_msg_id": "b", "text": "y"})["ok"]


def test_files_are_limited_by_the_account(client: FreshClient, browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = browser()

    def upload(content: bytes, name: str) -> int:
        given = {"file": (io.BytesIO(content), name)}
        return int(client.post("/chat/portal/files", data=given, headers={TOKEN: page.token}).status_code)

    assert upload(b"MZ\x90\x00\x03" + b"\x00" * 200, "picture.png") == 422, "a program is one by its content"
    assert chat.largest({"file_mb": "1"}) == 1024 * 1024 and chat.largest({}) == 10 * 1024 * 1024
    monkeypatch.setattr(chat, "largest", lambda settings: 1000)
    png = b"\x89PNG\r\n\x1a\n"
    assert (upload(png + b"0" * 900, "a.exe"), upload(png + b"0" * 1000, "a.png")) == (200, 422)
    set_up(files="no")
    assert upload(png, "a.png") == 422
