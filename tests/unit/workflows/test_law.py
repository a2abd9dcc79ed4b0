"""What must hold for every law of the house, whatever its rows say."""

from datetime import timedelta

import pytest

from workflows.call_tasks import CALL_TASK
from workflows.engine import STAY, Need, Workflow, moment
from workflows.kinds import IMPACTS, KINDS, priority_of, time_to_solve
from workflows.orders import ORDER
from workflows.tickets import TICKET

LAWS = [TICKET, ORDER, CALL_TASK]
ids = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)


def moves(law: Workflow) -> set[tuple[str, str]]:
    return {
        (source, source if target == STAY else target)
        for step in law.steps
        for source in step.sources
        for target in step.targets
    }


def reached(start: set[str], arrows: set[tuple[str, str]]) -> set[str]:
    found = set(start)
    while more := {after for before, after in arrows if before in found} - found:
        found |= more
    return found


@ids
def test_each_state_is_reachable(law: Workflow) -> None:
    assert reached({law.start}, moves(law)) == set(law.states)


@ids
def test_each_state_reaches_an_end(law: Workflow) -> None:
    back = {(after, before) for before, after in moves(law)}
    assert reached(set(law.ends), back) == set(law.states)


@ids
def test_no_step_stands_twice_for_a_state(law: Workflow) -> None:
    pairs = [(step.name, source) for step in law.steps for source in step.sources]
    assert len(pairs) == len(set(pairs))
    assert len(law.by_name) == len(law.steps)


@ids
def test_rows_name_only_states_that_exist(law: Workflow) -> None:
    for step in law.steps:
        assert step.sources <= set(law.states), step.name
        assert set(step.targets) <= {*law.states, STAY}, step.name
        assert step.label and step.targets


@ids
def test_only_reopen_and_unmerge_leave_an_end(law: Workflow) -> None:
    leaving = {s.name for s in law.steps if s.sources & law.ends and not (set(s.targets) <= law.ends)}
    assert leaving <= {"reopen", "unmerge"}


@ids
def test_the_diagram_shows_every_state_and_step(law: Workflow) -> None:
    drawn = law.mermaid()
    assert f"[*] --> {law.start}" in drawn
    for state in law.states:
        assert state in drawn
    for step in law.steps:
        assert step.name in drawn


def test_a_need_is_filled_by_any_of_its_fields() -> None:
    need = Need(("assignee", "team"), "-")
    assert need.missing({}) and need.missing({"assignee": "", "team": None})
    assert not need.missing({"team": 3})


def test_moments_need_a_zone() -> None:
    from app.core.errors import Invalid

    assert moment("2026-11-22T09:00:00+08:00", "until").isoformat() == "2026-11-22T01:00:00+00:00"
    for bad in ("2026-11-22T09:00", "tomorrow", 5, None):
        with pytest.raises(Invalid) as problem:
            moment(bad, "until")
        assert "until" in problem.value.errors


@pytest.mark.parametrize("kind", KINDS)
def test_impact_decides_the_priority(kind: str) -> None:
    found = [priority_of(kind, impact) for impact in IMPACTS]
    assert found[:3] == ["P1", "P2", "P3"]
    assert found[3] == ("P3" if kind == "complaint" else "P4")
    spans = [time_to_solve(p) for p in ("P1", "P2", "P3", "P4")]
    assert spans == sorted(spans) and spans[0] > timedelta(0)
