"""Keeps the verdicts on first-contact resolution up to date while tickets go their way."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from app.core.clock import now
from app.core.directory.events import ContactsMerged, ContactsUnmerged
from workflows import fcr, fcr_verdicts
from workflows.events import TicketChanged, TicketOpened, TicketStepTaken
from workflows.fcr_verdicts import RepeatDecided, VerdictMatures


class Facts(Protocol):
    """Where facts come from: app.queries.fcr_facts, which this floor may not import."""

    gather: Callable[..., Any]
    roots_of: Callable[..., Any]
    affected: Callable[..., Any]
    affected_by_person: Callable[..., Any]


_facts: list[Any] = []


def use_facts(module: Any) -> None:
    """Say once at start who gathers the facts."""
    _facts[:] = [module]


def judge_again(root_ids: Iterable[int], *, quiet: bool = False) -> int:
    """Judge these issues anew and store what comes out. Returns how many there were. `quiet`: open pages are not told."""
    found = _facts[0].gather(list(root_ids))
    moment, windows = now(), fcr.windows()
    for one in found:
        merged = [t.id for t in one.family if t.id != one.root.id]
        if merged:
            fcr_verdicts.forget(merged)
        fcr_verdicts.keep(one.root, one.facts, fcr.judge(one.facts, moment, windows), quiet=quiet)
    return len(found)


def judge_ticket(event: TicketOpened | TicketStepTaken | TicketChanged) -> None:
    """A ticket changed: its own verdict may, and that of issues whose repeat it could be."""
    judge_again(_facts[0].affected(event.ticket_id))


def judge_matured(event: VerdictMatures | RepeatDecided) -> None:
    """The window has closed, or somebody decided about a possible repeat."""
    judge_again(_facts[0].roots_of([event.ticket_id]))


def judge_person(event: ContactsMerged | ContactsUnmerged) -> None:
    """Two contacts are one person, or two again: what counts as the same person's contact changes."""
    for contact_id in {event.contact_id, event.merged_id}:
        judge_again(_facts[0].affected_by_person(contact_id))
