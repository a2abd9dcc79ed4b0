"""Followers of a public question hear of answers: once an hour, never of what they may not read, and not for ever."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import community as house
from app.core import clock
from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.directory.merging import merge_contacts
from app.core.people import Identity, Organisation, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from app.kb import unfollowing
from channels.accounts import add_account
from channels.models import QUEUED, WITHDRAWN, Message
from channels.reaching.models import Outreach
from knowledge.community import following, moderation, service
from knowledge.community_models import Answer, Question

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ActorOf = Callable[..., Actor]


@pytest.fixture
def product(app: Flask) -> Product:
    with unit_of_work() as s:
        add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"})
        row = Product(code="HK-V20", name="HK-V20 变频器")
        s.add(row)
    return row


def visitor(address: str, name: str = "李秀兰") -> Actor:
    with unit_of_work():
        return house.visitor_actor(find_or_create_contact(SYSTEM, "email", address, name=name)[1])


def asked(actor: Actor, product: Product) -> Question:
    with unit_of_work():
        question = service.ask(actor, product, "变频器跳 E07 是什么意思", "夏天下午就停", "李**")
        moderation.show(SYSTEM, question)
    return question


def reply(actor: Actor, question: Question, body: str) -> Answer:
    with unit_of_work():
        return service.answer(actor, question, body, "小陈")


def follow(actor: Actor, question: Question) -> None:
    with unit_of_work():
        assert service.follow(actor, question)


def mails() -> list[Message]:
    session().rollback()
    return list(session().scalars(select(Message).where(Message.direction == "out").order_by(Message.id)))


def later(drain: Callable[[], int], after: timedelta) -> None:
    """Do what is due by then. Messages that waited to leave are looked at before anything sends them."""
    with clock.frozen(NOON + after):
        drain()


@pytest.fixture(autouse=True)
def no_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued stays queued, so that it can still be taken back."""
    monkeypatch.setattr("channels.sending.deliver", lambda message_id, job: None)


def test_a_burst_of_answers_is_two_messages_an_hour_apart(product: Product, actor: ActorOf, drain: Callable[[], int]) -> None:
    author, agent = visitor("li@news.example"), actor("agent")
    with clock.frozen(NOON):
        question = asked(author, product)
        later(drain, timedelta())
        assert mails() == []
    with clock.frozen(NOON + timedelta(minutes=1)):
        first = reply(agent, question, "散热器过热，先清风道。")
        drain()
    told = mails()
    assert [m.to_address for m in told] == ["li@news.example"]
    assert told[0].subject == "有新回答：变频器跳 E07 是什么意思" and "散热器过热" in told[0].text
    assert f"/community/{question.id}#a{first.id}" in told[0].text and "/community/unfollow/" in told[0].text
    assert not told[0].is_auto and told[0].conversation.token is None, "a question's number is no ticket's"

    with clock.frozen(NOON + timedelta(minutes=5)):
        reply(agent, question, "再看滤网。")
        reply(actor("agent"), question, "环境温度是多少？")
        drain()
        assert len(mails()) == 1
        with unit_of_work():
            service.accept(agent, session().get_one(Question, question.id), session().get_one(Answer, first.id))
        drain()
    later(drain, timedelta(minutes=60))
    assert len(mails()) == 1, "fifty-nine minutes after the first"
    later(drain, timedelta(minutes=62))
    assert len(mails()) == 2 and mails()[1].subject.startswith("有了采纳的回答") and "另有 2 个新回答" in mails()[1].text
    later(drain, timedelta(hours=9))
    assert len(mails()) == 2


def test_who_did_it_or_has_looked_hears_nothing(product: Product, actor: ActorOf, drain: Callable[[], int]) -> None:
    author, agent = visitor("li@news.example"), actor("agent")
    with clock.frozen(NOON):
        question = asked(author, product)
        follow(agent, question)
    with clock.frozen(NOON + timedelta(minutes=1)):
        row = reply(agent, question, "散热器过热。")
    with clock.frozen(NOON + timedelta(minutes=2)):
        assert following.count_news(author) == 1 and following.count_news(agent) == 0
        assert following.news_among(author, [question.id]) == {question.id}
        with unit_of_work():
            assert following.saw(author, question)
            assert not following.saw(author, question), "nothing is written where nothing is new"
        assert following.count_news(author) == 0
        drain()
    assert session().scalars(select(Outreach)).all() == []
    with clock.frozen(NOON + timedelta(minutes=3)), unit_of_work():
        service.accept(author, question, row)
    with clock.frozen(NOON + timedelta(minutes=4)):
        drain()
    assert [one.user_id for one in session().scalars(select(Outreach))] == [agent.id], "the author accepted it, the agent follows"


