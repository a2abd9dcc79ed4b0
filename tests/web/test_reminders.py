"""What falls due is told once, to whom it concerns, seen where they work, and quiet when it is done."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.core.clock import frozen, now
from app.core.db import db, session
from app.core.people import User
from app.core.uow import unit_of_work
from app.kb.loop_told import remind_overdue
from channels.reaching.models import Outreach
from knowledge.loop import flags, must_read
from knowledge.loop_models import ArticleFlag, MustRead
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, build

MakeUser = Callable[..., User]


@pytest.fixture
def house(app: Flask) -> House:
    return build(app)


def told(begin: str) -> list[tuple[int | None, str]]:
    session().rollback()
    return [(row.user_id, row.words["zh"]["subject"]) for row in session().scalars(select(Outreach).order_by(Outreach.id)) if row.key.startswith(begin)]


def look(days: float) -> int:
    with frozen(now() + timedelta(days=days)), unit_of_work():
        return remind_overdue()


def test_a_finding_without_an_answer_is_told_when_it_is_overdue(client: FreshClient, house: House, make_user: MakeUser) -> None:
    agent, editor, second = house.user(make_user, "agent"), house.user(make_user, "editor"), house.user(make_user, "editor")
    number = house.articles["guide"]
    client.log_in(agent)
    client.post(f"/knowledge/{number}/flags", data={"words": "先问型号"})
    client.log_in(editor)
    flag = session().scalars(select(ArticleFlag)).one().id
    page = client.get("/knowledge").text
    assert re.search(r'同事指出的错 <span class="num quiet">1<', page) and "过期了，还没答复" not in page
    assert look(0) == 0
    assert look(2.1) == 2 and {who for who, _said in told("flag-overdue")} == {editor.id, second.id}, "nobody has it: all editors"
    look(2.2)
    assert len(told("flag-overdue")) == 2, "once"
    with frozen(now() + timedelta(days=2.2)):
        assert "同事指出的错有 1 处过期了，还没答复" in client.get("/knowledge").text
    client.post(f"/knowledge/flags/{flag}/assign", data={"owner": second.id})
    client.post(f"/knowledge/flags/{flag}/assign", data={"owner": editor.id})
    assert [who for who, _said in told("flag-assigned")] == [second.id], "whoever is given it hears of it, who takes it knows"
    client.post(f"/knowledge/flags/{flag}/resolved", data={"answer": "改了"})
    with frozen(now() + timedelta(days=2.2)):
        assert "过期了，还没答复" not in client.get("/knowledge").text
    assert look(2.3) == 0 and look(30) == 0


def test_what_must_be_read_is_told_on_its_day_and_stands_where_there_is_no_desk(client: FreshClient, house: House, make_user: MakeUser) -> None:
    manager, author = house.user(make_user, "manager"), house.user(make_user, "author")
    number, editor = house.articles["hot"], house.user(make_user, "editor")
    client.log_in(editor)
    due = now().date() + timedelta(days=5)
    asked = {"roles": ["author", "manager"], "due_on": due.isoformat(), "note": "改过了"}
    for note in ("改过了", "二", "三", "四"):
        assert client.post(f"/knowledge/{number}/must-read", data={**asked, "note": note}).status_code == 303
    rows = [row.id for row in session().scalars(select(MustRead).order_by(MustRead.id))]
    client.log_in(author)
    page = client.get("/knowledge").text
    assert page.count('name="back" value="knowledge"') == 4, "all of them, for the desk's line of the others leads here"
    for row in rows[1:]:
        assert client.post(f"/knowledge/must-read/{row}/confirm", data={"back": "knowledge"}).location == "/knowledge"
    with unit_of_work():
        for row in rows[1:]:
            must_read.end(editor.actor("test"), session().get_one(MustRead, row))
    assert look(4) == 0
    assert look(5) == 2 and {who for who, _said in told("must-read")} == {manager.id, author.id}
    assert look(5.4) == 0, "once"
    client.post(f"/knowledge/must-read/{rows[0]}/confirm", data={"back": "knowledge"})
    assert "我读过了" not in client.get("/knowledge").text


def test_many_are_reminded_a_few_at_a_time_and_who_was_told_costs_the_clock_nothing(house: House, make_user: MakeUser) -> None:
    editor = house.user(make_user, "editor")
    number = house.articles["guide"]
    with unit_of_work():
        for place in range(25):
            flags.raise_flag(editor.actor("test"), number, f"第 {place} 处不对", days=1)
        must_read.ask(editor.actor("test"), number, roles=["editor"], team_ids=[], due_on=now().date() + timedelta(days=1))
    steps = [look(1.5), look(1.5), look(1.5)]
    assert steps == [20, 6, 0], "the write lock is held for a few; nobody is forgotten"
    assert len(told("flag-overdue")) == 25 and len(told("must-read")) == 1
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert look(1.5) == 0
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(asked) < 15, f"not a statement for each: {len(asked)}"
