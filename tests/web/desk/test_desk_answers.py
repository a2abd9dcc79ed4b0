"""What is looked up beside a ticket and under a slash: articles as words, link or card, and tickets that were solved before."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.catalogue import Product
from app.core.db import session
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb import similar
from app.queries.timeline import used_articles
from app.web.desk_answers import link_text, sendable_text
from channels.accounts import add_account
from channels.base import Inbound, Sender
from channels.models import Account, Message
from channels.receiving import receive
from knowledge import indexing, lifecycle, service
from knowledge.loop_models import ArticleFlag
from knowledge.models import Article, Revision
from tests.conftest import FreshClient
from tests.web.desk.conftest import HTMX
from workflows.engine import take
from workflows.models import Ticket, TicketArticle, TicketNote
from workflows.tickets import TICKET

Mail = Callable[..., Ticket]
Browser = Callable[..., FreshClient]


def url(ticket: Ticket, part: str = "") -> str:
    return f"/desk/tickets/{ticket.number}{part}"


def anew() -> None:
    """What the requests wrote is read from the database."""
    session().rollback()
    session().expire_all()


@pytest.fixture
def write(app: Flask, drain: Callable[[], int]) -> Callable[..., Article]:
    def make(title: str, body: str, **given: Any) -> Article:
        with unit_of_work():
            made = service.draft_article(SYSTEM, service.Content(title, body, ()), service.Properties(**given))
            lifecycle.submit(SYSTEM, made)
            lifecycle.publish(SYSTEM, made)
        drain()
        indexing.ensure(app.extensions["open_index"]())
        return made

    return make


@pytest.fixture
def chat(app: Flask, drain: Callable[[], int]) -> Ticket:
    with unit_of_work():
        account = add_account(SYSTEM, "webchat", "portal", {})
        message = receive(account, Inbound("c1", Sender("visitor", "v1", "访客"), "网关换卡以后离线", "网关换卡以后离线", continues=True))
        assert message is not None
    drain()
    return session().scalars(select(Ticket).order_by(Ticket.id.desc())).first()  # type: ignore[return-value]


def test_what_is_being_written_finds_other_articles_than_the_customers_words(
    mail: Mail, desk: FreshClient, write: Callable[..., Article]
) -> None:
    write("换卡后离线：查 APN", "第二步改 APN。")
    write("开票要准备什么", "营业执照与税号。")
    ticket = mail("网关换卡后离线了", subject="换卡后离线")
    plain = desk.get(url(ticket, "/answers"), headers=HTMX).text
    assert plain.index("换卡后离线") < (plain.index("开票要准备什么") if "开票要准备什么" in plain else len(plain))
    typed = desk.get(url(ticket, "/answers?typed=开票要准备营业执照与税号开票"), headers=HTMX).text
    assert typed.index("开票要准备什么") < typed.index("查 APN")


def test_a_slash_finds_articles_as_words_link_and_card_and_nothing_inside_to_send(
    mail: Mail, desk: FreshClient, write: Callable[..., Article]
) -> None:
    warned = write("更换风扇", "拆下外壳，更换风扇。\n\n::: warning\n断电等十分钟。\n:::\n", safety=True)
    write("坐席向导：更换风扇", "内部：风扇批次有问题。", level="agent")
    ticket = mail("风扇响", subject="风扇响")
    page = desk.get(url(ticket, "/found?q=更换风扇"), headers=HTMX).text
    assert page.count('role="option"') == 2 and "data-card" in page
    inside = next(part for part in page.split("<li ") if "坐席向导" in part)
    assert 'data-text=""' in inside and 'data-link=""' in inside and "data-internal" in inside and "data-card" not in inside
    assert "断电等十分钟" in link_text(session().get_one(Article, warned.id)), "a warning comes along with the link alone"
    assert desk.get(url(ticket, "/found?q="), headers=HTMX).status_code == 200


def test_a_card_goes_out_on_a_chat_without_any_words_and_what_was_used_is_kept_once(
    chat: Ticket, desk: FreshClient, write: Callable[..., Article]
) -> None:
    article = write("换卡后离线：查 APN", "第二步改 APN。")
    form = {"text": "", "articles": str(article.id), "how": f"{article.id}:card", "note": "0"}
    assert desk.post(url(chat, "/messages"), data=form, headers=HTMX).status_code == 204
    anew()
    [out] = session().scalars(select(Message).where(Message.direction == "out", Message.author_kind == "user")).all()
    assert out.kind == "card" and out.meta["url"].endswith(f"/articles/{article.slug}")
    [row] = session().scalars(select(TicketArticle)).all()
    assert (row.use, row.how, row.message_id, row.article_id) == ("inserted", "card", out.id, article.id)
    again = {"text": "再看一次", "articles": str(article.id), "how": f"{article.id}:link", "note": "0"}
    assert desk.post(url(chat, "/messages"), data=again, headers=HTMX).status_code == 204
    anew()
    assert len(session().scalars(select(TicketArticle)).all()) == 1


def test_on_mail_a_card_is_refused_words_and_a_link_goes(mail: Mail, desk: FreshClient, write: Callable[..., Article]) -> None:
    article = write("换卡后离线：查 APN", "第二步改 APN。")
    ticket = mail("离线")
    empty = {"text": "", "articles": str(article.id), "how": f"{article.id}:card", "note": "0"}
    assert desk.post(url(ticket, "/messages"), data=empty, headers=HTMX).status_code == 422
    assert desk.post(url(ticket, "/messages"), data={**empty, "text": "请看", "how": f"{article.id}:link"}, headers=HTMX).status_code == 204
    anew()
    assert session().scalars(select(TicketArticle)).one().how == "link"


def test_an_inside_article_never_goes_to_a_customer_as_a_card(chat: Ticket, desk: FreshClient, write: Callable[..., Article]) -> None:
    inside = write("坐席向导", "内部。", level="agent")
    form = {"text": "看这个", "articles": str(inside.id), "how": f"{inside.id}:card", "note": "0"}
    assert desk.post(url(chat, "/messages"), data=form, headers=HTMX).status_code == 422
    anew()
    assert session().scalars(select(Message).where(Message.author_kind == "user")).all() == []


def test_this_is_wrong_is_said_beside_the_ticket(mail: Mail, desk: FreshClient, write: Callable[..., Article]) -> None:
    article = write("换卡后离线：查 APN", "第二步改 APN。")
    ticket = mail("网关换卡后离线了", subject="换卡后离线")
    page = desk.get(url(ticket, "/answers"), headers=HTMX).text
    [address] = re.findall(r'href="(/knowledge/\d+/flag\?[^"]+)"[^>]*data-flag', page)
    form = desk.get(html.unescape(address), headers=HTMX).text
    assert "<html" not in form and "第二步改 APN" in form, "a dialog with what the article says"
    [action] = re.findall(r'hx-post="([^"]+)"', form)
    wrong = desk.post(action, data={"words": "", "quote": "第二步"}, headers=HTMX)
    assert wrong.status_code == 422 and "<html" not in wrong.text and "第二步" in wrong.text and "aria-invalid" in wrong.text
    done = desk.post(action, data={"words": "应该是第三步", "quote": "第二步"}, headers=HTMX)
    assert done.status_code == 204 and "close-dialog" in done.headers["HX-Trigger"]
    anew()
    flag = session().scalars(select(ArticleFlag)).one()
    assert (flag.article_id, flag.ticket_id, flag.words) == (article.id, ticket.id, "应该是第三步")
    assert "<html" in desk.get(html.unescape(address)).text, "a page of its own without scripts"


def test_reading_aloud_is_use_too(mail: Mail, desk: FreshClient, write: Callable[..., Article], browser: Browser) -> None:
    article = write("换卡后离线", "第二步改 APN。", phone_script="先看绿灯。")
    ticket = mail("离线")
    used = url(ticket, f"/answers/{article.id}/used")
    assert desk.post(used, data={"how": "phone"}, headers=HTMX).status_code == 204
    assert desk.post(used, data={"how": "phone"}, headers=HTMX).status_code == 204
    assert desk.post(used, data={"how": "card"}, headers=HTMX).status_code == 422
    anew()
    assert session().scalars(select(TicketArticle)).one().how == "phone"
    assert list(used_articles(session().get_one(Ticket, ticket.id))) == [article.id], "the wrap-up begins with it"
    with unit_of_work() as s:
        s.get_one(Ticket, ticket.id).channel = "calls"
    assert "先看绿灯" in desk.get(url(ticket, "/answers"), headers=HTMX).text
    assert browser("editor").post(used, data={"how": "phone"}, headers=HTMX).status_code == 403


@pytest.fixture
def solved(mail: Mail, agent: User, app: Flask) -> Callable[..., Ticket]:
    """solved("文字", "办法", product) is a ticket that was solved, in the index of such."""

    def make(text: str, resolution: str, product: Product | None = None) -> Ticket:
        ticket = mail(text, sender=f"p{len(text)}{len(resolution)}@else.example", subject=text)
        with unit_of_work() as s:
            row = s.get_one(Ticket, ticket.id)
            row.product_id = product.id if product else None
            row.assignee_id = agent.id
            take(TICKET, row, "solve_now", agent.actor("test"), resolution=resolution, wrap_up={"category": "connection"})
        return ticket

    return make


def test_solved_tickets_like_this_one_are_found_and_quoted_for_colleagues_only(
    mail: Mail, desk: FreshClient, solved: Callable[..., Ticket], drain: Callable[[], int]
) -> None:
    before = solved("网关换卡后一直离线", "APN 没改，改好后上线。")
    drain()
    ticket = mail("网关换卡后离线了怎么办", sender="new@else.example", subject="网关换卡离线")
    page = desk.get(url(ticket, "/similar"), headers=HTMX).text
    assert f"#{before.number}" in page and "APN 没改" in page and f"#{ticket.number} " not in page
    assert desk.post(url(ticket, f"/similar/{before.number}/quote"), headers=HTMX).status_code == 204
    anew()
    note = session().scalars(select(TicketNote).where(TicketNote.ticket_id == ticket.id)).one()
    assert f"#{before.number}" in note.text and "APN 没改" in note.text
    assert session().scalars(select(Message).where(Message.author_kind == "user")).all() == []


def test_a_reopened_ticket_is_found_no_longer(
    mail: Mail, desk: FreshClient, solved: Callable[..., Ticket], drain: Callable[[], int], agent: User
) -> None:
    before = solved("网关换卡后一直离线", "APN 没改，改好后上线。")
    drain()
    ticket = mail("网关换卡后离线了怎么办", sender="new@else.example", subject="网关换卡离线")
    with unit_of_work() as s:
        take(TICKET, s.get_one(Ticket, before.id), "reopen", agent.actor("test"), reason="又坏了")
    assert f"#{before.number}" not in desk.get(url(ticket, "/similar"), headers=HTMX).text, "the database has the last word"
    drain()
    with desk.application.app_context():
        assert desk.application.extensions["open_ticket_index"]().health().documents == 0


def test_a_supplier_sees_only_tickets_of_its_own_products(
    mail: Mail, browser: Browser, solved: Callable[..., Ticket], company: Callable[..., Organisation], drain: Callable[[], int], app: Flask
) -> None:
    ours, theirs = company("拓联通信", kind="supplier"), company("宏控自动化", kind="supplier")
    with unit_of_work() as s:
        gateway, drive = Product(code="TL-G300", name="网关", supplier_id=ours.id), Product(code="HK-V20", name="变频器", supplier_id=theirs.id)
        s.add_all([gateway, drive])
    own = solved("通信一直离线甲", "换了卡。", gateway)
    foreign = solved("通信一直离线乙丙", "换了板。", drive)
    loose = solved("通信一直离线丁戊己", "重启了。")
    drain()
    ticket = mail("通信一直离线", sender="new@else.example", subject="通信离线")
    with unit_of_work() as s:
        s.get_one(Ticket, ticket.id).product_id = gateway.id
    page = browser("resident", organisation=ours).get(url(ticket, "/similar"), headers=HTMX).text
    assert f"#{own.number}" in page and f"#{foreign.number}" not in page and f"#{loose.number}" not in page
    resident = browser("resident", organisation=ours)
    assert resident.post(url(ticket, f"/similar/{foreign.number}/quote"), headers=HTMX).status_code == 404
    everything = browser("agent").get(url(ticket, "/similar"), headers=HTMX).text
    assert all(f"#{t.number}" in everything for t in (own, foreign, loose))


def test_the_index_of_solved_tickets_can_be_made_anew(solved: Callable[..., Ticket], app: Flask, runner: Any) -> None:
    solved("网关换卡后一直离线", "APN 没改，改好后上线。")
    done = runner.invoke(args=["desk", "reindex-tickets", "--json"])
    assert done.exit_code == 0 and '"documents": 1' in done.output
    assert similar.ensure(app.extensions["open_ticket_index"]()) is False


def test_the_machines_words_are_marked_on_the_ticket(chat: Ticket, desk: FreshClient, write: Callable[..., Article]) -> None:
    article = write("换卡后离线：查 APN", "第二步改 APN。")
    with unit_of_work() as s:
        conversation = s.scalars(select(Message)).first().conversation  # type: ignore[union-attr]
        account = s.scalars(select(Account).where(Account.kind == "webchat")).one()
        mark = {"talk": 1, "article": article.id, "title": article.title, "slug": article.slug, "confidence": 0.83}
        s.add(
            Message(
                conversation_id=conversation.id, account_id=account.id, external_id="r1", direction="out", kind="menu", author_kind="system",
                author_name="机器人", text="答案", visible_text="答案", state="sent", is_auto=True, meta={"answer": mark, "head": "答案", "items": []},
            )
        )  # fmt: skip
    page = desk.get(url(chat, "/timeline"), headers=HTMX).text
    assert "机器人答复" in page and "把握 83%" in page and "message out robot" in page and f"/articles/{article.slug}" in page


STEPS = """::: warning
1. 断电。
2. 等十分钟。
:::

## 处理

1. 看滤棉
2. 清洗风扇
   - 毛刷
   - 气枪
3. 上电看温度

| 代码 | 含义 | 处理 |
|---|---|---|
| E07 | 过热 | 清洗 |

5. 报修
"""


def inserted(passage: str) -> str:
    text = Revision(number=1, title="过热", body=STEPS, author="编辑", sha256="0" * 64)
    return sendable_text(Article(slug="hot", title="过热", level="client", current=text), passage)


def test_steps_and_points_keep_their_marks_when_they_are_inserted() -> None:
    warned = "安全警示：1. 断电。\n2. 等十分钟。\n\n"
    assert inserted("清洗风扇\n毛刷\n气枪\n上电看温度") == warned + "2. 清洗风扇\n  · 毛刷\n  · 气枪\n3. 上电看温度\n", "also from the middle of a list"
    assert inserted("…电看温度\n代码 | 含义 | 处理\nE07 | 过热 | 清…") == warned + "3. 上电看温度\nE07：含义 过热；处理 清洗\n"
    assert inserted("报修") == warned + "5. 报修\n"
    assert inserted("断电。\n等十分钟。") == "1. 断电。\n2. 等十分钟。\n", "a warning is said once"