def test_what_was_hidden_is_told_to_nobody(product: Product, actor: ActorOf, drain: Callable[[], int]) -> None:
    author, agent = visitor("li@news.example"), actor("agent")
    with clock.frozen(NOON):
        question = asked(author, product)
        row = reply(agent, question, "先短接保护再试。")
        with unit_of_work():
            moderation.hide(SYSTEM, row, "危险的做法")
        drain()
        assert mails() == [], "hidden before anybody was told"
        good, bad = reply(agent, question, "先清风道。"), reply(agent, question, "拆掉风扇。")
        drain()
        assert [m.state for m in mails()] == [QUEUED] and "先清风道" in mails()[0].text
        with unit_of_work():
            moderation.hide(SYSTEM, session().get_one(Answer, bad.id), "错的")
        drain()
    states = [m.state for m in mails()]
    assert states == [WITHDRAWN, QUEUED] and "有新回答" in mails()[1].subject and f"#a{good.id}" in mails()[1].text
    with clock.frozen(NOON):
        with unit_of_work():
            moderation.hide(SYSTEM, session().get_one(Question, question.id), "不合适")
        drain()
    assert [m.state for m in mails()] == [WITHDRAWN, WITHDRAWN]


def test_who_may_not_or_cannot_be_known_hears_nothing(product: Product, actor: ActorOf, drain: Callable[[], int], make_user: Callable[..., User]) -> None:
    author, leaver, agent = visitor("li@news.example"), make_user("agent", name="leaver"), actor("agent")
    switchboard = visitor("service@news.example", "总机")
    with clock.frozen(NOON):
        question = asked(author, product)
        follow(leaver.actor("test"), question)
        follow(switchboard, question)
        with unit_of_work() as s:
            s.get_one(User, leaver.id).active = False
            s.get_one(Identity, switchboard.id).shared = True
            s.get_one(Identity, author.id).suspect = True
        reply(agent, question, "散热器过热。")
        drain()
    assert session().scalars(select(Outreach)).all() == []


def test_one_person_known_twice_hears_once(product: Product, actor: ActorOf, drain: Callable[[], int], make_user: Callable[..., User]) -> None:
    agent, author, other = actor("agent"), visitor("li@news.example"), visitor("li.private@news.example")
    with unit_of_work() as s:
        client = Organisation(kind="client", name="澄湖")
        s.add(client)
        s.flush()
        first, second = s.get_one(Identity, author.id).contact_id, s.get_one(Identity, other.id).contact_id
        assert first is not None and second is not None
        merge_contacts(SYSTEM, first, second)
    login = make_user("client", organisation=client)
    with unit_of_work() as s:
        s.get_one(User, login.id).contact_id = second
    with clock.frozen(NOON):
        question = asked(author, product)
        follow(other, question)
        follow(login.actor("test"), question)
        reply(agent, question, "散热器过热。")
        drain()
    assert [(one.contact_id, one.audience) for one in session().scalars(select(Outreach))] == [(first, "customer")]


def test_unfollow_by_the_link(product: Product, actor: ActorOf, drain: Callable[[], int]) -> None:
    author, agent = visitor("li@news.example"), actor("agent")
    with clock.frozen(NOON):
        question = asked(author, product)
        reply(agent, question, "散热器过热。")
        drain()
        signed = mails()[0].text.rpartition("/community/unfollow/")[2].split()[0]
        found = unfollowing.read_unfollow(signed)
        assert found is not None and (found.post, found.number) == ("question", question.id) and unfollowing.follows(found)
        assert unfollowing.read_unfollow(signed[:-2]) is None and unfollowing.read_unfollow("x") is None
        with unit_of_work():
            unfollowing.unfollow(found)
        assert not unfollowing.follows(found)
        reply(agent, question, "再看滤网。")
    later(drain, 2 * HOUR)
    assert len(mails()) == 1


def test_an_old_link_takes_back_what_waits_under_the_name_of_a_merged_contact(product: Product, actor: ActorOf, drain: Callable[[], int]) -> None:
    author, other, agent = visitor("li@news.example"), visitor("li.private@news.example"), actor("agent")
    with clock.frozen(NOON):
        question = asked(author, product)
        reply(agent, question, "散热器过热。")
        drain()
        found = unfollowing.read_unfollow(mails()[0].text.rpartition("/community/unfollow/")[2].split()[0])
    with unit_of_work() as s:
        first, second = s.get_one(Identity, author.id).contact_id, s.get_one(Identity, other.id).contact_id
        assert found is not None and first is not None and second is not None and found.who == f"c{first}"
        merge_contacts(SYSTEM, second, first)
    with clock.frozen(NOON + 2 * HOUR):
        reply(agent, question, "再看滤网。")
        drain()
        assert [mail.state for mail in mails()][1:] == [QUEUED]
        with unit_of_work():
            unfollowing.unfollow(found)
        assert [mail.state for mail in mails()][1:] == [WITHDRAWN], "not even what is still on its way"


def test_an_answer_that_waited_for_a_moderator_is_told_when_it_is_shown(product: Product, actor: ActorOf, drain: Callable[[], int]) -> None:
    author, agent = visitor("li@news.example"), actor("agent")
    with clock.frozen(NOON):
        question = asked(author, product)
        with unit_of_work():
            row = service.answer(author, question, "补充：环境 40 度。", "李**")
        drain()
        assert row.side == "customer" and mails() == [], "what the author adds is no answer"
        row = reply(agent, question, "代开发票的话去那边。")
        drain()
        if row.state == "pending":
            assert mails() == []
            with unit_of_work():
                moderation.show(SYSTEM, row)
            drain()
        assert len(mails()) == 1
