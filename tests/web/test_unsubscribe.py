"""Mails to followers carry a way out: a line to read, and headers by which a mail program ends them in one click."""

from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import community, letters
from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.installed_base import Device
from app.core.people import Contact, Organisation, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from app.kb import unfollowing
from app.web.security import limiter
from channels import sending
from channels.accounts import add_account
from channels.models import Message
from channels.reaching.models import Outreach
from knowledge import gate, release_news
from knowledge.community import moderation, service
from knowledge.community_models import Question
from knowledge.gate_check import check
from knowledge.gate_steps import take_step
from tests.conftest import FreshClient

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
Mails = list[bytes]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Mails:
    """What went over the wire."""
    found: Mails = []
    monkeypatch.setattr("channels.email._hand_over", lambda settings, to, content: found.append(content))
    return found


@pytest.fixture
def product(app: Flask) -> Product:
    with unit_of_work() as s:
        add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"})
        client = Organisation(kind="client", name="澄湖")
        row = Product(code="HK-V20", name="HK-V20 变频器")
        s.add_all([client, row])
        s.flush()
        s.add(Device(organisation_id=client.id, product_id=row.id, serial="A1"))
    return row


def visitor(address: str) -> Actor:
    with unit_of_work() as s:
        identity = find_or_create_contact(SYSTEM, "email", address, name="李秀兰")[1]
        assert identity.contact_id is not None
        s.get_one(Contact, identity.contact_id).organisation_id = s.scalars(select(Organisation.id)).first()
        s.flush()
        return community.visitor_actor(identity)


@pytest.fixture
def question(product: Product, make_user: Callable[..., User], drain: Callable[[], int], sent: Mails) -> Question:
    """Two follow it, one a customer and one of the desk, and both were mailed an answer."""
    author, colleague = visitor("li@news.example"), make_user("agent", email="chen@desk.example").actor("test")
    agent = make_user("agent").actor("test")
    with unit_of_work():
        row = service.ask(author, product, "变频器跳 E07 是什么意思", "", "李**")
        moderation.show(SYSTEM, row)
        service.follow(colleague, row)
    with unit_of_work():
        service.answer(agent, session().get_one(Question, row.id), "散热器过热。", "小陈")
    drain()
    assert len(sent) == 2
    return row


def way_out(mail: bytes) -> str:
    """The address in the header, as it went over the wire: one line, no encoded word."""
    [line] = [line for line in mail.split(b"\r\n") if line.lower().startswith(b"list-unsubscribe:")]
    address = line.decode("ascii").removeprefix("List-Unsubscribe: ")
    assert address.startswith("<") and address.endswith(">")
    parsed = message_from_bytes(mail, policy=default)
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    body = parsed.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert f"不想再收到这个问题的消息：\n{address[1:-1]}" in body or f"不想再收到这个产品的版本消息：\n{address[1:-1]}" in body
    return address[1:-1].removeprefix(letters.signing()["site_url"])


def followed(question: Question) -> list[bool]:
    session().rollback()
    people = session().scalars(select(Outreach).order_by(Outreach.id)).all()
    who = [f"c{one.contact_id}" if one.contact_id else f"u{one.user_id}" for one in people]
    return [bool(unfollowing.own_marks(one, "question", question.id)) for one in who]


def test_one_click_ends_it_for_one_person_without_login_or_token(app: Flask, question: Question, sent: Mails) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    links = [way_out(mail) for mail in sent]
    assert len(set(links)) == 2
    program = app.test_client(use_cookies=False)
    assert followed(question) == [True, True]
    answer = program.post(links[0], data=ONE_CLICK)
    assert (answer.status_code, answer.text) == (200, "OK\n") and "Set-Cookie" not in answer.headers
    assert followed(question) == [False, True]
    again = program.post(links[0], data=ONE_CLICK)
    assert again.status_code == 200, "a program may press twice"
    answer = program.post(links[1], data=ONE_CLICK, content_type="multipart/form-data")
    assert answer.status_code == 200 and followed(question) == [False, False]


