"""/knowledge/import: files in by the hundred, first as a dry run; and everything out again as a ZIP."""

import tempfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, redirect, render_template, request, send_file, stream_with_context
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.files import get_bytes
from app.core.uow import unit_of_work
from app.queries import knowledge as queries
from app.web.acting import act_and_show
from app.web.errors import field_errors, status_of
from app.web.i18n import local
from app.web.knowledge import LEVEL_WORDS
from app.web.portal import number_of
from app.web.sheets import sheet_of
from app.web.written import name_of
from knowledge import exporting
from knowledge.access import reader_for
from knowledge.intake import columns, jobs, undoing
from knowledge.intake.reading import FORMATS, TABLES, format_of
from knowledge.intake.report import reason_of, report_lines
from knowledge.intake.shapes import Document, load
from knowledge.intake_models import BUSY, PLANNED, ImportFile, ImportItem, ImportJob

blueprint = Blueprint("knowledge_import", __name__, url_prefix="/knowledge")
ONE = "/import/<int(max=2147483647):job_id>"
JOBS, ITEMS, PREVIEWS, ROWS = 30, 100, 3, 4
STATE_WORDS = {
    "reading": _l("正在读"), "planned": _l("预览好了，还没导入"), "running": _l("正在导入"), "done": _l("已导入"), "undone": _l("已撤销"),
    "dropped": _l("没有导入"),
}  # fmt: skip
RESULT_WORDS = {
    "new": _l("新增"), "imported": _l("新增"), "updated": _l("更新"), "skipped": _l("未变"), "failed": _l("失败"), "": "",
}  # fmt: skip
TONES = {"new": "good", "imported": "good", "updated": "info", "skipped": "", "failed": "bad"}
KIND_WORDS = {"questions": _l("问答，每个答案一篇"), "faults": _l("故障代码，每个产品一篇"), "skip": _l("不导入这张表")}
MEANING_WORDS = {
    "title": _l("标题"), "question": _l("问题"), "similar": _l("相似问法"), "answer": _l("答案"), "code": _l("故障代码"), "model": _l("适用型号"),
    "meaning": _l("含义"), "cause": _l("原因"), "action": _l("处理"), "safety": _l("安全警示"), "product": _l("产品"), "category": _l("分类"),
    "audience": _l("给谁看"), "valid_for": _l("适用版本"), "phone_script": _l("电话里这样说"), "language": _l("语言"), "id": _l("编号"),
    "slug": _l("短地址"),
}  # fmt: skip


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/import")
@viewer.needs("article.write")
def index() -> str:
    """The place to drop files, and what was imported before."""
    return _upload()


@blueprint.post("/import")
@viewer.needs("article.write")
def upload() -> Response | tuple[str, int]:
    """Take the files in; nothing is changed before somebody has seen what would be."""
    actor, form = viewer.current_actor(), request.form
    # Read before the transaction: a slow upload must not hold the only write lock.
    files = [(file.filename or "", file.read()) for file in request.files.getlist("files") if file.filename]
    try:
        with unit_of_work():
            job_id = jobs.begin(
                actor, files, product_id=number_of(form.get("product")) or None, level=form.get("level") or "public", split=form.get("split") == "1"
            ).id
    except Invalid as problem:
        session().rollback()
        return _upload(form, field_errors(problem)), status_of(problem)
    return redirect(f"/knowledge/import/{job_id}", 303)


def _upload(given: Mapping[str, str] | None = None, errors: Mapping[str, list[str]] | None = None) -> str:
    actor, wrong = viewer.current_actor(), errors or {}
    shown = given or {}
    own = queries.product_choices(actor)
    product = shown.get("product") or (own[0].id if len(own) == 1 else "")
    fields = [
        {"name": "product", "label": _("产品"), "kind": "select", "required": False, "value": product, "placeholder": _("看文件里写的"),
         "options": [{"value": p.id, "label": p.name} for p in own], "errors": wrong.get("product"),
         "hint": _("文件里没有写产品的，算它的。")},
        {"name": "level", "label": _("给谁看"), "kind": "select", "required": True, "value": shown.get("level") or "public",
         "options": [{"value": name, "label": str(LEVEL_WORDS[name])} for name in reader_for(actor).levels], "errors": wrong.get("level"),
         "hint": _("文件里没有写的，新知识用它。")},
        {"name": "split", "label": _("长文档按大标题拆开"), "kind": "checkbox", "value": shown.get("split") == "1",
         "hint": _("每个一级标题一篇，适合整本手册。")},
    ]  # fmt: skip
    found = session().scalars(jobs.readable_jobs(actor).order_by(ImportJob.id.desc()).limit(JOBS))
    return render_template(
        "knowledge/import.html",
        here="knowledge",
        fields=fields,
        wrong=list(wrong.get("files", [])),
        accept=",".join(f".{ending}" for ending in (*FORMATS, "png", "jpg", "jpeg", "gif", "webp")),
        limit_mb=viewer.settings().max_upload_mb,
        jobs=[_listed(job) for job in found],
    )


