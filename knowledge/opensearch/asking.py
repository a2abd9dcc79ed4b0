"""From a query of ours to one of OpenSearch: the same rights, filters, terms and weights as in the embedded engine."""

from collections.abc import Mapping
from typing import Any

from knowledge import ranking
from knowledge.arrays.rows import ASKED, PASSAGE, QUESTION, TITLE, WHOLE
from knowledge.index import Query, reader_keys
from knowledge.opensearch.cluster import SEARCH_SECONDS
from knowledge.opensearch.counting import Rarities
from knowledge.opensearch.storing import NESTED, WINDOW, field, spelled

Json = dict[str, Any]
FACETS = {"product": 1000, "category": 1000, "level": 10}


def body(query: Query, plan: ranking.Plan, rarities: Rarities) -> Json:
    """What is sent to `_search`."""
    narrowed: dict[str, list[Json]] = {
        "product": [{"term": {"product": str(query.product_id)}}] if query.product_id is not None else [],
        "category": [{"term": {"category": query.category}}] if query.category else [],
        "level": [{"terms": {"level": list(query.levels)}}] if query.levels else [],
    }
    readable: list[Json] = [{"terms": {"access": reader_keys(query.reader)}}]
    if query.language:
        readable.append({"term": {"language": query.language}})
    # Rare terms find; common ones only order.
    readable.append({"terms": {"any": [spelled(term.space, term.text) for term in plan.terms if not term.common]}})
    size = max(min(query.limit, WINDOW - query.offset), 0)
    asked: Json = {
        "from": query.offset if size else 0,
        "size": size,
        "timeout": f"{SEARCH_SECONDS - 1}s",
        "track_total_hits": True,
        "track_scores": True,
        "sort": [{"_score": "desc"}, {"id": "asc"}],
    }
    if query.facets:
        # Each facet counts without its own filter: so these filters stand after the query, and in the other facets.
        asked["aggs"] = {
            name: {
                "filter": {"bool": {"filter": [f for other, fs in narrowed.items() if other != name for f in fs]}},
                "aggs": {"of": {"terms": {"field": name, "size": most}}},
            }
            for name, most in FACETS.items()
        }
        asked["post_filter"] = {"bool": {"filter": [f for fs in narrowed.values() for f in fs]}}
    else:
        readable += [f for fs in narrowed.values() for f in fs]
    asked["query"] = {
        "function_score": {
            "query": {"bool": {"filter": readable, "should": _scored(plan, rarities)}},
            "field_value_factor": {"field": "spread"},
            "boost_mode": "multiply",
        }
    }
    return asked


def _scored(plan: ranking.Plan, rarities: Rarities) -> list[Json]:
    def terms(place: str, kind: int) -> list[Json]:
        found = []
        for number, term in enumerate(plan.terms):
            # OpenSearch multiplies with the rarity among these rows; what counts is that among articles.
            boost = term.value / rarities.factor((term.space, term.text), kind) * ranking.KINDS[kind]
            clause: Json = {"value": spelled(term.space, term.text), "boost": boost}
            if kind in (PASSAGE, TITLE):
                clause["_name"] = str(number)  # which terms a hit holds is told by these names
            found.append({"term": {f"{place}.{field(term.space)}": clause}})
        return found

    clauses = [*terms("whole", WHOLE), *terms("title", TITLE)]
    for kind in (PASSAGE, QUESTION, ASKED):
        if kind != PASSAGE and not rarities.rows[kind]:
            continue
        inside = terms(NESTED[kind], kind)
        nested: Json = {"path": NESTED[kind], "score_mode": "max", "query": {"bool": {"should": inside}}}
        if kind == PASSAGE:
            nested["inner_hits"] = {"size": 1, "_source": False}
        clauses.append({"nested": nested})
    return clauses


def facets(answer: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The counts of an answer."""
    return {
        name: {bucket["key"]: bucket["doc_count"] for bucket in found["of"]["buckets"] if bucket["key"]}
        for name, found in answer.get("aggregations", {}).items()
    }
