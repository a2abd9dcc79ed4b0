"""Questions without an answer: gathered by meaning, taken, answered, tested, and back when they fail again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.clock import frozen
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused, Stale
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work
from app.queries.gaps import gap_page
from knowledge import indexing, lifecycle, searching
from knowledge.index import Hits, Index
from knowledge.loop import closing, digest, misses
from knowledge.loop.misses import TICKET, UNHELPFUL, UNOPENED, ZERO, Miss
from knowledge.loop_models import DONE, IGNORED, OPEN, TAKEN, GapKey, GapToken, KnowledgeGap
from knowledge.models import Article
from tests.service.knowledge.conftest import Market

Write = Callable[..., Article]
Make = Callable[..., Actor]
START = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_start() -> Iterator[None]:
    with frozen(START):
        yield


def ask(text: str, kind: str = ZERO, channel: str = "portal", **given: object) -> int:
    ready = misses.prepared([Miss(kind, text, channel, given.pop("at", START), **given)])  # type: ignore[arg-type]
    with unit_of_work():
        found = misses.gather(ready)
    return found[0] if found else 0


def gap(gap_id: int) -> KnowledgeGap:
    session().rollback()
    return session().get_one(KnowledgeGap, gap_id)


def test_the_same_meaning_is_one_question_and_keeps_its_number(market: Market) -> None:
    first = ask("触摸屏配方丢了")
    assert ask("觸摸屏的配方丟失怎么找回", channel="console") == first
    assert ask("触摸屏配方丢了") == first
    assert ask("触摸屏黑屏") != first
    row = gap(first)
    assert (row.zero, row.count, row.weight, row.state) == (3, 3, 9, OPEN)
    assert [(e.text, e.count, e.channel) for e in row.examples] == [("触摸屏配方丢了", 2, "portal"), ("觸摸屏的配方丟失怎么找回", 1, "console")]


def test_products_and_codes_keep_questions_apart(market: Market) -> None:
    drive = ask("报警 E07 怎么处理", product_id=market.drive.id)
    gateway = ask("报警 E07 怎么处理", product_id=market.gateway.id)
    assert drive != gateway and ask("报警 E08 怎么处理", product_id=market.drive.id) not in (drive, gateway)
    assert ask("报警 E07 怎么处理", product_id=market.gateway.id) == gateway
    assert ask("报警E-07怎么处理", product_id=market.drive.id) == drive


def test_words_that_say_nothing_or_tell_who_asked_are_not_kept(market: Market) -> None:
    assert ask("，。！") == 0
    row = gap(ask("我叫王建国 13812345678 网关换卡离线"))
    assert "王建国" not in row.query and "1381234" not in row.query and "网关换卡离线" in row.query
    assert all("138" not in token for token in session().scalars(select(GapToken.token)))


def test_only_those_who_write_answers_see_and_move_them(market: Market, actor: Make) -> None:
    number = ask("触摸屏配方丢了")
    for role in ("agent", "author", "client", "manager"):
        with pytest.raises(Forbidden):
            closing.access_gap(actor(role), number)
        with pytest.raises(Forbidden):
            gap_page(actor(role))
    with pytest.raises(NotFound):
        closing.access_gap(actor("editor"), 4711)


def test_taken_released_ignored_with_a_reason_and_no_second_time(market: Market, actor: Make) -> None:
    editor, second = actor("editor", display_name="林编辑"), actor("editor")
    number = ask("触摸屏配方丢了")
    with unit_of_work():
        closing.take(editor, gap(number))
    row = gap(number)
    assert (row.state, row.owner_id) == (TAKEN, editor.id)
    with pytest.raises(Stale), unit_of_work():
        closing.take(second, gap(number), version=1)
    with unit_of_work():
        closing.release(editor, gap(number), row.version)
    assert gap(number).owner_id is None
    with pytest.raises(Refused), unit_of_work():
        closing.release(editor, gap(number))
    with pytest.raises(Invalid), unit_of_work():
        closing.ignore(editor, gap(number), "  ")
    with unit_of_work():
        closing.ignore(editor, gap(number), "不是我们的产品")
    assert ask("触摸屏配方丢了", at=START + timedelta(days=1)) == number
    assert (gap(number).state, gap(number).zero) == (IGNORED, 2), "ignored stays ignored, and is still counted"
    actions = set(session().scalars(select(AuditRow.action).where(AuditRow.subject == "knowledge_gap")))
    assert actions == {"gap.taken", "gap.released", "gap.ignored"}


def test_written_published_tested_done_and_back_when_it_fails_again(index: Index, market: Market, actor: Make) -> None:
    editor = actor("editor")
    number = ask("触摸屏配方丢了", product_id=market.drive.id)
    ask("配方丢失怎么找回")
    with unit_of_work():
        article_id = closing.write_article(editor, gap(number)).id
    article = session().get_one(Article, article_id)
    assert article.draft is not None and article.draft.questions == ["触摸屏配方丢了", "配方丢失怎么找回"]
    assert (article.title, article.level, [p.id for p in article.products]) == ("触摸屏配方丢了", "public", [market.drive.id])
    assert (gap(number).owner_id, gap(number).article_id) == (editor.id, article_id)
    trials = closing.retest(index, gap(number))
    with unit_of_work():
        assert not closing.keep_trials(SYSTEM, gap(number), trials), "a draft is found by nobody"
    with unit_of_work():
        lifecycle.publish(editor, session().get_one(Article, article_id))
    indexing.refresh(index, [article_id])
    assert [g.id for g in closing.waiting_for(article_id)] == [number] == [g.id for g in closing.waiting()]
    trials = closing.retest(index, gap(number))
    with unit_of_work():
        assert closing.keep_trials(SYSTEM, gap(number), trials)
    row = gap(number)
    assert row.state == DONE and [(t["text"], t["rank"]) for t in row.result] == [("触摸屏配方丢了", 1), ("配方丢失怎么找回", 1)]
    later = START + timedelta(days=3)
    ask("触摸屏配方丢了", UNOPENED, at=later, shown=(article_id,))
    assert gap(number).state == DONE, "it was shown"
    ask("触摸屏配方丢了", ZERO, at=START - timedelta(days=1))
    assert gap(number).state == DONE, "that was before"
    ask("触摸屏配方丢了", UNHELPFUL, at=later, shown=(article_id,))
    assert (gap(number).state, gap(number).reopened, gap(number).owner_id) == (TAKEN, 1, editor.id)


def test_an_existing_article_gains_the_words(index: Index, market: Market, write: Write, actor: Make) -> None:
    editor = actor("editor")
    known = write("触摸屏怎么恢复配方", questions=("配方恢复",))
    number = ask("HMI 参数组没了")
    with unit_of_work():
        assert closing.link_article(editor, gap(number), known.id) == "published"
    session().rollback()
    article = session().get_one(Article, known.id)
    assert article.current is not None and article.current.questions == ["配方恢复", "HMI 参数组没了"]
    with unit_of_work():
        assert closing.link_article(editor, gap(number), known.id) == "same"
    # A draft that somebody else works on is not published behind their back.
    busy = write("另一篇")
    with unit_of_work():
        from knowledge.service import Content, revise

        revise(editor, session().get_one(Article, busy.id), Content("另一篇", "改到一半"))
    with unit_of_work():
        assert closing.link_article(editor, gap(number), busy.id) == "draft"
    session().rollback()
    article = session().get_one(Article, busy.id)
    assert article.draft is not None and article.draft.body == "改到一半\n" and "HMI 参数组没了" in article.draft.questions
    with pytest.raises(NotFound), unit_of_work():
        closing.link_article(editor, gap(number), 4711)


def test_those_who_asked_are_the_measure(index: Index, market: Market, write: Write, actor: Make) -> None:
    number = ask("触摸屏配方丢了", level="agent")
    assert gap(number).level == "agent"
    ask("触摸屏配方丢了", level="public")
    inside = write("触摸屏配方丢了", level="agent")
    indexing.refresh(index, [inside.id])
    with unit_of_work():
        closing.link_article(actor("editor"), gap(number), inside.id)
    indexing.refresh(index, [inside.id])
    assert closing.retest(index, gap(number))[0].rank is None, "customers do not see it"


def test_searches_and_verdicts_come_by_themselves(index: Index, market: Market, write: Write) -> None:
    article = write("网关离线怎么办", product_ids=(market.gateway.id,))
    with unit_of_work():
        searching.log_search(NOBODY, "eSIM 怎么开通", Hits(0), "portal")
        searching.record_feedback(NOBODY, article, False, "没说怎么换卡", "网关换了卡")
        searching.record_feedback(NOBODY, article, True, "", "网关离线")
    with frozen(START + timedelta(minutes=5)):
        for read in (digest.read_zero, digest.read_feedback, digest.read_zero):
            stretch = read()
            with unit_of_work():
                digest.keep(stretch)
        found = {g.query: (g.zero, g.unhelpful, g.product_id) for g in session().scalars(select(KnowledgeGap))}
    assert found == {"eSIM 怎么开通": (1, 0, None), "网关换了卡": (0, 1, market.gateway.id)}


def test_a_ticket_is_taken_back_and_an_empty_question_goes(market: Market) -> None:
    number = ask("模具编号对不上", TICKET, "wechat", ticket_id=7)
    other = ask("触摸屏配方丢了", TICKET, "wechat", ticket_id=8)
    ask("触摸屏配方丢了")
    with unit_of_work():
        misses.take_back_ticket(7)
        misses.take_back_ticket(8)
    session().rollback()
    assert session().get(KnowledgeGap, number) is None and (gap(other).tickets, gap(other).zero) == (0, 1)
    assert set(session().scalars(select(GapKey.gap_id))) == {other}


def test_pages_filters_and_what_is_forgotten(market: Market, actor: Make) -> None:
    editor = actor("editor")
    words = ["螺杆异响", "料筒漏油", "合模不到位", "顶针断裂", "射嘴堵塞"]
    numbers = [ask(word, channel="wechat" if i % 2 else "portal") for i, word in enumerate(words)]
    ask("螺杆异响", UNHELPFUL)
    first = gap_page(editor, limit=2)
    rest = gap_page(editor, limit=50, cursor=first.next or "")
    assert [g.id for g in first.gaps + rest.gaps] == [numbers[0], *reversed(numbers[1:])]
    assert {g.query for g in gap_page(editor, channel="wechat").gaps} == {"料筒漏油", "顶针断裂"}
    assert [g.query for g in gap_page(editor, kind=UNHELPFUL).gaps] == ["螺杆异响"]
    assert [g.query for g in gap_page(editor, q="漏%").gaps] == [] and [g.query for g in gap_page(editor, q="漏").gaps] == ["料筒漏油"]
    for cursor in ("x", "1_x", "9" * 30 + "_1", "_"):
        assert len(gap_page(editor, cursor=cursor).gaps) == 5
    with unit_of_work():
        closing.take(editor, gap(numbers[2]))
        assert misses.forget_old(START + timedelta(days=1)) == 4
    assert [g.id for g in gap_page(editor).gaps] == [numbers[2]], "what somebody works on stays"
