"""The import itself, piece by piece: each article in one transaction with its result, so that whoever goes on after a crash
writes nothing twice."""

from collections.abc import Iterator, Sequence
from time import monotonic

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.core.db import session
from app.core.errors import DeskError, NotFound, Stale
from app.core.events import in_bulk
from app.core.files import get_bytes
from app.core.outbox import BULK_PAUSE
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from knowledge.intake.known import Known
from knowledge.intake.leases import actor_of, renew
from knowledge.intake.shapes import Document, Entry, load
from knowledge.intake.trying import defaults_of, packed
from knowledge.intake.writing import write_entry
from knowledge.intake_models import RUNNING, ImportFile, ImportItem, ImportJob

AT_ONCE = 50
"""Articles that are taken up together."""
TURN = 0.1
"""Seconds after which a transaction that writes articles ends, for the others who want to write."""
RACES = 4
"""So many times an article that somebody else is changing is tried, before the report says so."""


def write_next(job: ImportJob) -> bool:
    """Write some articles, each in one transaction with its result; several of them in one as long as that is short. False
    when there is nothing left."""
    rows = select(ImportItem).where(ImportItem.job_id == job.id, ImportItem.plan != "failed", ImportItem.result == "")
    items = list(session().scalars(rows.order_by(ImportItem.number).limit(AT_ONCE)))
    waiting, lost = list(_entries(items)), 0
    with in_bulk(BULK_PAUSE):
        while waiting:
            try:
                waiting = waiting[_write(job.id, waiting[:1] if lost else waiting, give_up=lost == RACES) :]
                lost = 0
            except Stale:  # somebody changed one of them at the same moment: each for itself, and the one some more times
                lost += 1
    return len(items) == AT_ONCE


def _entries(items: Sequence[ImportItem]) -> Iterator[tuple[int, Entry | None, str]]:
    wanted = [(item.id, item.place, item.file_id) for item in items]
    files = {file.id: (file.path, file.parsed) for file in session().scalars(select(ImportFile).where(ImportFile.id.in_({f for _i, _p, f in wanted})))}
    opened: dict[int, Document] = {}
    for item_id, place, file_id in wanted:
        path, parsed = files[file_id]
        if file_id not in opened:
            opened.clear()
            opened[file_id] = load(get_bytes(parsed)) if parsed else Document()
        entries = opened[file_id].entries
        yield item_id, entries[place] if 0 <= place < len(entries) else None, path


def _write(job_id: int, waiting: Sequence[tuple[int, Entry | None, str]], give_up: bool = False) -> int:
    """Write from the front of what waits, for as long as others may be kept from writing. Gives how many were done."""
    done, until = 0, monotonic() + TURN
    with unit_of_work() as s:
        job = s.get_one(ImportJob, job_id)
        rows = {item.id: item for item in s.scalars(select(ImportItem).where(ImportItem.id.in_([number for number, *_rest in waiting])))}
        if job.state != RUNNING:
            return len(waiting)
        try:
            actor, refusal = actor_of(job), None
            known = Known(actor, job.product)
            known.look_ahead((path, entry) for _number, entry, path in waiting if entry is not None)
        except DeskError as problem:
            refusal = problem
        for item_id, entry, path in waiting:
            item = rows[item_id]
            done += 1
            if item.result:
                continue
            try:
                if refusal is not None or entry is None or give_up:
                    raise refusal or (Stale() if give_up else NotFound())
                with s.begin_nested():
                    _write_one(job, item, entry, path, actor, known)
            except (StaleDataError, IntegrityError):  # or took its address
                raise Stale() from None
            except DeskError as problem:
                item.result, item.reason = "failed", packed(problem)
            if monotonic() >= until:
                break
        renew(job_id, done=ImportJob.done + done)
    return done


def _write_one(job: ImportJob, item: ImportItem, entry: Entry, path: str, actor: Actor, known: Known) -> None:
    before = item.article
    item.before_state = before.state if before else ""
    item.before_id = (before.draft_revision_id or before.current_revision_id) if before else None
    try:
        done = write_entry(actor, entry, path, job.product, job.publish, defaults_of(job), known)
    except DeskError:
        known.forget_made()
        raise
    session().flush()
    item.result, item.article_id, item.reason = done.status, done.article.id, "\n".join(done.notes)
    item.after_id, item.version = done.article.draft_revision_id or done.article.current_revision_id, done.article.version


