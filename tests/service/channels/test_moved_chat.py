"""A visitor goes on seeing all of their chat when the desk sorts a part of it onto another ticket."""

from typing import Any

import pytest
from sqlalchemy import select

from app import moving
from app.chat import letters as chat_letters
from app.chat.room import Chat, Rooms
from app.core.db import session
from app.core.files import StoredFile, put_bytes
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving, visitors
from channels.accounts import add_account
from channels.models import Account, Message
from channels.sending import queue_message
from channels.visitors import Visitor
from channels.webchat import external_id, packed
from workflows.models import Ticket
from workflows.service import tickets_of_conversation


@pytest.fixture
def account(app: Any) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "portal", {"title": "在线客服"})


def say(account: Account, visitor: Visitor, text: str, number: str, **given: Any) -> Message:
    raw = packed(visitor.key, number, text, name="王工", **given)
    outcome = receiving.accept_now(account.id, raw, dedup_key=external_id(visitor.key, number))
    return session().get_one(Message, outcome.message_id)


def test_words_that_were_moved_stay_in_the_chat(account: Account, make_user: Any, drain: Any) -> None:
    with unit_of_work():
        visitor = visitors.meet(account, "zh")[0]
        stranger = visitors.meet(account, "zh")[0]
    first = say(account, visitor, "变频器报 E07", "m1")
    say(account, stranger, "别人的话", "m1")
    drain()
    digest = put_bytes(b"%PDF-1.7")
    second = say(account, visitor, "另外发票开错了", "m2", files=[{"sha256": digest, "name": "a.pdf", "mime": "application/pdf"}])
    drain()
    agent = make_user("agent")
    actor = agent.actor(via="web")
    with unit_of_work():
        ticket = session().get_one(Ticket, tickets_of_conversation(first.conversation_id)[0].id)
        moving.move_message(actor, ticket, session().get_one(Message, second.id), subject="发票")
    session().expire_all()
    here, there = session().get_one(Message, first.id).conversation_id, session().get_one(Message, second.id).conversation_id
    assert here != there
    with unit_of_work() as s:
        answer = queue_message(actor, s.get_one(Message, second.id).conversation, "发票已重开")
        answer_id = answer.id
    for conversation_id in (here, there):
        assert [m.text for m in visitors.heard_by_visitor(conversation_id)] == ["变频器报 E07", "另外发票开错了", "发票已重开"]
    file = session().scalars(select(StoredFile).where(StoredFile.owner == "message")).one()
    assert visitors.access_visitor_file(visitor, file.id) is file and visitors.access_visitor_file(stranger, file.id) is None
    with unit_of_work() as s:
        row, conversation = s.get_one(Visitor, visitor.id), s.get_one(Message, first.id).conversation
        assert visitors.visitor_saw(row, conversation, answer_id) and row.seen_id == answer_id
        assert s.get_one(Message, answer_id).seen_at is not None
        assert "发票已重开" in chat_letters.transcript(conversation, row) and "别人的话" not in chat_letters.transcript(conversation, row)


def test_a_page_hears_both_of_its_conversations() -> None:
    rooms = Rooms(100)
    chat = Chat("sid", 1, "v-1", 1, "zh", "", conversation_id=7, others={7, 8})
    rooms.enter(chat)
    assert rooms.of(7) == rooms.of(8) == [chat]
    rooms.place(chat, 9)
    assert rooms.of(7) == rooms.of(8) == rooms.of(9) == [chat] and chat.conversation_id == 9
    rooms.leave("sid")
    assert not rooms.of(7) and not rooms.of(8) and not rooms.of(9)
