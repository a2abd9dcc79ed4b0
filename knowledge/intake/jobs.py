"""An import as a job: uploaded, read into a dry run, written piece by piece, undone whole.

Each piece is one transaction that also notes its result, so that a worker that dies goes on where it stopped and
nothing is written twice. `work` is called by the worker's hands until there is nothing left.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, false, func, select, true, update

from app.core.audit import note
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import DeskError, Invalid, NotFound, Refused
from app.core.events import in_bulk
from app.core.files import get_bytes, store_file
from app.core.outbox import BULK_PAUSE, HOLDER
from app.core.people import User
from app.core.permissions import SYSTEM, Actor, require
from app.core.text import pack
from app.core.uow import unit_of_work
from knowledge.access import own_products, reader_for
from knowledge.intake.archives import safe_path, unpacked
from knowledge.intake.bundle import Bundle, is_companion
from knowledge.intake.guarded import read_guarded
from knowledge.intake.leases import LEASE
from knowledge.intake.reading import format_of, unreadable
from knowledge.intake.shapes import Document, Entry, Limits, Unreadable, dump, load
from knowledge.intake.writing import write_entry
from knowledge.intake_models import BUSY, DONE, DROPPED, PLANNED, READING, RUNNING, ImportFile, ImportItem, ImportJob
from knowledge.markdown import plain

log = logging.getLogger("huiyin.import")
AT_ONCE = 25
EXCERPT = 400
TYPE = "application/octet-stream"
OWNER = "import"
CLOSED = "closed"
"""The state of a file of an archive that is not read (an archive inside it, an unknown format), but may be attached."""
_limits = [Limits()]
PLANS = {"imported": "new", "updated": "updated", "skipped": "skipped"}


class _DryRun(Exception):
    """Leaves a unit of work without keeping anything."""


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
    given = [(safe_path(name) or "file", content) for name, content in files if content]
    if not given:
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
        return _write_next(job)
    except Exception as problem:
        log.exception("import stopped", extra={"job": job_id})
        session().rollback()
        with unit_of_work() as s:
            broken = s.get_one(ImportJob, job_id)
            broken.state, broken.finished_at, broken.leased_until = DONE if broken.started_at else PLANNED, now(), None
            broken.options = {**broken.options, "error": type(problem).__name__}
        return False


def _actor(job: ImportJob) -> Actor:
    """Whoever asked for it, with the rights that they have now."""
    user = session().get(User, job.user_id) if job.user_id else None
    if user is None or not user.active:
        raise Refused("导入的人已停用，没有继续。")
    return user.actor("worker")


def _renew(job_id: int, **values: Any) -> None:
    changed = {"leased_until": now() + LEASE, **values}
    session().execute(update(ImportJob).where(ImportJob.id == job_id).values(changed).execution_options(synchronize_session=False))


def _read_next(job: ImportJob) -> bool:
    """Read one file, or unpack one archive."""
    rows = select(ImportFile).where(ImportFile.job_id == job.id, ImportFile.state == "waiting", ImportFile.beside.is_(False))
    waiting = list(session().scalars(rows))
    archive = next((file for file in waiting if format_of(file.path) == "zip"), None)
    if archive is not None:
        _unpack(job.id, archive)
        return True
    if waiting:
        order = {name: place for place, name in enumerate(Bundle({f.path: bytes for f in waiting}).documents)}
        _read(job, min(waiting, key=lambda f: order.get(f.path, -1)))
        return True
    with unit_of_work() as s:
        done = s.get_one(ImportJob, job.id)
        for file in s.scalars(select(ImportFile).where(ImportFile.job_id == job.id, ImportFile.state == CLOSED, ImportFile.beside.is_(False))):
            if why := unreadable(file.path):  # nobody attached it: it is said, or somebody believes that it came along
                file.state, file.reason = "failed", pack(why.message, **why.data)
                s.add(ImportItem(job_id=job.id, file_id=file.id, number=_number(job.id), plan="failed", title=file.path[:200], reason=file.reason))
                s.flush()
        done.state, done.leased_until, done.holder = PLANNED, None, ""
        done.total, done.done = _open_items(done), 0
    return False


def _unpack(job_id: int, archive: ImportFile) -> None:
    file_id, prefix = archive.id, archive.path[:-4]
    content = get_bytes(archive.content)
    try:
        found = list(unpacked(content, limits()))
        problem: Unreadable | None = None
    except Unreadable as refusal:
        found, problem = [], refusal
    with unit_of_work() as s:
        row = s.get_one(ImportFile, file_id)
        job = s.get_one(ImportJob, job_id)
        seen = {file.path for file in job.files}
        for name, inside in found:
            _add_file(job, name if len(job.files) == 1 else f"{prefix}/{name}", inside, seen, CLOSED if unreadable(name) else "waiting")
        row.state, row.beside = ("failed", False) if problem or not found else ("unpacked", True)
        row.reason = pack(problem.message, **problem.data) if problem else "" if found else pack("压缩包里没有能读的文件。")
        if row.reason:
            s.add(ImportItem(job_id=job_id, file_id=file_id, number=_number(job_id), plan="failed", title=row.path[:200], reason=row.reason))
        _renew(job_id)


def _number(job_id: int) -> int:
    return (session().scalar(select(func.max(ImportItem.number)).where(ImportItem.job_id == job_id)) or 0) + 1


def _bundle(job: ImportJob) -> Bundle:
    rows = session().execute(select(ImportFile.path, ImportFile.content).where(ImportFile.job_id == job.id))
    return Bundle({path: lambda digest=content: get_bytes(digest) for path, content in rows})  # type: ignore[misc]


def _read(job: ImportJob, file: ImportFile) -> None:
    """Read a file and try out what it would change; nothing of that is kept but the answer."""
    job_id, file_id, path = job.id, file.id, file.path
    split = bool(job.options.get("split"))
    document, reason, bundle = Document(), "", _bundle(job)
    try:
        content = get_bytes(file.content)
        document = read_guarded(path, content, mapping=dict(file.mapping), split=split, limits=limits(), lookup=bundle.beside(path))
    except DeskError as problem:
        reason = _packed(problem)
    except RecursionError:
        reason = pack("文件嵌套太深，读不了。")
    session().rollback()
    tried: list[dict[str, Any]] = []
    for start in range(0, len(document.entries), AT_ONCE):
        tried += _try(job_id, path, document.entries[start : start + AT_ONCE], start)
        with unit_of_work():  # a long table is seen to move, and stays this worker's
            _renew(job_id, done=len(tried), total=len(document.entries))
    with unit_of_work() as s:
        row = s.get_one(ImportFile, file_id)
        number = _number(job_id)
        kept = store_file(dump(document), "parsed.json", TYPE, owner=OWNER, owner_id=job_id) if document.entries or document.sheets else None
        row.parsed = kept.sha256 if kept else ""
        row.state = "failed" if reason or not tried else "read"
        row.reason, row.mapping = reason, dict(document.mapping)
        refused = [{"plan": "failed", "key": r.key[:300], "reason": pack(r.reason, **dict(r.data))} for r in document.refused]
        if reason:
            refused.append({"plan": "failed", "title": path[:200], "reason": reason})
        for offset, values in enumerate([*tried, *refused]):
            s.add(ImportItem(job_id=job_id, file_id=file_id, number=number + offset, **values))
        if bundle.taken:
            attached = (ImportFile.job_id == job_id, ImportFile.state.in_(("waiting", CLOSED)), ImportFile.path.in_(bundle.taken))
            s.execute(update(ImportFile).where(*attached).values(beside=True).execution_options(synchronize_session=False))
        _renew(job_id, done=0, total=0)


def _packed(problem: DeskError) -> str:
    """A refusal as one packed text: what is wrong, not that something is."""
    reason = next((reason for reasons in problem.errors.values() for reason in reasons), problem.message)
    return pack(reason, **problem.data)


def _try(job_id: int, path: str, entries: Sequence[Entry], start: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    try:
        with unit_of_work() as s:
            job = s.get_one(ImportJob, job_id)
            actor = _actor(job)
            for place, entry in enumerate(entries, start):
                values: dict[str, Any] = {
                    "place": place, "key": entry.key[:300], "title": entry.title[:200], "rows": entry.rows,
                    "safety": entry.given.get("safety") in (True, "true", "是"), "excerpt": " ".join(plain(entry.body[:2000]).split())[:EXCERPT],
                }  # fmt: skip
                try:
                    with s.begin_nested():
                        done = write_entry(actor, entry, path, job.product, False, _defaults(job))
                        values |= {"plan": PLANS[done.status], "reason": "\n".join(done.notes)}
                        if done.status != "imported":
                            values["article_id"] = done.article.id
                except DeskError as problem:
                    values |= {"plan": "failed", "reason": _packed(problem)}
                found.append(values)
            raise _DryRun
    except _DryRun:
        pass
    return found


def _defaults(job: ImportJob) -> dict[str, Any]:
    return {"level": job.options.get("level", "public")}


def _write_next(job: ImportJob) -> bool:
    """Write some articles, each with its result in one transaction."""
    rows = select(ImportItem).where(ImportItem.job_id == job.id, ImportItem.plan != "failed", ImportItem.result == "")
    items = list(session().scalars(rows.order_by(ImportItem.number).limit(AT_ONCE)))
    with in_bulk(BULK_PAUSE):
        for item_id, entry, path in _entries(items):
            _write(job.id, item_id, entry, path)
    if len(items) == AT_ONCE:
        return True
    with unit_of_work() as s:
        done = s.get_one(ImportJob, job.id)
        done.state, done.finished_at, done.leased_until, done.holder = DONE, now(), None, ""
        found: dict[str, Any] = dict(counts(done))
        note(SYSTEM, "import.done", done, **found)
    return False


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


def _write(job_id: int, item_id: int, entry: Entry | None, path: str) -> None:
    with unit_of_work() as s:
        job, item = s.get_one(ImportJob, job_id), s.get_one(ImportItem, item_id)
        if item.result or job.state != RUNNING:
            return
        try:
            actor = _actor(job)
            if entry is None:
                raise NotFound()
            with s.begin_nested():
                before = item.article
                item.before_state = before.state if before else ""
                item.before_id = (before.draft_revision_id or before.current_revision_id) if before else None
                done = write_entry(actor, entry, path, job.product, job.publish, _defaults(job))
                item.result, item.article_id, item.reason = done.status, done.article.id, "\n".join(done.notes)
                s.flush()
                item.after_id, item.version = done.article.draft_revision_id or done.article.current_revision_id, done.article.version
        except DeskError as problem:
            item.result, item.reason = "failed", _packed(problem)
        _renew(job_id, done=ImportJob.done + 1)


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