def test_a_link_that_is_opened_ends_nothing_and_a_form_needs_its_token(app: Flask, question: Question, sent: Mails) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    link, stranger = way_out(sent[0]), app.test_client()
    for method in ("GET", "HEAD", "OPTIONS"):
        stranger.open(link, method=method)
    page = stranger.get(link).text
    main = page.split("<main")[1].split("</main")[0]
    assert main.count("<button") == 1 and 'name="csrf_token"' in main
    for data in ({}, {"List-Unsubscribe": "one-click"}, {"csrf_token": "x"}):
        assert stranger.post(link, data=data).status_code == 400
    assert followed(question) == [True, True]
    token = main.split('name="csrf_token" value="')[1].split('"')[0]
    assert stranger.post(link, data={"csrf_token": token}).status_code == 303
    assert followed(question) == [False, True]


def test_no_other_form_is_let_through_by_saying_one_click(app: Flask, question: Question) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    stranger = app.test_client()
    for path in (f"/community/{question.id}/follow", f"/community/{question.id}/vote", "/products/HK-V20/follow", "/login"):
        assert stranger.post(path, data=ONE_CLICK).status_code == 400, path


def test_a_link_that_was_changed_is_no_link(app: Flask, question: Question, sent: Mails) -> None:
    link, stranger = way_out(sent[0]), app.test_client()
    words, signature = link.rsplit("/", 1)[1].split(".")
    other = way_out(sent[1]).rsplit("/", 1)[1].split(".")[0]
    forged = [link[:-1], f"{words}x.{signature}", f"{other}.{signature}", letters.sign_ticket(1), "x"]
    forged += [unfollowing._serializer().dumps(told) for told in ([1], ["answer", 1, "c1"], ["question", "1", "c1"], ["question", 1, "x1"], ["question", 1, "c"], {})]
    for one in forged:
        address = one if one.startswith("/") else f"/community/unfollow/{one}"
        assert stranger.get(address).status_code == stranger.post(address, data=ONE_CLICK).status_code == 404, one
    assert followed(question) == [True, True]


def test_the_news_of_a_product_ends_by_its_own_link_and_takes_back_what_waits(
    app: Flask, product: Product, drain: Callable[[], int], monkeypatch: pytest.MonkeyPatch, sent: Mails
) -> None:
    deliver = sending.deliver
    monkeypatch.setattr("channels.sending.deliver", lambda message_id, job: None)
    readers = [visitor("li@news.example"), visitor("wang@news.example")]
    with unit_of_work():
        for one in readers:
            assert release_news.follow(one, session().get_one(Product, product.id))
        row = gate.add_release(SYSTEM, product.id, "3.0")
        take_step(SYSTEM, row, "override", check(row.release, row, None), "资料下周补")
    drain()
    waiting = session().scalars(select(Message).where(Message.direction == "out").order_by(Message.id)).all()
    assert [one.state for one in waiting] == ["queued", "queued"]
    link = str(waiting[0].meta["unsubscribe"]).removeprefix(letters.signing()["site_url"])
    assert app.test_client().post(link, data=ONE_CLICK).status_code == 200
    session().rollback()
    assert [one.state for one in session().scalars(select(Message).where(Message.direction == "out").order_by(Message.id))] == ["withdrawn", "queued"]
    assert len(release_news.followers(product.id)) == 1
    monkeypatch.setattr("channels.sending.deliver", deliver)

    class Job:
        key, last, id = "k", False, 0

        def done(self) -> Any:
            return unit_of_work()

    deliver(waiting[1].id, Job())
    assert way_out(sent[0]) != link


def test_guessing_is_slowed_and_one_clicks_of_a_provider_are_not(app: Flask, question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "enabled", True)
    limiter.reset()
    browser: FreshClient = app.test_client()  # type: ignore[assignment]
    pressed = [browser.post("/community/unfollow/x").status_code for _ in range(21)]
    clicked = [browser.post("/community/unfollow/x", data=ONE_CLICK).status_code for _ in range(241)]
    limiter.reset()
    assert pressed == [404] * 20 + [429] and clicked == [404] * 240 + [429]
