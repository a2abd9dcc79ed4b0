"""The community through its pages, without JavaScript: asking, review, answering, accepting, an article, a ticket."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.directory.identities import find_or_create_contact
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account
from channels.models import Message
from knowledge.community import rules
from knowledge.community_models import PENDING, SHOWN, Answer, Question
from knowledge.models import Article
from tests.conftest import FreshClient
from tests.web.knowledge_house import House
from workflows.models import Ticket

MakeUser = Callable[..., User]


def ask(browser: FreshClient, house: House, **given: str) -> Any:
    form = {"title": "变频器夏天老跳 E07", "body": "下午三点以后", "product": str(house.drive.id), "name": "孙**", **given}
    return browser.post("/community/ask", data=form)


def test_from_the_question_to_the_article(someone: Callable[[str], FreshClient], client: FreshClient, house: House) -> None:
    customer, editor, agent = someone("client"), someone("editor"), someone("agent")
    asked = ask(customer, house)
    assert asked.status_code == 303 and asked.location == "/community/1"
    assert "待审：第一次发言" in customer.get("/community/1").text
    assert client.get("/community/1").status_code == 404 and "E07" not in client.get("/community").text

    queue = editor.get("/knowledge/community").text
    assert "变频器夏天老跳 E07" in queue and "第一次发言" in queue
    editor.post("/knowledge/community/question/1", data={"choice": "show"})
    page = client.get("/community/1")
    assert page.status_code == 200 and "QAPage" in page.text and 'canonical" href="http://localhost/community/1"' in page.text
    assert "/community/1<" in client.get("/sitemap.xml").text
    assert "变频器夏天老跳 E07" in client.get("/products/HK-V20").text and "/community/1" in client.get("/search?q=变频器夏天跳E07").text

    agent.post("/community/1/answers", data={"body": "散热器过热。\n先清风道。", "name": "小陈"})
    customer.post("/community/1/accept", data={"answer": "1"})
    solved = client.get("/community/1").text
    assert "已采纳" in solved and "坐席" in solved
    data = json.loads(re.search(r'ld\+json">(.*?)</script>', solved)[1])  # type: ignore[index]
    assert data["@graph"][0]["mainEntity"]["acceptedAnswer"]["text"].startswith("散热器过热")

    assert "写成知识" not in agent.get("/community/1").text
    drafted = editor.post("/knowledge/community/drafts/1")
    assert drafted.status_code == 303 and re.fullmatch(r"/knowledge/\d+/edit", drafted.location)
    article = session().scalars(select(Article).order_by(Article.id.desc())).first()
    assert article is not None and article.title == "变频器夏天老跳 E07" and article.source == "/community/1"
    assert "已起草成知识" in editor.get("/community/1").text and "已起草成知识" not in client.get("/community/1").text


def test_strangers_are_told_how_to_become_known(client: FreshClient, house: House) -> None:
    page = client.get("/community/ask?product=HK-V20&title=E07").text
    assert 'name="way" value="login"' in page and 'name="way" value="mail"' in page and "让我们知道是谁在问" in page
    assert ask(client, house).location == "/login?next=%2Fcommunity%2Fask"
    assert session().scalars(select(Question)).all() == []


def test_a_mailed_link_is_enough_to_ask(client: FreshClient, house: House) -> None:
    with unit_of_work():
        number = find_or_create_contact(SYSTEM, "email", "li@community.example", name="李秀兰")[1].id
    with client.session_transaction() as cookie:
        cookie["requests"] = [number, int(now().timestamp()) + 3600]
    assert 'value="李**"' in client.get("/community/ask").text
    assert ask(client, house).location == "/community/1"
    question = session().scalars(select(Question)).one()
    assert (question.author_kind, question.author_id, question.state) == ("visitor", number, PENDING)


def test_contact_data_comes_back_covered_and_nothing_is_lost(someone: Callable[[str], FreshClient], house: House) -> None:
    customer = someone("client")
    answer = ask(customer, house, body="请打 138 1234 5678")
    assert answer.status_code == 422
    assert "请打 ▇▇▇" in answer.text and "1234 5678" not in answer.text and "变频器夏天老跳 E07" in answer.text


def test_answers_are_offered_before_asking(someone: Callable[[str], FreshClient], house: House) -> None:
    customer = someone("client")
    page = ask(customer, house, step="look")
    assert page.status_code == 200 and "/articles/v20-e07" in page.text and session().scalars(select(Question)).all() == []


def test_the_author_and_moderators_alone_see_what_is_hidden(someone: Callable[[str], FreshClient], client: FreshClient, house: House) -> None:
    customer, editor, agent = someone("client"), someone("editor"), someone("agent")
    ask(customer, house)
    editor.post("/knowledge/community/question/1", data={"choice": "hide", "reason": ""})
    assert session().get_one(Question, 1).state == PENDING, "a reason is asked for"
    editor.post("/knowledge/community/question/1", data={"choice": "show"})
    editor.post("/knowledge/community/question/1", data={"choice": "hide", "reason": "和别的问题重复"})
    for browser, status in ((client, 404), (agent, 404), (customer, 200), (editor, 200)):
        assert browser.get("/community/1").status_code == status
    assert "已隐藏：和别的问题重复" in customer.get("/community/1").text
    assert "变频器夏天老跳" not in client.get("/community").text and "变频器夏天老跳" in customer.get("/community?show=mine").text
    assert agent.post("/community/1/vote").status_code == 404
    assert agent.post("/knowledge/community/question/1", data={"choice": "show"}).status_code == 403


def test_votes_follows_and_reports_need_somebody_known(someone: Callable[[str], FreshClient], client: FreshClient, house: House) -> None:
    customer, editor, agent = someone("client"), someone("editor"), someone("agent")
    ask(customer, house)
    editor.post("/knowledge/community/question/1", data={"choice": "show"})
    client.post("/community/1/vote")
    assert session().get_one(Question, 1).vote_count == 0
    for _ in range(3):
        agent.post("/community/1/vote")
    session().expire_all()
    assert session().get_one(Question, 1).vote_count == 1
    agent.post("/community/1/follow")
    assert "变频器夏天老跳" in agent.get("/community?show=followed").text
    agent.post("/community/1/report", data={"reason": "像广告"})
    queue = editor.get("/knowledge/community?tab=reported").text
    assert "像广告" in queue
    editor.post("/knowledge/community/question/1", data={"choice": "keep", "tab": "reported"})
    assert "像广告" not in editor.get("/knowledge/community?tab=reported").text


def test_an_answer_of_another_question_is_not_found_here(someone: Callable[[str], FreshClient], house: House) -> None:
    customer, editor, agent = someone("client"), someone("editor"), someone("agent")
    ask(customer, house)
    editor.post("/knowledge/community/question/1", data={"choice": "show"})
    ask(customer, house, title="网关为什么离线")
    agent.post("/community/1/answers", data={"body": "清风道", "name": "小陈"})
    assert customer.post("/community/2/accept", data={"answer": "1"}).status_code == 404
    assert session().scalars(select(Answer)).one().state == SHOWN


def test_an_unanswered_question_becomes_a_ticket(someone: Callable[[str], FreshClient], house: House) -> None:
    rules.use_rules(0, 20, 0)
    customer, agent = someone("client"), someone("agent")
    ask(customer, house)
    page = agent.get("/knowledge/community").text
    assert "变频器夏天老跳" in page and "敏感词" not in page
    taken = agent.post("/knowledge/community/question/1/ticket")
    ticket = session().scalars(select(Ticket)).one()
    assert taken.location == f"/desk/tickets/{ticket.number}" and ticket.subject == "变频器夏天老跳 E07"
    assert "/community/1" in agent.get(taken.location).text
    assert f"已登记成工单 {ticket.number}" in agent.get("/community/1").text
    assert "已登记成工单" not in customer.get("/community/1").text
    assert agent.get("/knowledge/community").text.count("变频器夏天老跳") == 0


@pytest.mark.parametrize("address", ["/community/0", "/community/2147483647", "/community/99999999999", "/community?before=x&product=nix&show=mine", "/community/ask?product=%00&title=%ED%A0%80"])
def test_odd_addresses(client: FreshClient, house: House, address: str) -> None:
    assert client.get(address).status_code in (200, 404)


def test_words_are_escaped(someone: Callable[[str], FreshClient], house: House) -> None:
    rules.use_rules(0, 20, 2)
    customer = someone("client")
    ask(customer, house, title='<img src=x onerror="x">怎么办', body="<b>粗</b></script>")
    page = customer.get("/community/1").text
    assert "<img src=x" not in page and "<b>粗" not in page and "</script>&lt;" not in page


def test_the_form_names_what_was_asked_in_public_while_its_title_is_written(someone: Any) -> None:
    agent = someone("agent")
    product = session().scalars(select(Question.product_id)).first() or 1
    given = {"title": "风扇转着为什么还报过热", "body": "", "product": str(product), "name": "客服"}
    assert agent.post("/community/ask", data=given).status_code == 303
    typed = {"HX-Request": "true"}
    shown = agent.get("/search?q=风扇转着还报过热&asked=1", headers=typed).text
    assert "风扇转着为什么还报过热" in shown and 'class="similarly"' in shown
    assert "similarly" not in agent.get("/search?q=风扇转着还报过热", headers=typed).text
    assert "data-answers-asked" in agent.get("/community/ask").text


def test_what_is_new_is_seen_and_the_messages_have_an_end(
    app: Flask, someone: Callable[[str], FreshClient], client: FreshClient, house: House, drain: Callable[[], int]
) -> None:
    with unit_of_work():
        add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example", "smtp_host": "127.0.0.1"})
        number = find_or_create_contact(SYSTEM, "email", "li@community.example", name="李秀兰")[1].id
    with client.session_transaction() as cookie:
        cookie["requests"] = [number, int(now().timestamp()) + 1000]
    editor, agent = someone("editor"), someone("agent")
    ask(client, house)
    editor.post("/knowledge/community/question/1", data={"choice": "show"})
    assert "有新回答" not in client.get("/requests").text and "有新回答" not in client.get("/community?show=mine").text

    agent.post("/community/1/answers", data={"body": "散热器过热。", "name": "小陈"})
    drain()
    assert "你关注的公开提问有 1 个有新回答" in client.get("/requests").text
    assert "有新回答" in client.get("/community?show=mine").text and "有新回答" not in agent.get("/community").text
    page = client.get("/community/1").text
    assert page.count("有新回答") == 1 and "</svg>新" in page
    assert "有新回答" not in client.get("/community/1").text + client.get("/requests").text

    told = session().scalars(select(Message).where(Message.direction == "out")).one()
    link = "/community/unfollow/" + told.text.rpartition("/community/unfollow/")[2].split()[0]
    stranger = app.test_client()
    assert "不再收到这里的消息" in stranger.get(link).text and "不再关注" in client.get("/community/1").text
    assert stranger.post(link).status_code == 303 and "不会再发给你了" in stranger.get(link).text
    assert 'aria-pressed="false"' in client.get("/community/1").text
    assert stranger.get(link + "x").status_code == 404
    editor.post("/knowledge/community/question/1", data={"choice": "hide", "reason": "不合适"})
    assert "变频器" not in stranger.get(link).text.split("<main")[1].split("</main")[0]
