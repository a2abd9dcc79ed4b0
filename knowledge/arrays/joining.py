"""Several segments into one, without what was deleted; and impacts anew when average lengths have drifted."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from knowledge import ranking
from knowledge.arrays.builder import assemble, ends, impacts, norms
from knowledge.arrays.rows import KINDS
from knowledge.arrays.segment import STEP, Arrays, Bools, Ints, Segment

_COLUMNS = ("level", "category", "language")
_LISTS = ("products", "organisations")


def join(parts: Sequence[tuple[Segment, Bools | None]]) -> tuple[Arrays, dict[str, Any]]:
    """The documents that are left of the parts, in their order, as one segment. All must have the same averages."""
    keep = [np.ones(segment.documents, bool) if gone is None else ~gone for segment, gone in parts]
    firsts = ends(int(kept.sum()) for kept in keep)
    new_doc = [np.cumsum(kept) - 1 + first for kept, first in zip(keep, firsts[:-1], strict=True)]
    terms, of_term = np.unique(np.concatenate([segment.terms for segment, _ in parts]), return_inverse=True)
    term_firsts = ends(len(segment.terms) for segment, _ in parts)

    # Rows: kind by kind, within a kind part by part.
    row_docs: list[Ints] = []
    lengths: list[Ints] = []
    bounds = [0]
    new_row: list[Ints] = [np.full(segment.row_count, -1, np.int64) for segment, _ in parts]
    places = []
    for kind in range(KINDS):
        for number, (segment, _) in enumerate(parts):
            begin, end = segment.bounds[kind], segment.bounds[kind + 1]
            docs = segment.row_doc[begin:end]
            left = np.flatnonzero(keep[number][docs])
            before = sum(map(len, row_docs))
            new_row[number][begin + left] = before + np.arange(len(left))
            row_docs.append(new_doc[number][docs[left]])
            lengths.append(segment.lengths[begin:end][left].astype(np.int64))
            if kind == 0:
                places.append(segment.places.reshape(-1, 3)[left].ravel())
        bounds.append(sum(map(len, row_docs)))

    all_terms, all_rows, all_impacts = [], [], []
    for number, (segment, _) in enumerate(parts):
        begins = segment.ptr[::KINDS].astype(np.int64)
        sizes = begins[1:] - begins[:-1]
        mine = np.repeat(of_term[term_firsts[number] : term_firsts[number + 1]], sizes)
        rows = new_row[number][segment.rows]
        left = np.flatnonzero(rows >= 0)
        all_terms.append(mine[left])
        all_rows.append(rows[left])
        all_impacts.append(segment.impacts[left].astype(np.int64))
    arrays = assemble(
        terms,
        np.concatenate(all_terms),
        np.concatenate(all_rows),
        np.concatenate(all_impacts),
        np.asarray(bounds, np.int64),
        np.concatenate(row_docs),
        np.concatenate(lengths),
    )
    arrays["impacts"] = arrays.pop("counts").astype(np.uint16)
    arrays = _without_lost_terms(arrays)
    texts = [
        segment.text[int(segment.text_ptr[doc]) : int(segment.text_ptr[doc + 1])]
        for (segment, _), kept in zip(parts, keep, strict=True)
        for doc in np.flatnonzero(kept)
    ]
    arrays["places"] = np.concatenate(places)
    arrays["text"] = np.concatenate(texts) if texts else np.empty(0, np.uint8)
    arrays["text_ptr"] = ends(map(len, texts))
    tables: dict[str, Any] = {}
    for name in _COLUMNS:
        tables[name] = sorted({value for segment, _ in parts for value in segment.tables[name]})
        codes = {value: code for code, value in enumerate(tables[name])}
        arrays[name] = np.concatenate(
            [
                np.asarray([codes[value] for value in segment.tables[name]], np.int32)[segment.arrays[name][kept]]
                for (segment, _), kept in zip(parts, keep, strict=True)
                if segment.documents
            ]
            or [np.empty(0, np.int32)]
        )
    for name in _LISTS:
        values, sizes_of = [], []
        for (segment, _), kept in zip(parts, keep, strict=True):
            sizes = segment.sizes(name)
            values.append(segment.arrays[name][np.repeat(kept, sizes)])
            sizes_of.append(sizes[kept])
        arrays[name] = np.concatenate(values)
        arrays[f"{name}_ptr"] = ends(np.concatenate(sizes_of).tolist())
    return arrays, tables


def _without_lost_terms(arrays: Arrays) -> Arrays:
    """Terms that only deleted documents held are left out."""
    sizes = np.diff(arrays["ptr"].astype(np.int64)).reshape(-1, KINDS)
    left = np.flatnonzero(sizes.sum(axis=1))
    if len(left) < len(sizes):
        arrays["terms"], arrays["df"] = arrays["terms"][left], arrays["df"][left]
        arrays["ptr"] = np.concatenate(([0], np.cumsum(sizes[left].ravel()))).astype(np.uint32)
    return arrays


def rescaled(segment: Segment, old: Sequence[float], new: Sequence[float]) -> Arrays:
    """The arrays of a segment with impacts for other average lengths. How often a term stands in a row is read back
    from its impact, which is exact for all that matters."""
    bounds, lengths = np.asarray(segment.bounds, np.int64), segment.lengths.astype(np.int64)
    value = np.minimum(segment.impacts * STEP, ranking.K1 + 1 - STEP)
    counts = np.maximum(np.rint(value * norms(bounds, lengths, old)[segment.rows] / (ranking.K1 + 1 - value)), 1)
    return segment.arrays | {"impacts": impacts(segment.rows, counts.astype(np.int64), bounds, lengths, new)}


def lengths_of(segment: Segment) -> tuple[Ints, Ints]:
    """How many rows of each kind, and how long they are together."""
    bounds = segment.bounds
    sums = [int(segment.lengths[left:right].sum()) for left, right in zip(bounds, bounds[1:], strict=False)]
    return np.diff(bounds), np.asarray(sums, np.int64)
