"""An import as a job: uploaded, read into a dry run, written piece by piece, undone whole.

Each piece is one transaction that also notes its result, so that a worker that dies goes on where it stopped and
nothing is written twice. `work` is called by the worker's hands until there is nothing left.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, false, func, insert, select, true, update

from app.core.audit import note
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import DeskError, Invalid, NotFound, Refused
from app.core.files import get_bytes, put_bytes, store_file
from app.core.outbox import HOLDER
from app.core.permissions import SYSTEM, Actor, require
from app.core.text import pack
from app.core.uow import unit_of_work
from knowledge.access import own_products, reader_for
from knowledge.intake.archives import is_junk, safe_path, unpacked
from knowledge.intake.bundle import Bundle, is_companion
from knowledge.intake.guarded import read_guarded
from knowledge.intake.leases import actor_of, renew
from knowledge.intake.reading import HEAVY, format_of, unreadable
from knowledge.intake.shapes import Document, Limits, Unreadable, dump
from knowledge.intake.trying import PLANS, defaults_of, described, packed, plans
from knowledge.intake.writing_jobs import write_next
from knowledge.intake_models import BUSY, DONE, DROPPED, PLANNED, READING, RUNNING, ImportFile, ImportItem, ImportJob

log = logging.getLogger("huiyin.import")
PLAN_AT_ONCE = 200
"""Articles that are looked at together in a dry run."""
READ_AT_ONCE, READ_BYTES = 50, 2_000_000
"""Light files that are read in one piece."""
TYPE = "application/octet-stream"
OWNER = "import"
CLOSED = "closed"
"""The state of a file of an archive that is not read (an archive inside it, an unknown format), but may be attached."""
USED = "used"
"""The state of a file that a text shows or attaches."""
NAMED = 8
_limits = [Limits()]


def use_limits(limits: Limits) -> None:
    """Say once at start what an import may hold."""
    _limits[:] = [limits]


def limits() -> Limits:
    return _limits[0]


def _readable(actor: Actor) -> ColumnElement[bool]:
    if not actor.can("article.write"):
        return false()
    where = circle(actor)
    if where == "staff":
        return true()
    return ImportJob.organisation_id == actor.organisation_id if where == "supplier" else false()


def readable_jobs(actor: Actor) -> Select[ImportJob]:
    """The platform sees every import, a supplier's author those of the own company."""
    return select(ImportJob).where(_readable(actor))


def access_job(actor: Actor, job_id: int) -> ImportJob:
    """The import, when it is the actor's to see; raises NotFound."""
    found = session().scalar(readable_jobs(actor).where(ImportJob.id == job_id)) if 0 < job_id < 2**31 else None
    if found is None:
        raise NotFound()
    return found


def begin(
    actor: Actor, files: Sequence[tuple[str, bytes]], *, product_id: int | None = None, level: str = "public", split: bool = False
) -> ImportJob:
    """Take in what was uploaded; the worker reads it. Raises Invalid on field files, product or level."""
    require(actor, "article.write")
    most = limits()
    given = [(safe_path(name) or "file", content) for name, content in files if (content or name) and not is_junk(name)]
    if not any(content for _name, content in given):
        raise Invalid.of("files", "请选择文件。")
    if len(given) > most.members:
        raise Invalid.of("files", "一次最多 %(n)s 个文件，多的请打成 ZIP 或分几次。", n=most.members)
    supplier = circle(actor) == "supplier"
    if product_id is not None and session().get(Product, product_id) is None:
        raise Invalid.of("product", "有的选项不存在。")
    if supplier and product_id is not None and product_id not in own_products(actor):
        raise Invalid.of("product", "只能写自己企业产品的知识，至少选一个产品。")
    if level not in reader_for(actor).levels:
        raise Invalid.of("level", "可选：public、client、agent、supplier。")
    job = ImportJob(
        user_id=actor.id if actor.kind == "user" else None, user_name=actor.name[:80],
        organisation_id=actor.organisation_id if supplier else None, product_id=product_id,
        options={"level": level, "split": split},
    )  # fmt: skip
    session().add(job)
    session().flush()
    seen: set[str] = set()
    for name, content in given:
        _add_file(job, name, content, seen)
    note(actor, "import.begun", job, files=len(given))
    return job


