"""The loop across the house: solved tickets teach, figures and health, corrections, must-read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select

from app.config import Settings
from app.core.catalogue import Release
from app.core.clock import frozen, now
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.outbox import Job, Retry
from app.core.people import Contact, Identity, Team
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work
from app.kb import asked as asked_reactions
from app.kb import loop_tick
from app.queries import knowledge_reports
from app.queries.flags import flag_page
from app.queries.report_terms import Wanted
from app.queries.reports import Share
from app.reactions import REACTIONS
from channels.models import Account, Conversation, Message
from knowledge import indexing, lifecycle, searching
from knowledge.events import ArticlePublished
from knowledge.index import PUBLIC, Hit, Hits, Index, Query
from knowledge.loop import asked, figures, flags, must_read, search_log
from knowledge.loop_models import ArticleDay, ArticleFigures, AskedWords, KnowledgeGap
from knowledge.models import Article
from knowledge.service import Content, revise
from tests.service.knowledge.conftest import Market, index, market, write  # noqa: F401  fixtures
from workflows import wrap_ups
from workflows.call_events import WrapUpWritten
from workflows.events import TicketStepTaken
from workflows.models import Ticket, TicketArticle, TicketConversation

Write = Callable[..., Article]
Make = Callable[..., Actor]
START = datetime(2026, 5, 4, 2, tzinfo=UTC)


def ticket_of(market: Market, text: str, *, channel: str = "email", subject: str = "变频器有问题", state: str = "following_up", name: str = "王建国") -> int:  # noqa: F811
    with unit_of_work() as s:
        contact = Contact(name=name, organisation_id=market.chenghu.id)
        account = s.scalar(select(Account).where(Account.slug == channel)) or Account(kind=channel, slug=channel)
        s.add_all([contact, account])
        s.flush()
        identity = Identity(kind="email", value=f"w{contact.id}@chenghu.example", contact_id=contact.id)
        talk = Conversation(account_id=account.id, contact_id=contact.id)
        ticket = Ticket(
            subject=subject, state=state, channel=channel, contact_id=contact.id, organisation_id=market.chenghu.id,
            product_id=market.drive.id, kind="fault", due_at=now(), first_due_at=now(), resolved_at=now(),
        )
        s.add_all([identity, talk, ticket])
        s.flush()
        s.add(TicketConversation(ticket_id=ticket.id, conversation_id=talk.id))
        s.add(Message(conversation_id=talk.id, account_id=account.id, direction="in", external_id=f"x{ticket.id}", text=text, visible_text=text, author_kind="contact", state="received"))
    return ticket.id


def react(ticket_id: int) -> None:
    session().rollback()
    event = TicketStepTaken(ticket_id=ticket_id, version=1, step="resolve", before="executing", after="following_up")
    asked_reactions.learn_asked(event, Job(1, "learn_asked", 1, event))


def use(ticket_id: int, article: Article, how: str = "solved") -> None:
    with unit_of_work() as s:
        s.add(TicketArticle(ticket_id=ticket_id, article_id=article.id, use=how))


def kept(article: Article) -> list[str]:
    session().rollback()
    return [row.text for row in session().scalars(select(AskedWords).where(AskedWords.article_id == article.id, AskedWords.removed_at.is_(None)).order_by(AskedWords.id))]


def finds(index: Index, text: str) -> list[int]:  # noqa: F811
    return [int(hit.id) for hit in index.search(Query(text, PUBLIC))]


def test_customers_words_find_the_article_and_are_shown_to_nobody(app: Flask, index: Index, market: Market, write: Write, actor: Make) -> None:  # noqa: F811
    article = write("HK-V20 报 E07：散热器过热", "清理风道。")
    ticket = ticket_of(market, "您好，我是王建国，转一会儿就嗷嗷叫然后歇菜了，电话13812345678\n谢谢\n王建国")
    use(ticket, article)
    react(ticket)
    assert kept(article) == ["变频器有问题", kept(article)[1]] and "嗷嗷叫然后歇菜" in kept(article)[1]
    assert "王建国" not in "".join(kept(article)) and "138" not in "".join(kept(article))
    indexing.refresh(index, [article.id])
    answer = index.search(Query("嗷嗷叫歇菜", PUBLIC))
    assert [int(h.id) for h in answer] == [article.id]
    hit = next(iter(answer))
    assert "嗷嗷" not in "".join(p.text for p in (*hit.title, *hit.passage)), "found by it, never shown"
    with pytest.raises(NotFound):
        asked.listed(actor("agent"), article)
    react(ticket)
    assert len(kept(article)) == 2, "the same ticket teaches once"
    other = ticket_of(market, "轉一會兒就嗷嗷叫然後歇菜了", name="李四")
    use(other, article)
    react(other)
    shown = {w.text: w.tickets for w in asked.listed(actor("editor"), session().get_one(Article, article.id))}
    assert shown["变频器有问题"] == 2


def test_a_wrap_up_after_the_solution_teaches_too(app: Flask, market: Market, write: Write, actor: Make) -> None:  # noqa: F811
    article = write("网关换卡后离线", "改 APN，重启。")
    number = ticket_of(market, "插了新卡绿灯不亮了")
    react(number)
    assert kept(article) == []
    with unit_of_work():
        ticket = session().get_one(Ticket, number)
        row = wrap_ups.wrap_up(actor("agent"), "call", 1, category="connection", articles=[article.id], ticket=ticket)
        event = WrapUpWritten(wrapup_id=row.id, version=row.version, kind="call", subject_row=1)
    assert asked_reactions.learn_asked in REACTIONS[WrapUpWritten]
    asked_reactions.learn_asked(event, Job(1, "learn_asked", 1, event))
    assert "插了新卡绿灯不亮了" in kept(article)


def test_what_the_machine_sent_is_no_use_by_agents(app: Flask, settings: Settings, market: Market, write: Write) -> None:  # noqa: F811
    by_hand, by_robot = write("一"), write("二")
    number = ticket_of(market, "网关离线怎么办")
    use(number, by_hand, "inserted")
    use(number, by_robot, "robot")
    loop_tick.every_hour(settings)
    assert session().get_one(ArticleFigures, by_hand.id).used == 1
    assert session().get_one(ArticleFigures, by_robot.id).used == 0


def test_self_service_and_look_up_time_in_reports(app: Flask, market: Market, write: Write, actor: Make) -> None:  # noqa: F811
    ours, other = write("一", product_ids=(market.drive.id,)), write("二")
    day = now()
    number = ticket_of(market, "变频器过热")
    with unit_of_work() as s:
        s.add(ArticleDay(article_id=ours.id, day=day.date(), followed=8, deflected=6))
        s.add(ArticleDay(article_id=other.id, day=day.date(), followed=4, deflected=4))
        s.add(ArticleDay(article_id=other.id, day=(day - timedelta(days=9)).date(), followed=50, deflected=1))
        ticket = s.get_one(Ticket, number)
        ticket.started_at = day - timedelta(minutes=10)
        s.add(TicketArticle(ticket_id=number, article_id=other.id, use="robot", at=day - timedelta(minutes=20)))
        s.add(TicketArticle(ticket_id=number, article_id=ours.id, use="inserted", at=day - timedelta(minutes=6)))
        s.add(TicketArticle(ticket_id=number, article_id=other.id, use="inserted", at=day))
    week = Wanted(since=day - timedelta(days=5), until=day + timedelta(days=1))
    leader = actor("supervisor")
    assert knowledge_reports.deflection(leader, week) == Share(10, 12)
    assert knowledge_reports.deflection(leader, replace(week, product=market.drive.id)) == Share(6, 8)
    assert knowledge_reports.deflection(leader, replace(week, agent=1)) is None
    assert knowledge_reports.deflection(leader, replace(week, since=day + timedelta(days=3), until=day + timedelta(days=4))) is None
    assert knowledge_reports.deflection(actor("manager"), week) is None, "searches have no company"
    took = knowledge_reports.look_up(leader, week)
    assert (took.n, took.median) == (1, 240)


def test_reopened_takes_back_and_removed_never_comes_again(app: Flask, index: Index, market: Market, write: Write, actor: Make) -> None:  # noqa: F811
    article, editor = write("散热器过热"), actor("editor")
    ticket = ticket_of(market, "转一会儿就嗷嗷叫然后歇菜了")
    use(ticket, article)
    react(ticket)
    with unit_of_work() as s:
        s.get_one(Ticket, ticket).state = "executing"
    react(ticket)
    assert kept(article) == []
    with unit_of_work() as s:
        s.get_one(Ticket, ticket).state = "closed"
    react(ticket)
    session().rollback()
    row = next(w for w in asked.listed(editor, session().get_one(Article, article.id)) if "嗷嗷" in w.text)
    with unit_of_work():
        asked.remove(editor, session().get_one(Article, article.id), row.id)
    again = ticket_of(market, "转一会儿就嗷嗷叫然后歇菜了", name="李四")
    use(again, article)
    react(again)
    react(ticket)
    assert kept(article) == ["变频器有问题", "变频器有问题"]
    indexing.refresh(index, [article.id])
    assert finds(index, "嗷嗷叫歇菜") == []


def test_an_article_has_no_more_words_than_it_may(app: Flask, market: Market, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setitem(asked_reactions._limits, "most", 3)
    article = write("散热器过热")
    for words in ("风扇不转", "滤棉堵死", "柜门关着", "载频太高", "环境高温"):
        ticket = ticket_of(market, f"现场看到{words}", subject="")
        use(ticket, article, "inserted")
        react(ticket)
    assert kept(article) == ["现场看到柜门关着", "现场看到载频太高", "现场看到环境高温"]


def test_a_ticket_without_an_article_is_a_question_and_an_agents_words_teach_nothing(app: Flask, market: Market, write: Write) -> None:  # noqa: F811
    article = write("散热器过热")
    call = ticket_of(market, "来电", channel="calls", subject="客户王先生来电反映模具编号对不上")
    react(call)
    react(call)
    gap = session().scalars(select(KnowledgeGap)).one()
    assert (gap.tickets, gap.product_id) == (1, market.drive.id) and "王先生" not in gap.query
    use(call, article)
    react(call)
    session().rollback()
    assert session().scalars(select(KnowledgeGap)).all() == [], "it has its article now"
    assert all("来电反映" not in text for text in kept(article)), "what an agent wrote is not a customer's word"
    complaint = ticket_of(market, "要投诉你们送货太慢")
    with unit_of_work() as s:
        s.get_one(Ticket, complaint).kind = "complaint"
    react(complaint)
    assert session().scalars(select(KnowledgeGap)).all() == [], "no article answers a complaint"


def opened(article: Article, contact_id: int | None = None, browser: str = "") -> None:
    hits = Hits(1, one_hit(article))
    noted = search_log.noted(PUBLIC, "网关离线", hits, "portal", contact_id=contact_id, browser=browser)
    with unit_of_work():
        search_log.write([noted])
        search_log.mark(noted.key, article.id)


def one_hit(article: Article) -> tuple[Hit, ...]:
    return (Hit(str(article.id), 1.0, ()),)


def test_deflection_use_and_help_in_numbers(app: Flask, settings: Settings, market: Market, write: Write) -> None:  # noqa: F811
    with frozen(START):
        article = write("网关离线")
        came = ticket_of(market, "还是离线", name="来了的人")
        contact = session().get_one(Ticket, came).contact_id
        with unit_of_work() as s:
            s.get_one(Ticket, came).created_at = START + timedelta(hours=3)
    with frozen(START + timedelta(hours=1)):
        opened(article, contact)
        opened(article, 4711)
        opened(article, None, "browser-a")
        opened(article, None, "browser-b")
        with unit_of_work():
            search_log.claim("browser-b", contact or 0)
            for helpful in (True, False, False, False, False):
                searching.record_feedback(NOBODY, article, helpful)
        use(came, article)
    with frozen(START + timedelta(hours=20)):
        loop_tick.every_minute(settings)
        assert session().get_one(ArticleFigures, article.id).followed == 0, "a day is not over"
    with frozen(START + timedelta(hours=30)):
        loop_tick.every_minute(settings)
        loop_tick.every_hour(settings)
        session().rollback()
        row = session().get_one(ArticleFigures, article.id)
        assert (row.shown, row.opened, row.followed, row.deflected, row.used) == (4, 4, 4, 2, 1)
        assert (row.helpful, row.rated, row.marks) == (1, 5, ["low_help"])
    with frozen(START + timedelta(hours=31)):
        with unit_of_work():
            revise(SYSTEM, session().get_one(Article, article.id), Content("网关离线", "写清楚了"))
            lifecycle.publish(SYSTEM, session().get_one(Article, article.id))
        loop_tick.every_hour(settings)
        assert session().get_one(ArticleFigures, article.id).marks == [], "what was said of the old text is past"


def test_health_says_what_is_wrong(app: Flask, settings: Settings, market: Market, write: Write) -> None:  # noqa: F811
    with frozen(START):
        one = write("HK-V20 报 E07：过热", kind="fault", product_ids=(market.drive.id,))
        two = write("HK-V20 报 E-07：风扇", kind="fault", product_ids=(market.drive.id,))
        other = write("TL-G300 报 E07：没有卡", kind="fault", product_ids=(market.gateway.id,))
        seen = write("配方")
    with frozen(START + timedelta(days=40)):
        opened(seen)
        with unit_of_work() as s:
            s.add(Release(product_id=market.gateway.id, name="3.0", released_on=(START + timedelta(days=10)).date()))
        loop_tick.every_minute(settings)
    with frozen(START + timedelta(days=41)):
        loop_tick.every_minute(settings)
        loop_tick.every_hour(settings)
        session().rollback()
        marks = {a.id: session().get_one(ArticleFigures, a.id) for a in (one, two, other, seen)}
        assert [why[2].get("title") for why in marks[one.id].why if why[0] == "contradicted"] == [two.title]
        assert [why[2].get("release") for why in marks[other.id].why if why[0] == "contradicted"] == ["3.0"]
        assert marks[one.id].marks == ["contradicted", "never_found"] and marks[seen.id].marks == []
        assert marks[one.id].worst < figures.HEALTHY == marks[seen.id].worst
    with frozen(START + timedelta(days=400)):
        loop_tick.every_hour(settings)
        assert "stale" in session().get_one(ArticleFigures, seen.id).marks


def test_what_is_wrong_gets_an_answer_and_the_reporter_hears_it(app: Flask, market: Market, write: Write, actor: Make) -> None:  # noqa: F811
    article, agent, editor = write("网关离线", level="agent"), actor("agent"), actor("editor")
    with pytest.raises(Invalid), unit_of_work():
        flags.raise_flag(agent, article.id, "  ", days=2)
    with pytest.raises(Forbidden), unit_of_work():
        flags.raise_flag(actor("client"), article.id, "错了", days=2)
    with frozen(START), unit_of_work():
        number = flags.raise_flag(agent, article.id, "第三步反了", "先拔卡", days=2).id
    flag = flags.access_flag(agent, number)
    assert flag.due_at == START + timedelta(days=2)
    assert session().get_one(ArticleFigures, article.id).marks == ["contradicted"]
    with frozen(START + timedelta(days=1)):
        assert flag_page(editor, "overdue").flags == []
    with frozen(START + timedelta(days=3)):
        assert [f.id for f in flag_page(editor, "overdue").flags] == [number]
    with pytest.raises(NotFound):
        flags.access_flag(actor("agent"), number)
    with pytest.raises(NotFound), unit_of_work():
        flags.settle(agent, flags.access_flag(agent, number), "resolved", "我自己改")
    with pytest.raises(Invalid), unit_of_work():
        flags.settle(editor, flags.access_flag(editor, number), "resolved", " ")
    with unit_of_work():
        flags.settle(editor, flags.access_flag(editor, number), "resolved", "已改：先断电。")
    assert must_read.waiting(agent)[1] == 1
    with unit_of_work():
        flags.see(agent)
    assert must_read.waiting(agent)[1] == 0 and session().get_one(ArticleFigures, article.id).marks == []
    with pytest.raises(Refused), unit_of_work():
        flags.settle(editor, flags.access_flag(editor, number), "rejected", "还是不对")


def test_a_suppliers_author_answers_for_own_products_alone(app: Flask, market: Market, write: Write, actor: Make) -> None:  # noqa: F811
    own, foreign = write("变频器", product_ids=(market.drive.id,)), write("网关", product_ids=(market.gateway.id,))
    agent, author = actor("agent"), actor("author", organisation=market.hongkong)
    with unit_of_work():
        first = flags.raise_flag(agent, own.id, "错", days=2).id
        second = flags.raise_flag(agent, foreign.id, "错", days=2).id
    assert [f.id for f in flag_page(author, "").flags] == [first]
    with pytest.raises(NotFound):
        flags.access_flag(author, second)
    with unit_of_work():
        flags.assign(author, flags.access_flag(author, first))
        with pytest.raises(Invalid):
            flags.assign(author, flags.access_flag(author, first), agent.id)
    assert flags.access_flag(author, first).owner_id == author.id


def test_who_must_read_confirms_and_a_new_version_asks_again(app: Flask, market: Market, write: Write, make_user: Callable, actor: Make) -> None:  # type: ignore[type-arg]  # noqa: F811
    article, editor = write("断电顺序", level="agent"), actor("editor")
    agent, other = make_user("agent"), make_user("agent")
    with unit_of_work() as s:
        team = Team(name="二线组", line=2)
        s.add(team)
        member = make_user("resident", organisation=market.hongkong)
        team.members = [member]
    with pytest.raises(Invalid), unit_of_work():
        must_read.ask(editor, article.id, roles=[], team_ids=[], due_on=date(2999, 1, 1))
    with pytest.raises(Invalid), unit_of_work():
        must_read.ask(editor, article.id, roles=["client"], team_ids=[], due_on=date(2999, 1, 1))
    with pytest.raises(Forbidden), unit_of_work():
        must_read.ask(actor("author"), article.id, roles=["agent"], team_ids=[], due_on=date(2999, 1, 1))
    with unit_of_work():
        row = must_read.ask(editor, article.id, roles=["agent"], team_ids=[team.id], due_on=date(2999, 1, 1))
    one = agent.actor("test")
    assert [r.id for r in must_read.owed(one)] == [row.id] == [r.id for r in must_read.owed(member.actor("test"))]
    assert must_read.owed(editor) == []
    with unit_of_work():
        must_read.confirm(one, must_read.access_must_read(one, row.id))
        must_read.confirm(one, must_read.access_must_read(one, row.id))
    assert must_read.owed(one) == []
    standing = must_read.standing(must_read.access_must_read(editor, row.id))
    assert {s.user.id for s in standing if s.at is None} == {other.id, member.id} and {s.user.id for s in standing if s.at} == {agent.id}
    with unit_of_work():
        assert {u.id for u in must_read.remind(editor, must_read.access_must_read(editor, row.id))} == {other.id, member.id}
        revise(SYSTEM, session().get_one(Article, article.id), Content("断电顺序", "改了"))
    assert must_read.owed(one) == [], "a draft asks nobody"
    with unit_of_work():
        lifecycle.publish(SYSTEM, session().get_one(Article, article.id))
    assert [r.id for r in must_read.owed(one)] == [row.id]
    with unit_of_work():
        must_read.end(editor, must_read.access_must_read(editor, row.id))
    assert must_read.owed(one) == []
    with pytest.raises(NotFound):
        must_read.access_must_read(editor, row.id)


def test_a_question_whose_article_is_just_being_indexed_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hand of the worker may still be writing the article into the index."""
    event = ArticlePublished(article_id=5, version=1)
    found = [0]
    monkeypatch.setattr(asked_reactions.closing, "waiting_for", lambda article_id: [SimpleNamespace(id=3)])
    monkeypatch.setattr(asked_reactions, "retest", lambda gap_ids, keep: found[0])
    for attempt in (1, 2, 3):
        with pytest.raises(Retry):
            asked_reactions.test_gaps(event, Job(1, "test_gaps", attempt, event))
    asked_reactions.test_gaps(event, Job(1, "test_gaps", 4, event))  # from now on the clock asks
    found[0] = 1
    asked_reactions.test_gaps(event, Job(1, "test_gaps", 1, event))
