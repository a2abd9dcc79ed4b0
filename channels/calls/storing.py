"""Rows into the database: each call once, whatever told about it first, and its line in the conversation when it is over.

A batch is written together, so that a hundred thousand old calls take minutes. Whatever is known stays known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from channels.accounts import note_traffic
from channels.calls.events import CallAnswered, CallEnded, CallRang, RecordingWanted
from channels.calls.joining import join
from channels.calls.models import ANSWERED, Call, CallLeg
from channels.calls.people import Book, Party
from channels.calls.record import ASTERISK, QUEUE, CallRecord, Row, moment
from channels.calls.writing import write_line
from channels.models import Account

HISTORY = timedelta(days=1)
"""A call that ended longer ago than this when it is read is history: it is kept and shown, and sets nothing going."""
BATCH = 400


@dataclass
class Stored:
    """What became of the calls of a reading: ids that were new, ids that learned something, ids that were known."""

    new: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)


@dataclass
class _Before:
    """What a call was before the rows at hand: what changed since decides which events are recorded."""

    user_id: int | None = None
    rang: bool = False
    answered: bool = False
    outcome: str | None = None
    recording: str | None = None


def store_rows(account: Account, rows: Sequence[Row], raw_id: int | None = None) -> Stored:
    """Store rows within the caller's unit of work, in batches; the same rows again change nothing."""
    result = Stored()
    wanted = [row for row in rows if not row.data.get("towards_agent")]
    if not wanted:
        return result
    # One writer per account: two sources that tell of one call at the same moment do so one after the other.
    session().execute(select(Account.id).where(Account.id == account.id).with_for_update())
    book = Book(account)
    grouped: dict[str, list[Row]] = {}
    for row in wanted:
        grouped.setdefault(row.call_id, []).append(row)
    ids = list(grouped)
    for start in range(0, len(ids), BATCH):
        _store(account, {one: grouped[one] for one in ids[start : start + BATCH]}, book, result, raw_id)
    note_traffic(account.id, last_received_at=now())
    return result


def _store(account: Account, grouped: dict[str, list[Row]], book: Book, result: Stored, raw_id: int | None) -> None:
    grouped = _under_one_name(account, grouped)
    calls = _known(account, list(grouped))
    legs = _legs([call.id for call in calls.values()])
    work: list[tuple[Call, CallRecord, _Before, list[Row]]] = []
    for external_id, rows in grouped.items():
        call = calls.get(external_id)
        had = legs.get(call.id, []) if call is not None else []
        seen = {row.key for row in had}
        fresh = [row for row in {row.key: row for row in rows}.values() if row.key not in seen]
        if not fresh and call is not None:
            result.known.add(external_id)
            continue
        before = _Before()
        if call is None:
            call = Call(account_id=account.id, external_id=external_id, billsec=0, legs=0, meta={}, number="", recording_state="")
            result.new.add(external_id)
        else:
            before = _Before(call.user_id, True, call.answered_at is not None, call.outcome, call.recording)
            result.changed.add(external_id)
        work.append((call, join(external_id, [*had, *fresh]), before, fresh))
    numbers = {id(call): book.settle(told) for call, told, _, _ in work}
    book.preload(n.value for n in numbers.values() if n is not None)
    for call, told, _, _ in work:
        number = numbers[id(call)]
        party = book.party(number, str(told.meta.get("caller_name", ""))) if number is not None else Party()
        _apply(call, told, party, book)
    session().add_all(call for call, _, _, _ in work)
    session().flush()
    session().add_all(
        CallLeg(call_id=call.id, key=row.key, family=row.family, alias=_alias(row), row=dict(row.data))
        for call, _, _, fresh in work
        for row in fresh
    )
    session().flush()
    lines = [(call, told) for call, told, _, _ in work if call.outcome is not None and call.direction != "internal"]
    write_line(account, lines, book, HISTORY, raw_id)
    for call, told, before, _ in work:
        _tell(call, told, before, book)


def _known(account: Account, external_ids: list[str]) -> dict[str, Call]:
    rows = select(Call).where(Call.account_id == account.id, Call.external_id.in_(external_ids))
    return {c.external_id: c for c in session().scalars(rows.with_for_update().execution_options(populate_existing=True))}


