"""From an answer of OpenSearch to one of ours: titles and passages with the finds marked, coverage, counts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge import ranking
from knowledge.analysis import Tokens, tokens
from knowledge.highlight import pieces, window
from knowledge.index import Hit, Hits, Passage, Piece, Query
from knowledge.lacking import Asked
from knowledge.opensearch.asking import facets


def hits(query: Query, plan: ranking.Plan, answer: Mapping[str, Any]) -> Hits:
    """The hits of an answer; marks and coverage follow the plan that it was asked with."""
    found = answer["hits"]
    asked = Asked(plan.rarity, [(term.space, term.text) for term in plan.terms])
    items = tuple(_hit(query, plan, asked, one) for one in found["hits"])
    return Hits(found["total"]["value"], items, facets=facets(answer), said=asked.said)


def _hit(query: Query, plan: ranking.Plan, asked: Asked, one: Mapping[str, Any]) -> Hit:
    shown = one["_source"]["shown"]
    inner = one["inner_hits"]["passages"]["hits"]["hits"]
    place = shown["places"][inner[0]["_nested"]["offset"] if inner else 0]
    held_names = set(one.get("matched_queries", ())) | set(inner[0].get("matched_queries", ()) if inner else ())
    held = _held(plan, {int(number) for number in held_names}, shown["questions"])
    (lacks,) = asked.lacks(held[None, :])
    values = np.asarray([term.value if term.asked else 0.0 for term in plan.terms])
    marks = plan.marks if query.passages else {}
    passage = Passage("")
    around: tuple[Piece, ...] = ()
    if query.passages and shown["passages"]:
        number, begin, end = place
        passage = Passage(*shown["passages"][number])
        around = window(passage.text, begin, end, marks)
    return Hit(
        id=one["_id"],
        score=float(one["_score"]),
        title=pieces(shown["title"], marks),
        passage=around,
        heading=passage.heading,
        anchor=passage.anchor,
        product_ids=tuple(shown["products"]),
        coverage=round(min(float(held @ values) / (plan.asked_value or 1.0), 1.0), 4),
        strength=round(float(one["_score"]) / (plan.asked_value or 1.0), 4),
        missing=lacks.missing,
        lacks=lacks.words,
    )


def _held(plan: ranking.Plan, held: set[int], questions: list[str]) -> NDArray[np.bool_]:
    """Which of the plan's terms title, best passage or questions hold; `held` are the numbers of those in the first two."""
    missed = [number for number, term in enumerate(plan.terms) if term.asked and number not in held]
    if missed and questions:
        cut = tokens("\n".join(questions))
        held = held | {number for number in missed if plan.terms[number].text in _space(cut, plan.terms[number].space)}
    found = np.zeros(len(plan.terms), bool)
    found[list(held)] = True
    return found


def _space(cut: Tokens, space: str) -> list[str]:
    return {"w": cut.words, "p": cut.pairs, "c": cut.chars}[space]
