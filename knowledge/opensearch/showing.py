"""From an answer of OpenSearch to one of ours: titles and passages with the finds marked, coverage, counts."""

from collections.abc import Mapping
from typing import Any

from knowledge import ranking
from knowledge.analysis import Tokens, tokens
from knowledge.highlight import pieces, window
from knowledge.index import Hit, Hits, Passage, Piece, Query
from knowledge.opensearch.asking import facets


def hits(query: Query, plan: ranking.Plan, answer: Mapping[str, Any]) -> Hits:
    """The hits of an answer; marks and coverage follow the plan that it was asked with."""
    found = answer["hits"]
    items = tuple(_hit(query, plan, one) for one in found["hits"])
    return Hits(found["total"]["value"], items, facets=facets(answer))


def _hit(query: Query, plan: ranking.Plan, one: Mapping[str, Any]) -> Hit:
    shown = one["_source"]["shown"]
    inner = one["inner_hits"]["passages"]["hits"]["hits"]
    place = shown["places"][inner[0]["_nested"]["offset"] if inner else 0]
    held = set(one.get("matched_queries", ())) | set(inner[0].get("matched_queries", ()) if inner else ())
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
        coverage=round(_coverage(plan, {int(number) for number in held}, shown["questions"]), 4),
    )


def _coverage(plan: ranking.Plan, held: set[int], questions: list[str]) -> float:
    """`held` are the numbers of the plan's terms that the title or the best passage holds."""
    missed = [number for number, term in enumerate(plan.terms) if term.asked and number not in held]
    if missed and questions:
        cut = tokens("\n".join(questions))
        held = held | {number for number in missed if plan.terms[number].text in _space(cut, plan.terms[number].space)}
    value = sum(plan.terms[number].value for number in held if plan.terms[number].asked)
    return min(value / plan.asked_value, 1.0) if plan.asked_value else 0.0


def _space(cut: Tokens, space: str) -> list[str]:
    return {"w": cut.words, "p": cut.pairs, "c": cut.chars}[space]
