"""Filters tell what choosing them would find: each counted without itself, whatever else is chosen."""

import random
from collections import Counter
from pathlib import Path

import pytest

from knowledge.index import IndexDocument, Passage, Query, Reader
from knowledge.whoosh_index import WhooshIndex

FAR = 1 << 20
"""A number of a product that is too high to be counted by place."""


@pytest.fixture
def made() -> list[IndexDocument]:
    chance = random.Random(3)
    return [
        IndexDocument(
            str(number), f"网关 {number}", (Passage("网关离线" if number % 2 else "网关重启"),),
            product_ids=tuple(chance.sample([1, 2, 3, 70, FAR], chance.randint(0, 3))),
            category=chance.choice(["", "故障", "操作"]), level=chance.choice(["public", "client", "agent"]),
        )
        for number in range(60)
    ]  # fmt: skip


def counted(documents: list[IndexDocument], facet: str) -> dict[str, int]:
    if facet == "product":
        return dict(Counter(str(number) for document in documents for number in document.product_ids))
    return dict(Counter(value for document in documents if (value := getattr(document, facet))))


@pytest.mark.parametrize(
    ("product", "category", "levels"), [(None, "", ()), (2, "", ()), (FAR, "故障", ()), (None, "操作", ("client",)), (1, "故障", ("public",))]
)
def test_each_filter_is_counted_without_itself(
    tmp_path: Path, made: list[IndexDocument], product: int | None, category: str, levels: tuple[str, ...]
) -> None:
    index = WhooshIndex(tmp_path)
    index.rebuild(made[:40])
    index.put(made[40:])
    index.drop(["7"])
    reader = Reader(levels=("public", "client"))
    told = index.search(Query("离线", reader, product, 5, category=category, levels=levels, facets=True)).facets

    def fits(document: IndexDocument, but: str) -> bool:
        return (
            document.id != "7" and int(document.id) % 2 == 1 and document.level in reader.levels
            and (but == "product" or product is None or product in document.product_ids)
            and (but == "category" or not category or document.category == category)
            and (but == "level" or not levels or document.level in levels)
        )  # fmt: skip

    assert told == {facet: counted([one for one in made if fits(one, facet)], facet) for facet in ("product", "category", "level")}
