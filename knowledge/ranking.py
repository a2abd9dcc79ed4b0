"""What counts how much when articles are ranked: all weights in one place, each with its reason.

An article is looked at in up to five ways (its kinds of rows, see `knowledge.arrays`): its best passage, the whole of it,
its title, the questions that editors wrote for it, and the words of customers whom it helped. Each is scored by BM25 over
words, pairs of characters and characters, and the article's score is the weighted sum.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from knowledge.analysis import HAN, QueryTokens

# BM25's usual values: other ones help one kind of text and harm another.
K1 = 1.2
B = 0.75

# About this many characters stand together as one passage. Shorter ones lose their context, longer ones dilute.
PASSAGE = 350

# Words and pairs of characters together beat either alone; equal shares were best.
WORDS = 0.5
PAIRS = 0.5
# Single characters carry little of their own: they help short queries against titles. The rarest of a query are enough.
CHARS = 0.15
MOST_CHARS = 8

# The best passage answers; the whole says that the article is about it.
WHOLE = 0.1
# Small: answers often stand under a title that does not name the question.
TITLE = 0.4
# An article of many passages has many chances that one of them fits: a score loses this share for each e-fold of them.
SPREAD = 0.06
# A question that an editor has written down is nearly as good as a passage that answers it.
QUESTION = 0.6
# Customers' own words find, but must not outweigh what the article says.
ASKED = 0.3
# One weight for each kind of row, in the order of `knowledge.arrays.rows`.
KINDS = (1.0, WHOLE, TITLE, QUESTION, ASKED)

# Terms in more documents than this only order what rarer terms have found: nearly the same lists, in a third of the time.
COMMON = 5000
# Only the words that say most are looked for: on judged sets 32 find what 64 find, in half the time.
MOST_TERMS = 32
_HAN = re.compile(f"[{HAN}]")


@dataclass(frozen=True)
class Term:
    """One term to look for. `space` is w (word), p (pair) or c (character); `value` is its weight times its rarity.

    `common` ones add to a score but find nothing by themselves. `asked` is False for what only synonyms brought, which
    nobody misses in an article.
    """

    space: str
    text: str
    value: float
    common: bool = False
    asked: bool = True


@dataclass(frozen=True)
class Plan:
    """What to look for, rare terms first; what each is worth when a passage is marked; the value of all that was asked,
    found anywhere or not, of which `Hit.coverage` is a share; and how rare each word of the question is, 1 for one that
    stands in no article."""

    terms: list[Term]
    marks: dict[str, float]
    asked_value: float
    rarity: Mapping[str, float] = field(default_factory=dict)


def idf(documents: int, count: int) -> float:
    """How much a term says that `count` of the documents hold; of no document: as much as any."""
    return math.log(1 + (documents - min(count, documents) + 0.5) / (count + 0.5))


def plan(words: QueryTokens, documents: int, df: Callable[[Sequence[tuple[str, str]]], Sequence[int]]) -> Plan:
    """Turn the tokens of a query into weighted terms. `df` counts the documents that hold each (space, text)."""
    wanted: dict[tuple[str, str], float] = {}
    for text, weight in words.words.items():
        # What is not Han has no pairs; its word carries their share too.
        wanted["w", text] = weight * (WORDS if _HAN.match(text) else WORDS + PAIRS)
    for text, weight in words.pairs.items():
        wanted["p", text] = weight * PAIRS
    for char in dict.fromkeys("".join(words.pairs)):
        wanted["c", char] = CHARS
    for text, weight in words.chars.items():
        wanted["c", text] = weight * CHARS
    counts = df(list(wanted))
    found: list[Term] = []
    asked_value = 0.0
    held = {text for (space, text), count in zip(wanted, counts, strict=True) if space == "p" and count}
    for ((space, text), weight), count in zip(wanted.items(), counts, strict=True):
        value = weight * idf(documents, count)
        # A character out of a word helps to order what was found, and is missing from no article.
        helps = space == "c" and text not in words.chars
        asked = text not in words.added and not helps
        # A word that no article is cut into, though its pairs stand there, is not missing: 变频 of 变频器.
        spoken_for = not count and space == "w" and len(text) > 1 and held.issuperset(map("".join, pairwise(text)))
        asked_value += value if asked and not spoken_for else 0.0
        if count:
            found.append(Term(space, text, value, helps or count > COMMON, asked))
    found.sort(key=lambda term: -term.value)
    chars = [term for term in found if term.space == "c" and term.text not in words.chars][:MOST_CHARS]
    found = [term for term in found if term.space != "c" or term.text in words.chars][:MOST_TERMS]
    if all(term.common for term in found):
        found = [Term(term.space, term.text, term.value, False, term.asked) for term in found]
    found += chars if found else []
    found.sort(key=lambda term: term.common)
    marks: dict[str, float] = {}
    for term in found:
        marks[term.text] = marks.get(term.text, 0.0) + term.value
    if any(len(text) > 1 for text in marks):
        # A single character tells the reader nothing beside whole words: it counts, but it is not marked.
        marks = {text: value for text, value in marks.items() if len(text) > 1}
    rarest = idf(documents, 0)
    rarity = {
        text: idf(documents, count) / rarest
        for (space, text), count in zip(wanted, counts, strict=True)
        if space == "w" and text not in words.added
    }
    return Plan(found, marks, asked_value, rarity)
