"""An import as a job: tried out, written once whatever dies on the way, undone whole, and never over another's."""

import io
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.files import get_bytes
from app.core.outbox import BULK_PAUSE
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.kb.imports import work_once
from knowledge import lifecycle, service
from knowledge.editing_models import ArticleFile
from knowledge.index import Index, IndexDocument
from knowledge.indexing import ensure
from knowledge.intake import jobs, leases, undoing, writing_jobs
from knowledge.intake.jobs import begin
from knowledge.intake.report import report_lines
from knowledge.intake_models import ImportItem, ImportJob, ImportSource
from knowledge.models import Article, Revision
from tests.unit.knowledge.intake_files import pdf, png, xlsx, zipped

from .conftest import Market

MakeActor = Callable[..., Actor]
FAQ: list[list[object]] = [["产品", "问题", "答案"], ["TL-G300", "网关不上线", "查卡"], ["TL-G300", "怎么重启", "长按五秒"], ["没有这个", "别的", "答"]]


def run(actor: Actor, files: dict[str, bytes], publish: bool | None = None, **given: Any) -> ImportJob:
    """Upload, dry run, and the import itself unless `publish` is None."""
    with unit_of_work():
        job_id = begin(actor, list(files.items()), **given).id
    assert work_once()
    if publish is not None:
        with unit_of_work():
            jobs.start(actor, jobs.access_job(actor, job_id), publish)
        assert work_once()
    session().expire_all()
    return session().get_one(ImportJob, job_id)


def results(job: ImportJob) -> dict[str, str]:
    rows = session().scalars(select(ImportItem).where(ImportItem.job_id == job.id).order_by(ImportItem.number))
    return {item.title or item.key: item.result or item.plan for item in rows}


def article(title: str) -> Article:
    session().expire_all()
    return session().scalars(select(Article).where(Article.title == title)).one()


def count(model: Any) -> int:
    return session().scalar(select(func.count()).select_from(model)) or 0


def test_a_dry_run_changes_nothing_and_says_what_would(market: Market, actor: MakeActor) -> None:
    job = run(actor("editor"), {"faq.xlsx": xlsx({"问答": FAQ}), "a.md": b"# A\n\ntext", "broken.pdf": b"%PDF-1.4 x", "x.exe": b"MZ"})
    assert (job.state, job.total, count(Article), count(Revision), count(ImportSource)) == ("planned", 3, 0, 0, 0)
    assert results(job) == {"网关不上线": "new", "怎么重启": "new", "别的": "failed", "A": "new", "broken.pdf": "failed", "x.exe": "failed"}
    assert jobs.counts(job) == {"new": 3, "updated": 0, "skipped": 0, "failed": 3}
    lines = "".join(report_lines(job, str, str))
    assert "没有产品“没有这个”。" in lines and "不认识这种文件" in lines and lines.startswith("\ufeff文件,")


def test_written_published_and_the_same_again_is_nothing(market: Market, actor: MakeActor) -> None:
    editor = actor("editor")
    job = run(editor, {"faq.xlsx": xlsx({"问答": FAQ})}, publish=True)
    assert (job.state, job.done, job.total) == ("done", 2, 2)
    found = article("怎么重启")
    assert (found.state, found.kind, [p.code for p in found.products], found.source) == ("published", "faq", ["TL-G300"], "faq.xlsx")
    again = run(editor, {"faq.xlsx": xlsx({"问答": FAQ})}, publish=True)
    assert jobs.counts(again) == {"new": 0, "updated": 0, "skipped": 2, "failed": 1} and count(Revision) == 2
    changed = [row[:] for row in FAQ]
    changed[2][2] = "长按十秒"
    changed.insert(1, ["TL-G300", "新问题", "新答案"])
    third = run(editor, {"faq.xlsx": xlsx({"问答": changed})}, publish=True)
    assert results(third) == {"新问题": "imported", "网关不上线": "skipped", "怎么重启": "updated", "别的": "failed"}
    current = article("怎么重启").current
    assert current is not None and current.body == "长按十秒\n" and count(Article) == 3


def test_what_somebody_wrote_since_is_not_lost(market: Market, actor: MakeActor) -> None:
    editor = actor("editor")
    run(editor, {"a.md": b"# A\n\nold"}, publish=True)
    with unit_of_work():
        mine = article("A")
        service.revise(editor, mine, service.Content("A", "by hand"))
        lifecycle.publish(editor, mine)
    assert results(run(editor, {"a.md": b"# A\n\nold"}, publish=True)) == {"A": "skipped"}
    run(editor, {"a.md": b"# A\n\nnew"}, publish=True)
    kept = article("A")
    assert kept.current is not None and kept.current.body == "by hand\n"
    assert kept.draft is not None and kept.draft.body == "new\n", "what came later waits as a draft"