def _add_file(job: ImportJob, name: str, content: bytes, seen: set[str], state: str = "waiting") -> None:
    number, wanted = 1, name
    while name in seen:  # two folders were dropped whose files have the same names
        number += 1
        stem, dot, ending = wanted.rpartition(".")
        name = f"{stem or wanted}-{number}{dot}{ending if stem else ''}"
    seen.add(name)
    row = store_file(content, name.rpartition("/")[2], TYPE, owner=OWNER, owner_id=job.id)
    session().add(ImportFile(job_id=job.id, path=name[:300], size=len(content), content=row.sha256, beside=is_companion(name), state=state))
    session().flush()


def set_mapping(actor: Actor, job: ImportJob, file_id: int, mapping: Mapping[str, Any]) -> None:
    """Somebody says what the columns of a table mean: it is read again."""
    _own(actor, job, PLANNED)
    file = session().get(ImportFile, file_id)
    if file is None or file.job_id != job.id:
        raise NotFound()
    session().execute(delete(ImportItem).where(ImportItem.file_id == file.id))
    file.mapping, file.state, file.reason, file.parsed = dict(mapping), "waiting", "", ""
    job.state = READING
    session().flush()


def start(actor: Actor, job: ImportJob, publish: bool) -> None:
    """Write what the dry run showed. Publishing needs the permission to publish."""
    _own(actor, job, PLANNED)
    if publish:
        require(actor, "article.publish")
    if not _open_items(job):
        raise Refused("没有可以导入的内容。")
    job.state, job.publish, job.started_at = RUNNING, publish, now()
    if actor.kind == "user":  # whoever presses the button answers for it
        job.user_id, job.user_name = actor.id, actor.name[:80]
    session().flush()
    note(actor, "import.started", job, publish=publish)


def drop(actor: Actor, job: ImportJob) -> None:
    """Let go of a dry run."""
    _own(actor, job, PLANNED, READING)
    job.state, job.finished_at = DROPPED, now()
    session().flush()


def _own(actor: Actor, job: ImportJob, *states: str) -> None:
    require(actor, "article.write")
    access_job(actor, job.id)
    if job.state not in states:
        raise Refused("这次导入现在的状态不能这样做。")


def _open_items(job: ImportJob) -> int:
    rows = select(func.count()).where(ImportItem.job_id == job.id, ImportItem.plan.in_(("new", "updated", "skipped")), ImportItem.result == "")
    return session().scalar(rows) or 0


def work(job_id: int) -> bool:
    """Do the next piece of a claimed import, outside a unit of work. False when it is done or not ours any more."""
    session().rollback()
    job = session().get(ImportJob, job_id)
    if job is None or job.state not in BUSY or job.holder not in ("", HOLDER):
        return False
    try:
        if job.state == READING:
            return _read_next(job)
        if write_next(job):
            return True
        _finish(job_id)
        return False
    except Exception as problem:
        log.exception("import stopped", extra={"job": job_id})
        session().rollback()
        with unit_of_work() as s:
            broken = s.get_one(ImportJob, job_id)
            broken.state, broken.finished_at, broken.leased_until = DONE if broken.started_at else PLANNED, now(), None
            broken.options = {**broken.options, "error": type(problem).__name__}
        return False


def _read_next(job: ImportJob) -> bool:
    """Unpack one archive, or read the next files."""
    rows = select(ImportFile.id, ImportFile.path, ImportFile.size)
    rows = rows.where(ImportFile.job_id == job.id, ImportFile.state == "waiting", ImportFile.beside.is_(False))
    waiting = [(number, path, size) for number, path, size in session().execute(rows.order_by(ImportFile.id))]
    archive = next((number for number, path, _size in waiting if format_of(path) == "zip"), None)
    if archive is not None:
        _unpack(job.id, session().get_one(ImportFile, archive))
        return True
    if waiting:
        order = {name: place for place, name in enumerate(Bundle({path: bytes for _id, path, _size in waiting}).documents)}
        waiting.sort(key=lambda row: order.get(row[1], -1))
        _read(job, _next_files(waiting))
        return True
    with unit_of_work() as s:
        done = s.get_one(ImportJob, job.id)
        for file in s.scalars(select(ImportFile).where(ImportFile.job_id == job.id, ImportFile.state == CLOSED, ImportFile.beside.is_(False))):
            if why := unreadable(file.path):  # nobody attached it: it is said, or somebody believes that it came along
                file.state, file.reason = "failed", pack(why.message, **why.data)
                s.add(ImportItem(job_id=job.id, file_id=file.id, number=_number(job.id), plan="failed", title=file.path[:200], reason=file.reason))
                s.flush()
        _tell_unused(done)
        done.state, done.leased_until, done.holder = PLANNED, None, ""
        done.total, done.done = _open_items(done), 0
    return False


