"""The rules of first-contact resolution, one by one and at their borders."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.fcr import (
    EXCLUDED,
    EXCLUSIONS,
    NOT_SOLVED,
    PENDING,
    REASONS,
    SOLVED,
    Hand,
    Human,
    IssueFacts,
    Later,
    Letters,
    Stretch,
    Verdict,
    Windows,
    judge,
    likeness,
)

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SOLVED_AT = T0 + 30 * MINUTE
DUE = SOLVED_AT + 7 * DAY
TICK = timedelta(microseconds=1)
WINDOWS = Windows()
CHAT = Stretch("webchat", T0, T0 + 25 * MINUTE, turns=3)
BY_MAIL: dict[str, Any] = {"channel": "email", "stretches": (Stretch("email", T0, SOLVED_AT, turns=1),), "letters": Letters(1)}


def facts(**given: Any) -> IssueFacts:
    """A chat that was solved while it ran, by one person of the first line."""
    base = IssueFacts(
        ticket_id=1, created_at=T0, kind="consult", channel="webchat", resolved_at=SOLVED_AT, person=7, organisation_id=3,
        device_id=5, product_id=4, category="usage", stretches=(CHAT,), hands=(Hand(T0, 1), Hand(SOLVED_AT, 1)),
        humans=(Human(T0 + MINUTE, 11, 2),), solver=11,
    )  # fmt: skip
    return replace(base, **given)


def told(found: IssueFacts, moment: datetime = DUE, windows: Windows = WINDOWS) -> Verdict:
    verdict = judge(found, moment, windows)
    assert verdict is not None
    return verdict


def codes(found: IssueFacts, moment: datetime = DUE) -> list[str]:
    return [reason.code for reason in told(found, moment).reasons]


def test_one_chat_that_solves_it_is_solved_at_first_contact() -> None:
    found = told(facts())
    assert (found.verdict, found.reasons, found.user_id, found.team_id, found.solvable) == (SOLVED, (), 11, 2, True)


def test_nothing_is_said_of_what_is_neither_resolved_nor_cancelled() -> None:
    assert judge(facts(resolved_at=None), DUE, WINDOWS) is None


def test_a_verdict_is_due_exactly_when_the_window_ends() -> None:
    assert told(facts(), DUE - TICK).verdict == PENDING
    assert told(facts(), DUE).verdict == SOLVED
    assert told(facts(), DUE).matures_at == DUE


@pytest.mark.parametrize(("hours", "minutes"), [(8, 0), (-11, 0), (5, 45)])
def test_the_window_is_one_of_moments_whatever_zone_they_are_written_in(hours: int, minutes: int) -> None:
    zone = timezone(timedelta(hours=hours, minutes=minutes))
    there = facts(resolved_at=SOLVED_AT.astimezone(zone), later=(Later((DUE - TICK).astimezone(zone), 2, person=7, device_id=5),))
    assert told(there, DUE.astimezone(zone)).verdict == NOT_SOLVED
    assert told(facts(), (DUE - TICK).astimezone(zone)).verdict == PENDING


def test_a_kind_may_have_its_own_window() -> None:
    longer = Windows(by_kind={"fault": 14 * DAY})
    assert told(facts(kind="fault"), DUE, longer).verdict == PENDING
    assert told(facts(kind="fault"), SOLVED_AT + 14 * DAY, longer).verdict == SOLVED
    assert told(facts(), DUE, longer).verdict == SOLVED


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"stretches": (CHAT, Stretch("webchat", T0 + 5 * MINUTE, SOLVED_AT, turns=1))}, ["second_contact"]),
        ({"stretches": (Stretch("webchat", T0 - DAY, T0 - DAY, turns=0), CHAT)}, []),  # nobody was there: one long wait
        ({"stretches": (CHAT, Stretch("webchat", T0 + 26 * MINUTE, T0 + 26 * MINUTE, turns=0))}, ["second_contact"]),
        ({"stretches": (CHAT, Stretch("webchat", T0 + 26 * MINUTE, T0 + 26 * MINUTE, turns=0, spoke=False))}, []),  # only thanks
        ({"stretches": (CHAT, Stretch("webchat", SOLVED_AT + TICK, SOLVED_AT + HOUR, turns=2))}, []),  # after it was resolved
        ({"stretches": (Stretch("email", T0 - HOUR, T0 - HOUR), CHAT)}, []),  # a mail that nobody had answered yet
        ({"stretches": (Stretch("email", T0 - HOUR, T0 - HOUR, turns=1), CHAT), "letters": Letters(1)}, ["second_contact"]),
        ({"stretches": (Stretch("calls", T0, T0, turns=1, by_hand=True),), "channel": "calls"}, []),
    ],
)
def test_one_human_session(given: dict[str, Any], expected: list[str]) -> None:
    assert codes(facts(**given)) == expected


def test_resolved_after_the_session_had_ended_is_later() -> None:
    ends = CHAT.last_at + WINDOWS.session
    assert codes(facts(resolved_at=ends), ends + 7 * DAY) == []
    assert codes(facts(resolved_at=ends + TICK), ends + 8 * DAY) == ["later"]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        (Letters(0), []),
        (Letters(1), []),
        (Letters(1, first_asks=True), []),
        (Letters(2, first_asks=True), []),
        (Letters(2), ["more_turns"]),
        (Letters(3, first_asks=True), ["more_turns"]),
    ],
)
def test_by_mail_one_turn_and_one_question(letters: Letters, expected: list[str]) -> None:
    assert codes(facts(**{**BY_MAIL, "letters": letters})) == expected


def test_mails_over_several_sessions_are_one_contact() -> None:
    stretches = tuple(Stretch("email", T0 + n * 4 * MINUTE, T0 + n * 5 * MINUTE, turns=1) for n in range(2))
    assert codes(facts(channel="email", stretches=stretches, letters=Letters(2, first_asks=True))) == []


@pytest.mark.parametrize(
    ("hands", "expected"),
    [
        ((Hand(T0, 1), Hand(T0 + MINUTE, 1)), []),  # to a colleague of the same tier
        ((Hand(T0, 2), Hand(SOLVED_AT, 2)), []),  # first dispatched to the second line
        ((Hand(T0, 1), Hand(T0 + MINUTE, 2)), ["transferred"]),
        ((Hand(T0, 1), Hand(SOLVED_AT, 1, 9)), ["transferred"]),  # to a supplier's team of the same line
        ((Hand(T0, 1), Hand(SOLVED_AT + TICK, 2)), []),  # after it was resolved
        ((Hand(T0 + MINUTE, 1), Hand(T0, 2), Hand(SOLVED_AT, 1)), ["transferred"]),
    ],
)
def test_transfers(hands: tuple[Hand, ...], expected: list[str]) -> None:
    assert codes(facts(hands=hands)) == expected


@pytest.mark.parametrize("field", ["escalated", "raised"])
def test_escalation_counts_up_to_the_resolution(field: str) -> None:
    assert codes(facts(**{field: (SOLVED_AT,)})) == [field]
    assert codes(facts(**{field: (SOLVED_AT + TICK,)})) == []


def test_reopening_counts_within_the_window() -> None:
    assert codes(facts(reopened=(DUE - TICK,))) == ["reopened"]
    assert codes(facts(reopened=(DUE,))) == []
    assert codes(facts(reopened=(SOLVED_AT - HOUR,))) == []  # a merged child was reopened before this one was ever resolved


def test_an_unanswered_request_is_found_out_when_it_is_due() -> None:
    assert told(facts(answered=False), DUE - TICK).reasons == ()
    assert codes(facts(answered=False)) == ["unanswered"]


SAME_DEVICE = Later(SOLVED_AT + DAY, 2, person=7, organisation_id=3, device_id=5)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (SAME_DEVICE, "repeat"),
        (replace(SAME_DEVICE, person=8), "repeat"),  # a colleague, the same machine
        (replace(SAME_DEVICE, person=8, organisation_id=4), None),
        (replace(SAME_DEVICE, device_id=None, category="usage"), "repeat"),
        (replace(SAME_DEVICE, person=8, device_id=None, category="usage", product_id=4), "possible"),
        (replace(SAME_DEVICE, person=8, device_id=None), None),
        (replace(SAME_DEVICE, person=8, device_id=6, product_id=4), None),
        (replace(SAME_DEVICE, device_id=6), "possible"),  # the same person, what it is about is not known yet
        (replace(SAME_DEVICE, device_id=6, category="data", product_id=9), None),
        (replace(SAME_DEVICE, device_id=6, category="data", product_id=4), "possible"),
        (replace(SAME_DEVICE, person=None, device_id=None), "possible"),  # a shared address of the company
        (replace(SAME_DEVICE, cancelled=True), "possible"),
        (replace(SAME_DEVICE, device_id=6, cancelled=True), None),
        (Later(SOLVED_AT + DAY, session_id=4, person=7), "possible"),
        (Later(SOLVED_AT + DAY, 2, folded=True), "repeat"),
        (Later(SOLVED_AT + DAY, 2), None),
    ],
)
def test_what_is_a_repeat(later: Later, expected: str | None) -> None:
    assert likeness(facts(), later) == expected


def test_nobody_known_is_nobody_the_same() -> None:
    assert likeness(facts(person=None, organisation_id=None), Later(SOLVED_AT + DAY, 2, device_id=5)) is None


def test_a_repeat_counts_strictly_after_the_resolution_and_before_the_window_ends() -> None:
    for at, expected in ((SOLVED_AT, []), (SOLVED_AT + TICK, ["repeat"]), (DUE - TICK, ["repeat"]), (DUE, [])):
        assert codes(facts(later=(replace(SAME_DEVICE, at=at),)), DUE + DAY) == expected, at


def test_a_child_that_came_after_the_resolution_is_a_repeat_and_none_once_it_is_unmerged_and_about_something_else() -> None:
    child = Later(SOLVED_AT + DAY, 2, folded=True)
    assert codes(facts(later=(child,))) == ["repeat"]
    apart = replace(child, folded=False, person=7, category="data", product_id=9, device_id=6)
    assert told(facts(later=(apart,))).verdict == SOLVED


def test_a_possible_repeat_counts_only_once_somebody_said_so() -> None:
    weak = replace(SAME_DEVICE, device_id=6)
    assert told(facts(later=(weak,))).verdict == SOLVED
    assert [c.ticket_id for c in told(facts(later=(weak,))).possible] == [2]
    assert codes(facts(later=(replace(weak, same=True),))) == ["repeat"]
    assert told(facts(later=(replace(weak, same=False),))).possible == ()


def test_a_certain_repeat_cannot_be_decided_away() -> None:
    assert codes(facts(later=(replace(SAME_DEVICE, same=False),))) == ["repeat"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"resolved_at": None, "cancelled_at": DUE}, "cancelled"),
        ({"kind": "complaint"}, "complaint"),
        ({"kind": "suggestion"}, "suggestion"),
        ({"notice": True}, "notice"),
        ({"internal": True}, "test"),
        ({"outbound": True}, "outbound"),
        ({"humans": (), "solver": None}, "self_service"),
    ],
)
def test_what_is_not_counted(given: dict[str, Any], code: str) -> None:
    found = told(facts(**given))
    assert (found.verdict, found.excluded_as, found.reasons) == (EXCLUDED, code, ())
    assert code in EXCLUSIONS
    assert found.held_at(HOUR, DUE + DAY) is None


def test_a_failure_cannot_be_cancelled_away() -> None:
    assert told(facts(cancelled_at=DUE, reopened=(SOLVED_AT + DAY,))).verdict == NOT_SOLVED


def test_a_change_of_kind_after_the_resolution_changes_nothing() -> None:
    """The facts carry the kind that stood at the first resolution; that it was changed is shown beside."""
    assert told(facts(kind_changed=True, reopened=(SOLVED_AT + HOUR,))).verdict == NOT_SOLVED


def test_credit_goes_to_the_first_human_not_to_the_solver() -> None:
    first, second = Human(T0, 21, 4), Human(T0 + MINUTE, 11, 2)
    found = told(facts(humans=(second, first), solver=11))
    assert (found.user_id, found.team_id) == (21, 4)
    assert told(facts(humans=(), solver=11)).user_id == 11


def test_provisional_figures_look_only_at_what_had_happened_by_then() -> None:
    later = told(facts(reopened=(SOLVED_AT + 48 * HOUR,)))
    assert later.held_at(24 * HOUR, DUE) is True
    assert later.held_at(72 * HOUR, DUE) is False
    assert later.held_at(48 * HOUR, DUE) is True  # half open, as the window itself
    assert told(facts(), SOLVED_AT + 24 * HOUR - TICK).held_at(24 * HOUR, SOLVED_AT + 24 * HOUR - TICK) is None
    assert told(facts(raised=(T0,)), SOLVED_AT + DAY).held_at(24 * HOUR, SOLVED_AT + DAY) is False


def test_the_main_reason_is_the_one_that_came_first() -> None:
    both = facts(raised=(T0,), reopened=(SOLVED_AT + HOUR,))
    assert told(both).main_reason == "raised"
    assert told(facts(raised=(T0,), escalated=(T0 + MINUTE,))).main_reason == "escalated"  # at once: the order of the table
    assert told(facts()).main_reason is None


moments = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 20)).map(lambda m: m.replace(tzinfo=UTC))  # noqa: DTZ001  Hypothesis wants them naive
laters = st.builds(
    Later, at=moments, ticket_id=st.integers(2, 9), person=st.sampled_from([None, 7, 8]), organisation_id=st.sampled_from([None, 3, 4]),
    device_id=st.sampled_from([None, 5, 6]), product_id=st.sampled_from([None, 4, 9]), category=st.sampled_from([None, "usage", "data"]),
    folded=st.booleans(), cancelled=st.booleans(), same=st.sampled_from([None, True, False]),
)  # fmt: skip
issues = st.builds(
    facts, kind=st.sampled_from(["consult", "fault", "complaint"]), letters=st.builds(Letters, st.integers(0, 4), st.booleans()),
    raised=st.lists(moments, max_size=2).map(tuple), reopened=st.lists(moments, max_size=2).map(tuple),
    later=st.lists(laters, max_size=4).map(tuple), answered=st.booleans(), internal=st.booleans(),
)  # fmt: skip


@given(issues, moments)
def test_every_verdict_is_explained_and_nothing_is_known_before_it_happened(found: IssueFacts, moment: datetime) -> None:
    verdict = told(found, moment)
    assert all(reason.code in REASONS and reason.at <= moment for reason in verdict.reasons)
    if verdict.verdict == EXCLUDED:
        assert verdict.excluded_as in EXCLUSIONS and not verdict.reasons
        return
    assert (verdict.verdict == PENDING) == (moment < DUE)
    assert (verdict.verdict == NOT_SOLVED) == (moment >= DUE and bool(verdict.reasons))
    assert (verdict.broken_after is None) == (not verdict.reasons)
    assert verdict.main_reason is None or verdict.main_reason in {r.code for r in verdict.reasons}


@given(issues, st.integers(0, 40))
def test_a_due_verdict_does_not_change_with_time_alone(found: IssueFacts, days: int) -> None:
    """What comes after W is another issue: the figure of a past month stays what it was."""
    assert told(found, DUE).verdict == told(found, DUE + timedelta(days=days)).verdict


@given(issues, laters)
def test_one_more_contact_never_makes_a_verdict_better(found: IssueFacts, more: Later) -> None:
    before = told(found).verdict
    after = told(replace(found, later=(*found.later, more))).verdict
    assert (before, after) in {(SOLVED, SOLVED), (SOLVED, NOT_SOLVED), (NOT_SOLVED, NOT_SOLVED), (EXCLUDED, EXCLUDED)}