@pytest.mark.parametrize(("turn", "kept"), [(0.0, 5), (60.0, 0)])
def test_a_worker_that_dies_is_gone_on_with(
    market: Market, actor: MakeActor, monkeypatch: pytest.MonkeyPatch, turn: float, kept: int
) -> None:
    editor = actor("editor")
    rows: list[list[object]] = [["问题", "答案"], *[[f"问题{n}", f"答案{n}"] for n in range(12)]]
    with unit_of_work():
        job = begin(editor, [("faq.xlsx", xlsx({"S": rows}))])
    work_once()
    with unit_of_work():
        jobs.start(editor, jobs.access_job(editor, job.id), True)
    real, done = writing_jobs.write_entry, list[str]()

    def dies(*given: Any) -> Any:
        if len(done) == 5:
            raise KeyboardInterrupt  # as hard as a test can: nothing catches it
        done.append(given[1].title)
        return real(*given)

    monkeypatch.setattr(writing_jobs, "TURN", turn)
    monkeypatch.setattr(writing_jobs, "write_entry", dies)
    with pytest.raises(KeyboardInterrupt):
        work_once()
    session().rollback()
    assert count(Article) == kept, "an article is there with its result, or not at all"
    assert session().scalar(select(func.count()).where(ImportItem.result != "")) == kept
    assert leases.claim() is None, "the dead worker still holds it"
    assert leases.release_vanished() == 1
    monkeypatch.setattr(writing_jobs, "write_entry", real)
    assert work_once()
    session().expire_all()
    finished = session().get_one(ImportJob, job.id)
    assert (finished.state, finished.done, count(Article), count(Revision)) == ("done", 12, 12, 12)


def test_a_zip_with_pictures(market: Market, actor: MakeActor) -> None:
    archive = zipped({"手册/a.md": "# 换风扇\n\n![风扇](img/fan.png)".encode(), "手册/img/fan.png": png(), "b/a.md": b"# B\n\ntext", "c.zip": b"PK"})
    run(actor("editor"), {"all.zip": archive}, publish=False)
    found = article("换风扇")
    file = session().scalars(select(ArticleFile)).one()
    assert found.draft is not None and f"/articles/files/{file.id}/" in found.draft.body and file.article_id == found.id
    assert {a.slug for a in session().scalars(select(Article))} == {"a", "a-2"}, "two files of one name are two articles"
    run(actor("editor"), {"all.zip": archive}, publish=False)
    assert (count(Article), count(ArticleFile)) == (2, 1)


def test_a_picture_with_traces_is_the_same_picture_the_next_time(market: Market, actor: MakeActor) -> None:
    words = b"Author\x00SECRET"
    chunk = len(words).to_bytes(4, "big") + b"tEXt" + words + zlib.crc32(b"tEXt" + words).to_bytes(4, "big")
    traced = png()[:33] + chunk + png()[33:]
    for text in ("换下来", "换下来，再装上"):
        run(actor("editor"), {"a.zip": zipped({"a.md": f"# 换风扇\n\n{text}\n\n![风扇](fan.png)".encode(), "fan.png": traced})}, publish=False)
    assert (count(Article), count(ArticleFile), count(Revision)) == (1, 1, 2)
    assert get_bytes(session().scalars(select(ArticleFile)).one().file.sha256) == png()


def test_a_mapping_by_hand(market: Market, actor: MakeActor) -> None:
    editor = actor("editor")
    job = run(editor, {"t.csv": "甲,乙\n怎么重启,长按五秒\n".encode()})
    assert job.total == 0
    with pytest.raises(Refused):
        jobs.start(editor, job, False)
    session().rollback()
    with unit_of_work():
        mine = jobs.access_job(editor, job.id)
        jobs.set_mapping(editor, mine, mine.files[0].id, {"": {"kind": "questions", "columns": ["question", "answer"]}})
    work_once()
    session().expire_all()
    assert results(job) == {"怎么重启": "new"} and session().get_one(ImportJob, job.id).state == "planned"


def test_heavy_files_are_read_in_a_process_of_their_own(market: Market, actor: MakeActor, monkeypatch: pytest.MonkeyPatch) -> None:
    job = run(actor("editor"), {"m.pdf": pdf([[(60, 80, 22, "手册"), (60, 140, 11, "把散热器的滤棉取下来清洗，晾干再装回去。")]])}, publish=False)
    assert results(job) == {"手册": "imported"}
    scan = run(actor("editor"), {"s.pdf": pdf([[]], picture=True)})
    assert results(scan) == {"s.pdf": "failed"} and "扫描件" in "".join(report_lines(scan, str, str))


