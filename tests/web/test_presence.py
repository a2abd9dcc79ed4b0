"""Who else looks at a ticket: told to those who may read it, in every process, and forgotten with the page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import realtime
from app.core import clock, lookers
from app.core.clock import now
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.live.presence import Board
from tests.conftest import FreshClient
from workflows.models import Ticket
from workflows.opening import open_ticket

MakeUser = Callable[..., User]


@pytest.fixture
def connect(app: Flask) -> Callable[[User], Any]:
    def open_page(user: User) -> Any:
        client = app.test_client()
        assert isinstance(client, FreshClient)
        client.log_in(user)
        return app.extensions["socketio"].test_client(app, namespace="/agent", flask_test_client=client)

    return open_page


@pytest.fixture
def ticket(app: Flask) -> Ticket:
    with unit_of_work():
        return open_ticket(SYSTEM, subject="网关离线", channel="email")


def look(page: Any, ticket: Ticket, **given: Any) -> bool:
    answer: dict[str, bool] = page.emit("look", {"id": ticket.id, **given}, namespace="/agent", callback=True)
    return answer["ok"]


def seen(app: Flask, page: Any, at: float) -> list[tuple[str, bool]] | None:
    """What the page hears at a look of the board; None for nothing new."""
    realtime.hub_of(app).board.tick(at)
    told = [m["args"][0] for m in page.get_received("/agent") if m["name"] == "present"]
    return [(p["name"], p["writing"]) for p in told[-1]["people"]] if told else None


def test_faces_come_write_and_go(app: Flask, connect: Callable[[User], Any], make_user: MakeUser, ticket: Ticket) -> None:
    zhou, li = make_user("agent", display_name="周小禾"), make_user("agent", display_name="李工")
    mine, theirs = connect(zhou), connect(li)
    assert look(mine, ticket) and look(theirs, ticket)
    assert seen(app, mine, 100) == [("周小禾", False), ("李工", False)]
    assert seen(app, mine, 102) is None  # nothing new, nothing said
    assert look(theirs, ticket, writing=True)
    assert seen(app, mine, 104) == [("周小禾", False), ("李工", True)]
    theirs.disconnect(namespace="/agent")
    assert seen(app, mine, 106) == [("周小禾", False)]


def test_two_pages_of_one_person_are_one_face(
    app: Flask, connect: Callable[[User], Any], make_user: MakeUser, ticket: Ticket
) -> None:
    zhou = make_user("agent", display_name="周小禾")
    one, two = connect(zhou), connect(zhou)
    assert look(one, ticket) and look(two, ticket, writing=True)
    assert seen(app, one, 100) == [("周小禾", True)]


def test_only_those_who_may_read_the_ticket_look_at_it(
    app: Flask, connect: Callable[[User], Any], make_user: MakeUser, ticket: Ticket
) -> None:
    page = connect(make_user("technician"))
    assert not look(page, ticket)
    assert seen(app, page, 100) is None
    for bad in (None, {"id": "1"}, {"id": True}, {"id": 10**12}, {}):
        assert page.emit("look", bad, namespace="/agent", callback=True) == {"ok": False}


def test_a_page_of_another_process_is_seen_and_a_crashed_one_is_forgotten(
    app: Flask, connect: Callable[[User], Any], make_user: MakeUser, ticket: Ticket
) -> None:
    mine = connect(make_user("agent", display_name="周小禾"))
    assert look(mine, ticket)
    far = make_user("agent", display_name="远方").actor("page")
    with unit_of_work():
        lookers.look(far, "other-process", ticket.id, False)
    assert seen(app, mine, 100) == [("周小禾", False), ("远方", False)]
    with clock.frozen(now() + timedelta(seconds=90)):
        assert seen(app, mine, 200) == [("周小禾", False)]  # ours was kept, theirs was not


def test_nothing_is_read_while_nobody_looks(app: Flask) -> None:
    board = Board(server=None, space="/agent")
    assert board.tick(0) == 0


def test_customers_do_not_see_who_of_the_desk_is_there(
    app: Flask, connect: Callable[[User], Any], make_user: MakeUser, ticket: Ticket
) -> None:
    with unit_of_work() as s:
        firm = Organisation(kind="client", name="澄湖轴承")
        s.add(firm)
        s.flush()
        s.get_one(Ticket, ticket.id).organisation_id = firm.id
    theirs, mine = connect(make_user("client", organisation=firm)), connect(make_user("agent", display_name="周小禾"))
    assert look(mine, ticket) and not look(theirs, ticket)
    assert seen(app, mine, 100) == [("周小禾", False)] and seen(app, theirs, 102) is None