def _listed(job: ImportJob) -> dict[str, Any]:
    names = [file.path for file in job.files if not file.beside] or [file.path for file in job.files]
    return {
        "id": job.id,
        "url": f"/knowledge/import/{job.id}",
        "name": names[0] if names else f"#{job.id}",
        "more": max(len(names) - 1, 0),
        "state": job.state,
        "state_label": str(STATE_WORDS[job.state]),
        "tone": {"done": "good", "planned": "warn", "running": "info", "reading": "info"}.get(job.state, ""),
        "who": name_of(job.user_name),
        "at": job.created_at,
        "counts": jobs.counts(job),
    }


@blueprint.get(ONE)
@viewer.needs("article.write")
def show(job_id: int) -> str:
    """How far it is; what would change, what did, and why not."""
    actor = viewer.current_actor()
    job = jobs.access_job(actor, job_id)
    wanted = request.args.get("show", "")
    page = max(number_of(request.args.get("page")), 1)
    rows = select(ImportItem).where(ImportItem.job_id == job.id)
    if wanted in ("new", "updated", "skipped", "failed"):
        same = {"new": ("new", "imported")}.get(wanted, (wanted,))
        rows = rows.where(ImportItem.result.in_(same) | ((ImportItem.result == "") & ImportItem.plan.in_(same)))
    # What failed comes first: it is what somebody has to look at.
    rows = rows.order_by((ImportItem.plan != "failed") & (ImportItem.result != "failed"), ImportItem.number)
    found = list(session().scalars(rows.offset((page - 1) * ITEMS).limit(ITEMS + 1)))
    counts = jobs.counts(job)
    url = f"/knowledge/import/{job.id}"
    files = [file for file in job.files if not file.beside]
    waiting = sum(file.state == "waiting" for file in files)
    todo = counts["new"] + counts["updated"] + counts["skipped"]
    return render_template(
        "knowledge/import_job.html",
        here="knowledge",
        job=_listed(job) | {"busy": job.state in BUSY, "publish": job.publish, "product": job.product.name if job.product else "", "error": job.options.get("error")},
        progress=_progress(job, len(files) - waiting, len(files)),
        counts=[
            {"key": key, "label": str(RESULT_WORDS[key]), "count": counts[key], "tone": TONES[key], "url": f"{url}?{urlencode({'show': key})}", "here": key == wanted}
            for key in ("new", "updated", "skipped", "failed")
        ],
        items=[_item(item) for item in found[:ITEMS]],
        page={
            "next": f"{url}?{urlencode({'show': wanted, 'page': page + 1})}" if len(found) > ITEMS else None,
            "first": f"{url}?{urlencode({'show': wanted})}" if page > 1 else None,
            "shown": len(found[:ITEMS]),
        },
        tables=[table for file in files for table in _tables(file)] if job.state == PLANNED else [],
        products=[{"value": p.id, "label": p.name} for p in queries.product_choices(actor)] if job.state == PLANNED else [],
        previews=_previews(found[:ITEMS]) if job.state == PLANNED else [],
        files=[{"path": f.path, "size": f.size, "state": f.state} for f in files],
        can_start=job.state == PLANNED and todo > 0,
        todo=counts["new"] + counts["updated"],
        can_publish=actor.can("article.publish"),
        can_undo=job.state == "done" and counts["new"] + counts["updated"] > 0,
        report_url=f"{url}/report.csv" if job.state not in BUSY else None,
    )


def _progress(job: ImportJob, read: int, files: int) -> dict[str, Any] | None:
    if job.state == "reading" and job.total:
        words = _("已读 %(n)s 个文件，共 %(all)s 个；这个文件试到第 %(done)s 篇，共 %(total)s 篇", n=read, all=files, done=job.done, total=job.total)
        return {"value": round(read + job.done / job.total, 3), "max": max(files, 1), "words": words}
    if job.state == "reading":
        return {"value": read, "max": max(files, 1), "words": _("已读 %(n)s 个文件，共 %(all)s 个", n=read, all=files)}
    if job.state == "running":
        return {"value": min(job.done, job.total), "max": max(job.total, 1), "words": _("已写 %(n)s 篇，共 %(all)s 篇", n=job.done, all=job.total)}
    return None


def _item(item: ImportItem) -> dict[str, Any]:
    result = item.result or item.plan
    return {
        "title": item.title or item.file.path,
        "url": f"/knowledge/{item.article_id}" if item.article_id else None,
        "path": item.file.path,
        "result": result,
        "label": str(RESULT_WORDS[result]),
        "tone": TONES[result],
        "reason": reason_of(item.reason, _),
        "rows": item.rows,
        "safety": item.safety,
        "excerpt": item.excerpt,
    }


def _parsed(file: ImportFile) -> Document:
    return load(get_bytes(file.parsed)) if file.parsed else Document()


