"""What an editor does with a question without an answer: take it, give it an answer, see it found, or say why not."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused, Stale
from app.core.events import record
from app.core.permissions import Actor, require
from knowledge import lifecycle, service
from knowledge.access import access_editable
from knowledge.index import INSIDE_LEVELS, LEVELS, Index, Query, Reader
from knowledge.loop.events import GapChanged
from knowledge.loop_models import DONE, IGNORED, OPEN, TAKEN, KnowledgeGap
from knowledge.models import Article

TESTED, FOUND_AT = 8, 3
"""How many wordings are tested, and up to which place an article counts as found."""
QUESTIONS = 12
FRAME = "## 现象\n\n\n\n## 做法\n\n1. \n"  # data: what a draft begins with


@dataclass(frozen=True)
class Trial:
    """How one wording does now: the place of the article among ten (None: not there) and the passage that answers."""

    text: str
    rank: int | None
    passage: str = ""

    @property
    def found(self) -> bool:
        return self.rank is not None and self.rank <= FOUND_AT


def access_gap(actor: Actor, gap_id: int) -> KnowledgeGap:
    """The question, for those who work on them; raises NotFound."""
    require(actor, "gap.work")
    gap = session().get(KnowledgeGap, gap_id) if 0 < gap_id < 2**31 else None
    if gap is None:
        raise NotFound()
    return gap


def _changed(gap: KnowledgeGap) -> None:
    session().flush()
    record(GapChanged(gap_id=gap.id, version=gap.version))


def _begin(actor: Actor, gap: KnowledgeGap, version: int | None, states: Sequence[str]) -> None:
    require(actor, "gap.work")
    if version is not None and version != gap.version:
        raise Stale()
    if gap.state not in states:
        raise Refused("这个问题现在的状态不能这样做。")


def take(actor: Actor, gap: KnowledgeGap, version: int | None = None) -> None:
    """Make it one's own, also when a colleague had it: the page shows whose it was."""
    _begin(actor, gap, version, (OPEN, TAKEN))
    before = gap.owner.label if gap.owner else None
    gap.state, gap.owner_id, gap.taken_at = TAKEN, actor.id, now()
    session().flush()
    session().expire(gap, ["owner"])
    note(actor, "gap.taken", gap, before=before, after=actor.name)
    _changed(gap)


def release(actor: Actor, gap: KnowledgeGap, version: int | None = None) -> None:
    """Give it back to everybody."""
    _begin(actor, gap, version, (TAKEN,))
    gap.state, gap.owner_id, gap.taken_at = OPEN, None, None
    session().flush()
    session().expire(gap, ["owner"])
    note(actor, "gap.released", gap)
    _changed(gap)


def ignore(actor: Actor, gap: KnowledgeGap, reason: str, version: int | None = None) -> None:
    """It needs no article; the reason stays."""
    _begin(actor, gap, version, (OPEN, TAKEN))
    if not reason.strip():
        raise Invalid.of("reason", "写明原因。")
    _close(actor, gap, IGNORED, reason)
    note(actor, "gap.ignored", gap, reason=gap.reason)


def close(actor: Actor, gap: KnowledgeGap, reason: str = "", version: int | None = None) -> None:
    """It is answered: by itself when its article is found, or because an editor says why it is."""
    _begin(actor, gap, version, (OPEN, TAKEN))
    if actor.kind != "system" and not reason.strip():
        raise Invalid.of("reason", "写明原因。")
    _close(actor, gap, DONE, reason)
    note(actor, "gap.closed", gap, reason=gap.reason)


def _close(actor: Actor, gap: KnowledgeGap, state: str, reason: str) -> None:
    gap.state, gap.reason = state, reason.strip()[:500]
    gap.closed_at, gap.closed_by = now(), actor.name[:80]
    _changed(gap)


def reopen(actor: Actor, gap: KnowledgeGap, reason: str = "", version: int | None = None) -> None:
    """It is not answered after all."""
    _begin(actor, gap, version, (DONE, IGNORED))
    gap.state = TAKEN if gap.owner_id is not None else OPEN
    gap.reason, gap.closed_at, gap.closed_by = reason.strip()[:500], None, ""
    gap.reopened += 1
    note(actor, "gap.reopened", gap, reason=gap.reason)
    _changed(gap)


def wordings(gap: KnowledgeGap, most: int) -> tuple[str, ...]:
    """In how many ways it was asked, the most frequent first; the gap's own words before them."""
    asked = [gap.query, *(example.text for example in gap.examples)]
    return tuple(dict.fromkeys(words.replace("＊", " ").strip() for words in asked if words.strip("＊ ")))[:most]


