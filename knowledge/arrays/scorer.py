"""BM25 of one segment, for all documents at once: one weighted count over the lists of the query's terms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge import ranking
from knowledge.arrays.rows import ASKED, KINDS, PASSAGE, QUESTION, TITLE, WHOLE
from knowledge.arrays.segment import STEP, Bools, Floats, Ints, Segment
from knowledge.index import IndexUnavailable

_KIND_WEIGHTS = np.asarray(ranking.KINDS, np.float64)


@dataclass(frozen=True)
class Scored:
    """What a query found in a segment: a score for each document, those that count as found, and the rows' own scores."""

    score: Floats
    found: Bools
    rows: Floats


def spans(segment: Segment, numbers: Ints) -> Ints:
    """Where the postings of terms begin for each kind of row, and where they end; empty for unknown terms."""
    at = np.where(numbers >= 0, numbers, 0)[:, None] * KINDS + np.arange(KINDS + 1)
    if not len(segment.terms):
        return np.zeros(at.shape, np.int64)
    return np.where(numbers[:, None] >= 0, segment.ptr[at].astype(np.int64), 0)


def score(segment: Segment, where: Ints, values: Floats, rare: int) -> Scored | None:
    """`where` from `spans`, `values` of each term, and how many of them, from the first, find by themselves."""
    if not len(where):
        return None
    begins, ends = where[:, 0].tolist(), where[:, KINDS].tolist()
    total = sum(ends) - sum(begins)
    finding = sum(ends[:rare]) - sum(begins[:rare])
    if not finding:
        return None
    rows = np.empty(total, np.int64)
    added = np.empty(total, np.float64)
    by_kind = values[:, None] * (_KIND_WEIGHTS * STEP)
    _fill(segment, where, by_kind, rows, added)
    if int(rows.max()) >= segment.row_count or int(rows.min()) < 0:
        raise IndexUnavailable(detail=f"{segment.path.name}: rows that do not exist")
    scores = np.bincount(rows, added, minlength=segment.row_count).astype(np.float64, copy=False)
    found = np.zeros(segment.documents, bool)
    found[segment.row_doc[rows[:finding]]] = True
    return Scored(_combine(segment, scores), found, scores)


def _fill(segment: Segment, where: Ints, by_kind: Floats, rows: Ints, added: Floats) -> None:
    """Put the lists of all terms one after another, each weighted as its term and kind say."""
    at = 0
    all_rows, all_impacts = segment.rows, segment.impacts
    for bounds, weights in zip(where.tolist(), by_kind.tolist(), strict=True):
        begin, end = bounds[0], bounds[KINDS]
        rows[at : at + end - begin] = all_rows[begin:end]
        for kind in range(KINDS):
            left, right = bounds[kind], bounds[kind + 1]
            if right > left:
                np.multiply(all_impacts[left:right], weights[kind], out=added[at : at + right - left])
                at += right - left


def _combine(segment: Segment, scores: Floats) -> Floats:
    """The sum of each document's best passage, whole, title, best question and best asked words."""
    total = _best(segment, PASSAGE, scores)
    # Of an article of one passage, the whole is that passage.
    total *= 1 + ranking.WHOLE
    several = segment.groups[PASSAGE].several
    total[several] /= 1 + ranking.WHOLE
    for kind in (WHOLE, TITLE, QUESTION, ASKED):
        owners = segment.groups[kind].owners
        if len(owners) == segment.documents:
            total += _best(segment, kind, scores)
        elif len(owners):
            total[owners] += _best(segment, kind, scores)
    total[several] *= segment.spread
    return total


def _best(segment: Segment, kind: int, scores: Floats) -> Floats:
    return segment.groups[kind].best(scores[segment.bounds[kind] : segment.bounds[kind + 1]])


def best_passages(segment: Segment, documents: Sequence[int], scores: Floats) -> list[int]:
    """The row of the passage that scored best, for each document."""
    found = []
    for number in documents:
        rows = segment.groups[PASSAGE].rows(number)
        found.append(rows.start + int(np.argmax(scores[rows.start : rows.stop])) if len(rows) > 1 else rows.start)
    return found


def held_terms(segment: Segment, where: Ints, documents: Sequence[int], passages: Sequence[int]) -> Bools:
    """Which terms each document holds in this passage, its title or its questions: a row for each document."""
    rows: list[int] = []
    owner: list[int] = []
    for at, (document, passage) in enumerate(zip(documents, passages, strict=True)):
        questions = segment.groups[QUESTION].rows(document)
        first = segment.bounds[QUESTION]
        mine = [passage, segment.bounds[TITLE] + document, *(first + row for row in questions)]
        rows += mine
        owner += [at] * len(mine)
    wanted, owners = np.asarray(rows, np.int32), np.asarray(owner)
    held = np.zeros((len(documents), len(where)), bool)
    for term, (begin, *_, end) in enumerate(where.tolist()):
        if end > begin:
            listed = segment.rows[begin:end]
            at_most = listed.searchsorted(wanted)
            at_most[at_most == end - begin] = 0
            held[owners[listed[at_most] == wanted], term] = True
    return held