def _legs(call_ids: list[int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    if call_ids:
        for leg in session().scalars(select(CallLeg).where(CallLeg.call_id.in_(call_ids)).order_by(CallLeg.id)):
            found.setdefault(leg.call_id, []).append(Row("", leg.key, leg.family, leg.row))
    return found


def _under_one_name(account: Account, grouped: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """A queue's log names a call by the uniqueid of one leg, its record by the linkedid: both are brought under the
    latter, whichever came first."""
    queued = [n for n, rows in grouped.items() if all(r.family == QUEUE for r in rows)]
    renamed: dict[str, str] = {}
    if queued:
        legs = (
            select(CallLeg.alias, Call.external_id)
            .join(Call, Call.id == CallLeg.call_id)
            .where(Call.account_id == account.id, CallLeg.alias.in_(queued))
        )
        renamed.update((str(alias), str(name)) for alias, name in session().execute(legs))
    aliases = {
        a: name for name, rows in grouped.items() for row in rows if (a := _alias(row)) and a != name and a not in renamed
    }
    if aliases:
        orphans = _known(account, list(aliases))
        taken = _known(account, [aliases[one] for one in orphans])
        for alias, orphan in orphans.items():
            name = aliases[alias]
            if name not in taken:
                orphan.external_id = name
                taken[name] = orphan
        session().flush()
        renamed |= {a: name for a, name in aliases.items() if a in grouped}
    merged: dict[str, list[Row]] = {}
    for name, rows in grouped.items():
        merged.setdefault(renamed.get(name, name), []).extend(rows)
    return merged


def _alias(row: Row) -> str:
    """The other name that a queue's log may use for this call."""
    return str(row.data.get("uniqueid", ""))[:190] if row.family == ASTERISK else ""


_TEXTS: Mapping[str, int] = {"caller": 120, "callee": 120, "queue": 80, "agent": 80, "recording": 1000, "direction": 8}
_NUMBERS: Mapping[str, str] = {"duration": "duration", "hold_s": "hold", "wrap_up_s": "wrap_up", "wait": "wait", "legs": "legs"}
_MOMENTS: Mapping[str, str] = {"started_at": "started", "answered_at": "answered", "ended_at": "ended"}


def _apply(call: Call, told: CallRecord, party: Party, book: Book) -> None:
    """Put into the row what is told; what is not told any more stays."""
    values: dict[str, Any] = {name: (getattr(told, name) or "")[:most] or None for name, most in _TEXTS.items()}
    values |= {ours: getattr(told, theirs) for ours, theirs in _NUMBERS.items()}
    values |= {ours: moment(getattr(told, theirs)) for ours, theirs in _MOMENTS.items()}
    if told.outcome is not None:
        values |= {"outcome": told.outcome, "billsec": told.billsec}
        if told.outcome not in (ANSWERED, "ivr_only"):
            call.answered_at = call.agent = None
    for name, value in values.items():
        if value is not None and getattr(call, name) != value:
            setattr(call, name, value)
    if told.outcome in (ANSWERED, None) and (user := book.user_of(told.agent or told.rings)):
        call.user_id = user.id
    elif call.user_id is None and (user := book.user_of(told.rings)):
        call.user_id = user.id
    if party.number:
        call.number = party.number[:40]
    call.identity_id = call.identity_id or (party.identity.id if party.identity else None)
    call.contact_id = call.contact_id or (party.contact.id if party.contact else None)
    call.organisation_id = call.organisation_id or party.organisation_id
    if told.meta and (merged := {**call.meta, **told.meta}) != call.meta:
        call.meta = merged
    if call.recording and not call.recording_state:
        call.recording_state = "linked"


def is_history(at: datetime | None) -> bool:
    return at is not None and now() - at > HISTORY


def _tell(call: Call, told: CallRecord, before: _Before, book: Book) -> None:
    """Record what happened, once each, for calls of today."""
    if is_history(call.ended_at or call.started_at):
        return
    if call.outcome is None:
        if call.answered_at is not None:
            if not before.answered or before.user_id != call.user_id:
                record(CallAnswered(call_id=call.id, version=call.version, user_id=call.user_id))
        elif not before.rang or before.user_id != call.user_id:
            record(CallRang(call_id=call.id, version=call.version, user_id=call.user_id))
    elif call.outcome != before.outcome:
        record(CallEnded(call_id=call.id, version=call.version))
    if call.recording and call.outcome is not None and call.recording_state == "linked":
        if call.recording != before.recording or before.outcome is None:
            if book.account.settings.get("recordings") == "fetch":
                record(RecordingWanted(call_id=call.id))
