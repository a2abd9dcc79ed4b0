"""The desk as its people see it: mails become tickets, and every role has a browser of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, select

from app.core.db import session
from app.core.people import Organisation, Team, User
from app.core.uow import unit_of_work
from channels.base import Inbound, InboundFile, Sender
from channels.models import Account, Message
from channels.receiving import receive
from tests.conftest import FreshClient
from workflows.models import Ticket

HTMX = {"HX-Request": "true"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 24


@pytest.fixture
def agent(make_user: Callable[..., User]) -> User:
    return make_user("agent", display_name="周小禾")


@pytest.fixture
def desk(app: Flask, agent: User) -> FreshClient:
    """The browser of `agent`."""
    client = app.test_client()
    assert isinstance(client, FreshClient)
    return client.log_in(agent)


@pytest.fixture
def browser(app: Flask, make_user: Callable[..., User]) -> Callable[..., FreshClient]:
    """browser("leader") is the browser of a new user of that role; browser(user) of this one."""

    def make(who: str | User, **given: Any) -> FreshClient:
        client = app.test_client()
        assert isinstance(client, FreshClient)
        return client.log_in(make_user(who, **given) if isinstance(who, str) else who)

    return make


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work() as s:
        row = Account(kind="email", slug="support", settings={"address": "support@desk.example"})
        s.add(row)
    return row


@pytest.fixture
def mail(app: Flask, account: Account, drain: Callable[[], int]) -> Callable[..., Ticket]:
    """mail("文字") comes in, is routed, and gives its ticket; `answers=` threads it."""
    count = [0]

    def send(text: str = "网关离线了", sender: str = "wang@client.example", subject: str = "网关离线", **given: Any) -> Ticket:
        count[0] += 1
        inbound = Inbound(
            external_id=f"m{count[0]}@client.example",
            sender=Sender("email", sender, given.pop("name", "王工")),
            text=given.pop("text_whole", text),
            visible_text=text,
            subject=subject,
            sent_at=datetime.now(UTC),
            **given,
        )
        with unit_of_work():
            message = receive(account, inbound)
            assert message is not None
            conversation = message.conversation_id
        drain()
        from workflows.service import tickets_of_conversation

        return tickets_of_conversation(conversation)[0]

    return send


@pytest.fixture
def team(app: Flask) -> Callable[..., Team]:
    def make(*members: User, name: str = "一线组") -> Team:
        with unit_of_work() as s:
            row = Team(name=name)
            row.members = list(members)
            s.add(row)
        return row

    return make


@pytest.fixture
def company(app: Flask) -> Callable[..., Organisation]:
    def make(name: str = "澄湖轴承", kind: str = "client", **given: Any) -> Organisation:
        with unit_of_work() as s:
            row = Organisation(kind=kind, name=name, **given)
            s.add(row)
        return row

    return make


def fresh(ticket: Ticket) -> Ticket:
    """The ticket as it stands in the database now."""
    session().rollback()
    return session().get_one(Ticket, ticket.id)


def messages(ticket: Ticket, direction: str = "out") -> list[Message]:
    from workflows.models import TicketConversation

    session().rollback()
    rows = (
        select(Message)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(TicketConversation.ticket_id == ticket.id, Message.direction == direction)
    )
    return list(session().scalars(rows.order_by(Message.id)))


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL statements that are sent inside the block, without BEGIN and its like."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "PRAGMA")):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def inbound_file(name: str, content: bytes, mime: str, content_id: str | None = None) -> InboundFile:
    return InboundFile(name, mime, content, content_id)
