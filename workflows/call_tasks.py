"""Calls to make (回电任务): their law, one row a step, and how they come about.

`open_call_task()` is what other parts call; asking twice for the same is one task with a higher count.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError

from app.core.audit import note as write_note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid
from app.core.events import record
from app.core.permissions import Actor, require
from workflows import call_effects as do
from workflows.call_events import CallTaskOpened, CallTaskStepTaken
from workflows.call_models import REASONS, CallTask
from workflows.engine import STAY, Workflow, need, step, take
from workflows.rules import RULES

OPEN = "open taken"


def _event(task: CallTask, name: str, before: str, after: str) -> CallTaskStepTaken:
    return CallTaskStepTaken(calltask_id=task.id, version=task.version, step=name, before=before, after=after)


CALL_TASK = Workflow(
    name="call_task",
    start="open",
    ends=frozenset({"done", "void"}),
    labels={"open": "待拨打", "taken": "已接手", "done": "已完成", "void": "已作废"},
    event=_event,
    steps=(
        step("take", "接手", OPEN, "taken", "ticket.work", do.not_mine_yet, effect=do.hold_it),
        step("release", "放回", "taken", "open", "ticket.work", effect=do.let_go),
        step("log", "登记结果", OPEN, "open taken done void", "ticket.work",
             need("result", "选择结果。"), effect=do.log_attempt),
        step("again", "再次来电", OPEN, STAY, "ticket.work", effect=do.ask_again),
        step("settle", "已另行接通", OPEN, "done", "ticket.work", effect=do.settle),
        step("void", "作废", OPEN, "void", "ticket.work", need("reason", "写下原因。"), effect=do.void),
        step("reopen", "重新打开", "done void", "open", "ticket.work", do.nothing_newer, effect=do.reopen),
    ),
)  # fmt: skip


def open_call_task(
    actor: Actor,
    *,
    key: str,
    number: str,
    contact_id: int | None = None,
    organisation_id: int | None = None,
    reason: str,
    ticket_id: int | None = None,
    due_at: datetime | None = None,
    note: str = "",
    call_id: int | None = None,
    queue: str = "",
    at: datetime | None = None,
) -> CallTask:
    """Ask that somebody be called. `key` names what it is about (at most 120 signs): while a task with this key is open,
    that one is counted up instead. `reason` is one of REASONS; `due_at` is by RULES.callback when left out.

    `call_id`: the call that was not answered; the same call counts once. `at`: when it was asked for, now when left
    out. Raises Invalid for an unknown reason or when there is nobody to call.
    """
    require(actor, "ticket.work")
    if reason not in REASONS:
        raise Invalid.of("reason", "选择原因。")
    number, key = number.strip()[:40], key.strip()[:120]
    if not key or not (number or contact_id):
        raise Invalid.of("number", "写下要拨的号码，或选一位联系人。")
    if (known := open_task(key)) is not None:
        return _count_up(actor, known, call_id, at, note, contact_id, organisation_id, ticket_id)
    moment_ = now()
    task = CallTask(
        key=key, open_key=key, reason=reason, number=number, contact_id=contact_id, organisation_id=organisation_id,
        ticket_id=ticket_id, queue=queue[:80], note=note.strip()[:500], calls=[call_id] if call_id else [],
        count=1, attempts=0, opened_by=actor.name[:200], created_at=moment_, touched_at=moment_, last_at=at or moment_,
        due_at=due_at or (at or moment_) + RULES.callback,
    )  # fmt: skip
    try:
        with session().begin_nested():
            session().add(task)
            session().flush()
    except IntegrityError:  # somebody asked for the same at the same moment
        known = open_task(key)
        if known is None:
            raise
        return _count_up(actor, known, call_id, at, note, contact_id, organisation_id, ticket_id)
    write_note(actor, "call_task.opened", task, after=task.state, why=reason, ticket=ticket_id)
    record(CallTaskOpened(calltask_id=task.id, version=task.version))
    return task


def open_task(key: str) -> CallTask | None:
    """The open task about this."""
    return session().scalar(select(CallTask).where(CallTask.open_key == key))


def open_tasks_for(contact_ids: Collection[int], number: str) -> list[CallTask]:
    """Every open task for one of these people, or for this number where nobody is named; the oldest first."""
    same: list[ColumnElement[bool]] = [CallTask.contact_id.in_(list(contact_ids))] if contact_ids else []
    if number:
        same.append(CallTask.number == number)
    if not same:
        return []
    rows = select(CallTask).where(CallTask.open_key.is_not(None), or_(*same)).order_by(CallTask.id)
    return list(session().scalars(rows))


def settle_abandoned(actor: Actor, contact_ids: Collection[int], number: str, at: datetime) -> list[CallTask]:
    """The person was reached at this moment: nobody need call back about what they had rung for before. Other calls to
    make stay, because talking to somebody is not yet saying what they were to be told."""
    found = [
        task
        for task in open_tasks_for(contact_ids, number)
        if task.reason == "abandoned" and task.last_at <= at and (task.contact_id in contact_ids or task.number == number)
    ]
    for task in found:
        take(CALL_TASK, task, "settle", actor, reason="已经另行接通")
    return found


def _count_up(
    actor: Actor,
    task: CallTask,
    call_id: int | None,
    at: datetime | None,
    note: str,
    contact_id: int | None,
    organisation_id: int | None,
    ticket_id: int | None,
) -> CallTask:
    if call_id is not None and call_id in task.calls:
        return task
    if call_id is not None:
        task.calls = [*task.calls, call_id]
    task.contact_id = task.contact_id or contact_id
    task.organisation_id = task.organisation_id or organisation_id
    task.ticket_id = task.ticket_id or ticket_id
    task.note = note.strip()[:500] or task.note
    take(CALL_TASK, task, "again", actor, at=max(at or now(), task.last_at))
    return task
