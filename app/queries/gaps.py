"""Lists of questions without an answer, for those who write the answers."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, or_, select, tuple_
from sqlalchemy.orm import selectinload

from app.core.catalogue import Product
from app.core.db import session
from app.core.permissions import Actor, require
from knowledge.loop.misses import COLUMNS
from knowledge.loop_models import GAP_STATES, OPEN, TAKEN, GapExample, KnowledgeGap

PAGE = 40


@dataclass(frozen=True)
class GapPage:
    """Some questions, the weightiest first (closed ones: the last closed first); `next` is the cursor to go on from."""

    gaps: list[KnowledgeGap]
    next: str | None
    counts: dict[str, int]


def gap_page(
    actor: Actor, *, state: str = "", q: str = "", product_id: int | None = None, channel: str = "", kind: str = "",
    mine: bool = False, cursor: str = "", limit: int = PAGE,
) -> GapPage:  # fmt: skip
    """Questions by state ("" is open and taken), product, channel, kind of miss and words; keyset paging."""
    require(actor, "gap.work")
    conditions: list[ColumnElement[bool]] = []
    if q:
        pattern = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        asked = exists().where(GapExample.gap_id == KnowledgeGap.id, GapExample.text.ilike(pattern, escape="\\"))
        conditions.append(or_(KnowledgeGap.query.ilike(pattern, escape="\\"), asked))
    if product_id is not None:
        conditions.append(KnowledgeGap.product_id == product_id)
    if channel:
        conditions.append(exists().where(GapExample.gap_id == KnowledgeGap.id, GapExample.channel == channel))
    if kind in COLUMNS:
        conditions.append(getattr(KnowledgeGap, COLUMNS[kind]) > 0)
    if mine:
        conditions.append(KnowledgeGap.owner_id == actor.id)
    counted = session().execute(select(KnowledgeGap.state, func.count()).where(*conditions).group_by(KnowledgeGap.state))
    counts = dict.fromkeys(GAP_STATES, 0) | dict(counted.all())
    conditions.append(KnowledgeGap.state.in_((state,) if state in GAP_STATES else (OPEN, TAKEN)))
    if (place := _place(cursor)) is not None:
        conditions.append(tuple_(KnowledgeGap.weight, KnowledgeGap.id) < place)
    rows = select(KnowledgeGap).where(*conditions)
    rows = rows.options(
        selectinload(KnowledgeGap.examples), selectinload(KnowledgeGap.product), selectinload(KnowledgeGap.owner),
        selectinload(KnowledgeGap.article),
    )  # fmt: skip
    found = list(session().scalars(rows.order_by(KnowledgeGap.weight.desc(), KnowledgeGap.id.desc()).limit(limit + 1)))
    last = found[limit - 1] if len(found) > limit else None
    return GapPage(found[:limit], f"{last.weight}_{last.id}" if last else None, counts)


def _place(cursor: str) -> tuple[int, int] | None:
    weight, _sign, number = cursor.partition("_")
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in (weight, number)):
        return None
    return int(weight), int(number)


def channels() -> list[str]:
    """Where questions came from, for the filter."""
    return sorted(session().scalars(select(GapExample.channel).distinct()))


def products() -> list[Product]:
    """Products that questions are about, for the filter."""
    asked = select(KnowledgeGap.product_id).where(KnowledgeGap.product_id.is_not(None))
    return list(session().scalars(select(Product).where(Product.id.in_(asked)).order_by(Product.name)))
