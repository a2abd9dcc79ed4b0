"""Words of somebody at the telephone or at the counter, in one form: who, how, what, and what became of it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.db import session
from app.core.people import Contact, Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.web.new_people import read
from channels.models import Conversation, Message
from tests.conftest import FreshClient
from workflows.kinds import KINDS
from workflows.models import Ticket

FORM = "/desk/tickets/new"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def agent(make_user: Callable[..., User]) -> User:
    return make_user("agent")


@pytest.fixture
def desk(client: FreshClient, agent: User) -> FreshClient:
    return client.log_in(agent)


@pytest.fixture
def li(app: Flask, company: Callable[..., Organisation]) -> Contact:
    from app.core.directory.contacts import create_contact

    lake = company()
    with unit_of_work():
        return create_contact(SYSTEM, name="李秀兰", organisation_id=lake.id, identities=[{"kind": "phone", "value": "138 0512 7741"}])


def given(**more: Any) -> dict[str, Any]:
    return {"text": "变频器停了\n3 号线", "channel": "walk_in", "kind": "fault", "impact": "line_down", "result": "open", "once": "a1"} | more


def only_ticket() -> Ticket:
    session().rollback()
    return session().scalars(select(Ticket)).one()


@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("王工 138 0512 7742", ("王工", "138 0512 7742", "")), ("13805127742", ("", "13805127742", "")), ("王工", ("王工", "", "")),
        ("王工，wang@lake.example", ("王工", "", "wang@lake.example")), ("+86 512-6280 1234 李", ("李", "+86 512-6280 1234", "")), ("3 号线王工", ("3 号线王工", "", "")),
    ],
)  # fmt: skip
def test_who_is_read_from_one_field(who: str, found: tuple[str, str, str]) -> None:
    assert read(who) == found


def test_somebody_known_by_number_is_chosen_without_a_key(desk: FreshClient, li: Contact) -> None:
    page = desk.get(f"{FORM}/people?who=138 0512 7741", headers=HTMX).text
    assert f'value="{li.id}" checked' in page and "新联系人" not in page
    answer = desk.post(FORM, data=given(who="13805127741"))
    assert answer.status_code == 303
    ticket = only_ticket()
    assert (ticket.contact_id, ticket.subject, ticket.channel, ticket.state) == (li.id, "变频器停了", "walk_in", "created")
    assert ticket.first_response_at is not None, "they were answered in person"


def test_somebody_new_needs_no_second_form(desk: FreshClient, li: Contact) -> None:
    page = desk.get(f"{FORM}/people?who=王工 13805127742", headers=HTMX).text
    assert 'value="new" checked' in page and "王工 · 13805127742" in page
    desk.post(FORM, data=given(who="王工 13805127742", contact="new"))
    person = only_ticket().contact
    assert person is not None and person.name == "王工" and [i.value for i in person.identities] == ["+8613805127742"]


def test_where_several_may_be_meant_somebody_chooses(desk: FreshClient, li: Contact) -> None:
    page = desk.get(f"{FORM}/people?who=李", headers=HTMX)
    assert page.status_code == 200
    answer = desk.post(FORM, data=given(who="李秀"))
    assert answer.status_code == 422 and "选一位" in answer.text and "变频器停了" in answer.text
    assert session().scalar(select(func.count()).select_from(Ticket)) == 0
    assert desk.post(FORM, data=given(who="李秀", contact="new")).status_code == 303
    assert only_ticket().contact_id != li.id


def test_the_words_are_the_persons_and_can_be_answered(desk: FreshClient, li: Contact) -> None:
    location = desk.post(FORM, data=given(contact=li.id)).location
    said = session().scalars(select(Message)).one()
    assert (said.direction, said.author_kind, said.author_id, said.placed, said.visible_text) == ("in", "contact", li.id, "desk", "变频器停了\n3 号线")
    talk = session().scalars(select(Conversation)).one()
    assert (talk.contact_id, talk.account.kind, talk.token) == (li.id, "portal", str(only_ticket().number))
    page = desk.get(location).text
    assert 'id="composer"' in page and "没有可以回复的会话" not in page


def test_words_of_somebody_without_any_address_are_kept_all_the_same(desk: FreshClient, drain: Callable[[], int]) -> None:
    location = desk.post(FORM, data=given(who="门口的师傅", contact="new")).location
    drain()
    ticket = only_ticket()
    said = session().scalars(select(Message)).one()
    assert ticket.contact is not None and (said.author_name, said.conversation.contact_id) == ("门口的师傅", ticket.contact_id)
    assert "变频器停了" in desk.get(location).text
    assert session().scalar(select(func.count()).select_from(Ticket)) == 1


def test_sent_twice_it_is_one_ticket_with_one_message(desk: FreshClient, li: Contact, drain: Callable[[], int]) -> None:
    first, again = desk.post(FORM, data=given(contact=li.id)), desk.post(FORM, data=given(contact=li.id))
    drain()
    assert first.location == again.location
    assert session().scalar(select(func.count()).select_from(Message).where(Message.direction == "in")) == 1 and only_ticket()


def test_solved_on_the_spot_in_the_same_form(desk: FreshClient, agent: User, li: Contact) -> None:
    wanted = given(contact=li.id, kind="consult", impact="none", result="solved", resolution="改了参数。", category="usage", cause="参数")
    assert desk.post(FORM, data=wanted).status_code == 303
    ticket = only_ticket()
    assert (ticket.state in ("following_up", "closed"), ticket.solved_at_once, ticket.resolution, ticket.category) == (True, True, "改了参数。", "usage")
    assert ticket.resolved_by_id == agent.id


@pytest.mark.parametrize(("lacks", "said"), [("resolution", "写下怎样解决的"), ("category", "选择分类")])
def test_solved_without_how_comes_back_with_everything_typed(desk: FreshClient, li: Contact, lacks: str, said: str) -> None:
    wanted = given(contact=li.id, kind="consult", impact="none", result="solved", resolution="改了参数。", category="usage")
    answer = desk.post(FORM, data=wanted | {lacks: ""})
    assert answer.status_code == 422 and said in answer.text and "变频器停了" in answer.text
    assert session().scalar(select(func.count()).select_from(Ticket)) == 0 and session().scalar(select(func.count()).select_from(Message)) == 0


def test_a_checklist_is_asked_for_where_the_kind_has_one(desk: FreshClient, li: Contact) -> None:
    kind = next(code for code, one in KINDS.items() if one.boxes)
    wanted = given(contact=li.id, kind=kind, impact="none", result="solved", resolution="开通了。", category="usage")
    answer = desk.post(FORM, data=wanted)
    assert answer.status_code == 422 and 'name="skipped"' in answer.text and 'name="boxes"' in answer.text
    assert desk.post(FORM, data=wanted | {"skipped": "当面做完"}).status_code == 303
    assert only_ticket().solved_at_once


def test_a_person_and_a_way_may_be_given_by_address(desk: FreshClient, li: Contact) -> None:
    page = desk.get(f"{FORM}?contact={li.id}&channel=walk_in").text
    assert f'value="{li.id}" checked' in page and 'value="walk_in" checked' in page
