"""Suggestions while somebody types: titles, questions, words and products, also by pinyin and initials.

Everything shown was found for this reader, and the database has the last word. Words of customers (`asked`) find
articles, and are never shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from sqlalchemy import exists, or_, select

from app.core.catalogue import Product
from app.core.db import session
from knowledge.access import within
from knowledge.analysis import HAN_WORD, QueryTokens, fold, query_tokens, strip_question_words
from knowledge.codes import is_code
from knowledge.index import Index, Query, Reader
from knowledge.lexicon import Lexicon, lexicon_now
from knowledge.models import Article, Revision, article_product
from knowledge.word_rights import stands_for

LONGEST = 60
LOOKED_AT = 20
ENOUGH = 0.5
"""A suggestion must hold this share of what was typed: an article found by its text alone would look like a mistake."""
MOST_READINGS = 3
MOST_WORDS = 2
_folded = lru_cache(maxsize=512)(fold)
"""One suggestion looks at the same titles three times."""


@dataclass(frozen=True)
class Completion:
    """Words that somebody may mean. `kind` is title, question, term or product; `article_id` where it is an article's."""

    text: str
    kind: str
    article_id: int | None = None


def complete(index: Index, text: str, reader: Reader, limit: int = 8) -> list[Completion]:
    """Up to `limit` suggestions, the likeliest first, none twice. Raises IndexUnavailable."""
    typed = " ".join(fold(text[:LONGEST]).split())
    if not typed or limit < 1:
        return []
    lexicon = lexicon_now()
    found: dict[str, Completion] = {}
    for reading in _readings(typed, lexicon):
        texts = _texts(index, reading, reader)
        _add(found, _words(index, reading, reader, lexicon, texts))
        _add(found, _articles(texts, reading))
        if len(found) >= limit:
            break
    _add(found, _products(typed, reader))
    return _ordered(found.values(), typed)[:limit]


def _add(found: dict[str, Completion], more: Iterable[Completion]) -> None:
    for one in more:
        found.setdefault(_folded(one.text), one)


def _ordered(found: Iterable[Completion], typed: str) -> list[Completion]:
    """A word first, then what begins with what was typed; within that as found."""
    return sorted(found, key=lambda one: (one.kind not in ("term", "product"), not _folded(one.text).startswith(typed)))


def _readings(typed: str, lexicon: Lexicon) -> list[str]:
    """What was typed, then what its letters may stand for: the last stretch of letters is perhaps still being typed."""
    start = len(typed)
    while start and (typed[start - 1] in " '" or (typed[start - 1].isascii() and typed[start - 1].isalpha())):
        start -= 1
    letters = typed[start:].replace(" ", "").replace("'", "")
    if len(letters) < 2:
        return [typed, *_codes_begun(typed, lexicon)]
    last = typed[start:].split()[-1]
    begun = [typed[: len(typed) - len(last)] + word for word in lexicon.latin_beginning(last) if word != last]
    spoken = [typed[:start] + word for word in lexicon.spoken(letters, unfinished=True)[:MOST_READINGS]]
    spoken = [text for text in spoken if strip_question_words(text).strip()]
    return list(dict.fromkeys([typed, *begun, *spoken]))


def _codes_begun(typed: str, lexicon: Lexicon) -> list[str]:
    """A code that is not typed to its end, E0 or hk-v2, as the known ones that begin so."""
    last = typed.split()[-1]
    if len(last) < 2 or not last.isascii() or not is_code(last):
        return []
    return [typed[: len(typed) - len(last)] + code for code in lexicon.codes_beginning(last) if code != last]


Texts = list[tuple[int, list[tuple[str, str, str]]]]
"""Articles as found, each with its title and questions: what it is, as written, folded."""


def _texts(index: Index, reading: str, reader: Reader) -> Texts:
    """What the articles found say at their heads, as far as the database lets this reader read them now."""
    ids = [int(hit.id) for hit in index.search(Query(reading, reader, limit=LOOKED_AT, passages=False))]
    if not ids:
        return []
    rows = session().execute(
        select(Article.id, Article.title, Revision.questions)
        .join(Revision, Revision.id == Article.current_revision_id)
        .where(Article.id.in_(ids), Article.state == "published", within(reader))
    )
    told = {
        number: [("title", title, _folded(title)), *(("question", asked, _folded(asked)) for asked in questions or ())]
        for number, title, questions in rows
    }
    return [(number, told[number]) for number in ids if number in told]


def _words(index: Index, reading: str, reader: Reader, lexicon: Lexicon, texts: Texts) -> list[Completion]:
    """Words that begin as the reading does, most frequent first, each standing in what this reader may read."""
    if not HAN_WORD.fullmatch(reading) or len(reading) > 6:
        return []

    def readable(word: str) -> bool:
        # What stands in a title that was just read needs no search of its own.
        return any(word in folded for _, heads in texts for *_, folded in heads) or stands_for(index, word, reader)

    return [Completion(word, "term") for word in islice(filter(readable, lexicon.han_beginning(reading, MOST_WORDS + 1)), MOST_WORDS)]


def _articles(texts: Texts, reading: str) -> list[Completion]:
    wanted = query_tokens(reading)
    found: list[tuple[bool, float, int, Completion]] = []
    for place, (number, heads) in enumerate(texts):
        if best := _best(number, heads, reading, wanted):
            share, folded, completion = best
            found.append((folded.startswith(reading), round(share, 1), -place, completion))
    found.sort(key=lambda one: one[:3], reverse=True)
    return [completion for *_, completion in found]


def _best(
    number: int, heads: list[tuple[str, str, str]], reading: str, wanted: QueryTokens
) -> tuple[float, str, Completion] | None:
    """The title or the question of an article that holds most of the reading."""
    best: tuple[float, str, Completion] | None = None
    for kind, text, folded in heads:
        share = _share(folded, wanted) + 0.2 * folded.startswith(reading)
        if share >= ENOUGH and (best is None or share > best[0] + 0.05):
            best = (share, folded, Completion(text, kind, number))
    return best


def _share(folded: str, wanted: QueryTokens) -> float:
    parts = [*wanted.words, *wanted.pairs, *wanted.chars]
    asked = [part for part in parts if part not in wanted.added]
    joined = folded.replace("-", "")
    held = sum(part in folded or part in joined for part in asked)
    return held / len(asked) if asked else 0.0


def _products(typed: str, reader: Reader) -> list[Completion]:
    """Products whose code or name begins so, or holds it, of which this reader may read something."""
    links = article_product.alias()  # the conditions of `within` use the table's own name
    linked = (links.c.product_id == Product.id, links.c.article_id == Article.id)
    readable = exists().where(*linked, Article.state == "published", within(reader))
    rows = (
        select(Product.name)
        .where(Product.active, readable)
        .where(or_(Product.code.istartswith(typed, autoescape=True), Product.name.icontains(typed, autoescape=True)))
        .order_by(Product.name)
        .limit(MOST_WORDS)
    )
    return [Completion(name, "product") for name in session().scalars(rows)]
