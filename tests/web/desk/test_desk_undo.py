"""Taking an answer back, and being asked before one goes out over something that one has not seen."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app import replies
from app.core import clock
from app.core.clock import now
from app.core.db import session
from app.core.people import User
from app.core.uow import unit_of_work
from app.queries import ticket_page
from channels.models import QUEUED, SENT, WITHDRAWN, Message
from tests.conftest import FreshClient
from tests.web.desk.conftest import HTMX, fresh, messages
from workflows import service
from workflows.models import Draft, Ticket

Mail = Callable[..., Ticket]
Browser = Callable[..., FreshClient]


def url(ticket: Ticket, rest: str = "") -> str:
    return f"/desk/tickets/{ticket.number}{rest}"


def sent(desk: FreshClient, ticket: Ticket, text: str = "请先断电十分钟。", **given: Any) -> dict[str, Any]:
    answer = desk.post(url(ticket, "/messages"), data={"text": text, **given}, headers=HTMX)
    assert answer.status_code == 204, answer.text
    found: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])
    return found


def test_a_mail_waits_and_is_taken_back_into_the_draft(
    mail: Mail, desk: FreshClient, agent: User, drain: Callable[[], int]
) -> None:
    ticket = mail()
    told = sent(desk, ticket)["toast"]
    assert told["undo"].endswith("/withdraw") and told["seconds"] <= 15 and told["page"] == url(ticket)
    drain()
    assert [m.state for m in messages(ticket)] == [QUEUED]  # nothing has left the house yet
    assert fresh(ticket).first_response_at is not None

    with unit_of_work() as s:  # meanwhile they have begun something new
        service.save_draft(agent.actor("page"), s.get_one(Ticket, ticket.id), "reply", "还有一句", [])
    answer = desk.post(told["undo"], headers=HTMX)
    assert answer.status_code == 204 and json.loads(answer.headers["HX-Trigger"])["back"]["page"] == url(ticket)
    assert [m.state for m in messages(ticket)] == [WITHDRAWN]
    assert session().scalars(select(Draft.text)).one() == "请先断电十分钟。\n\n还有一句"
    assert fresh(ticket).first_response_at is None
    assert "请先断电十分钟。" in desk.get(url(ticket, "/composer")).text
    assert "已撤回" in desk.get(url(ticket, "/timeline")).text
    with clock.frozen(now() + timedelta(minutes=5)):
        drain()
    assert [m.state for m in messages(ticket)] == [WITHDRAWN]


def test_what_is_out_or_somebody_elses_is_not_taken_back(mail: Mail, desk: FreshClient, browser: Browser) -> None:
    ticket = mail()
    undo = sent(desk, ticket)["toast"]["undo"]
    assert browser("agent").post(undo, headers=HTMX).status_code == 404
    with unit_of_work() as s:
        s.scalars(select(Message).where(Message.direction == "out")).one().state = SENT
    refused = desk.post(undo, headers=HTMX)
    assert refused.status_code == 409 and "撤不回来" in json.loads(refused.headers["HX-Trigger"])["toast"]["text"]
    assert desk.post("/desk/messages/99999/withdraw").status_code == 404


def test_a_double_click_writes_one_letter_and_after_taking_back_it_can_be_sent_again(mail: Mail, desk: FreshClient) -> None:
    ticket = mail()
    undo = sent(desk, ticket)["toast"]["undo"]
    assert sent(desk, ticket)["toast"]["undo"] == undo
    assert desk.post(undo, headers=HTMX).status_code == 204
    sent(desk, ticket)
    assert [m.state for m in messages(ticket)] == [WITHDRAWN, QUEUED]


def test_a_colleagues_answer_is_shown_before_ours_goes_out(mail: Mail, desk: FreshClient, make_user: Callable[..., User]) -> None:
    ticket = mail()
    seen = messages(ticket, "in")[-1].id
    colleague = make_user("agent", display_name="李工").actor("page")
    with unit_of_work() as s:
        row = s.get_one(Ticket, ticket.id)
        replies.reply(colleague, row, ticket_page.lines_of(row)[0].conversation, "我已经打过电话了。")
    asked = desk.post(url(ticket, "/messages"), data={"text": "您好", "seen": seen}, headers=HTMX)
    assert asked.status_code == 409
    assert "李工" in asked.text and "我已经打过电话了" in asked.text and ">您好</textarea>" in asked.text
    newest = messages(ticket)[-1].id
    assert f'name="seen" value="{newest}"' in asked.text
    sent(desk, ticket, "您好", seen=newest)
    sent(desk, ticket, "补一句", seen=newest)  # one's own words are no news
