"""A visitor with words on two tickets has two conversations; what they saw is told of both."""

from flask import Flask
from sqlalchemy import select

from app.core.db import session
from app.core.events import EventRow
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving, webchat
from channels.accounts import add_account
from channels.models import Account, Conversation, Message
from channels.sending import queue_message
from channels.visitors import Visitor, meet, visitor_saw


def test_seen_is_told_of_each_conversation(app: Flask) -> None:
    with unit_of_work() as s:
        account = add_account(SYSTEM, "webchat", "site", {}).id
        visitor, _token = meet(s.get_one(Account, account), "zh")
        key, number = visitor.key, visitor.id
    receiving.accept(account, webchat.packed(key, "m1", "屏黑"), dedup_key="m1")
    with unit_of_work() as s:
        first = s.scalars(select(Conversation)).one()
        second = Conversation(account_id=account, identity_id=first.identity_id, contact_id=first.contact_id)
        s.add(second)
        s.flush()
        ids = [queue_message(SYSTEM, line, "看到了").id for line in (first, second)]
        lines = [first.id, second.id]
    with unit_of_work() as s:
        assert visitor_saw(s.get_one(Visitor, number), s.get_one(Conversation, lines[0]), max(ids))
    session().rollback()
    assert all(session().get_one(Message, one).seen_at for one in ids)
    told = [row.payload["conversation_id"] for row in session().scalars(select(EventRow)) if row.name == "VisitorSaw"]
    assert set(told) == set(lines)
