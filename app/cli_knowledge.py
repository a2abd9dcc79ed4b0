"""`flask knowledge …`: bring articles in, rebuild the index, search, measure, and see what is missing."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli_output import answer, json_option, plain_errors
from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import DeskError, Invalid
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from knowledge import indexing, searching
from knowledge.evaluate import evaluate as evaluate_folder
from knowledge.importing import Imported, find_product, import_markdown
from knowledge.index import LEVELS, Hits, Index, Query, Reader

knowledge = AppGroup("knowledge", help="Articles: import, index, search, measure.")
ACTOR = replace(SYSTEM, via="cli")


class _DryRun(Exception):
    """Leaves a unit of work without keeping anything."""


def _progress(words: str) -> Callable[[int], None] | None:
    """Counts on standard error, when somebody is looking."""
    if not sys.stderr.isatty():
        return None
    return lambda done: click.echo(f"\r{words} {done}", nl=False, err=True)


def _end_progress() -> None:
    if sys.stderr.isatty():
        click.echo(err=True)


def _index() -> Index:
    found: Index = current_app.extensions["open_index"]()
    return found


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in (".md", ".markdown"))
        else:
            yield path


def _why(problem: DeskError) -> str:
    told = {
        name: [word % problem.data if problem.data else word for word in words]
        for name, words in problem.errors.items()
    }
    return " ".join(f"{name}: {' '.join(words)}" for name, words in told.items()) or str(problem)


@knowledge.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--product", help="Code or name of the product, where a file names none.")
@click.option("--publish", is_flag=True, help="Let readers see them at once.")
@click.option("--dry-run", is_flag=True, help="Say what would happen and keep nothing.")
@json_option
@plain_errors
def import_(paths: tuple[Path, ...], product: str | None, publish: bool, dry_run: bool, as_json: bool) -> None:
    """Bring in Markdown files with front matter, or all of a folder. Safe to repeat."""
    named = find_product(product).id if product else None
    report: dict[str, Any] = {"imported": 0, "updated": 0, "skipped": 0, "failed": []}
    touched: list[int] = []
    show = _progress("导入")
    for number, file in enumerate(_files(paths), 1):
        try:
            done = _import_one(file, named, publish, dry_run)
        except DeskError as problem:
            report["failed"].append({"file": str(file), "reason": _why(problem)})
        except (OSError, UnicodeError) as problem:
            report["failed"].append({"file": str(file), "reason": f"{type(problem).__name__}: {problem}"})
        else:
            report[done.status] += 1
            touched += [done.article_id] if done.status != "skipped" else []
        if show:
            show(number)
    _end_progress()
    if touched and not dry_run:
        # The worker will do the same from the outbox; who has no worker running finds the articles all the same.
        index = _index()
        if not indexing.ensure(index):
            indexing.refresh(index, touched)
    words = (
        f"新增 {report['imported']}，更新 {report['updated']}，未变 {report['skipped']}，失败 {len(report['failed'])}。"
    )
    answer(as_json, report, "\n".join([words, *(f"  {item['file']}: {item['reason']}" for item in report["failed"])]))
    if report["failed"]:
        sys.exit(1)


def _import_one(file: Path, product_id: int | None, publish: bool, dry_run: bool) -> Imported:
    text = file.read_text(encoding="utf-8-sig")
    done: list[Imported] = []
    try:
        with unit_of_work():
            product = session().get(Product, product_id) if product_id else None
            done.append(import_markdown(ACTOR, text, file.name, product, publish))
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return done[0]


@knowledge.command("reindex")
@json_option
@plain_errors
def reindex(as_json: bool) -> None:
    """Build the index anew from the database. Searches go on with the old one until the new one is ready."""
    started = time.perf_counter()
    index = _index()
    count = indexing.rebuild(index, _progress("索引"))
    _end_progress()
    took = round(time.perf_counter() - started, 2)
    health = index.health()
    report = {
        "imported": count,
        "updated": 0,
        "skipped": 0,
        "failed": [],
        "documents": count,
        "seconds": took,
        "bytes": health.bytes,
    }
    answer(as_json, report, f"已为 {count} 篇知识建立索引，用时 {took} 秒，{health.bytes / 1e6:.1f} MB。")


@knowledge.command("search")
@click.argument("text")
@click.option("--audience", type=click.Choice(LEVELS), default="public", show_default=True, help="As whom to search.")
@click.option("--product", help="Only articles of this product, by code or name.")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="How many at most.")
@json_option
@plain_errors
def search(text: str, audience: str, product: str | None, limit: int, as_json: bool) -> None:
    """Search as a reader of that audience would."""
    reader = reader_of(audience)
    product_id = find_product(product).id if product else None
    hits = _index().search(Query(text, reader, product_id, limit))
    found = _found(hits, reader)
    report = {"total": hits.total, "did_you_mean": hits.did_you_mean, "hits": found}
    lines = [f"{hits.total} 篇"]
    for item in found:
        lines += [f"{item['score']:7.2f}  {item['title']}  [{item['product'] or '-'}]", f"         {item['passage']}"]
    answer(as_json, report, "\n".join(lines))


def reader_of(audience: str) -> Reader:
    """A reader of this level: a visitor, a client of no particular company, staff, or staff that also sees suppliers' own."""
    levels = {"public": LEVELS[:1], "client": LEVELS[:2], "agent": LEVELS[:3], "supplier": LEVELS}[audience]
    return Reader(levels, all_organisations=audience in ("agent", "supplier"))


def _found(hits: Hits, reader: Reader) -> list[dict[str, Any]]:
    return [
        {
            "id": found.article.id,
            "title": found.article.title,
            "product": "、".join(product.code for product in found.article.products) or None,
            "score": round(found.hit.score, 4),
            "passage": " ".join(found.hit.passage_text.split()),
            "anchor": found.hit.anchor,
        }
        for found in searching.with_articles(hits, reader)
    ]


@knowledge.command("evaluate")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--queries", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of queries; else the one in DIR.")
@click.option("--qrels", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of judgements; else the one in DIR.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N queries that have judgements.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Queries at a time.")
@json_option
@plain_errors
def evaluate(
    folder: Path, queries: Path | None, qrels: Path | None, limit: int | None, threads: int, as_json: bool
) -> None:
    """Measure relevance and speed on a judged set. Needs no database."""
    show = {"index": _progress("索引"), "search": _progress("查询")}

    def progress(phase: str, done: int) -> None:
        if tell := show[phase]:
            tell(done)

    try:
        report = evaluate_folder(folder, queries, qrels, limit, threads, progress)
    except Invalid as problem:
        raise click.ClickException(_why(problem)) from None
    _end_progress()
    answer(as_json, report, "\n".join(f"{name:18} {'-' if value is None else value}" for name, value in report.items()))


@knowledge.command("gaps")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
@json_option
@plain_errors
def gaps(days: int, limit: int, as_json: bool) -> None:
    """Questions that found nothing, or where nothing was opened: what should be written next."""
    items = [
        {
            "query": gap.query,
            "count": gap.count,
            "zero": gap.zero,
            "unopened": gap.unopened,
            "last_at": f"{gap.last_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        for gap in searching.gaps(days, limit)
    ]
    lines = [
        f"{item['count']:5}  零命中 {item['zero']:4}  未打开 {item['unopened']:4}  {item['query']}" for item in items
    ]
    answer(as_json, {"items": items}, "\n".join(lines) or "没有落空的搜索。")
