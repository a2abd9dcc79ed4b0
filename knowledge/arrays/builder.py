"""Rows of many documents into the arrays of one segment, at some 40 million postings a minute."""

import itertools
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge import ranking
from knowledge.arrays.rows import KINDS, PASSAGE, TITLE, WHOLE, Row
from knowledge.arrays.segment import STEP, Arrays, Floats, Ints, term_key
from knowledge.index import IndexDocument

# Average lengths of rows of each kind, until there are enough documents to know.
USUAL = (300.0, 1500.0, 20.0, 20.0, 20.0)


class _Numbers(dict[str, int]):
    """Gives each new term the next number."""

    def __init__(self, following: "itertools.count[int]") -> None:
        super().__init__()
        self._following = following

    def __missing__(self, term: str) -> int:
        number = self[term] = next(self._following)
        return number


def shown(document: IndexDocument) -> bytes:
    """What a hit needs of a document. `asked` is not among it: it finds, and is never shown."""
    return json.dumps(
        {
            "id": document.id,
            "title": document.title,
            "products": document.product_ids,
            "passages": [[p.text, p.heading, p.anchor] for p in document.passages],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode("utf-8", "replace")


class Builder:
    """Takes documents one by one; `arrays` gives what `write_arrays` writes."""

    def __init__(self) -> None:
        following = itertools.count()
        self._numbers = [_Numbers(following) for _ in "wpc"]
        self._terms, self._counts = array("I"), array("I")
        self._row_terms, self._row_kind, self._row_doc, self._row_length = (array("I") for _ in range(4))
        self._places = array("I")
        self._texts: list[bytes] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in ("level", "category", "language")}
        self._lists: dict[str, list[Sequence[int]]] = {"products": [], "organisations": []}

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def postings(self) -> int:
        return len(self._terms)

    def add(self, document: IndexDocument, rows: Iterable[Row]) -> None:
        for row in rows:
            before = len(self._terms)
            parts = (row.tokens.words, row.tokens.pairs, row.tokens.chars)
            for numbers, tokens in zip(self._numbers, parts, strict=True):
                if tokens:
                    counted = Counter(tokens)
                    self._terms.extend(map(numbers.__getitem__, counted))
                    self._counts.extend(counted.values())
            self._row_terms.append(len(self._terms) - before)
            self._row_kind.append(row.kind)
            self._row_doc.append(len(self._texts))
            self._row_length.append(row.length)
            if row.kind == PASSAGE:
                self._places.extend(row.place)
        self._texts.append(shown(document))
        self._columns["level"].append(document.level)
        self._columns["category"].append(document.category)
        self._columns["language"].append(document.language)
        self._lists["products"].append(sorted(set(document.product_ids)))
        self._lists["organisations"].append(sorted(set(document.organisation_ids)))

    def lengths(self) -> tuple[Ints, Ints]:
        """How many rows there are of each kind, and how long they are together."""
        kinds, lengths = _numbers(self._row_kind), _numbers(self._row_length)
        return np.bincount(kinds, minlength=KINDS), np.bincount(kinds, lengths, minlength=KINDS).astype(np.int64)

    def arrays(self, averages: Sequence[float]) -> tuple[Arrays, dict[str, Any]]:
        """The arrays and the tables of a segment, with impacts for these average lengths."""
        kinds = _numbers(self._row_kind)
        order = np.argsort(kinds, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        row_doc, lengths = _numbers(self._row_doc)[order], _numbers(self._row_length)[order]
        bounds = np.concatenate(([0], np.cumsum(np.bincount(kinds, minlength=KINDS))))
        rows = np.repeat(place, _numbers(self._row_terms))
        keys = np.empty(sum(len(numbers) for numbers in self._numbers), np.uint64)
        for space, numbers in zip("wpc", self._numbers, strict=True):
            for text, number in numbers.items():
                keys[number] = term_key(space, text)
        # Two terms of one sum become one term.
        terms, rank = np.unique(keys, return_inverse=True)
        arrays = assemble(terms, rank[_numbers(self._terms)], rows, _numbers(self._counts), bounds, row_doc, lengths)
        arrays["impacts"] = impacts(arrays["rows"], arrays.pop("counts"), bounds, lengths, averages)
        arrays |= {
            "places": np.frombuffer(self._places, np.uint32) if self._places else np.empty(0, np.uint32),
            "text": np.frombuffer(b"".join(self._texts), np.uint8),
            "text_ptr": ends(map(len, self._texts)),
        }
        tables: dict[str, Any] = {}
        for name, values in self._columns.items():
            tables[name] = sorted(set(values))
            codes = {value: code for code, value in enumerate(tables[name])}
            arrays[name] = np.fromiter((codes[value] for value in values), np.int32, len(values))
        for name, lists in self._lists.items():
            arrays[name] = np.fromiter(itertools.chain.from_iterable(lists), np.int64)
            arrays[f"{name}_ptr"] = ends(map(len, lists))
        return arrays, tables


def _numbers(numbers: "array[int]") -> Ints:
    return np.frombuffer(numbers, np.uint32).astype(np.int64) if numbers else np.empty(0, np.int64)


def ends(sizes: Iterable[int]) -> Ints:
    """Where each of the things of these sizes begins when they stand one after another, and where the last one ends."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(np.fromiter(sizes, np.int64), dtype=np.int64)))


def assemble(
    terms: npt.NDArray[np.uint64], of_term: Ints, rows: Ints, counts: Ints, bounds: Ints, row_doc: Ints, lengths: Ints
) -> Arrays:
    """Postings in any order into lists by term, kind and row."""
    # One sort of one number each: term, row and count side by side.
    packed = (of_term.astype(np.uint64) << np.uint64(40)) | (rows.astype(np.uint64) << np.uint64(16))
    packed |= np.minimum(counts, 65535).astype(np.uint64)
    packed.sort()
    of_term = (packed >> np.uint64(40)).astype(np.int64)
    rows = ((packed >> np.uint64(16)) & np.uint64(0xFFFFFF)).astype(np.int64)
    counts = (packed & np.uint64(0xFFFF)).astype(np.int64)
    kinds = np.repeat(np.arange(KINDS), np.diff(bounds))[rows]
    sizes = np.bincount(of_term * KINDS + kinds, minlength=len(terms) * KINDS)
    # Documents with a term: those with a whole that holds it, and those whose only passage does.
    passages = np.bincount(row_doc[: bounds[1]], minlength=1)
    whole = np.zeros(len(row_doc), bool)
    whole[: bounds[1]] = passages[row_doc[: bounds[1]]] == 1
    whole[bounds[WHOLE] : bounds[WHOLE + 1]] = True
    df = np.bincount(of_term[whole[rows]], minlength=len(terms))
    by_kind = sizes.reshape(-1, KINDS)
    # Characters have no whole: there, passages are counted instead. Some terms stand in titles or questions alone.
    inside = np.bincount(of_term[(kinds == PASSAGE) & ~whole[rows]], minlength=len(terms))
    df = df + np.where(by_kind[:, WHOLE] == 0, inside, 0)
    df = np.maximum(df, by_kind[:, TITLE:].max(axis=1, initial=0))
    return {
        "terms": terms,
        "ptr": np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes))).astype(np.uint32),
        "df": df.astype(np.uint32),
        "rows": rows.astype(np.int32),
        "counts": counts,
        "bounds": np.asarray(bounds, np.int64),
        "row_doc": row_doc.astype(np.int32),
        "lengths": lengths.astype(np.uint32),
    }


def norms(bounds: Ints, lengths: Ints, averages: Sequence[float]) -> Floats:
    """The length's part of BM25, for each row."""
    average = np.repeat(np.asarray(averages, np.float64), np.diff(bounds))
    return ranking.K1 * (1 - ranking.B + ranking.B * lengths / average)


def impacts(
    rows: npt.NDArray[Any], counts: Ints, bounds: Ints, lengths: Ints, averages: Sequence[float]
) -> npt.NDArray[np.uint16]:
    """What each posting adds to its row, before the rarity of its term."""
    of_row = norms(bounds, lengths, averages)[rows]
    value = counts * (ranking.K1 + 1) / (counts + of_row)
    rounded: npt.NDArray[np.uint16] = np.maximum(np.rint(value / STEP), 1).astype(np.uint16)
    return rounded

