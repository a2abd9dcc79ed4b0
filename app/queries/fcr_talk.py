"""Reads out of sessions and messages how an issue was talked about before it was first resolved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflows.fcr import WRITTEN, Letters, Stretch
from workflows.models import Ticket, TicketConversation

NOT_SAID = ("withdrawn", "failed", "held")
ARRIVES = timedelta(minutes=10)
"""The longest time between a message and the ticket that it opens: the worker routes it a moment later."""


@dataclass(frozen=True)
class Talk:
    """`spoke`: (when, who) of the desk's people. `answered`: somebody of the desk ever answered, or the request was
    written down by somebody who heard it. `ours`: we wrote or called first, and the customer never spoke."""

    stretches: tuple[Stretch, ...]
    letters: Letters
    spoke: tuple[tuple[datetime, int], ...]
    answered: bool
    ours: bool
    by_hand: frozenset[int]

    def stretches_of(self, ticket_id: int) -> bool:
        """Whether talk is known of this ticket."""
        return ticket_id not in self.by_hand


def talk_of(
    tickets: Sequence[Ticket],
    links: Mapping[int, Sequence[TicketConversation]],
    sessions: Mapping[int, Sequence[Any]],
    messages: Mapping[int, Sequence[Any]],
    resolved_at: datetime | None,
    only_thanks: Callable[[str], bool],
) -> Talk:
    """The talk of an issue: of its tickets' conversations, from the session in which each ticket was opened on."""
    born = {t.id: t.created_at for t in tickets}
    stretches: list[Stretch] = []
    spoke: list[tuple[datetime, int]] = []
    written: list[Any] = []
    answered, inbound, outbound = False, False, False
    seen: set[int] = set()
    heard: set[int] = set()
    for ticket in tickets:
        for link in links.get(ticket.id, ()):
            origin = link.came_from[0] if link.came_from else ticket.id
            heard.add(origin)
            if link.conversation_id in seen:
                continue
            seen.add(link.conversation_id)
            since = _begin(sessions.get(link.conversation_id, ()), born.get(origin, ticket.created_at))
            said = [m for m in messages.get(link.conversation_id, ()) if m.created_at >= since and m.state not in NOT_SAID]
            inbound |= any(m.direction == "in" for m in said)
            outbound |= any(m.direction == "out" and m.author_kind == "user" for m in said)
            answered |= any(m.direction == "out" and m.author_kind == "user" for m in said)
            until = [m for m in said if resolved_at is None or m.created_at <= resolved_at]
            letters = _is_written(sessions.get(link.conversation_id, ()), ticket)
            if letters:
                written += until
                spoke += [(m.created_at, m.author_id) for m in until if _ours(m) and m.author_id]
            for one in sessions.get(link.conversation_id, ()):
                if one.started_at < since or (resolved_at is not None and one.started_at > resolved_at):
                    continue
                words = [m for m in until if m.session_id == one.id and m.direction == "in"]
                turns = one.agent_turns if one.channel not in WRITTEN else _runs([m for m in until if m.session_id == one.id])
                spoke_here = any(not only_thanks(m.text or "") for m in words) if words else bool(one.inbound) and not messages.get(link.conversation_id)
                stretches.append(Stretch(one.channel, one.started_at, one.last_at, turns, spoke_here))
                answered |= turns > 0
                inbound |= one.inbound > 0
                if one.channel not in WRITTEN and one.first_user_id and one.first_user_at:
                    spoke.append((one.first_user_at, one.first_user_id))
    by_hand = frozenset(t.id for t in tickets if t.id not in heard and t.channel not in WRITTEN)
    stretches += [Stretch(t.channel, t.created_at, t.created_at, 1, True, True) for t in tickets if t.id in by_hand]
    return Talk(
        stretches=tuple(sorted(stretches, key=lambda s: s.started_at)),
        letters=_letters(written, only_thanks),
        spoke=tuple(sorted(spoke)),
        answered=answered or bool(by_hand) or not heard,
        ours=outbound and not inbound,
        by_hand=by_hand,
    )


def _begin(sessions: Sequence[Any], born: datetime) -> datetime:
    """Where the talk of a ticket begins in its conversation: with the session in which it was opened. The conversation
    may be older, and then belongs to an earlier ticket."""
    opened_in = [s.started_at for s in sessions if s.started_at <= born]
    return max(opened_in, default=born - ARRIVES)


def _is_written(sessions: Sequence[Any], ticket: Ticket) -> bool:
    return (sessions[0].channel if sessions else ticket.channel) in WRITTEN


def _ours(message: Any) -> bool:
    return bool(message.direction == "out" and message.author_kind == "user")


def _runs(said: Sequence[Any]) -> int:
    """Runs of messages by people of the desk: consecutive ones without the customer in between count once."""
    runs, before = 0, None
    for message in said:
        if message.direction == "in" or _ours(message):
            if _ours(message) and (before is None or not _ours(before)):
                runs += 1
            before = message
    return runs


def _letters(said: list[Any], only_thanks: Callable[[str], bool]) -> Letters:
    """All letters of the issue in the order of time. A turn asks when one of its messages holds a question mark."""
    people = sorted((m for m in said if m.direction == "in" or _ours(m)), key=lambda m: (m.created_at, m.id))
    words = [m for m in people if _ours(m) or not only_thanks(m.text or "")]
    first: list[Any] = []
    for message in words:
        if _ours(message):
            first.append(message)
        elif first:
            break
    asks = any(sign in (m.text or "") for m in first for sign in "?？")
    return Letters(_runs(words), asks)
