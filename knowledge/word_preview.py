"""What a change of words would do, before anybody feels it: the questions of the last days, asked both ways."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select

from app.core.clock import now
from app.core.db import session
from knowledge.analysis import look_for_words, tokens
from knowledge.index import Index, Query, Reader
from knowledge.models import Article, SearchLog
from knowledge.synonyms import Synonyms, trying
from knowledge.term_models import SynonymGroup
from knowledge.terms import holding

DAYS, MOST, TOP = 14, 60, 3


@dataclass(frozen=True)
class Moved:
    """One question whose first three answers would change; titles in the order of the answer."""

    query: str
    count: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """How many questions hold one of the words, and those among them whose answer would change, most asked first. Where
    nobody asked, the words themselves are tried, with a count of 0."""

    asked: int
    moved: tuple[Moved, ...]
    capped: bool = False


@dataclass(frozen=True)
class WordPreview:
    """What keeping a word whole would touch: how it is cut today, the articles that hold it, the questions with it."""

    word: str
    cut: tuple[str, ...]
    articles: int
    titles: tuple[str, ...]
    questions: tuple[tuple[str, int], ...]

    @property
    def whole(self) -> bool:
        """Whether it is kept whole already, so that adding it changes nothing."""
        return len(self.cut) == 1


def preview_word(word: str) -> WordPreview:
    """What adding this word to the list would touch. Nothing is kept."""
    look_for_words(now=True)
    held = holding(word)
    titles = _titles(set(held[:TOP]))
    return WordPreview(word, tuple(tokens(word).words), len(held), tuple(titles[n] for n in held[:TOP] if n in titles), tuple(questions_with([word], most=TOP)))


def questions_with(words: Iterable[str], days: int = DAYS, most: int = MOST) -> list[tuple[str, int]]:
    """Distinct questions of the last days that hold one of the words, with how often each was asked."""
    held = or_(*(SearchLog.folded.contains(word, autoescape=True) for word in words))
    rows = session().execute(
        select(SearchLog.folded, func.count())
        .where(SearchLog.at >= now() - timedelta(days=days), held)
        .group_by(SearchLog.folded)
        .order_by(func.count().desc(), SearchLog.folded)
        .limit(most)
    )
    return [(folded, count) for folded, count in rows]


def preview_group(index: Index, reader: Reader, words: Sequence[str], without: int | None = None) -> Preview:
    """What adding a group of synonyms would change, or, with `without`, removing the group of that id."""
    groups = {group.id: group.words for group in session().scalars(select(SynonymGroup))}
    before = Synonyms(groups.values())
    if without is None:
        after = Synonyms([*groups.values(), list(words)])
    else:
        after = Synonyms(group for number, group in groups.items() if number != without)
    asked = questions_with(words)
    tried = asked or [(word, 0) for word in words]  # a new house has no questions to show it by
    answers = [(text, count, _top(index, reader, text, before), _top(index, reader, text, after)) for text, count in tried]
    titles = _titles({number for _, _, old, new in answers for number in (*old, *new)})
    moved = [
        Moved(text, count, tuple(titles.get(n, "") for n in old), tuple(titles.get(n, "") for n in new))
        for text, count, old, new in answers
        if old != new
    ]
    return Preview(len(asked), tuple(moved), len(asked) == MOST)


def _top(index: Index, reader: Reader, text: str, synonyms: Synonyms) -> list[int]:
    with trying(synonyms):
        return [int(hit.id) for hit in index.search(Query(text, reader, limit=TOP, passages=False))]


def _titles(ids: set[int]) -> dict[int, str]:
    rows = session().execute(select(Article.id, Article.title).where(Article.id.in_(ids)))
    return {row[0]: row[1] for row in rows}
