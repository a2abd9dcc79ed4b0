"""A ticket's page and what is written on it: answers, notes, drafts, files, mails as they looked, and live parts."""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.clock import now
from app.core.db import session
from app.core.installed_base import Contract, Device, Site
from app.core.people import Identity, Organisation, User
from app.core.uow import unit_of_work
from app.queries.timeline import customer_words
from app.web.desk_answers import sendable_text
from channels.models import FAILED, QUEUED, UNDECIDED, Account, Message
from knowledge.models import Article, Revision
from tests.conftest import FreshClient
from tests.web.desk.conftest import HTMX, PNG, fresh, inbound_file, messages, statements
from workflows.engine import take
from workflows.models import Draft, Ticket, TicketArticle, TicketNote
from workflows.tickets import TICKET

Mail = Callable[..., Ticket]
Browser = Callable[..., FreshClient]
NASTY = "<script>alert(1)</script> <b>粗</b> \U0001f527 &amp; \x00 ' \" \ud83d \u202e"


@pytest.fixture
def article(app: object) -> Callable[..., Article]:
    def make(slug: str = "apn", level: str = "public", state: str = "published") -> Article:
        with unit_of_work() as s:
            row = Article(slug=slug, title=f"换卡后查 {slug}", level=level, state=state)
            s.add(row)
            s.flush()
            text = Revision(article_id=row.id, number=1, title=row.title, body="第二步改 APN。", author="编辑", sha256="0" * 64)
            s.add(text)
            s.flush()
            row.current_revision_id = text.id
        return row

    return make


def url(ticket: Ticket, part: str = "") -> str:
    return f"/desk/tickets/{ticket.number}{part}"


def test_everything_stands_on_the_page(mail: Mail, desk: FreshClient, company: Callable[..., Organisation]) -> None:
    lake = company("澄湖轴承", email_domains=["client.example"])
    with unit_of_work() as s:
        from app.core.catalogue import Product

        product = Product(code="HK-V20", name="变频器")
        site = Site(organisation_id=lake.id, name="三厂")
        s.add_all([product, site])
        s.flush()
        today = now().date()
        s.add(Contract(number="HT-1", organisation_id=lake.id, level="gold", starts_on=today - timedelta(days=9)))
        s.add(Contract(number="HT-2", organisation_id=lake.id, level="basic", starts_on=today - timedelta(days=9)))
        s.add(Device(organisation_id=lake.id, site_id=site.id, product_id=product.id, serial="HV-1", warranty_until=today + timedelta(days=1)))
    mail("上周的事")
    found = mail("变频器跳 E07", text_whole="变频器跳 E07\n> 旧的引文", files=(inbound_file("铭牌.png", PNG, "image/png"),))
    page = desk.get(url(found)).text
    for said in ("变频器跳 E07", "旧的引文", "王工", "wang@client.example", "澄湖轴承", "金牌", "HV-1", "保内", "三厂",
                 "7 天内第 2 次来找我们", "上周的事", "派给我并接单", "铭牌.png", "新的会话"):  # fmt: skip
        assert said in page, said
    assert 'hx-trigger="changed:ticket:' in page and "changed:conversation:" in page


def test_a_page_costs_the_same_for_many_messages(mail: Mail, desk: FreshClient, agent: User) -> None:
    found = mail("一")
    desk.get(url(found))
    with statements() as few:
        desk.get(url(found))
    for place in range(8):
        mail(f"又 {place}", answers=("m1@client.example",))
        desk.post(url(found, "/messages"), data={"text": f"备注 {place}", "note": "1"})
    with statements() as many:
        assert desk.get(url(found)).status_code == 200
    assert len(many) <= len(few) + 2, "\n".join(many)


def test_how_to_reach_somebody_is_not_asked_of_the_articles(mail: Mail) -> None:
    found = mail("网关离线了，回我wang@client.example谢谢，见 https://client.example/log", subject="HK-V20 跳 E07")
    assert customer_words(found).split() == ["HK-V20", "跳", "E07", "网关离线了，回我", "谢谢，见"]


