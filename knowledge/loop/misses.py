"""Questions that were not served, gathered by meaning: each finds its gap or begins one. Ids of gaps stay."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, func, or_, select

from app.core.db import session
from app.core.permissions import SYSTEM
from knowledge.analysis import fold
from knowledge.index import LEVELS
from knowledge.loop.closing import reopen
from knowledge.loop.masking import MASK, tidy
from knowledge.loop.meaning import Meaning, meaning_of, same
from knowledge.loop_models import DONE, IGNORED, OPEN, GapExample, GapKey, GapToken, KnowledgeGap
from knowledge.models import Article

ZERO, UNOPENED, UNHELPFUL, TICKET = "zero", "unopened", "unhelpful", "ticket"
KINDS = (ZERO, UNOPENED, UNHELPFUL, TICKET)
COLUMNS = {ZERO: "zero", UNOPENED: "unopened", UNHELPFUL: "unhelpful", TICKET: "tickets"}
WEIGHTS = {ZERO: 3, UNHELPFUL: 3, TICKET: 2, UNOPENED: 1}
"""What one of a kind weighs in the order of the queue."""
MOST_EXAMPLES, CANDIDATES, LONGEST = 40, 60, 200


@dataclass(frozen=True)
class Miss:
    """One question that was not served. `shown` are the articles that its search showed, the first one first."""

    kind: str
    text: str
    channel: str
    at: datetime
    level: str = "public"
    product_id: int | None = None
    shown: tuple[int, ...] = ()
    ticket_id: int | None = None
    folded: str = ""
    meaning: Meaning = Meaning(())


def prepared(misses: Iterable[Miss], names: Iterable[str] = ()) -> list[Miss]:
    """Masked, folded and cut; those that say nothing are left out. Call it outside a unit of work."""
    known, ready = list(names), []
    for miss in misses:
        text = tidy(miss.text, known, LONGEST)
        bare = text.replace(MASK, " ")
        meaning = meaning_of(bare)
        if meaning:
            ready.append(replace(miss, text=text, folded=" ".join(fold(bare).split())[:400], meaning=meaning))
    return ready


def gather(misses: Iterable[Miss]) -> list[int]:
    """Count prepared misses, in a unit of work. Gives the gap of each."""
    return [_count(miss).id for miss in misses]


def _count(miss: Miss) -> KnowledgeGap:
    gap = _find(miss) or _begin(miss)
    _remember_key(gap, miss)
    column = COLUMNS[miss.kind]
    setattr(gap, column, getattr(gap, column) + 1)
    gap.weight += WEIGHTS[miss.kind]
    gap.first_at, gap.last_at = min(gap.first_at, miss.at), max(gap.last_at, miss.at)
    gap.level = min(gap.level, miss.level, key=LEVELS.index)
    if gap.product_id is None and miss.product_id is not None and gap.state == OPEN:
        gap.product_id = miss.product_id
    _add_example(gap, miss)
    if _unfound_again(gap, miss):
        reopen(SYSTEM, gap, "又有人这样问，还是没有找到。")
    session().flush()
    return gap


def _unfound_again(gap: KnowledgeGap, miss: Miss) -> bool:
    """A done question that is asked again comes back, unless its article was shown and merely not opened."""
    if gap.state != DONE or gap.closed_at is None or miss.at <= gap.closed_at:
        return False
    return miss.kind != UNOPENED or gap.article_id not in miss.shown


def _fits(gap: KnowledgeGap, product_id: int | None) -> bool:
    return gap.product_id is None or product_id is None or gap.product_id == product_id


def _find(miss: Miss) -> KnowledgeGap | None:
    rows = select(KnowledgeGap).join(GapKey, GapKey.gap_id == KnowledgeGap.id).where(GapKey.key == miss.meaning.key)
    known = [gap for gap in session().scalars(rows.order_by(KnowledgeGap.id)) if _fits(gap, miss.product_id)]
    if known:
        return min(known, key=lambda gap: (gap.product_id != miss.product_id, gap.id))
    shared = (
        select(GapToken.gap_id)
        .where(GapToken.token.in_(miss.meaning.words))
        .group_by(GapToken.gap_id)
        .order_by(func.count().desc(), GapToken.gap_id)
        .limit(CANDIDATES)
    )
    candidates = session().scalars(select(KnowledgeGap).where(KnowledgeGap.id.in_(shared)).order_by(KnowledgeGap.id))
    top = miss.shown[0] if miss.shown else None
    for gap in candidates:
        same_answer = top is not None and gap.top_article_id == top
        if _fits(gap, miss.product_id) and same(Meaning(tuple(gap.tokens)), miss.meaning, same_answer):
            return gap
    return None


def _begin(miss: Miss) -> KnowledgeGap:
    gap = KnowledgeGap(
        query=miss.text[:300], tokens=list(miss.meaning.words), level=miss.level, product_id=miss.product_id,
        top_article_id=_existing(miss.shown), first_at=miss.at, last_at=miss.at, state=OPEN,
        weight=0, zero=0, unopened=0, unhelpful=0, tickets=0, reopened=0, result=[],
    )  # fmt: skip
    session().add(gap)
    session().flush()
    session().add_all([GapToken(token=token, gap_id=gap.id) for token in miss.meaning.words])
    session().flush()
    return gap


def _existing(shown: tuple[int, ...]) -> int | None:
    return shown[0] if shown and session().get(Article, shown[0]) is not None else None


def _remember_key(gap: KnowledgeGap, miss: Miss) -> None:
    """The next time these words find their gap at once."""
    given = miss.product_id or 0
    known = select(GapKey.id).where(GapKey.key == miss.meaning.key, GapKey.product_id == given)
    if session().scalar(known) is None:
        session().add(GapKey(key=miss.meaning.key, product_id=given, gap_id=gap.id))
        session().flush()


def _add_example(gap: KnowledgeGap, miss: Miss) -> None:
    rows = select(GapExample).where(GapExample.gap_id == gap.id)
    known = session().scalar(rows.where(GapExample.folded == miss.folded, GapExample.channel == miss.channel))
    if known is not None:
        known.count, known.last_at = known.count + 1, max(known.last_at, miss.at)
        known.ticket_id = miss.ticket_id or known.ticket_id
        known.kind = max(known.kind, miss.kind, key=lambda kind: WEIGHTS[kind])
        return
    held = session().scalar(select(func.count()).select_from(GapExample).where(GapExample.gap_id == gap.id)) or 0
    if held < MOST_EXAMPLES:
        session().add(
            GapExample(
                gap_id=gap.id, text=miss.text, folded=miss.folded, kind=miss.kind, channel=miss.channel, ticket_id=miss.ticket_id,
                last_at=miss.at,
            )
        )  # fmt: skip
        session().flush()
        session().expire(gap, ["examples"])


def take_back(gap_id: int, kind: str) -> None:
    """One of these was served after all: opened later, or the ticket has its article now."""
    gap = session().get(KnowledgeGap, gap_id)
    column = COLUMNS[kind]
    if gap is None or getattr(gap, column) < 1:
        return
    setattr(gap, column, getattr(gap, column) - 1)
    gap.weight -= WEIGHTS[kind]
    session().flush()
    if gap.count == 0 and gap.state == OPEN:
        drop([gap.id])


def knows_ticket(ticket_id: int) -> bool:
    """Whether this ticket is counted already."""
    return session().scalar(select(GapExample.id).where(GapExample.ticket_id == ticket_id).limit(1)) is not None


def take_back_ticket(ticket_id: int) -> None:
    """The ticket is open again, or was solved with an article."""
    for example in list(session().scalars(select(GapExample).where(GapExample.ticket_id == ticket_id))):
        gap_id, example.ticket_id = example.gap_id, None
        example.count -= 1
        if example.count < 1:
            session().delete(example)
        session().flush()
        take_back(gap_id, TICKET)


def drop(gap_ids: list[int]) -> None:
    """Forget gaps whole."""
    for model in (GapExample, GapKey, GapToken):
        session().execute(delete(model).where(model.gap_id.in_(gap_ids)))
    session().execute(delete(KnowledgeGap).where(KnowledgeGap.id.in_(gap_ids)))
    session().flush()


def forget_old(before: datetime, rare: int = 2) -> int:
    """Forget what was asked seldom and long ago, and what was done or ignored before that. Gives how many."""
    rows = select(KnowledgeGap.id).where(
        KnowledgeGap.last_at < before,
        or_(
            (KnowledgeGap.state == OPEN) & (KnowledgeGap.weight <= 3 * rare),
            KnowledgeGap.state.in_((DONE, IGNORED)) & (KnowledgeGap.closed_at < before),
        ),
    )
    old = list(session().scalars(rows.limit(500)))
    if old:
        drop(old)
    return len(old)
