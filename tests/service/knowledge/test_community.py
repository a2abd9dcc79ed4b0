"""Questions asked in public: who may what, what waits for a moderator, and that nothing is lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import community as house
from app.core import clock
from app.core.audit import AuditRow
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.people import Organisation
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge.community import access, contacts, finding, moderation, rules, service, words
from knowledge.community_models import HIDDEN, PENDING, SHOWN, CommunityTerm, Question
from knowledge.models import Article

ActorOf = Callable[..., Actor]


@pytest.fixture
def product(app: Flask) -> Product:
    with unit_of_work() as s:
        supplier = Organisation(kind="supplier", name="宏控")
        s.add(supplier)
        s.flush()
        row = Product(code="HK-V20", name="HK-V20 变频器", supplier_id=supplier.id)
        s.add(row)
    return row


@pytest.fixture
def asker(actor: ActorOf) -> Actor:
    with unit_of_work() as s:
        client = Organisation(kind="client", name="澄湖")
        s.add(client)
    return actor("client", organisation=client)


def ask(actor: Actor, product: Product, title: str = "变频器跳 E07 是什么意思", body: str = "夏天下午就停", name: str = "孙**") -> Question:
    with unit_of_work():
        return service.ask(actor, product, title, body, name)


def shown(actor: Actor, product: Product, **given: str) -> Question:
    """A question that a moderator has let through."""
    question = ask(actor, product, **given)
    with unit_of_work():
        moderation.show(SYSTEM, question)
    return question


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("打我电话 13812345678 说", "打我电话 ▇▇▇ 说"),
        ("１３８ １２３４ ５６７８", "▇▇▇"),
        ("1-3-8-1-2-3-4-5-6-7-8", "▇▇▇"),
        ("座机 021-5888 1234", "座机 ▇▇▇"),
        ("邮箱 a.b@c-d.com.cn。", "邮箱 ▇▇▇。"),
        ("加微信号：wang_lei88 谢谢", "加▇▇▇ 谢谢"),
        ("QQ：12345678", "▇▇▇"),
        ("证件 110105199003071233", "证件 ▇▇▇"),
    ],
)
def test_contact_data_is_found_in_any_dress(text: str, covered: str) -> None:
    assert contacts.contacts_in(text)
    assert contacts.masked(text) == covered


@pytest.mark.parametrize("text", ["HK-V20 报 E07，d0-14 是 92", "固件 2.1.13812，序列号 20260315001", "阈值 1000000 次，电压 380.5 V", "0x80070005", "2026-11-22 10:30:45 起停机", "微信里看不到报表"])
def test_numbers_of_machines_are_no_telephones(text: str) -> None:
    assert contacts.contacts_in(text) == []


@pytest.mark.parametrize("text", ["代开发票", "代 开 发 票", "代-开★发.票", "代開發票", "请找我代開發票吧", "ＦＵＣＫ", "f.u-c k off"])
def test_sensitive_words_are_found_in_any_dress(text: str) -> None:
    assert words.found_in(text, words.shipped())


@pytest.mark.parametrize("text", ["casinopolis", "变频器的发票在哪里下载", "自动杀菌", "scunthorpe"])
def test_harmless_words_pass(text: str) -> None:
    assert words.found_in(text, words.shipped()) == []


def test_the_first_post_waits_and_the_next_does_not(product: Product, asker: Actor, actor: ActorOf) -> None:
    first = ask(asker, product)
    assert (first.state, first.held_for) == (PENDING, "第一次发言")
    assert access.access_question(asker, first.id) is not None
    for other in (NOBODY, actor("client"), actor("agent")):
        with pytest.raises(NotFound):
            access.access_question(other, first.id)
    editor = actor("editor")
    assert [one.post for one in moderation.queue(editor)] == [first]
    with unit_of_work():
        moderation.show(editor, first)
    assert access.access_question(NOBODY, first.id) is not None
    assert ask(asker, product, title="另一个问题怎么办").state == SHOWN


@pytest.mark.parametrize(("body", "why"), [("有人会代 开 发 票吗", "敏感词"), ("看 http://somewhere.example/x", "链接")])
def test_what_is_suspicious_waits_and_is_not_lost(product: Product, asker: Actor, body: str, why: str) -> None:
    shown(asker, product)
    held = ask(asker, product, title="第二个问题怎么办", body=body)
    assert held.state == PENDING and why in held.held_for and held.body == body
    assert finding.similar("第二个问题怎么办") == []


def test_staff_post_at_once_unless_a_word_is_hit(product: Product, asker: Actor, actor: ActorOf) -> None:
    question = shown(asker, product)
    agent = actor("agent")
    with unit_of_work():
        good = service.answer(agent, question, "散热器过热，见 https://desk.example/x，热线 400-800-1234", "小陈")
        bad = service.answer(agent, question, "滚蛋", "小陈")
    assert (good.state, good.side, bad.state) == (SHOWN, "desk", PENDING)
    assert question.answer_count == 1


def test_who_may_answer(product: Product, asker: Actor, actor: ActorOf) -> None:
    question = shown(asker, product)
    supplier = session().get_one(Organisation, product.supplier_id)
    with unit_of_work() as s:
        other = Organisation(kind="supplier", name="拓联")
        s.add(other)
    technician = actor("technician", organisation=supplier)
    assert access.side_of(technician, product) == "supplier"
    for stranger in (actor("client"), actor("author", organisation=other), actor("technician", organisation=other)):
        with pytest.raises(Forbidden), unit_of_work():
            service.answer(stranger, question, "我来答", "某某")
    with unit_of_work():
        answer = service.answer(technician, question, "先清风道", "师傅")
        own = service.answer(asker, question, "补充：柜内 45 度", "孙**")
    assert (answer.state, own.side) == (SHOWN, "customer")
    assert question.answer_count == 1, "the asker's addition is no answer"


def test_contact_data_is_refused_with_words(product: Product, asker: Actor) -> None:
    with pytest.raises(Invalid) as refused, unit_of_work():
        service.ask(asker, product, "变频器跳 E07 怎么办", "打 13812345678 找我", "孙**")
    assert refused.value.errors == {"body": [service.MASK_IT]}
    assert session().scalar(select(func.count()).select_from(Question)) == 0


def test_accepting_voting_following_reporting(product: Product, asker: Actor, actor: ActorOf) -> None:
    question, agent, reader = shown(asker, product), actor("agent"), actor("client")
    with unit_of_work():
        answer = service.answer(agent, question, "散热器过热", "小陈")
    with pytest.raises(Forbidden), unit_of_work():
        service.accept(reader, question, answer)
    with unit_of_work():
        service.accept(asker, question, answer)
        assert service.vote(reader, answer) and answer.vote_count == 1
    with unit_of_work():
        assert not service.vote(reader, answer) and answer.vote_count == 0, "the second time takes it back"
    with pytest.raises(Refused), unit_of_work():
        service.vote(agent, answer)
    with unit_of_work():
        assert service.follow(reader, question)
        service.report(reader, answer, "答非所问")
        service.report(reader, answer, "再说一遍")
    editor = actor("editor")
    waiting = moderation.reported(editor)
    assert [(one.post, one.reports) for one in waiting] == [(answer, ("答非所问",))]
    with unit_of_work():
        moderation.hide(editor, answer, "答错了")
    assert moderation.reported(editor) == []
    assert (question.accepted_answer_id, question.answer_count, answer.state) == (None, 0, HIDDEN)
    assert access.access_answer(agent, answer.id).hidden_reason == "答错了"
    with pytest.raises(NotFound):
        access.access_answer(reader, answer.id)
    said = session().scalars(select(AuditRow.action).where(AuditRow.subject == "community_answer").order_by(AuditRow.id))
    assert list(said) == ["community.answered", "community.reported", "community.hidden"]


def test_only_moderators_moderate(product: Product, asker: Actor, actor: ActorOf) -> None:
    question = ask(asker, product)
    for who in (asker, actor("agent"), NOBODY):
        with pytest.raises(Forbidden), unit_of_work():
            moderation.show(who, question)
        with pytest.raises(Forbidden), unit_of_work():
            words.add_word(who, "坏词")


def test_strangers_write_nothing(product: Product) -> None:
    with pytest.raises(Forbidden), unit_of_work():
        service.ask(NOBODY, product, "变频器跳 E07 怎么办", "", "某某")


def test_a_day_has_a_limit(product: Product, asker: Actor) -> None:
    rules.use_rules(0, 2, 2)
    try:
        with clock.frozen(now()):
            ask(asker, product)
            ask(asker, product, title="第二个问题")
            with pytest.raises(Refused):
                ask(asker, product, title="第三个问题")
        with clock.frozen(now() + timedelta(days=2)):
            assert ask(asker, product, title="第三个问题").state == SHOWN
    finally:
        rules.use_rules(1, 20, 2)


def test_similar_questions_are_found_and_only_shown_ones(product: Product, asker: Actor, actor: ActorOf) -> None:
    question = shown(asker, product)
    shown(asker, product, title="网关换卡以后离线", body="")
    assert finding.similar("E07 什么意思")[0] == question
    assert finding.similar("變頻器 e07") == [question], "traditional script, any case"
    assert finding.similar("今天天气真好") == []
    assert finding.similar("E07", product_id=product.id + 1) == []
    with unit_of_work():
        moderation.hide(SYSTEM, question, "重复")
    assert finding.similar("E07 什么意思") == []
    assert session().scalar(select(func.count()).where(CommunityTerm.question_id == question.id)) == 0


def test_the_word_list_is_edited(product: Product, asker: Actor, actor: ActorOf) -> None:
    editor = actor("editor")
    with unit_of_work():
        words.add_word(editor, "水货")
        words.remove_word(editor, "代开发票")
    assert "水货" in words.in_force() and "代开发票" not in words.in_force()
    shown(asker, product)
    assert ask(asker, product, title="这是水 貨吗怎么看").state == PENDING
    with unit_of_work():
        words.remove_word(editor, "水货")
        words.add_word(editor, "代开发票")
    assert "水货" not in words.in_force() and words.in_force().count("代开发票") == 1
    with pytest.raises(Invalid), unit_of_work():
        words.add_word(editor, "，")


def test_a_good_answer_becomes_a_draft(product: Product, asker: Actor, actor: ActorOf) -> None:
    question, agent, editor = shown(asker, product), actor("agent"), actor("editor")
    with unit_of_work():
        answer = service.answer(agent, question, "散热器过热。\n\n1. 清风道\n2. 看风扇", "小陈")
    with pytest.raises(Forbidden), unit_of_work():
        moderation.draft_from(agent, answer)
    with unit_of_work():
        article = moderation.draft_from(editor, answer)
    assert (article.state, article.title, article.source) == ("draft", question.title, f"/community/{question.id}")
    assert article.draft is not None and article.draft.questions == [question.title] and "清风道" in article.draft.body
    assert [p.id for p in article.products] == [product.id] and question.article_id == article.id
    with pytest.raises(Refused), unit_of_work():
        moderation.draft_from(editor, answer)
    assert session().scalar(select(func.count()).select_from(Article)) == 1


def test_a_question_that_nobody_answers_becomes_a_ticket(product: Product, actor: ActorOf) -> None:
    with unit_of_work():
        _contact, identity = find_or_create_contact(SYSTEM, "email", "sun@community.example", name="孙工")
    visitor = house.visitor_actor(identity)
    question = shown(visitor, product)
    agent = actor("agent")
    assert moderation.unanswered(agent) == []
    with clock.frozen(now() + timedelta(days=3)):
        assert moderation.unanswered(agent) == [question]
        assert moderation.counts(agent) == {"unanswered": 1}
        with unit_of_work():
            ticket = house.hand_over(agent, question)
        assert moderation.unanswered(agent) == []
        with pytest.raises(Refused), unit_of_work():
            house.hand_over(agent, question)
    assert ticket.subject == question.title and ticket.product_id == product.id and question.ticket_number == ticket.number
    assert ticket.contact is not None and ticket.contact.name == "孙工"


def test_names_of_customers_are_covered(app: Flask) -> None:
    assert house.shown_name("孙志强") == "孙**" and house.shown_name("") == ""