def _tell_unused(job: ImportJob) -> None:
    """One line for the pictures and other companions that no text shows or attaches: they do not come along."""
    left = [file for file in job.files if is_companion(file.path) and file.state == "waiting"]
    if left:
        for file in left:
            file.state = USED  # said once, also where a table is read again
        names = "、".join(file.path for file in left[:NAMED])
        reason = pack("%(n)s 个图片或附件没有文档用到，没有导入：%(names)s", n=len(left), names=names)
        session().add(ImportItem(job_id=job.id, file_id=left[0].id, number=_number(job.id), plan="failed", title=left[0].path[:200], reason=reason))
        session().flush()


def _next_files(waiting: Sequence[tuple[int, str, int]]) -> list[int]:
    """The files that are read in one piece: one heavy or large one, or several light ones."""
    found: list[int] = []
    room = READ_BYTES
    for number, path, size in waiting:
        room -= size
        if found and (room < 0 or format_of(path) in HEAVY or len(found) == READ_AT_ONCE):
            break
        found.append(number)
        if format_of(path) in HEAVY:
            break
    return found


def _unpack(job_id: int, archive: ImportFile) -> None:
    file_id, prefix = archive.id, archive.path[:-4]
    content = get_bytes(archive.content)
    session().rollback()
    try:
        found = list(unpacked(content, limits()))
        problem: Unreadable | None = None
    except Unreadable as refusal:
        found, problem = [], refusal
    for _name, inside in found:
        put_bytes(inside)  # what waits for the disk waits before the transaction
    with unit_of_work() as s:
        row = s.get_one(ImportFile, file_id)
        job = s.get_one(ImportJob, job_id)
        seen = {file.path for file in job.files}
        alone = len(seen) == 1
        for name, inside in found:
            _add_file(job, name if alone else f"{prefix}/{name}", inside, seen, CLOSED if unreadable(name) else "waiting")
        row.state, row.beside = ("failed", False) if problem or not found else ("unpacked", True)
        row.reason = pack(problem.message, **problem.data) if problem else "" if found else pack("压缩包里没有能读的文件。")
        if row.reason:
            s.add(ImportItem(job_id=job_id, file_id=file_id, number=_number(job_id), plan="failed", title=row.path[:200], reason=row.reason))
        renew(job_id)


def _number(job_id: int) -> int:
    return (session().scalar(select(func.max(ImportItem.number)).where(ImportItem.job_id == job_id)) or 0) + 1


def _bundle(job: ImportJob) -> Bundle:
    rows = session().execute(select(ImportFile.path, ImportFile.content).where(ImportFile.job_id == job.id))
    return Bundle({path: lambda digest=content: get_bytes(digest) for path, content in rows})  # type: ignore[misc]


@dataclass
class _Reading:
    """A file while it is read: what stands in it, why not, and what would become of each article."""

    file_id: int
    path: str
    document: Document = field(default_factory=Document)
    reason: str = ""
    tried: list[dict[str, Any]] = field(default_factory=list)


