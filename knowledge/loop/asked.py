"""Customers' words of solved tickets, kept for the articles that solved them: found by them, never shown to readers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, delete, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound
from app.core.events import record
from app.core.permissions import Actor
from knowledge.access import access_editable
from knowledge.analysis import fold, query_tokens
from knowledge.loop.events import AskedChanged
from knowledge.loop.masking import MASK, tidy
from knowledge.loop_models import AskedWords
from knowledge.models import Article

FEWEST = 2
"""Tokens that words must have to say anything."""


@dataclass(frozen=True)
class Words:
    """One wording, masked and cut; `folded` makes spellings of the same words one."""

    text: str
    folded: str


def prepare(texts: Iterable[str], names: Iterable[str], longest: int) -> list[Words]:
    """The wordings that are worth keeping, each once. Cuts words, so call it outside a unit of work."""
    known = list(names)
    found: dict[str, Words] = {}
    for text in texts:
        words = tidy(text, known, min(longest, 400))
        folded = " ".join(fold(words.replace(MASK, " ")).split())[:400]
        tokens = query_tokens(folded)
        if folded and len({*tokens.words, *tokens.pairs}) >= FEWEST:
            found.setdefault(folded, Words(words, folded))
    return list(found.values())


def learn(ticket_id: int, article_ids: Sequence[int], wordings: Sequence[Words], most: int) -> set[int]:
    """Keep the words of a solved ticket for its articles, instead of what was kept of it before. No more than `most`
    wordings an article; the oldest go. Gives the articles that changed. In a unit of work."""
    before = _of_ticket(ticket_id)
    wanted = {(article_id, words.folded): words for article_id in article_ids for words in wordings}
    changed = _drop([row for row in before if row.removed_at is None and (row.article_id, row.folded) not in wanted])
    kept = {(row.article_id, row.folded) for row in before}
    for (article_id, folded), words in wanted.items():
        if (article_id, folded) in kept or _removed(article_id, folded) or session().get(Article, article_id) is None:
            continue
        session().add(AskedWords(article_id=article_id, ticket_id=ticket_id, text=words.text, folded=folded))
        changed.add(article_id)
    session().flush()
    for article_id in changed:
        _cap(article_id, most)
        record(AskedChanged(article_id=article_id))
    return changed


def forget(ticket_id: int) -> set[int]:
    """The ticket was reopened, merged or solved otherwise: its words say nothing any more. In a unit of work."""
    changed = _drop([row for row in _of_ticket(ticket_id) if row.removed_at is None])
    for article_id in changed:
        record(AskedChanged(article_id=article_id))
    return changed


def _of_ticket(ticket_id: int) -> list[AskedWords]:
    return list(session().scalars(select(AskedWords).where(AskedWords.ticket_id == ticket_id)))


def _drop(rows: list[AskedWords]) -> set[int]:
    for row in rows:
        session().delete(row)
    session().flush()
    return {row.article_id for row in rows}


def _removed(article_id: int, folded: str) -> bool:
    rows = select(AskedWords.id).where(AskedWords.article_id == article_id, AskedWords.folded == folded)
    return session().scalar(rows.where(AskedWords.removed_at.is_not(None)).limit(1)) is not None


def _cap(article_id: int, most: int) -> None:
    rows = list(session().scalars(_living(article_id).order_by(AskedWords.id.desc())))
    wordings = list(dict.fromkeys(row.folded for row in rows))[:most]
    over = [row.id for row in rows if row.folded not in wordings]
    if over:
        session().execute(delete(AskedWords).where(AskedWords.id.in_(over)).execution_options(synchronize_session="fetch"))


def _living(article_id: int) -> Select[AskedWords]:
    return select(AskedWords).where(AskedWords.article_id == article_id, AskedWords.removed_at.is_(None))


def asked_of(article_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The words for the index, by article, each wording once."""
    ids = list(article_ids)
    rows = select(AskedWords.article_id, AskedWords.folded, AskedWords.text).where(
        AskedWords.article_id.in_(ids), AskedWords.removed_at.is_(None)
    )
    found: dict[int, dict[str, str]] = {}
    for article_id, folded, text in session().execute(rows.order_by(AskedWords.id)):
        found.setdefault(article_id, {}).setdefault(folded, text.replace(MASK, " "))
    return {article_id: tuple(words.values()) for article_id, words in found.items()}


@dataclass(frozen=True)
class Shown:
    """One wording as an editor sees it: how many tickets had it, the newest of them, and a row that stands for it."""

    id: int
    text: str
    tickets: int
    ticket_id: int


def listed(actor: Actor, article: Article) -> list[Shown]:
    """For those who edit the article, the newest first; nobody else reads what customers wrote."""
    access_editable(actor, article.id)
    found: dict[str, list[AskedWords]] = {}
    for row in session().scalars(_living(article.id).order_by(AskedWords.id.desc())):
        found.setdefault(row.folded, []).append(row)
    return [Shown(rows[0].id, rows[0].text, len(rows), rows[0].ticket_id) for rows in found.values()]


def remove(actor: Actor, article: Article, words_id: int) -> None:
    """Take a wording away for good: from whatever ticket it comes again, it is not kept. Raises NotFound."""
    access_editable(actor, article.id)
    row = session().get(AskedWords, words_id) if 0 < words_id < 2**31 else None
    if row is None or row.article_id != article.id or row.removed_at is not None:
        raise NotFound()
    for same in session().scalars(_living(article.id).where(AskedWords.folded == row.folded)):
        same.removed_at, same.removed_by = now(), actor.name[:80]
        same.text = same.folded
    session().flush()
    note(actor, "asked.removed", article)
    record(AskedChanged(article_id=article.id))
