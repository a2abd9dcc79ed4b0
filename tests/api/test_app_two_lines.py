"""With two open tickets a person's words stand in two conversations; their app shows one talk and misses nothing."""

from collections.abc import Callable

from sqlalchemy import select

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.models import Conversation, Message
from channels.sending import queue_message
from tests.api.test_app import Phone, phone
from workflows.models import Ticket

__all__ = ["phone"]


def test_answers_in_both_conversations_are_read_counted_seen_and_rated(phone: Phone, drain: Callable[[], int]) -> None:
    phone.say("变频器跳E07", "m1")
    drain()
    with unit_of_work() as s:
        first = s.scalars(select(Conversation)).one()
        second = Conversation(account_id=first.account_id, identity_id=first.identity_id, contact_id=first.contact_id)
        s.add(second)
    cursor = phone.read()["latest"]
    with unit_of_work() as s:
        one = queue_message(SYSTEM, s.get_one(Conversation, second.id), "网关已换。").id
    with unit_of_work() as s:
        two = queue_message(SYSTEM, s.get_one(Conversation, first.id), "请看风扇。").id
    drain()
    found = phone.read(cursor)
    assert [m["text"] for m in found["items"]] == ["网关已换。", "请看风扇。"] and found["unread"] == 2
    assert phone("POST", "/seen", {"last_id": two}).get_json() == {"unread": 0}
    session().rollback()
    assert all(m.seen_at for m in session().scalars(select(Message).where(Message.id.in_((one, two)))))


def test_a_request_of_the_older_conversation_can_be_rated(phone: Phone, drain: Callable[[], int]) -> None:
    phone.say("变频器跳E07", "m1")
    drain()
    with unit_of_work() as s:
        ticket = s.scalars(select(Ticket)).one()
        first = s.scalars(select(Conversation)).one()
        s.add(Conversation(account_id=first.account_id, identity_id=first.identity_id, contact_id=first.contact_id))
    assert [r["number"] for r in phone("GET", "").get_json()["requests"]] == [ticket.number]
    assert phone("POST", "/ratings", {"request": ticket.number, "solved": True}).status_code == 409  # found, and not asked yet
