"""The visitors' socket and the pages around it, as the contract says; and what somebody with bad intentions sends."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import realtime
from app.core import presence
from app.core.db import session
from app.core.people import Contact, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.realtime import LARGEST_FRAME
from app.replies import reply
from channels.accounts import add_account, set_account
from channels.models import Account, Message
from channels.sending import queue_message
from tests.conftest import FreshClient
from tests.web.chat_browser import SPACE, Browser
from workflows.models import Ticket

MakeUser = Callable[..., User]


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "portal", {"title": "在线客服"})


@pytest.fixture
def browser(app: Flask, account: Account) -> Callable[..., Browser]:
    return lambda *given, **named: Browser(app, *given, **named)


@pytest.fixture
def desk(app: Flask, make_user: MakeUser) -> Callable[..., Any]:
    """desk("agent") is an open page of somebody of the desk."""

    def open_page(role: str = "agent") -> Any:
        client = app.test_client()
        assert isinstance(client, FreshClient)
        user = make_user(role)
        client.log_in(user)
        page = app.extensions["socketio"].test_client(app, namespace="/agent", flask_test_client=client)
        page.user = user
        return page

    return open_page


def poll(app: Flask) -> None:
    session().rollback()
    realtime.hub_of(app).poll()


def answer(user: User, text: str) -> Message:
    ticket = session().scalars(select(Ticket)).one()
    with unit_of_work():
        conversation = session().get_one(Message, session().scalar(select(func.min(Message.id)))).conversation
        return reply(user.actor("test"), session().get_one(Ticket, ticket.id), conversation, text)


# ---- the contract


def test_joining_gives_a_token_and_a_conversation(browser: Any) -> None:
    first = browser()
    assert {"token", "conversation", "messages"} <= set(first.joined)
    assert first.joined["messages"] == [] and len(first.token) >= 40
    again = browser(token=first.token)
    assert (again.token, again.joined["conversation"]) == (first.token, first.joined["conversation"])
    assert browser().token != first.token


def test_a_message_is_acknowledged_with_its_id_and_time(browser: Any) -> None:
    page = browser()
    ack = page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"})
    assert set(ack) == {"ok", "id", "created_at"} and ack["ok"] is True
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ack["created_at"])
    assert page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"}) == ack
    assert page.say({"client_msg_id": "a-1", "text": "别的话"}) == ack, "the same id is the same message"
    assert session().scalar(select(func.count(Message.id))) == 1


def test_a_reload_brings_back_what_was_said(app: Flask, browser: Any, drain: Any, make_user: MakeUser) -> None:
    page = browser()
    page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"})
    drain()
    answer(make_user("agent", display_name="周小禾"), "在的")
    said = browser(token=page.token).joined["messages"]
    assert [set(m) >= {"id", "author", "text", "created_at", "client_msg_id"} for m in said] == [True, True]
    assert [(m["author"]["type"], m["text"], m["client_msg_id"]) for m in said] == [
        ("visitor", "触摸屏黑屏了", "a-1"),
        ("agent", "在的", None),
    ]
    assert said[1]["author"]["name"] == "周小禾"


def test_an_answer_reaches_the_visitor_once(app: Flask, browser: Any, drain: Any, make_user: MakeUser) -> None:
    page, stranger = browser(), browser()
    page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"})
    drain()
    poll(app)
    other_tab = browser(token=page.token)
    sent = answer(make_user("agent"), "在的 <b>!</b>")
    for _ in range(2):
        poll(app)
    for one in (page, other_tab):
        heard = one.heard("message")
        assert [(m["id"], m["author"]["type"], m["text"]) for m in heard] == [(sent.id, "agent", "在的 <b>!</b>")]
    assert stranger.heard("message") == []


def test_another_tab_hears_what_the_first_one_said(app: Flask, browser: Any) -> None:
    page = browser()
    other = browser(token=page.token)
    page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"})
    poll(app)
    assert [(m["client_msg_id"], m["author"]["type"]) for m in other.heard("message")] == [("a-1", "visitor")]
    assert page.heard("message") == [], "it has its acknowledgement"


def test_seen_goes_both_ways(app: Flask, browser: Any, desk: Any, drain: Any) -> None:
    page, agent = browser(), desk()
    ack = page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"})
    drain()
    message = answer(agent.user, "在的")
    conversation = message.conversation_id
    seen = {"conversation": conversation, "last_id": ack["id"]}
    assert agent.emit("seen", seen, namespace="/agent", callback=True) == {"ok": True}
    poll(app)
    assert page.heard("seen") == [{"last_id": ack["id"]}]
    assert page.say({"last_id": message.id}, "seen") == {"ok": True}
    session().expire_all()
    assert session().get_one(Message, message.id).seen_at is not None
    agent.get_received("/agent")
    poll(app)
    hints = [m["args"][0] for m in agent.get_received("/agent") if m["name"] == "changed"]
    assert {"what": "conversation", "id": conversation} in [{k: h[k] for k in ("what", "id")} for h in hints]


def test_typing_goes_both_ways_to_those_whom_it_concerns(browser: Any, desk: Any, drain: Any) -> None:
    page, stranger, agent, technician = browser(), browser(), desk(), desk("technician")
    page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"})
    drain()
    conversation = session().scalar(select(Message.conversation_id))
    agent.emit("watch", {"what": "conversation", "id": conversation}, namespace="/agent")
    agent.get_received("/agent")
    page.say({"on": True}, "typing")
    told = [m["args"][0] for m in agent.get_received("/agent") if m["name"] == "typing"]
    assert told == [{"conversation": conversation, "on": True}]
    hint = {"conversation": conversation, "on": True}
    assert agent.emit("typing", hint, namespace="/agent", callback=True) == {"ok": True}
    assert technician.emit("typing", hint, namespace="/agent", callback=True) == {"ok": False}
    assert page.heard("typing") == [{"on": True}] and stranger.heard("typing") == []


# ---- nobody there


def test_whoever_comes_while_nobody_is_there_is_told_and_can_be_reached(app: Flask, browser: Any, drain: Any) -> None:
    page = browser()
    assert page.joined["presence"] == {"open": False, "why": "away"}
    page.say({"client_msg_id": "a-1", "text": "晚上停机了"})
    assert page.say({"name": "王工", "email": "Wang@chenghu.example"}, "contact") == {"ok": True}
    drain()
    texts = session().scalars(select(Message.text).order_by(Message.id)).all()
    assert texts == ["晚上停机了", "联系方式：王工 · wang@chenghu.example"]
    ticket = session().scalars(select(Ticket)).one()
    contact = session().get_one(Contact, ticket.contact_id)
    assert contact.name == "王工" and {i.kind for i in contact.identities} == {"visitor", "email"}
    assert browser(token=page.token).joined["contact"]["email"] == "wang@chenghu.example"


def test_contact_before_the_first_word_follows_it(browser: Any) -> None:
    page = browser()
    assert page.say({"phone": "13800138000"}, "contact") == {"ok": True}
    assert session().scalar(select(func.count(Message.id))) == 0
    page.say({"client_msg_id": "a-1", "text": "触摸屏黑屏了"})
    texts = session().scalars(select(Message.text).order_by(Message.id)).all()
    assert texts == ["触摸屏黑屏了", "联系方式：+8613800138000"]


@pytest.mark.parametrize("given", [{}, {"email": "no"}, {"email": ["a@b.example"]}, {"phone": "x" * 500}, "a@b.example", None])
def test_a_contact_that_is_none_is_refused_in_words(browser: Any, given: Any) -> None:
    ack = browser().say(given, "contact")
    assert ack["ok"] is False and ack["code"] == "invalid" and ack["message"]


def test_visitors_hear_when_somebody_comes(app: Flask, browser: Any, desk: Any) -> None:
    page = browser()
    agent = desk()
    hub = realtime.hub_of(app)
    poll(app)
    assert presence.anybody_there()
    assert page.heard("presence") == [{"open": True, "why": ""}]
    hub._lived = 0.0
    poll(app)
    assert page.heard("presence") == []
    assert browser().joined["presence"] == {"open": True, "why": ""}
    agent.disconnect("/agent")


def test_outside_opening_hours_nobody_is_there(browser: Any, desk: Any, app: Flask) -> None:
    desk()
    poll(app)
    with unit_of_work():
        set_account(SYSTEM, "portal", {"hours": "1 00:00-00:01"})
    told = browser().joined["presence"]
    assert (told["open"], told["why"]) == (False, "hours") and told["opens"].endswith("T16:00:00.000Z"), "Monday midnight in Shanghai"


# ---- who gets in


@pytest.mark.parametrize("auth", [None, "portal", [], {}, {"account": "nope"}, {"account": 7}, {"account": {"a": 1}}, {"account": "x" * 9999}])
def test_an_unknown_entrance_is_refused(browser: Any, auth: Any) -> None:
    assert not browser(auth=auth).inside


def test_a_closed_entrance_and_a_foreign_page_are_refused(app: Flask, browser: Any, client: FreshClient) -> None:
    assert browser().inside
    assert not browser(headers={"Origin": "https://evil.example"}).inside
    assert browser(headers={"Origin": "http://localhost"}).inside
    with unit_of_work() as s:
        s.scalars(select(Account).where(Account.slug == "portal")).one().active = False
    assert not browser().inside
    page = client.get("/chat/portal")
    assert page.status_code == 404 and "停用" in page.text and "frame-ancestors *" in page.headers["Content-Security-Policy"]


def test_a_mailbox_is_no_entrance(browser: Any, client: FreshClient) -> None:
    with unit_of_work():
        add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"})
    assert not browser(account="support").inside
    assert client.get("/chat/support").status_code == 404


@pytest.mark.parametrize("token", ["x" * 43, "", 7, ["a"], {"a": 1}, "\ud800" * 40, "a" * 10_000])
def test_a_forged_token_opens_nothing(browser: Any, token: Any) -> None:
    page = browser()
    page.say({"client_msg_id": "a-1", "text": "秘密"})
    forged = browser(token=token)
    assert forged.inside and forged.token not in (token, page.token) and forged.joined["messages"] == []


def test_a_token_of_another_entrance_opens_nothing(browser: Any) -> None:
    with unit_of_work():
        add_account(SYSTEM, "webchat", "other", {})
    page = browser()
    page.say({"client_msg_id": "a-1", "text": "秘密"})
    assert browser(account="other", token=page.token).joined["messages"] == []


# ---- what it may send


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (None, "invalid"), ("text", "invalid"), ([], "invalid"), ({}, "invalid"), ({"client_msg_id": "a"}, "empty"),
        ({"client_msg_id": 1, "text": "x"}, "invalid"), ({"client_msg_id": "", "text": "x"}, "invalid"),
        ({"client_msg_id": "x" * 65, "text": "x"}, "invalid"), ({"client_msg_id": "a b", "text": "x"}, "invalid"),
        ({"client_msg_id": "名", "text": "x"}, "invalid"), ({"client_msg_id": "a\x00", "text": "x"}, "invalid"),
        ({"client_msg_id": "a", "text": 1}, "invalid"), ({"client_msg_id": "a", "text": {"a": 1}}, "invalid"),
        ({"client_msg_id": "a", "text": " \n\x00 "}, "empty"), ({"client_msg_id": "a", "text": "长" * 10_001}, "too_long"),
        ({"client_msg_id": "a", "text": "x", "files": "a"}, "invalid"), ({"client_msg_id": "a", "text": "x", "files": [True]}, "invalid"),
        ({"client_msg_id": "a", "text": "x", "files": [1] * 11}, "invalid"), ({"client_msg_id": "a", "text": "x", "files": [2**70]}, "invalid"),
        ({"client_msg_id": "a", "text": "x", "files": [-1]}, "invalid"), ({"client_msg_id": "a", "text": "x", "files": {"a": 1}}, "invalid"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_in_words_and_stores_nothing(browser: Any, given: Any, code: str) -> None:
    ack = browser().say(given)
    assert (ack["ok"], ack["code"]) == (False, code) and ack["message"]
    assert session().scalar(select(func.count(Message.id))) == 0


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"), ("a\ud800b", "a\ufffdb"), ("a\x00b\x07c", "abc"),
        ("👩‍🔧 🇨🇳", "👩‍🔧 🇨🇳"), ("%(x)s {{7*7}} ' OR 1=1 --", "%(x)s {{7*7}} ' OR 1=1 --"), ("  前后  ", "前后"), ("😀" * 10_000, "😀" * 10_000),
    ],
)  # fmt: skip
def test_any_words_are_kept_as_text(browser: Any, typed: str, kept: str) -> None:
    page = browser()
    assert page.say({"client_msg_id": "a", "text": typed})["ok"]
    assert browser(token=page.token).joined["messages"][0]["text"] == kept


@pytest.mark.parametrize("event", ["typing", "seen"])
@pytest.mark.parametrize("given", [None, "x", [], {"on": "yes", "last_id": "1"}, {"last_id": 2**80}, {"last_id": True}, {"last_id": -1}])
def test_nonsense_is_answered_and_breaks_nothing(browser: Any, event: str, given: Any) -> None:
    page = browser()
    page.say({"client_msg_id": "a", "text": "x"})
    assert isinstance(page.say(given, event)["ok"], bool)
    assert page.say({"client_msg_id": "b", "text": "y"})["ok"]


def test_seen_of_the_desk_asks_who_it_is(browser: Any, desk: Any, drain: Any) -> None:
    browser().say({"client_msg_id": "a", "text": "x"})
    drain()
    number = session().scalar(select(Message.conversation_id))
    technician, agent = desk("technician"), desk()
    hint = {"conversation": number, "last_id": 10**6}
    assert technician.emit("seen", hint, namespace="/agent", callback=True) == {"ok": False}
    for nonsense in (None, 7, {"conversation": True, "last_id": 1}, {"conversation": 2**40, "last_id": 1}, {"conversation": number, "last_id": "1"}):
        assert agent.emit("seen", nonsense, namespace="/agent", callback=True) == {"ok": False}


def test_whoever_sends_too_fast_is_told_when_to_come_again(browser: Any) -> None:
    page = browser()
    acks = [page.say({"client_msg_id": f"a{n}", "text": "x"}) for n in range(25)]
    late = [ack for ack in acks if not ack["ok"]]
    assert late and {ack["code"] for ack in late} == {"too_many"} and all(ack["retry_after"] >= 1 and ack["message"] for ack in late)
    assert sum(ack["ok"] for ack in acks) >= 20
    assert browser().say({"client_msg_id": "a", "text": "x"})["ok"], "others are not held up"


def test_chats_leave_threads_for_everybody_else(app: Flask, browser: Any) -> None:
    rooms = app.extensions["visitors"]
    rooms.most = 2
    one, _two = browser(), browser()
    assert not browser().inside
    one.socket.disconnect(SPACE)
    assert browser().inside


def test_a_large_frame_is_stopped_before_it_is_in_memory(app: Flask) -> None:
    transport = app.extensions["socketio"].server.eio._async["websocket"]
    assert transport.keywords == {"max_message_size": LARGEST_FRAME} and LARGEST_FRAME >= 12 * 10_000
    assert app.extensions["socketio"].server.eio.max_http_buffer_size == LARGEST_FRAME


@pytest.mark.parametrize("name", ["connect", "disconnect", 5, None, {"a": 1}])
def test_a_page_cannot_begin_or_end_a_second_time_as_somebody_else(app: Flask, browser: Any, name: Any) -> None:
    rooms = app.extensions["visitors"]
    victim, thief = browser(), browser()
    before = dict(rooms.chats)
    thief.socket.emit(name, {"account": "portal", "token": victim.token}, namespace=SPACE)
    assert rooms.chats == before and thief.heard("joined") == []
    assert thief.say({"client_msg_id": "a", "text": "还在"})["ok"]
    assert victim.say({"client_msg_id": "a", "text": "也在"})["ok"]


def test_a_page_that_claims_to_see_more_and_more_is_slowed_down(browser: Any) -> None:
    page = browser()
    page.say({"client_msg_id": "a", "text": "x"})
    answers = [page.say({"last_id": n}, "seen") for n in range(1, 80)]
    assert answers[0] == {"ok": True} and answers[-1]["code"] == "too_many"
    assert page.say({"client_msg_id": "b", "text": "y"})["ok"], "words are not held up by it"


# ---- menus


def test_a_menu_is_shown_with_its_items_and_a_tap_answers_it(app: Flask, browser: Any, account: Account, drain: Callable[[], int]) -> None:
    page = browser()
    page.say({"client_msg_id": "m1", "text": "你好"})
    drain()
    with unit_of_work() as s:
        menu = {"head": "哪一件？", "items": [{"id": "ticket:20001", "text": "1. 变频器"}, {"id": "ticket:new", "text": "0. 都不是"}], "tail": ""}
        queue_message(SYSTEM, s.scalars(select(Message)).first().conversation, "哪一件？\n1. 变频器\n0. 都不是", kind="menu", meta=menu)  # type: ignore[union-attr]
    poll(app)
    shown = browser(token=page.token).joined["messages"][-1]
    assert (shown["head"], [one["id"] for one in shown["menu"]]) == ("哪一件？", ["ticket:20001", "ticket:new"])
    assert page.say({"client_msg_id": "m2", "text": "0. 都不是", "item": "ticket:new"})["ok"]
    session().rollback()
    said = session().scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert (said.kind, said.meta["item"], said.visible_text) == ("menu", "ticket:new", "0. 都不是")
    for n, wrong in enumerate((5, "x" * 200, "a\nb")):
        assert not page.say({"client_msg_id": f"w{n}", "text": "x", "item": wrong})["ok"], wrong