def _tables(file: ImportFile) -> list[dict[str, Any]]:
    """The tables of a file with what each column was taken for, to be put right."""
    if format_of(file.path) not in TABLES:
        return []
    found = []
    for number, sheet in enumerate(_parsed(file).sheets):
        if not any(map(any, sheet.rows)):
            continue
        meant = columns.checked(file.mapping.get(sheet.name), sheet.header)
        found.append(
            {
                "id": f"{file.id}-{number}",
                "name": " · ".join(part for part in (file.path, sheet.name) if part),
                "url": f"/knowledge/import/{file.job_id}/mapping/{file.id}",
                "sheet": number,
                "kind": meant["kind"],
                "product": meant.get("product"),
                "kinds": [{"value": key, "label": str(words)} for key, words in KIND_WORDS.items()],
                "columns": [
                    {"name": name or _("（没有名称）"), "meaning": meaning, "examples": [row[place] for row in sheet.rows[:ROWS] if row[place]]}
                    for place, (name, meaning) in enumerate(zip(sheet.header, meant["columns"], strict=True))
                ],
                "meanings": [{"value": key, "label": str(words)} for key, words in MEANING_WORDS.items()],
            }
        )
    return found


def _previews(items: list[ImportItem]) -> list[dict[str, Any]]:
    """The first articles as their readers would see them."""
    found: list[dict[str, Any]] = []
    opened: dict[int, Document] = {}
    for item in items:
        if item.plan == "failed" or item.place < 0 or len(found) == PREVIEWS:
            continue
        if item.file_id not in opened:
            opened[item.file_id] = _parsed(item.file)
        entries = opened[item.file_id].entries
        if item.place < len(entries):
            entry = entries[item.place]
            found.append({"title": entry.title, "html": Markup(sheet_of(entry.body[:4000]).whole), "questions": list(entry.questions or ())[:8]})
    return found


@blueprint.post(f"{ONE}/mapping/<int(max=2147483647):file_id>")
@viewer.needs("article.write")
def mapping(job_id: int, file_id: int) -> Response:
    """What the columns of one table mean, by hand."""

    def change(job: ImportJob) -> str:
        file = session().get(ImportFile, file_id)
        if file is None or file.job_id != job.id:
            raise NotFound()
        sheets = _parsed(file).sheets
        number = number_of(request.form.get("sheet"))
        if number >= len(sheets):
            raise NotFound()
        given: dict[str, Any] = {"kind": request.form.get("kind", "")}
        given["columns"] = [request.form.get(f"column-{n}", "") for n in range(len(sheets[number].header))]
        if chosen := request.form.get("product"):
            mine = {product.id for product in queries.product_choices(viewer.current_actor())}
            given["product"] = number_of(chosen) if number_of(chosen) in mine else 0
        jobs.set_mapping(viewer.current_actor(), job, file_id, {**file.mapping, sheets[number].name: columns.checked(given, sheets[number].header)})
        return _("按新的列读一遍。")

    return _act(job_id, change)


@blueprint.post(f"{ONE}/start")
@viewer.needs("article.write")
def start(job_id: int) -> Response:
    """Write what the dry run showed, as drafts or for readers."""

    def go(job: ImportJob) -> str:
        jobs.start(viewer.current_actor(), job, request.form.get("publish") == "1")
        return ""

    return _act(job_id, go)


@blueprint.post(f"{ONE}/drop")
@viewer.needs("article.write")
def drop(job_id: int) -> Response:
    """Let go of it; nothing was changed."""

    def let_go(job: ImportJob) -> str:
        jobs.drop(viewer.current_actor(), job)
        return _("没有导入，知识库没有变化。")

    return _act(job_id, let_go)


@blueprint.post(f"{ONE}/undo")
@viewer.needs("article.write")
def undo(job_id: int) -> Response:
    """Take the whole import back."""

    def back(job: ImportJob) -> str:
        return _("已撤销这次导入，%(n)s 篇回到导入前的样子。", n=undoing.undo(viewer.current_actor(), job))

    return _act(job_id, back)


def _act(job_id: int, act: Any) -> Response:
    return act_and_show(f"/knowledge/import/{job_id}", lambda: str(act(jobs.access_job(viewer.current_actor(), job_id))))


@blueprint.get(f"{ONE}/report.csv")
@viewer.needs("article.write")
def report(job_id: int) -> Response:
    """What became of each file and row, for a spreadsheet."""
    job = jobs.access_job(viewer.current_actor(), job_id)
    lines = report_lines(job, lambda name: str(RESULT_WORDS.get(name, name)), _)
    answer = FlaskResponse(stream_with_context(lines), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="import-{job.id}.csv"'
    return answer


@blueprint.get("/export.zip")
@viewer.needs("article.write")
def export() -> Response:
    """Everything that the actor may change, with its files, as `flask knowledge import` takes it back."""
    out = tempfile.TemporaryFile(prefix="huiyin-export-")
    exporting.export_zip(viewer.current_actor(), out)
    out.seek(0)
    moment: datetime = local(now())
    return send_file(out, mimetype="application/zip", as_attachment=True, download_name=f"knowledge-{moment:%Y%m%d-%H%M}.zip", max_age=0)