def _read(job: ImportJob, file_ids: Sequence[int]) -> None:
    """Read files and try out what they would change; nothing of that is kept but the answer."""
    job_id, product_id, defaults, split, bundle = job.id, job.product_id, defaults_of(job), bool(job.options.get("split")), _bundle(job)
    actor = actor_of(job)
    rows = {file.id: file for file in session().scalars(select(ImportFile).where(ImportFile.id.in_(file_ids)))}
    given = [(number, rows[number].path, rows[number].content, dict(rows[number].mapping)) for number in file_ids]
    session().rollback()
    readings: list[_Reading] = []
    for number, path, content, mapping in given:
        if path in bundle.taken:
            continue  # a text of this piece has attached it
        reading = _Reading(number, path)
        readings.append(reading)
        try:
            reading.document = read_guarded(path, get_bytes(content), mapping=mapping, split=split, limits=limits(), lookup=bundle.beside(path))
        except DeskError as problem:
            reading.reason = packed(problem)
        except RecursionError:
            reading.reason = pack("文件嵌套太深，读不了。")
    wanted = [(reading, place, entry) for reading in readings for place, entry in enumerate(reading.document.entries)]
    claimed: dict[str, str] = {}
    for start in range(0, len(wanted), PLAN_AT_ONCE):
        piece = wanted[start : start + PLAN_AT_ONCE]
        found = plans(actor, job_id, product_id, [(reading.path, entry) for reading, _place, entry in piece], defaults, claimed)
        for (reading, place, entry), values in zip(piece, found, strict=True):
            reading.tried.append(described(entry, place) | values)
        if start + len(piece) < len(wanted):
            with unit_of_work():  # a long table is seen to move, and stays this worker's
                renew(job_id, done=start + len(piece), total=len(wanted))
    _keep(job_id, readings, bundle.taken)


def _keep(job_id: int, readings: Sequence[_Reading], taken: Collection[str]) -> None:
    """The answers of a dry run, all in one transaction."""
    parsed = {one.file_id: dump(one.document) for one in readings if one.document.entries or one.document.sheets}
    for content in parsed.values():
        put_bytes(content)
    with unit_of_work() as s:
        number, items = _number(job_id), list[dict[str, Any]]()
        for one in readings:
            row, document = s.get_one(ImportFile, one.file_id), one.document
            kept = store_file(parsed[one.file_id], "parsed.json", TYPE, owner=OWNER, owner_id=job_id) if one.file_id in parsed else None
            row.parsed = kept.sha256 if kept else ""
            row.state = "failed" if one.reason or not one.tried else "read"
            row.reason, row.mapping = one.reason, dict(document.mapping)
            refused: list[dict[str, Any]] = [{"key": r.key[:300], "reason": pack(r.reason, **dict(r.data))} for r in document.refused]
            if one.reason:
                refused.append({"title": one.path[:200], "reason": one.reason})
            items += [{"file_id": one.file_id, **values} for values in (*one.tried, *refused)]
        if items:
            same = {"job_id": job_id, "place": -1, "key": "", "title": "", "plan": "failed", "reason": "", "rows": 0, "safety": False, "excerpt": "", "article_id": None}
            s.execute(insert(ImportItem), [{**same, **values, "number": number + offset} for offset, values in enumerate(items)])
        if taken:
            attached = (ImportFile.job_id == job_id, ImportFile.state.in_(("waiting", CLOSED)), ImportFile.path.in_(taken))
            s.execute(update(ImportFile).where(*attached).values(beside=True, state=USED).execution_options(synchronize_session=False))
        renew(job_id, done=0, total=0)


def _finish(job_id: int) -> None:
    with unit_of_work() as s:
        done = s.get_one(ImportJob, job_id)
        done.state, done.finished_at, done.leased_until, done.holder = DONE, now(), None, ""
        found: dict[str, Any] = dict(counts(done))
        note(SYSTEM, "import.done", done, **found)


def counts(job: ImportJob) -> dict[str, int]:
    """How many articles are new, updated, skipped, failed: as planned before the import, as done since."""
    column = ImportItem.result if job.state in (RUNNING, DONE, "undone") else ImportItem.plan
    rows = session().execute(select(column, ImportItem.plan, func.count()).where(ImportItem.job_id == job.id).group_by(column, ImportItem.plan))
    found = dict.fromkeys(("new", "updated", "skipped", "failed"), 0)
    for result, plan, number in rows:
        name = "failed" if plan == "failed" else PLANS.get(result, result)
        if name in found:
            found[name] += number
    return found
