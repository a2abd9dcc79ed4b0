"""How an article stands in OpenSearch: our tokens, cut beforehand and joined by spaces, in fields that it splits at spaces.

The rows of an article are those of the embedded engine (`knowledge.arrays.rows`). The whole and the title are fields;
passages, questions and asked words are nested documents, so that the best one of each counts, one put replaces an article
with all of them at once, and totals, filters and counts stay those of articles.

Words and pairs of characters share one field, so that they share its length; a letter before each keeps them apart.

OpenSearch takes a term's rarity from the field that it stands in: from passages, for passages. Ours is that of articles,
for all kinds. So `rows.KIND` repeats each token as often as passages (questions, asked words) of the article hold it, and
ROW once for each of them: their sums over all articles say what OpenSearch will take, and asking.py makes up for it.
"""

import math
from collections import Counter
from typing import Any

from knowledge import ranking
from knowledge.analysis import Tokens
from knowledge.arrays.rows import ASKED, PASSAGE, QUESTION, TITLE, WHOLE, rows
from knowledge.index import IndexDocument, document_keys

FORMAT = 1
"""Part of every index's name: a release with another layout never reads this one."""
WINDOW = 100_000
"""So deep can be paged."""
NESTED = {PASSAGE: "passages", QUESTION: "questions", ASKED: "asked"}

ROW = "#"

_TEXT = {"type": "text", "analyzer": "whitespace", "index_options": "freqs"}
_KEY = {"type": "keyword", "norms": False}
_BOTH = {"tokens": _TEXT, "chars": _TEXT}
_COUNT = _TEXT | {"norms": False}


def made_with(fingerprint: str) -> dict[str, Any]:
    """What an index depends on besides its articles; kept in its mapping, so that an outdated one is known."""
    return {"analysis": fingerprint, "ranking": [ranking.K1, ranking.B, ranking.PASSAGE, ranking.SPREAD]}


def creation(fingerprint: str) -> dict[str, Any]:
    """Settings and mapping of a new index. Nothing in it needs a module beyond OpenSearch's core."""
    return {
        "settings": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            # Whoever writes refreshes, once, after all of it: a change is seen whole, and at once.
            "refresh_interval": "-1",
            "max_result_window": WINDOW,
            "similarity": {"default": {"type": "BM25", "k1": ranking.K1, "b": ranking.B}},
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": made_with(fingerprint),
            # Tokens are searched and never given back.
            "_source": {"includes": ["id", "shown"]},
            "properties": {
                **dict.fromkeys(("id", "access", "product", "category", "level", "language"), _KEY),
                "any": _COUNT | {"index_options": "docs"},
                "rows": {"properties": dict.fromkeys(NESTED.values(), _COUNT)},
                "whole": {"properties": _BOTH},
                "title": {"properties": _BOTH},
                **{name: {"type": "nested", "properties": _BOTH} for name in NESTED.values()},
                # What an article of many passages keeps of its score.
                "spread": {"type": "float", "index": False},
                "shown": {"type": "object", "enabled": False},
            },
        },
    }


def row(document: IndexDocument) -> dict[str, Any]:
    """An article as it is sent."""
    found: dict[str, Any] = {name: [] for name in NESTED.values()}
    every: set[str] = set()
    counted: dict[str, Counter[str]] = {name: Counter() for name in NESTED.values()}
    places = []
    for one in rows(document):
        sent = _sent(one.tokens)
        distinct = {token for text in sent.values() for token in text.split()}
        every |= distinct
        if one.kind in NESTED:
            found[NESTED[one.kind]].append(sent)
            counted[NESTED[one.kind]].update(distinct | {ROW})
        else:
            found["title" if one.kind == TITLE else "whole"] = sent
        if one.kind == PASSAGE:
            places.append(one.place)
    # Of one passage alone there is no row of the whole.
    found.setdefault("whole", found["passages"][0])
    return {
        "id": document.id,
        "access": document_keys(document),
        "product": [str(number) for number in document.product_ids],
        "category": document.category,
        "level": document.level,
        "language": document.language,
        "any": " ".join(every),
        "rows": {name: " ".join(counter.elements()) for name, counter in counted.items()},
        **found,
        "spread": max(1 - ranking.SPREAD * math.log(len(places)), 0.1),
        "shown": {
            "title": document.title,
            "questions": document.questions,
            "passages": [[p.text, p.heading, p.anchor] for p in document.passages],
            "products": document.product_ids,
            "places": places,
        },
    }


def spelled(space: str, text: str) -> str:
    """A token as it stands in a field."""
    return space + text


def field(space: str) -> str:
    """The field, beneath its kind, in which the tokens of a space stand."""
    return "chars" if space == "c" else "tokens"


def _sent(cut: Tokens) -> dict[str, str]:
    tokens = [spelled("w", word) for word in cut.words] + [spelled("p", pair) for pair in cut.pairs]
    return {"tokens": " ".join(tokens), "chars": " ".join(spelled("c", char) for char in cut.chars)}


assert WHOLE not in NESTED and TITLE not in NESTED
