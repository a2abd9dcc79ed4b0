"""How rare terms are: in how many articles, and in how many rows of each kind, they stand.

What the weights of a query and its coverage are made of. It is one more question to OpenSearch before a search, so answers
are kept for a short while. That a term stands nowhere is never kept: it may be in the next article.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opensearchpy import OpenSearch

from knowledge import ranking
from knowledge.analysis import QueryTokens
from knowledge.arrays.rows import KINDS, PASSAGE, TITLE, WHOLE
from knowledge.opensearch.storing import NESTED, ROW, field, spelled

KEEP_SECONDS = 30.0
_MOST_KEPT = 20_000
Name = tuple[str, str]
"""A term: its space and its text."""


@dataclass(frozen=True)
class Rarities:
    """`rows` counts the rows of each kind; `terms` gives, for each term that stands anywhere, in how many articles and in
    how many rows of each kind it does."""

    documents: int
    rows: tuple[int, ...]
    terms: dict[Name, tuple[int, tuple[int, ...]]]

    def df(self, term: Name) -> int:
        """The number of articles with the term; of a character, that of passages, as the embedded engine counts it."""
        if term not in self.terms:
            return 0
        articles, rows = self.terms[term]
        return max(articles, rows[PASSAGE]) if term[0] == "c" else articles

    def factor(self, term: Name, kind: int) -> float:
        """What OpenSearch will multiply with for the term's rarity among rows of a kind. One that stands in none is taken
        as new: these counts may be half a minute old."""
        count = max(self.terms[term][1][kind], 1)
        return ranking.idf(max(self.rows[kind], count), count)


class Counts:
    """Counts of one index. Safe for many threads."""

    def __init__(self, client: OpenSearch, index: str) -> None:
        self._client, self._index = client, index
        self._guard = threading.Lock()
        self._kept = Rarities(0, (0,) * KINDS, {})
        self._since = 0.0

    def forget(self) -> None:
        with self._guard:
            self._since = 0.0

    def of(self, wanted: QueryTokens) -> Rarities:
        """The rarities of all tokens of a query, and of its characters."""
        terms = [("w", text) for text in wanted.words] + [("p", text) for text in wanted.pairs]
        terms += [("c", text) for text in dict.fromkeys([*wanted.chars, *(char for pair in wanted.pairs for char in pair)])]
        return self.of_terms(terms)

    def of_terms(self, terms: Sequence[Name]) -> Rarities:
        """The rarities of these terms, and of others that are kept."""
        with self._guard:
            if time.monotonic() - self._since > KEEP_SECONDS or len(self._kept.terms) > _MOST_KEPT:
                self._kept = Rarities(0, (0,) * KINDS, {})
                self._since = time.monotonic()
            kept = self._kept
        unknown = [term for term in terms if term not in kept.terms]
        if not unknown:
            return kept
        fresh = self._look(unknown)
        found = Rarities(fresh.documents, fresh.rows, kept.terms | fresh.terms)
        with self._guard:
            self._kept = Rarities(fresh.documents, fresh.rows, self._kept.terms | fresh.terms)
        return found

    def _look(self, terms: list[Name]) -> Rarities:
        names = {spelled(space, text): (space, text) for space, text in terms}
        fields = {"any": list(names)}
        for part in ("tokens", "chars"):
            fields[f"title.{part}"] = [name for name, (space, _) in names.items() if field(space) == part]
        fields |= {f"rows.{name}": [ROW, *names] for name in NESTED.values()}
        answer: Any = self._client.termvectors(
            index=self._index,
            body={
                "doc": {name: " ".join(texts) for name, texts in fields.items() if texts},
                "fields": list(fields),
                "term_statistics": True,
                "field_statistics": True,
                "positions": False,
                "offsets": False,
                "payloads": False,
            },
        )
        vectors = answer["term_vectors"]
        documents = max(int(vectors.get("any", {}).get("field_statistics", {}).get("doc_count", 0)), 0)
        counts = {name: vectors.get(name, {}).get("terms", {}) for name in fields}

        def rows_with(name: str) -> tuple[int, ...]:
            found = [0] * KINDS
            for kind, nested in NESTED.items():
                found[kind] = counts[f"rows.{nested}"].get(name, {}).get("ttf", 0)
            space = "chars" if name in names and names[name][0] == "c" else "tokens"
            found[TITLE] = counts[f"title.{space}"].get(name, {}).get("doc_freq", 0)
            found[WHOLE] = counts["any"].get(name, {}).get("doc_freq", 0)
            return tuple(found)

        every = list(rows_with(ROW))
        every[TITLE] = every[WHOLE] = documents
        known = {names[name]: told.get("doc_freq", 0) for name, told in counts["any"].items()}
        spelled_as = {term: name for name, term in names.items()}
        return Rarities(
            documents, tuple(every), {term: (df, rows_with(spelled_as[term])) for term, df in known.items() if df}
        )
