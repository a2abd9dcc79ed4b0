"""The dry run: files are read, and of each article it is said what would become of it. Nothing of that is kept but the answer.

What can be told by reading is told by reading, for many articles at once and without the database's write lock; the rest
(articles that would change, and those that bring files) is written and taken back.
"""

from collections.abc import Sequence
from typing import Any

from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import DeskError
from app.core.permissions import Actor
from app.core.text import pack
from app.core.uow import unit_of_work
from knowledge.intake.known import Known
from knowledge.intake.shapes import Entry
from knowledge.intake.writing import plan_entry, write_entry
from knowledge.intake_models import ImportJob
from knowledge.markdown import plain

EXCERPT, TRIED_AT_ONCE = 400, 25
PLANS = {"imported": "new", "updated": "updated", "skipped": "skipped"}
Values = dict[str, Any]


class _DryRun(Exception):
    """Leaves a unit of work without keeping anything."""


def packed(problem: DeskError) -> str:
    """A refusal as one packed text: what is wrong, not that something is."""
    reason = next((reason for reasons in problem.errors.values() for reason in reasons), problem.message)
    return pack(reason, **problem.data)


def defaults_of(job: ImportJob) -> dict[str, Any]:
    """What a new article is where its file does not say it."""
    return {"level": job.options.get("level", "public")}


def described(entry: Entry, place: int) -> Values:
    """What the preview shows of an article."""
    return {
        "place": place, "key": entry.key[:300], "title": entry.title[:200], "rows": entry.rows,
        "safety": entry.given.get("safety") in (True, "true", "是"),
        "excerpt": " ".join(plain(entry.body[: EXCERPT * 2]).split())[:EXCERPT],
    }  # fmt: skip


def plans(
    actor: Actor, job_id: int, product_id: int | None, entries: Sequence[tuple[str, Entry]], defaults: dict[str, Any], claimed: dict[str, str]
) -> list[Values]:
    """What would become of each entry (with the path of its file), as fields of ImportItem: plan, reason, article_id.
    `claimed` are the addresses that entries before these asked for; it grows. Outside a unit of work."""
    session().rollback()
    found: dict[int, Values] = {}
    known = Known(actor, _product(product_id))
    known.claimed = claimed
    known.look_ahead(entries)
    known.look_for_titles({entry.title for _path, entry in entries}, job_id)
    for number, (path, entry) in enumerate(entries):
        try:
            planned = plan_entry(known, entry, path, defaults)
        except DeskError as problem:
            found[number] = {"plan": "failed", "reason": packed(problem)}
            continue
        if planned is not None:
            found[number] = {"plan": PLANS[planned.status], "reason": "\n".join(planned.notes)}
            if planned.article is not None:
                found[number]["article_id"] = planned.article.id
    session().rollback()
    left = [number for number in range(len(entries)) if number not in found]
    for start in range(0, len(left), TRIED_AT_ONCE):
        piece = left[start : start + TRIED_AT_ONCE]
        found |= dict(zip(piece, _tried(actor, product_id, [entries[number] for number in piece], defaults), strict=True))
    return [found[number] for number in range(len(entries))]


def _product(product_id: int | None) -> Product | None:
    return session().get(Product, product_id) if product_id else None


def _tried(actor: Actor, product_id: int | None, entries: Sequence[tuple[str, Entry]], defaults: dict[str, Any]) -> list[Values]:
    found: list[Values] = []
    try:
        with unit_of_work() as s:
            product = _product(product_id)
            known = Known(actor, product)
            known.look_ahead(entries)
            for path, entry in entries:
                try:
                    with s.begin_nested():
                        done = write_entry(actor, entry, path, product, False, defaults, known)
                        values: Values = {"plan": PLANS[done.status], "reason": "\n".join(done.notes)}
                        if done.status != "imported":
                            values["article_id"] = done.article.id
                except DeskError as problem:
                    known.forget_made()
                    values = {"plan": "failed", "reason": packed(problem)}
                found.append(values)
            raise _DryRun
    except _DryRun:
        pass
    return found
