"""What a re-ranker looks at in each of the first hits: parts of the score, and what of the question stands where.

All values are shares, so that weights learned on one knowledge base mean the same on another.
"""

from collections.abc import Sequence

import numpy as np

from knowledge.arrays.rows import ASKED, KINDS, PASSAGE, QUESTION, TITLE, WHOLE
from knowledge.arrays.scorer import Scored
from knowledge.arrays.segment import Floats, Ints, Segment
from knowledge.learning.names import NAMES


def features(
    segment: Segment,
    result: Scored,
    where: Ints,
    asked: Floats,
    asked_value: float,
    numbers: Sequence[int],
    passages: Sequence[int],
    best: float,
) -> Floats:
    """One row for each document of `numbers`, one column for each of NAMES."""
    documents = np.asarray(numbers, np.int64)
    told = np.zeros((len(documents), len(NAMES)))
    value = asked_value or 1.0
    told[:, 0] = result.score[documents] / (best or 1.0)
    for column, kind in enumerate((PASSAGE, WHOLE, TITLE, QUESTION, ASKED), 1):
        told[:, column] = _best_rows(segment, kind, result.rows, documents) / value
    held = _held(segment, where, asked, documents, np.asarray(passages, np.int64))
    told[:, 6:9] = held[:, :3] / value
    lengths = segment.lengths[segment.bounds[TITLE] + documents].astype(np.float64)
    told[:, 9] = np.minimum(held[:, 3] / np.maximum(lengths, 1), 1.0)
    passages_of = segment.groups[PASSAGE]
    told[:, 10] = np.log(np.append(passages_of.starts[1:], passages_of.end)[documents] - passages_of.starts[documents])
    return told


def _held(segment: Segment, where: Ints, asked: Floats, documents: Ints, passages: Ints) -> Floats:
    """For each document: the value of the terms in passage, title or questions; in the title; in the passage; and how many
    terms the title holds."""
    titles = segment.bounds[TITLE] + documents
    begin, end = segment.bounds[QUESTION], segment.bounds[ASKED]
    of = segment.row_doc[begin:end]
    lefts, rights = np.searchsorted(of, documents), np.searchsorted(of, documents, "right")
    ranges = [np.arange(left, right) for left, right in zip(lefts, rights, strict=True)]
    questions = np.concatenate(ranges) if ranges else np.empty(0, np.int64)
    owners = np.repeat(np.arange(len(documents)), rights - lefts)
    count = len(documents)
    rows = np.concatenate((titles, passages, begin + questions)).astype(np.int32)
    told = np.zeros((count, 4))
    for (left, *_, right), value in zip(where.tolist(), asked.tolist(), strict=True):
        if right <= left or not value:
            continue
        listed = segment.rows[left:right]
        at = np.minimum(np.searchsorted(listed, rows), right - left - 1)
        here = listed[at] == rows
        in_title, in_passage = here[:count], here[count : 2 * count]
        anywhere = in_title | in_passage
        anywhere[owners[here[2 * count :]]] = True
        told[:, 0] += value * anywhere
        told[:, 1] += value * in_title
        told[:, 2] += value * in_passage
        told[:, 3] += in_title
    return told


def _best_rows(segment: Segment, kind: int, rows: Floats, documents: Ints) -> Floats:
    begin, end = segment.bounds[kind], segment.bounds[kind + 1]
    found = np.zeros(len(documents))
    of = segment.row_doc[begin:end]
    for place, document in enumerate(documents.tolist()):
        left, right = np.searchsorted(of, [document, document + 1])
        if right > left:
            found[place] = rows[begin + left : begin + right].max()
    return found


assert KINDS == 5