def write_article(actor: Actor, gap: KnowledgeGap, version: int | None = None) -> Article:
    """Begin an article for it: a draft with its title, its questions and its product. It belongs to who writes it."""
    _begin(actor, gap, version, (OPEN, TAKEN))
    article = service.draft_article(
        actor,
        service.Content(gap.query.replace("＊", " ").strip()[:200], FRAME, wordings(gap, QUESTIONS)),
        service.Properties(
            level=gap.level if gap.level not in INSIDE_LEVELS else "agent", product_ids=(gap.product_id,) if gap.product_id else ()
        ),
    )
    take(actor, gap)
    _link(actor, gap, article)
    return article


def link_article(actor: Actor, gap: KnowledgeGap, article_id: int, version: int | None = None) -> str:
    """Say which article answers: it gains the words as questions. Gives what became of it: published, review, draft, or
    same (it had them all). Whoever may not publish leaves it to the review."""
    _begin(actor, gap, version, (OPEN, TAKEN))
    article = access_editable(actor, article_id)
    pending = article.draft_revision_id is not None
    content = service.content_of(article.draft or article.current)
    questions = tuple(dict.fromkeys((*content.questions, *wordings(gap, QUESTIONS))))
    revision = service.revise(actor, article, service.Content(content.title, content.body, questions), "加上客户的问法")  # data
    take(actor, gap)
    _link(actor, gap, article)
    if revision is None:
        return "same" if article.state == "published" and not pending else article.state
    if article.state == "published" and not pending and actor.can("article.publish"):
        lifecycle.publish(actor, article)
        return "published"
    if article.state == "draft" and not pending and not actor.can("article.publish"):
        lifecycle.submit(actor, article)
        return "review"
    return "draft"


def _link(actor: Actor, gap: KnowledgeGap, article: Article) -> None:
    gap.article_id = article.id
    session().flush()
    session().expire(gap, ["article"])
    note(actor, "gap.linked", gap, after=article.label)
    _changed(gap)


def reader_of(gap: KnowledgeGap) -> Reader:
    """The narrowest reader who asked."""
    levels = LEVELS[: LEVELS.index(gap.level) + 1]
    return Reader(levels, all_organisations=gap.level in INSIDE_LEVELS)


def check_linked(gap: KnowledgeGap) -> None:
    """Raise Invalid where no article is to answer it yet."""
    if gap.article_id is None:
        raise Invalid.of("article", "先写一篇，或者链接一篇。")


def retest(index: Index, gap: KnowledgeGap) -> list[Trial]:
    """Ask the live index all its wordings again, as those who asked. Outside a unit of work; raises IndexUnavailable."""
    found = []
    for text in wordings(gap, TESTED):
        hits = index.search(Query(text, reader_of(gap), gap.product_id, limit=10))
        place = next((n for n, hit in enumerate(hits, 1) if int(hit.id) == gap.article_id), None)
        passage = list(hits)[place - 1].passage_text if place else ""
        found.append(Trial(text, place, " ".join(passage.split())[:300]))
    return found


def keep_trials(actor: Actor, gap: KnowledgeGap, trials: Sequence[Trial]) -> bool:
    """Keep what came out; when the question itself finds its published article, the gap is done. True if it is."""
    gap.result = [{"text": t.text, "rank": t.rank, "passage": t.passage} for t in trials]
    gap.tested_at = now()
    session().flush()
    found = bool(trials) and trials[0].found and gap.article is not None and gap.article.state == "published"
    if found and gap.state in (OPEN, TAKEN):
        _close(actor, gap, DONE, "")
        note(actor, "gap.closed", gap, after=f"{trials[0].rank}")
        return True
    _changed(gap)
    return found


def waiting_for(article_id: int) -> list[KnowledgeGap]:
    """Questions whose answer this article is to be."""
    rows = select(KnowledgeGap).where(KnowledgeGap.article_id == article_id, KnowledgeGap.state.in_((OPEN, TAKEN)))
    return list(session().scalars(rows.order_by(KnowledgeGap.id)))


def waiting() -> list[KnowledgeGap]:
    """Questions that have a published article which was not found when it was tested last."""
    rows = select(KnowledgeGap).join(Article, Article.id == KnowledgeGap.article_id)
    rows = rows.where(KnowledgeGap.state.in_((OPEN, TAKEN)), Article.state == "published")
    return list(session().scalars(rows.order_by(KnowledgeGap.tested_at, KnowledgeGap.id).limit(50)))
