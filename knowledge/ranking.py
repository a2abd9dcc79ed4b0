"""What counts how much when articles are ranked: all weights in one place, each with its reason."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from knowledge.analysis import HAN, QueryTokens

# BM25's usual values: other ones help one kind of text and harm another.
K1 = 1.2
B = 0.75

# Words and pairs of characters together beat either alone; equal shares were best.
WORDS = 0.5
PAIRS = 0.5
# The body holds the title too. Its bonus stays small: answers often stand under a title that does not name the question.
# A question that an editor has written down is nearly as good as a title.
FIELDS: dict[str, float] = {
    "title": 0.5 * WORDS,
    "title_pairs": 0.5 * PAIRS,
    "questions": 0.5 * WORDS,
    "questions_pairs": 0.5 * PAIRS,
    "body": WORDS,
    "body_pairs": PAIRS,
}
# A character that stands alone in the query is looked for inside words too, for little.
CHARS = 0.1
# In a large index, terms in more than this share of documents only order what rarer terms have found.
COMMON_SHARE = 0.02
LARGE = 5000
# Only the words that say most are looked for: on judged sets 32 find what 64 find, in half the time.
MOST_TERMS = 32
_HAN = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class Term:
    """One term to look for in one field. `common` ones add to a score but find nothing by themselves."""

    field: str
    text: str
    weight: float
    common: bool = False


@dataclass(frozen=True)
class Plan:
    """What to look for, and what each found term is worth when a passage is chosen and marked."""

    terms: list[Term]
    marks: dict[str, float]


def plan(words: QueryTokens, documents: int, df: Callable[[str, str], int]) -> Plan:
    """Turn the tokens of a query into weighted terms. `df(field, text)` counts the documents with a term in a field."""
    most = documents * COMMON_SHARE if documents > LARGE else documents + 1
    found: list[tuple[float, str, list[Term]]] = []
    for text, weight in words.words.items():
        # What is not Han has no pairs; its word carries their share too.
        share = weight if _HAN.match(text) else weight * (WORDS + PAIRS) / WORDS
        found.append(_look(text, share, ("title", "questions", "body"), documents, df, most))
    for text, weight in words.pairs.items():
        found.append(_look(text, weight, ("title_pairs", "questions_pairs", "body_pairs"), documents, df, most))
    for text in words.chars:
        if count := df("chars", text):
            found.append((CHARS * _rarity(documents, count), text, [Term("chars", text, CHARS)]))
    found = sorted((item for item in found if item[2]), key=lambda item: -item[0])[:MOST_TERMS]
    marks: dict[str, float] = {}
    for value, text, _ in found:
        marks[text] = marks.get(text, 0.0) + value
    if any(len(text) > 1 for text in marks):
        # A single character tells the reader nothing beside whole words: it counts, but it is not marked.
        marks = {text: value for text, value in marks.items() if len(text) > 1}
    return Plan([term for _, _, terms in found for term in terms], marks)


def _look(
    text: str, weight: float, fields: tuple[str, ...], documents: int, df: Callable[[str, str], int], most: float
) -> tuple[float, str, list[Term]]:
    counts = {field: df(field, text) for field in fields}
    terms = [Term(field, text, weight * FIELDS[field], counts[field] > most) for field in fields if counts[field]]
    return weight * _rarity(documents, max(counts.values())), text, terms


def _rarity(documents: int, count: int) -> float:
    return math.log(1 + documents / (count + 1))