def test_undone_whole_or_not_at_all(market: Market, actor: MakeActor) -> None:
    editor = actor("editor")
    with unit_of_work():
        old = service.draft_article(editor, service.Content("旧", "旧的"), service.Properties(), "old")
        lifecycle.publish(editor, old)
    job = run(editor, {"old.md": "---\nslug: old\n---\n# 旧\n\n新的".encode(), "b.md": b"# B\n\ntext"}, publish=True)
    assert article("旧").current.body == "新的\n"  # type: ignore[union-attr]
    with unit_of_work():
        service.revise(editor, article("B"), service.Content("B", "by hand"))
    with pytest.raises(Refused, match="B"):
        undoing.undo(editor, job)
    session().rollback()
    assert article("旧").current.body == "新的\n"  # type: ignore[union-attr]
    with unit_of_work():
        service.restore_revision(editor, article("B"), 1)
        session().execute(ImportItem.__table__.update().where(ImportItem.title == "B").values(version=article("B").version, after_id=article("B").draft_revision_id))  # type: ignore[attr-defined]
    with unit_of_work():
        assert undoing.undo(editor, jobs.access_job(editor, job.id)) == 2
    back = article("旧")
    assert back.state == "published" and back.current is not None and back.current.body == "旧的\n"
    assert article("B").state == "retired"
    with pytest.raises(Refused):
        undoing.undo(editor, jobs.access_job(editor, job.id))
    session().rollback()
    drafts = run(editor, {"c.md": b"# C\n\ntext"}, publish=False)
    with unit_of_work():
        undoing.undo(editor, jobs.access_job(editor, drafts.id))
    session().expire_all()
    assert session().scalar(select(Article.id).where(Article.title == "C")) is None
    assert results(run(editor, {"c.md": b"# C\n\ntext"}, publish=False)) == {"C": "imported"}


def test_suppliers_import_for_their_own_products_alone(market: Market, actor: MakeActor, make_user: Any) -> None:
    ours = make_user("author", organisation=market.tuolian).actor("test")
    theirs = make_user("author", organisation=market.hongkong).actor("test")
    mine = run(ours, {"a.md": b"# Ours\n\nsecret", "b.md": b"---\nproduct: HK-V20\n---\n# Not\n\nours"}, publish=False, product_id=market.gateway.id)
    assert results(mine) == {"Ours": "imported", "Not": "failed"}
    with pytest.raises(NotFound):
        jobs.access_job(theirs, mine.id)
    assert jobs.access_job(actor("editor"), mine.id).id == mine.id, "the platform reviews"
    with pytest.raises(Invalid):
        begin(theirs, [("a.md", b"x")], product_id=market.gateway.id)
    with pytest.raises(Forbidden):
        jobs.start(ours, run(ours, {"c.md": b"# C\n\nx"}, product_id=market.gateway.id), True)
    session().rollback()
    # The same file name, and even the same slug written out: never over another's article.
    other = run(theirs, {"a.md": b"# Theirs\n\ntext"}, publish=False, product_id=market.drive.id)
    assert results(other) == {"Theirs": "imported"}
    named = run(theirs, {"x.md": b"---\nslug: a\n---\n# Grab\n\ntext"}, product_id=market.drive.id)
    assert results(named) == {"Grab": "failed"}
    assert article("Ours").draft.body == "secret\n"  # type: ignore[union-attr]
    for role in ("agent", "client"):
        with pytest.raises(Forbidden):
            begin(actor(role), [("a.md", b"x")])
    with pytest.raises(NotFound):
        jobs.access_job(actor("agent"), mine.id)


def test_the_report_is_no_formula(market: Market, actor: MakeActor) -> None:
    job = run(actor("editor"), {"=x.md": b"---\ntitle: '=1+1'\n---\ntext"})
    lines = "".join(report_lines(job, str, str))
    assert "'=x.md" in lines and "'=1+1" in lines
    assert io.StringIO(lines).readline().count(",") == 6


def test_what_an_import_publishes_goes_into_the_index_together(
    app: Flask, market: Market, actor: MakeActor, drain: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    index: Index = app.extensions["open_index"]()
    ensure(index)
    written: list[int] = []
    put = index.put

    def counted(documents: Iterable[IndexDocument]) -> int:
        written.append(put(documents))
        return written[-1]

    monkeypatch.setattr(index, "put", counted)
    rows = [f"阀门 {number} 卡住怎么办,第 {number} 步：先断电。" for number in range(60)]
    with clock.frozen(clock.now()):
        job = run(actor("editor"), {"问答.csv": "\n".join(["问题,答案", *rows]).encode()}, publish=True)
        assert job.done == 60
        drain()
        assert written == [], "they wait for one another"
    with clock.frozen(clock.now() + BULK_PAUSE):
        drain()
    assert written == [60] and index.health().documents == 60


@pytest.mark.parametrize("day", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "9999-12-31"])
def test_a_day_of_no_calendar_is_one_line_in_the_report(market: Market, actor: MakeActor, day: str) -> None:
    bad = f"---\ntitle: 一\nproducts: [HK-V20]\nreview_by: {day}\nreviewed_at: '{day}'\n---\n正文\n"
    job = run(actor("editor"), {"a.md": bad.encode(), "b.md": "# 二\n\n正文\n".encode()}, publish=False)
    assert sorted(results(job).values()) == ["failed", "imported"] and "error" not in job.options
