"""`flask knowledge import` and `flask knowledge export`: many files in, everything out."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from flask import current_app

from app.commands.output import answer, json_option, plain_errors
from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import DeskError
from app.core.permissions import SYSTEM, Actor
from app.core.text import unpack
from app.core.uow import unit_of_work
from knowledge import exporting, indexing
from knowledge.intake.bundle import Bundle, on_disk
from knowledge.intake.front_matter import find_product
from knowledge.intake.known import Known
from knowledge.intake.reading import format_of, read_file, unreadable
from knowledge.intake.shapes import Entry, Limits, Unreadable
from knowledge.intake.trying import PLANS, plans
from knowledge.intake.writing import Written, write_entry

ACTOR = replace(SYSTEM, via="cli")
STATUS = {plan: status for status, plan in PLANS.items()}
AT_ONCE = 40
"""Articles that are written in one transaction."""


def why(problem: DeskError) -> str:
    """A refusal in one line, with the fields that it is about."""
    told = {name: [word % problem.data if problem.data else word for word in words] for name, words in problem.errors.items()}
    return " ".join(f"{name}: {' '.join(words)}" for name, words in told.items()) or str(problem)


def progress(words: str) -> Callable[[int], None] | None:
    """Counts on standard error, when somebody is looking."""
    if not sys.stderr.isatty():
        return None
    return lambda done: click.echo(f"\r{words} {done}", nl=False, err=True)


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--product", help="Code or name of the product, where a file names none.")
@click.option("--publish", is_flag=True, help="Let readers see them at once.")
@click.option("--split", is_flag=True, help="Make an article of each main heading of HTML, Word and PDF files.")
@click.option("--dry-run", is_flag=True, help="Say what would happen and keep nothing.")
@json_option
@plain_errors
def import_command(paths: tuple[Path, ...], product: str | None, publish: bool, split: bool, dry_run: bool, as_json: bool) -> None:
    """Bring in files, folders and ZIPs of Markdown, HTML, Word, PDF, Excel and CSV. Safe to repeat."""
    named = find_product(product).id if product else None
    report: dict[str, Any] = {"imported": 0, "updated": 0, "skipped": 0, "failed": []}
    touched: list[int] = []
    show, count = progress("导入"), 0
    for path in paths:
        for shown, entries, refused in _read(path, split):
            report["failed"] += [{"file": shown, "reason": reason} for reason in refused]
            for start in range(0, len(entries), AT_ONCE):
                _write(entries[start : start + AT_ONCE], shown, named, publish, dry_run, report, touched)
            count += 1
            if show:
                show(count)
    if show:
        click.echo(err=True)
    if touched and not dry_run:
        # The worker will do the same from the outbox; who has no worker running finds the articles all the same.
        index = current_app.extensions["open_index"]()
        if not indexing.ensure(index):
            indexing.refresh(index, touched)
    words = f"新增 {report['imported']}，更新 {report['updated']}，未变 {report['skipped']}，失败 {len(report['failed'])}。"
    answer(as_json, report, "\n".join([words, *(f"  {item['file']}: {item['reason']}" for item in report["failed"])]))
    if report["failed"]:
        sys.exit(1)


def _read(path: Path, split: bool) -> Iterator[tuple[str, list[tuple[str, Entry]], list[str]]]:
    """(what to call it, [(path inside, entry)], reasons) of each file; a broken one never stops the others."""
    limits = Limits()
    try:
        bundle: Bundle = on_disk(path, limits)
        names = bundle.documents if path.is_dir() or format_of(path.name) == "zip" else [path.name]
    except (DeskError, OSError) as problem:
        yield str(path), [], [why(problem) if isinstance(problem, DeskError) else f"{type(problem).__name__}: {problem}"]
        return
    for name in names:
        if name in bundle.taken:
            continue
        shown = str(path / name) if path.is_dir() else str(path) if name == path.name else f"{path}:{name}"
        try:
            found = read_file(name, bundle.content(name), split=split, limits=limits, lookup=bundle.beside(name))
        except Unreadable as problem:
            yield shown, [], [str(problem)]
        except DeskError as problem:
            yield shown, [], [why(problem)]
        except (OSError, UnicodeError, RecursionError, KeyError) as problem:
            yield shown, [], [f"{type(problem).__name__}: {problem}"]
        else:
            yield shown, [(name, entry) for entry in found.entries], [r.reason % dict(r.data) for r in found.refused]
    for name in bundle.closed if names != [path.name] else ():
        yield str(path / name) if path.is_dir() else f"{path}:{name}", [], [str(unreadable(name))]


def _write(
    entries: list[tuple[str, Entry]], shown: str, product_id: int | None, publish: bool, dry_run: bool, report: dict[str, Any], touched: list[int]
) -> None:
    told = _tried(entries, product_id) if dry_run else _written(entries, product_id, publish)
    for (_name, entry), item in zip(entries, told, strict=True):
        if isinstance(item, str):
            named = f"{shown}#{entry.title}" if entry.key else shown
            report["failed"].append({"file": named, "reason": item})
        else:
            report[item[0]] += 1
            touched += [item[1]] if item[0] != "skipped" else []


def _tried(entries: list[tuple[str, Entry]], product_id: int | None) -> list[tuple[str, int] | str]:
    """(what would become of it, 0) of each entry, or why not."""
    found = plans(ACTOR, 0, product_id, entries, {}, {})
    return [unpack(one["reason"]) if one["plan"] == "failed" else (STATUS[one["plan"]], 0) for one in found]


def _written(entries: list[tuple[str, Entry]], product_id: int | None, publish: bool) -> list[tuple[str, int] | str]:
    """(what became of it, the article's number) of each entry, or why not; all in one transaction."""
    done: list[Written | DeskError] = []
    with unit_of_work() as s:
        product = session().get(Product, product_id) if product_id else None
        known = Known(ACTOR, product)
        known.look_ahead(entries)
        for name, entry in entries:
            try:
                with s.begin_nested():
                    done.append(write_entry(ACTOR, entry, name, product, publish, known=known))
            except DeskError as problem:
                known.forget_made()
                done.append(problem)
        return [why(item) if isinstance(item, DeskError) else (item.status, item.article.id) for item in done]


@click.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@json_option
@plain_errors
def export_command(target: Path, as_json: bool) -> None:
    """Write every article as Markdown with its files into FOLDER or FILE.zip; `import` takes it back without loss."""
    actor: Actor = ACTOR
    show = progress("导出")
    done = exporting.export_to(actor, target, show)
    if show:
        click.echo(err=True)
    report = {"articles": done.articles, "files": done.files, "bytes": done.bytes, "path": str(target)}
    answer(as_json, report, unpack(f"已导出 {done.articles} 篇知识、{done.files} 个文件到 {target}。"))
