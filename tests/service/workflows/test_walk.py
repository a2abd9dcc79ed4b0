"""A long random walk over the law: whatever is offered and given in any order, the ticket stays whole."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core import clock
from app.core.db import session
from app.core.errors import DeskError
from app.core.permissions import Actor
from tests.service.workflows.conftest import Take, later
from tests.service.workflows.test_steps import GIVEN
from workflows.kinds import KINDS
from workflows.models import Ticket
from workflows.tickets import TICKET

MakeTicket = Callable[..., Ticket]


def whole(found: Ticket) -> None:
    """What is true of a ticket at any moment."""
    assert found.state in TICKET.states
    assert (found.closed_at is not None) == (found.state in TICKET.ends)
    assert (found.close_result is not None) == (found.state in TICKET.ends)
    assert (found.merged_into_id is not None) == (found.state == "merged")
    assert found.held == (found.hold_party is not None) == (found.hold_until is not None)
    assert not (found.held and found.state in (*TICKET.ends, "following_up"))
    assert found.due_at >= found.first_due_at
    if found.state == "following_up":
        assert found.resolved_at is not None and found.follow_ups


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_random_walk(data: st.DataObject, ticket: MakeTicket, agent: Actor, leader: Actor, tell: Take) -> None:
    found = ticket("created", kind=data.draw(st.sampled_from(sorted(KINDS))))
    other = ticket("created")
    for _turn in range(data.draw(st.integers(5, 25))):
        who = data.draw(st.sampled_from((agent, leader)))
        offered = [step.name for step in TICKET.offers(found, who)]
        name = data.draw(st.sampled_from(offered + ["resolve", "close"] if offered else list(TICKET.by_name)))
        more = dict(GIVEN.get(name, {}))
        if name in ("dispatch", "transfer"):
            more = {"assignee": who.id, "reason": "换人"}
        elif name == "merge":
            more = {"into": other.number}
        elif name in ("hold", "supervise", "extend"):
            more["until"] = later(hours=data.draw(st.integers(1, 700)))
        before, version = found.state, found.version
        try:
            tell(found, name, who, **more)
        except DeskError:
            session().refresh(found)
            assert (found.state, found.version) == (before, version)
        else:
            assert found.version > version
        whole(found)
        clock.advance(timedelta(minutes=data.draw(st.sampled_from((1, 90, 2000)))))
