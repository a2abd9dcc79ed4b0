"""The editors' work around an article: files and who reads them, plans, comments, links, care."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.clock import advance, frozen, now
from app.core.db import session
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from app.core.events import EventRow
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work
from app.kb import told as knowledge_told
from channels.reaching.models import Outreach
from knowledge import care, editing_rules, lifecycle, linking, publishing, reviewing, service, similar
from knowledge.editing_models import PublishPlan
from knowledge.index import Hits, Index
from knowledge.indexing import rebuild
from knowledge.models import Article
from knowledge.searching import log_search
from knowledge.service import Content

from .conftest import Market

Write = Callable[..., Article]
MakeActor = Callable[..., Actor]
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def events(name: str) -> list[dict[str, object]]:
    return [dict(row.payload) for row in session().scalars(select(EventRow).where(EventRow.name == name).order_by(EventRow.id))]


# Publishing at a moment


def test_a_plan_is_carried_out_once_at_its_moment(write: Write, actor: MakeActor, drain: Callable[[], int]) -> None:
    editor = actor("editor", display_name="许工")
    article = write("定时", state="review")
    with frozen(START):
        with unit_of_work():
            plan = publishing.plan_publishing(editor, article, START + timedelta(hours=2), article.version)
        drain()
        assert session().get_one(Article, article.id).state == "review"
        advance(timedelta(hours=2))
        drain()
        session().expire_all()
        assert article.state == "published" and article.reviewed_by == "许工" and plan.state == "published"
        version = article.version
        with unit_of_work():
            assert publishing.carry_out(plan.id) is None
        drain()
        session().expire_all()
    assert article.version == version
    assert [e["what"] for e in events("WriterTold")] == ["planned_out"]


def test_what_was_not_reviewed_is_not_published(write: Write, actor: MakeActor, drain: Callable[[], int]) -> None:
    editor = actor("editor")
    article = write("定时", "第一版")
    with frozen(START):
        with unit_of_work():
            service.revise(editor, article, Content("定时", "第二版"))
            publishing.plan_publishing(editor, article, START + timedelta(hours=1))
        with unit_of_work():
            service.revise(SYSTEM, article, Content("定时", "第三版"))
        advance(timedelta(hours=1))
        drain()
    session().expire_all()
    assert article.current is not None and article.current.body == "第一版\n"
    assert [e["what"] for e in events("WriterTold")] == ["plan_dropped"]
    told = session().scalars(select(Outreach)).one()
    assert "排定的发布已取消" in told.words["zh"]["subject"]


def test_a_plan_is_cancelled_replaced_and_refused(write: Write, actor: MakeActor, drain: Callable[[], int], market: Market) -> None:
    editor, author = actor("editor"), actor("author", organisation=market.hongkong)
    article = write("定时", state="review", product_ids=(market.drive.id,))
    with frozen(START):
        with pytest.raises(Forbidden), unit_of_work():
            publishing.plan_publishing(author, article, START + timedelta(hours=1))
        for moment in (START, START - timedelta(days=1), START + timedelta(days=3000)):
            with pytest.raises(Invalid), unit_of_work():
                publishing.plan_publishing(editor, article, moment)
        with unit_of_work():
            publishing.plan_publishing(editor, article, START + timedelta(hours=1))
            publishing.plan_publishing(editor, article, START + timedelta(hours=3))
        states = session().scalars(select(PublishPlan.state).order_by(PublishPlan.id)).all()
        assert states == ["cancelled", "waiting"]
        advance(timedelta(hours=2))
        drain()
        assert session().get_one(Article, article.id).state == "review"
        with unit_of_work():
            publishing.cancel_plan(editor, article)
        with pytest.raises(Refused), unit_of_work():
            publishing.cancel_plan(editor, article)
        advance(timedelta(hours=2))
        drain()
        session().expire_all()
    assert article.state == "review"


def test_four_eyes(write: Write, actor: MakeActor) -> None:
    one, other = actor("editor"), actor("editor")
    article = write("四眼")
    with unit_of_work():
        service.revise(one, article, Content("四眼", "我写的"))
    assert "publish" in lifecycle.steps_for(one, article)
    editing_rules.use_rules(four_eyes=True)
    try:
        assert "publish" not in lifecycle.steps_for(one, article)
        with pytest.raises(Refused), unit_of_work():
            lifecycle.publish(one, article)
        with pytest.raises(Refused), unit_of_work():
            publishing.plan_publishing(one, article, now() + timedelta(hours=1))
        with unit_of_work():
            lifecycle.publish(other, article)
        assert article.reviewed_by == other.name
    finally:
        editing_rules.use_rules()


# Comments


def test_comments_stand_at_words_and_are_settled(write: Write, actor: MakeActor, market: Market) -> None:
    editor, author = actor("editor"), actor("author", organisation=market.hongkong)
    article = write("审核", state="published", product_ids=(market.drive.id,))
    with unit_of_work():
        service.revise(author, article, Content("审核", "**拧紧** [天线](article:antenna)。\n\n1. 再`上电`。"))
    with unit_of_work():
        first = reviewing.comment(editor, article, "写清扭矩", quote="拧紧 天线。")
        reviewing.comment(author, article, "好", parent_id=first.id)
    assert [(t.first.text, len(t.answers), t.quoted) for t in reviewing.threads(article)] == [("写清扭矩", 1, True)]
    assert reviewing.open_count(article) == 1
    assert [(e["what"], e["user_id"]) for e in events("WriterTold")] == [("commented", author.id), ("commented", editor.id)]
    with unit_of_work():
        service.revise(author, article, Content("审核", "拧到 0.8 N·m。"))
        reviewing.settle(author, article, first.id)
    assert [t.quoted for t in reviewing.threads(article)] == [False] and reviewing.open_count(article) == 0
    with unit_of_work():
        reviewing.comment(editor, article, "还差一点", parent_id=first.id)
    assert reviewing.open_count(article) == 1, "an answer opens it again"
    stranger = actor("author", organisation=market.tuolian)
    with pytest.raises(NotFound), unit_of_work():
        reviewing.comment(stranger, article, "我也说一句")
    other = write("另一篇")
    with pytest.raises(NotFound), unit_of_work():
        reviewing.settle(editor, other, first.id)
    with pytest.raises(Invalid), unit_of_work():
        reviewing.comment(editor, article, "  ")


def test_notes_of_submit_and_return_stand_among_the_comments(write: Write, actor: MakeActor, market: Market, drain: Callable[[], int]) -> None:
    editor, author = actor("editor"), actor("author", organisation=market.hongkong)
    article = write("退回", state="draft", product_ids=(market.drive.id,))
    with unit_of_work():
        service.revise(author, article, Content("退回", "写完了"))
        lifecycle.take_step(author, article, "submit", "请先看第二节")
    with unit_of_work():
        lifecycle.send_back(editor, article, "缺图")
    assert [(t.first.kind, t.first.text) for t in reviewing.threads(article)] == [("asked", "请先看第二节"), ("returned", "缺图")]
    assert reviewing.open_count(article) == 0
    drain()
    told = session().scalars(select(Outreach)).one()
    assert told.user_id == author.id and "缺图" in told.words["zh"]["text"]


def test_editors_hear_of_a_draft_that_waits_once_for_each_text(write: Write, actor: MakeActor, market: Market, drain: Callable[[], int]) -> None:
    editor, author = actor("editor"), actor("author", organisation=market.hongkong)
    article = write("待审", state="draft", product_ids=(market.drive.id,))

    def submit(who: Actor, text: str, words: str = "") -> list[tuple[int | None, str]]:
        with unit_of_work():
            service.revise(who, article, Content("待审", text))
            lifecycle.take_step(who, article, "submit", words)
        drain()
        with unit_of_work():
            lifecycle.send_back(editor, article, "再看看")
        return [(o.user_id, o.words["zh"]["text"]) for o in session().scalars(select(Outreach).order_by(Outreach.id)) if "submitted" in o.key]

    told = submit(author, "第一稿", "请看第二节")
    assert [user for user, _text in told] == [editor.id] and "请看第二节" in told[0][1]
    assert len(submit(author, "第一稿")) == 1, "the same text"
    assert len(submit(author, "第二稿")) == 2
    assert len(submit(editor, "第三稿")) == 2, "nobody is told of their own"


# Links and addresses


def test_links_that_lead_nowhere(write: Write, actor: MakeActor, drain: Callable[[], int], market: Market) -> None:
    editor = actor("editor")
    good, inside, gone, idea = write("好的"), write("内部的", level="agent"), write("旧的", state="retired"), write("草稿", state="draft")
    body = "".join(f"[x](article:{slug}) " for slug in (good.slug, inside.slug, gone.slug, idea.slug, "没有"))
    article = write("出发", body + f"[y](/articles/{good.slug}#s-1) [z](https://example.com/articles/x) `[k](article:code)`")
    drain()
    found = linking.broken_links(editor)
    assert [(b.trouble.target, b.trouble.why, b.live) for b in found] == [
        (inside.slug, "hidden", True), (gone.slug, "retired", True), (idea.slug, "draft", True), ("没有", "missing", True),
    ]  # fmt: skip
    assert [a.id for a in linking.linking_here(good, editor)] == [article.id]
    assert linking.broken_links(actor("author", organisation=market.hongkong)) == []
    with unit_of_work():
        service.revise(editor, article, Content("出发", f"[x](article:{good.slug})"))
    drain()
    assert len(linking.broken_links(editor)) == 4, "readers still meet them"
    with unit_of_work():
        lifecycle.publish(editor, article)
    drain()
    assert linking.broken_links(editor) == []


def test_texts_of_an_older_release_are_looked_at_by_the_clock(write: Write, actor: MakeActor) -> None:
    write("出发", "[x](article:没有)")
    assert linking.broken_links(actor("editor")) == [], "nobody looked yet"
    assert (knowledge_told.note_all_links(), knowledge_told.note_all_links()) == (1, 0)
    assert len(linking.broken_links(actor("editor"))) == 1


def test_a_renamed_article_keeps_its_old_address(write: Write, actor: MakeActor, drain: Callable[[], int]) -> None:
    editor = actor("editor")
    article, other = write("旧地址"), write("别的")
    write("出发", "[x](article:旧地址)")
    with unit_of_work():
        assert linking.rename(editor, article, "New Address！") == "new-address"
    drain()
    assert linking.present_slug("旧地址") == "new-address" and linking.broken_links(editor) == []
    assert len(linking.linking_here(article, editor)) == 1
    with pytest.raises(Conflict), unit_of_work():
        linking.rename(editor, other, "旧地址")
    assert write("旧地址").slug == "旧地址-2", "an address leads to its article for ever"
    with unit_of_work():
        linking.rename(editor, article, "旧地址")
    assert (article.slug, linking.present_slug("旧地址"), linking.present_slug("new-address")) == ("旧地址", None, "旧地址")
    with pytest.raises(Invalid), unit_of_work():
        linking.rename(editor, article, "！！")


# Care


def test_a_review_date_reminds_once(write: Write, actor: MakeActor) -> None:
    editor, other = actor("editor"), actor("editor")
    article = write("复核")
    with frozen(START):
        with unit_of_work():
            care.take_care(editor, article, owner_id=other.id, review_by=START + timedelta(days=1), internal_note="")
        with unit_of_work():
            assert knowledge_told.remind_reviews() == 0
        advance(timedelta(days=1))
        assert session().scalars(select(Article.id).where(care.is_due())).all() == [article.id]
        for expected in (1, 0):
            with unit_of_work():
                assert knowledge_told.remind_reviews() == expected
        assert session().scalars(select(Outreach.user_id)).all() == [other.id]
        with unit_of_work():
            care.confirm(editor, article, START + timedelta(days=100))
        assert session().scalars(select(Article.id).where(care.is_due())).all() == []
        advance(timedelta(days=100))
        with unit_of_work():
            care.take_care(editor, article, owner_id=None, review_by=START + timedelta(days=100), internal_note="")
        with unit_of_work():
            assert knowledge_told.remind_reviews() == 2, "without an owner, all editors"


def test_an_old_review_is_due_without_a_date(write: Write, actor: MakeActor) -> None:
    article = write("很久以前")

    def due() -> list[int]:
        return list(session().scalars(select(Article.id).where(care.is_due())))

    assert due() == []
    with frozen(now() + timedelta(days=366)):
        assert due() == [article.id]
        with pytest.raises(Invalid), unit_of_work():
            care.confirm(actor("editor"), article, START)
        with unit_of_work():
            care.confirm(actor("editor"), article, None)
        assert due() == []


def test_the_internal_note_is_for_colleagues(write: Write, actor: MakeActor, market: Market, index: Index) -> None:
    editor = actor("editor")
    article = write("公开的", "正文", product_ids=(market.drive.id,))
    with unit_of_work():
        care.take_care(editor, article, owner_id=None, review_by=None, internal_note="批次乙卡座偏软")
    readers = {
        "agent": actor("agent"), "own": actor("author", organisation=market.hongkong), "foreign": actor("author", organisation=market.tuolian),
        "resident": actor("resident", organisation=market.tuolian), "client": actor("client", organisation=market.chenghu), "nobody": NOBODY,
    }  # fmt: skip
    assert {name for name, reader in readers.items() if care.may_read_note(reader, article)} == {"agent", "own"}
    rebuild(index)
    from knowledge.searching import search

    assert search(index, editor, "卡座偏软").total == 0, "it is not even indexed"


def test_an_author_may_note_but_not_hand_over_a_published_article(write: Write, actor: MakeActor, market: Market) -> None:
    author = actor("author", organisation=market.hongkong)
    article = write("已发布", product_ids=(market.drive.id,))
    before = article.version
    with unit_of_work():
        care.take_care(author, article, owner_id=None, review_by=None, internal_note="知道了")
    assert article.version > before, "who comes second sees it"
    with pytest.raises(Forbidden), unit_of_work():
        care.take_care(author, article, owner_id=author.id, review_by=None, internal_note="知道了")
    editor, agent = actor("editor"), actor("agent")
    with pytest.raises(Invalid), unit_of_work():
        care.take_care(editor, article, owner_id=agent.id, review_by=None, internal_note="知道了")


# What was asked, what is answered


def test_questions_of_customers_are_offered(app: Flask, actor: MakeActor, market: Market) -> None:
    with unit_of_work():
        for words, count in (("变频器过热停机", 3), ("变频器 过热 报警", 1), ("打印机卡纸", 5)):
            for _n in range(count):
                log_search(NOBODY, words, Hits(0), "portal", market.drive.id if count == 1 else None)
        log_search(actor("agent"), "变频器过热内部处理", Hits(1), "console")
    editor = actor("editor")
    found = similar.asked_like(editor, ["变频器过热怎么办"], known=["变频器 过热 报警"])
    assert [(one.text, one.count, one.zero) for one in found] == [("变频器过热停机", 3, 3)]
    assert similar.asked_like(editor, [""]) == []
    author = actor("author", organisation=market.hongkong)
    assert [one.text for one in similar.asked_like(author, ["变频器过热"])] == ["变频器 过热 报警"], "what others asked is not a supplier's"


def test_a_second_article_about_the_same_is_noticed(write: Write, actor: MakeActor, index: Index) -> None:
    article = write("触摸屏配方丢失怎么找回", "插上 U 盘。", questions=("重启后配方没了",))
    write("打印机卡纸", "打开后盖。")
    rebuild(index)
    editor = actor("editor")
    assert [one.article.id for one in similar.already_answered(index, editor, "触摸屏的配方丢失了")] == [article.id]
    assert similar.already_answered(index, editor, "触摸屏的配方丢失了", article.id) == []
    assert similar.already_answered(index, editor, "网关离线") == []


def test_properties_stay_as_they_are(write: Write, actor: MakeActor) -> None:
    article = write("不动", valid_for="固件 2.1")
    before = service.properties_of(article)
    with unit_of_work():
        care.take_care(actor("editor"), article, owner_id=None, review_by=START, internal_note="x")
    assert service.properties_of(article) == before == replace(before)