def test_older_words_are_a_page_away(mail: Mail, desk: FreshClient, agent: User) -> None:
    found = mail("最早的一句")
    with unit_of_work() as s:
        for place in range(130):
            s.add(TicketNote(ticket_id=found.id, author="周", text=f"备注-{place:03}", at=now() + timedelta(seconds=place // 3)))
    seen: list[str] = []
    address: str | None = url(found)
    while address:
        page = desk.get(address).text
        seen = re.findall(r"备注-(\d{3})", page) + seen
        older = re.search(r'href="([^"]+before=[^"]+)"', page)
        address = older[1].replace("&amp;", "&") if older and len(seen) < 200 else None
    assert seen == [f"{n:03}" for n in range(130)]
    assert "最早的一句" in page
    assert desk.get(url(found, "?before=nonsense")).status_code == 200


def test_an_answer_goes_out_and_is_remembered(
    mail: Mail, desk: FreshClient, agent: User, article: Callable[..., Article], drain: Callable[[], int]
) -> None:
    found, helpful = mail(), article()
    desk.post(url(found, "/draft"), data={"text": "草"})
    answer = desk.post(
        url(found, "/messages"),
        data={"text": "请改 APN。", "articles": [str(helpful.id), str(helpful.id)],
              "files": [(BytesIO(PNG), "步骤.png"), (BytesIO(b"a,b"), "../../表.csv")]},
        headers=HTMX,
    )  # fmt: skip
    assert answer.status_code == 204
    told = json.loads(answer.headers["HX-Trigger"])
    assert {"sent", f"changed:ticket:{found.id}", "toast"} <= told.keys()
    (sent,) = messages(found)
    assert (sent.text, sent.author_name, sent.to_address) == ("请改 APN。", "周小禾", "wang@client.example")
    kept = session().scalars(select(TicketArticle)).one()
    assert (kept.article_id, kept.use, kept.user_id) == (helpful.id, "inserted", agent.id)
    assert fresh(found).first_response_at is not None
    assert session().scalar(select(Draft)) is None
    page = desk.get(url(found)).text
    assert helpful.title in page and "步骤.png" in page and "_.._表.csv" in page
    assert session().scalars(select(AuditRow).where(AuditRow.action == "ticket.replied")).one().details["message"] == sent.id


def test_a_stranger_to_the_words_is_asked_first(mail: Mail, desk: FreshClient) -> None:
    found = mail("网关离线了")
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(url(found)).text)
    assert seen
    mail("不用了，已经好了", answers=("m1@client.example",))
    typed = {"text": "今天派人去。", "seen": seen[1]}
    answer = desk.post(url(found, "/messages"), data=typed, headers=HTMX)
    assert answer.status_code == 409
    assert "不用了，已经好了" in answer.text and "今天派人去。" in answer.text
    assert messages(found) == []
    again = re.search(r'name="seen" value="(\d+)"', answer.text)
    assert again and int(again[1]) > int(seen[1])
    assert desk.post(url(found, "/messages"), data=typed | {"seen": again[1]}, headers=HTMX).status_code == 204


def test_empty_and_forbidden_answers_keep_what_was_typed(mail: Mail, desk: FreshClient, article: Callable[..., Article]) -> None:
    found = mail()
    inside, draft = article("inside", "agent"), article("draft", "public", "draft")
    assert desk.post(url(found, "/messages"), data={"text": " \n "}, headers=HTMX).status_code == 422
    for wrong in (inside.id, draft.id, 99999):
        answer = desk.post(url(found, "/messages"), data={"text": "你好", "articles": str(wrong)}, headers=HTMX)
        assert answer.status_code == 422 and "你好" in answer.text and "<html" not in answer.text
    assert inside.title in desk.post(url(found, "/messages"), data={"text": "你好", "articles": str(inside.id)}).text
    assert desk.post(url(found, "/messages"), data={"text": "长" * 50_001}, headers=HTMX).status_code == 422
    assert messages(found) == []
    whole = desk.post(url(found, "/messages"), data={"text": ""})
    assert whole.status_code == 422 and "<html" in whole.text, "without scripts the page itself comes again"


@pytest.mark.parametrize("note", ["0", "1"])
def test_whatever_is_typed_is_shown_as_typed(note: str, mail: Mail, desk: FreshClient) -> None:
    found = mail()
    sent = {"text": NASTY.encode("utf-8", "surrogatepass"), "note": note}
    assert desk.post(url(found, "/draft"), data=sent).status_code == 200
    assert "&lt;script&gt;alert(1)" in desk.get(url(found)).text
    assert desk.post(url(found, "/messages"), data=sent, headers=HTMX).status_code == 204
    page = desk.get(url(found)).text
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; &lt;b&gt;粗" in page
    assert "\U0001f527" in page and "\x00" not in page


def test_a_hostile_mail_does_no_harm(mail: Mail, desk: FreshClient) -> None:
    found = mail(NASTY, subject=NASTY, name=NASTY, html=f"<p onclick=x()>{NASTY}</p>")
    for address in (url(found), "/desk?view=open", "/desk/search?q=alert", url(found, "/steps/split"), url(found, "/classify")):
        page = desk.get(address)
        assert page.status_code == 200 and "<script>alert" not in page.text, address


def test_notes_stay_inside(mail: Mail, desk: FreshClient, drain: Callable[[], int]) -> None:
    found = mail()
    assert desk.post(url(found, "/messages"), data={"text": "客户很急", "note": "1"}, headers=HTMX).status_code == 204
    drain()
    assert messages(found) == [] and "客户很急" in desk.get(url(found)).text
    assert desk.post(url(found, "/messages"), data={"text": "", "note": "1"}, headers=HTMX).status_code == 422


def test_drafts_are_kept_for_their_writer(mail: Mail, desk: FreshClient, browser: Browser, article: Callable[..., Article]) -> None:
    found, helpful = mail(), article()
    answer = desk.post(url(found, "/draft"), data={"text": "写到一半", "articles": str(helpful.id)})
    assert re.fullmatch(r"\d\d:\d\d", answer.get_json()["shown"])
    page = desk.get(url(found)).text
    assert "写到一半</textarea>" in page and f'data-article="{helpful.id}"' in page
    assert "写到一半" not in browser("agent").get(url(found)).text
    desk.post(url(found, "/draft"), data={"text": "其实是备注", "note": "1"})
    page = desk.get(url(found)).text
    assert "其实是备注</textarea>" in page and 'data-mode="note"' in page
    desk.post(url(found, "/draft"), data={"text": "  "})
    session().rollback()
    assert session().scalar(select(Draft)) is None


def test_a_reader_reads_and_does_not_write(mail: Mail, browser: Browser) -> None:
    found = mail()
    editor = browser("editor")
    page = editor.get(url(found)).text
    assert 'id="composer"' not in page and "不能回复" in page
    for part in ("/messages", "/draft", "/claim", "/classify", "/attempts", "/contact"):
        assert editor.post(url(found, part), data={"text": "x"}).status_code == 403, part
    assert editor.get(url(found, "/classify")).status_code == 403


@pytest.mark.parametrize("state", [FAILED, UNDECIDED])
def test_what_did_not_go_out_is_sent_again(state: str, mail: Mail, desk: FreshClient) -> None:
    found = mail()
    desk.post(url(found, "/messages"), data={"text": "请改 APN。"})
    (sent,) = messages(found)
    assert desk.post(f"/desk/messages/{sent.id}/again", headers=HTMX).status_code == 409, "it still waits"
    with unit_of_work() as s:
        broken = s.get_one(Message, sent.id)
        broken.state, broken.error = state, "邮件服务器答复 550：no such user"
    page = desk.get(url(found)).text
    assert f"/desk/messages/{sent.id}/again" in page and "550" in page
    assert desk.post(f"/desk/messages/{sent.id}/again", headers=HTMX).status_code == 204
    assert messages(found)[0].state == QUEUED
    assert desk.post("/desk/messages/99999/again", headers=HTMX).status_code == 404


def test_a_closed_account_cannot_be_answered(mail: Mail, desk: FreshClient, account: Account) -> None:
    found = mail()
    with unit_of_work() as s:
        s.get_one(Account, account.id).active = False
    assert "没有可以回复的会话" in desk.get(url(found)).text
    assert desk.post(url(found, "/messages"), data={"text": "x"}, headers=HTMX).status_code == 409


def test_files_are_handed_out_with_care(mail: Mail, desk: FreshClient, browser: Browser, company: Callable[..., Organisation]) -> None:
    found = mail(
        files=(
            inbound_file("铭牌.png", PNG, "image/png"),
            inbound_file("坏.png", b"<script>alert(1)</script>", "image/png"),
            inbound_file("页.html", b"<script>alert(1)</script>", "text/html"),
            inbound_file("图.svg", b"<svg onload='alert(1)'/>", "image/svg+xml"),
        )
    )
    page = desk.get(url(found)).text
    ids = sorted({int(n) for n in re.findall(r"/desk/files/(\d+)", page)})
    assert len(ids) == 4
    picture, *others = (desk.get(f"/desk/files/{n}") for n in ids)
    assert picture.mimetype == "image/png" and "attachment" not in picture.headers["Content-Disposition"]
    for other in others:
        assert other.mimetype == "application/octet-stream"
        assert other.headers["Content-Disposition"].startswith("attachment")
    for answer in (picture, *others):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    stranger = browser("resident", organisation=company("拓联", "supplier"))
    assert stranger.get(f"/desk/files/{ids[0]}").status_code == 404
    assert desk.get("/desk/files/99999").status_code == 404


def test_a_mail_as_it_looked_is_sealed(mail: Mail, desk: FreshClient, browser: Browser, company: Callable[..., Organisation]) -> None:
    html = (
        '<style>body{display:none}</style><p style="position:fixed" onclick="x()">表</p><img src="https://spy.example/p.gif">'
        '<img src="cid:logo"><img src="cid:none"><a href="javascript:alert(1)">a</a><a href="https://ok.example/">b</a>'
        "<form action=/x><input></form><iframe src=https://evil.example></iframe><table><tr><td colspan=2>格</td></tr></table>"
    )
    found = mail(html=html, files=(inbound_file("logo.png", PNG, "image/png", "logo"),))
    link = re.search(r"/desk/messages/\d+/mail", desk.get(url(found)).text)
    assert link
    answer = desk.get(link[0])
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src" not in policy and "default-src 'none'" in policy and "allow-scripts" not in policy
    for gone in ("spy.example", "onclick", "javascript:", "<form", "<iframe", "position", "display:none"):
        assert gone not in answer.text, gone
    assert re.search(r'<img src="/desk/files/\d+"', answer.text) and "https://ok.example/" in answer.text
    assert 'colspan="2"' in answer.text and "1 张外部图片没有加载" in answer.text
    assert browser("resident", organisation=company("拓联", "supplier")).get(link[0]).status_code == 404
    plain = mail("只有文字", sender="b@x.example")
    assert "/mail" not in desk.get(url(plain, "/timeline")).text
    assert desk.get(f"/desk/messages/{messages(plain, 'in')[0].id}/mail").status_code == 404


def test_who_wrote_from_a_shared_address_is_picked(mail: Mail, desk: FreshClient, company: Callable[..., Organisation]) -> None:
    from app.core.directory.contacts import create_contact
    from app.core.permissions import SYSTEM

    lake = company("澄湖")
    with unit_of_work() as s:
        s.add(Identity(kind="email", value="service@lake.example", shared=True, organisation_id=lake.id))
        person = create_contact(SYSTEM, name="李秀兰", organisation_id=lake.id)
    found = mail(sender="service@lake.example", name="")
    page = desk.get(url(found)).text
    assert "还不知道是谁" in page and "李秀兰" in page
    assert desk.post(url(found, "/contact"), data={"contact": person.id}).status_code == 303
    assert fresh(found).contact_id == person.id
    assert desk.post(url(found, "/contact"), data={"contact": "99999"}).status_code == 404


def test_both_languages(mail: Mail, desk: FreshClient) -> None:
    found = mail()
    assert desk.get(url(found), headers={"Accept-Language": "en"}).status_code == 200
    for address in ("/desk", url(found), "/desk/tickets/new", "/desk/search?q=x", url(found, "/steps/resolve"), url(found, "/classify")):
        assert desk.get(address, headers={"Accept-Language": "en"}).status_code == 200, address


def test_a_server_that_sends_files_itself_sends_them_whole(mail: Mail, desk: FreshClient) -> None:
    """gunicorn hands the open file to the system, which goes on from where the system stands in it."""

    class SendsItself:
        def __init__(self, file: BytesIO, size: int = 8192) -> None:
            self.file = file

        def __iter__(self) -> Iterator[bytes]:
            while part := os.read(self.file.fileno(), 8192):
                yield part

        def close(self) -> None:
            self.file.close()

    contents = (PNG, PNG + b"x" * 20_000)
    found = mail(files=tuple(inbound_file(f"{number}.png", content, "image/png") for number, content in enumerate(contents)))
    ids = sorted({int(n) for n in re.findall(r"/desk/files/(\d+)", desk.get(url(found)).text)})
    for number, content in zip(ids, contents, strict=True):
        answer = desk.get(f"/desk/files/{number}", environ_overrides={"wsgi.file_wrapper": SendsItself})
        assert answer.data == content
        assert answer.content_length == len(content)


def test_what_the_customer_answered_stands_on_the_ticket(
    mail: Mail, desk: FreshClient, agent: User, make_user: Callable[..., User]
) -> None:
    found, colleague = mail(), make_user("agent").actor("test")
    with unit_of_work() as s:
        ticket, actor = s.get_one(Ticket, found.id), agent.actor("test")
        take(TICKET, ticket, "dispatch", actor, assignee=agent.id)
        take(TICKET, ticket, "start", actor)
        take(TICKET, ticket, "resolve", actor, resolution="好了", kind="fault", wrap_up={"category": "usage"})
        take(TICKET, ticket, "close", colleague, result="answered", rating=4, comment="师傅很快")
    page = desk.get(url(found)).text
    assert "结单，客户确认已解决" in page and "评分 4 分；师傅很快" in page


def test_a_passage_is_sent_with_whole_sentences(app: object) -> None:
    body = "先断电。\n\n1. 读 d0-14。停机后仍高于 90 °C，报修。\n2. 上下要留 150 mm，左右留 50 mm。\n3. 装回盖板。\n"
    text = Revision(number=1, title="过热", body=body, author="编辑", sha256="0" * 64)
    row = Article(slug="hot", title="过热", level="client", current=text)
    said = sendable_text(row, "停机后仍高于 90 °C，报修。\n上下要留 150…").strip()
    assert said == "1. 读 d0-14。停机后仍高于 90 °C，报修。\n2. 上下要留 150 mm，左右留 50 mm。"
    assert sendable_text(row, "…别处的话").strip() == "…别处的话"


def test_what_is_inserted_speaks_the_customers_language(app: Flask) -> None:
    row = Article(slug="hot", title="过热", level="public")
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert "全文：过热" in sendable_text(row, "先断电。")
        assert "Full article: 过热" in sendable_text(row, "先断电。", "en")


def test_the_customers_own_link_is_not_for_the_desk(mail: Mail, desk: FreshClient, agent: User, drain: Callable[[], int]) -> None:
    found = mail()
    with unit_of_work():
        take(TICKET, fresh(found), "solve_now", agent.actor("test"), resolution="换卡", wrap_up={"category": "hardware"})
    drain()
    asked = messages(found)[-1].text
    assert "/r/" in asked and "/r/…" not in asked
    page = desk.get(url(found)).text
    assert "/r/…" in page and asked.partition("/r/")[2].split()[0] not in page
