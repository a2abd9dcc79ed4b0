"""`flask knowledge …`: bring articles in, rebuild the index, search, measure, and see what is missing."""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app.commands.imports import export_command, import_command, why
from app.commands.imports import progress as counting
from app.commands.output import answer, json_option, plain_errors
from app.core.errors import Invalid
from app.core.permissions import SYSTEM
from app.kb import loop_tick
from app.queries.gaps import gap_page
from knowledge import indexing, searching
from knowledge.evaluate import evaluate as evaluate_folder
from knowledge.index import LEVELS, Hits, Index, Query, Reader
from knowledge.intake.front_matter import find_product
from knowledge.loop_models import GAP_STATES

knowledge = AppGroup("knowledge", help="Articles: import, index, search, measure.")
ACTOR = replace(SYSTEM, via="cli")


def _end_progress() -> None:
    if sys.stderr.isatty():
        click.echo(err=True)


def _index() -> Index:
    found: Index = current_app.extensions["open_index"]()
    return found


knowledge.add_command(import_command)
knowledge.add_command(export_command)


@knowledge.command("reindex")
@json_option
@plain_errors
def reindex(as_json: bool) -> None:
    """Build the index anew from the database. Searches go on with the old one until the new one is ready."""
    started = time.perf_counter()
    index = _index()
    count = indexing.rebuild(index, counting("索引"))
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
    hits = searching.answer(_index(), Query(text, reader, product_id, limit))
    found = _found(hits, reader)
    report = {"total": hits.total, "did_you_mean": hits.did_you_mean, "hits": found}
    lines = [f"{hits.total} 篇"]
    if hits.did_you_mean:
        lines.append(f"你是不是想找：{hits.did_you_mean}")
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
@click.option("--engine", type=click.Choice(["embedded", "opensearch"]), default="embedded", show_default=True, help="opensearch: the one of HUIYIN_SEARCH_URL, under a passing name.")
@json_option
@plain_errors
def evaluate(
    folder: Path, queries: Path | None, qrels: Path | None, limit: int | None, threads: int, engine: str, as_json: bool
) -> None:
    """Measure relevance and speed on a judged set. Needs no database."""
    show = {"index": counting("索引"), "search": counting("查询")}

    def progress(phase: str, done: int) -> None:
        if tell := show[phase]:
            tell(done)

    url = current_app.extensions["settings"].search_url if engine == "opensearch" else ""
    if engine == "opensearch" and not url:
        raise click.ClickException("HUIYIN_SEARCH_URL 没有设置，不知道 OpenSearch 在哪里。")
    try:
        report = evaluate_folder(folder, queries, qrels, limit, threads, progress, url)
    except Invalid as problem:
        raise click.ClickException(why(problem)) from None
    _end_progress()
    answer(as_json, report, "\n".join(f"{name:18} {'-' if value is None else value}" for name, value in report.items()))


@knowledge.command("gaps")
@click.option("--state", type=click.Choice(["", *GAP_STATES]), default="", help="open, taken, done or ignored; without it open and taken.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most.")
@json_option
@plain_errors
def gaps(state: str, limit: int, as_json: bool) -> None:
    """Questions without an answer, gathered by meaning: what should be written next."""
    loop_tick.every_minute(current_app.extensions["settings"])
    items = [
        {
            "id": gap.id,
            "query": gap.query,
            "state": gap.state,
            "count": gap.count,
            "zero": gap.zero,
            "unopened": gap.unopened,
            "unhelpful": gap.unhelpful,
            "tickets": gap.tickets,
            "product": gap.product.code if gap.product else None,
            "channels": sorted({example.channel for example in gap.examples}),
            "examples": [example.text for example in gap.examples[:5]],
            "owner": gap.owner.label if gap.owner else None,
            "article": gap.article_id,
            "last_at": f"{gap.last_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        for gap in gap_page(ACTOR, state=state, limit=limit).gaps
    ]
    lines = [
        f"{item['count']:5}  零命中 {item['zero']:4}  未打开 {item['unopened']:4}  {item['query']}" for item in items
    ]
    answer(as_json, {"items": items}, "\n".join(lines) or "没有落空的搜索。")

