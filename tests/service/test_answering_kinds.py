"""A code that several products share, where the words name the kind of thing: no question that was answered already."""

from collections.abc import Sequence

import pytest

from app.answering.finding import fault_codes, product_of_kind
from app.core.catalogue import Product
from tests.service.answering_line import Line, article, product

SHELF = [("HK-V20", "HK-V20 变频器"), ("TL-G300", "TL-G300 4G 边缘网关"), ("TL-G510", "TL-G510 5G 网关"), ("JZ-SCADA", "捷造 SCADA")]


@pytest.fixture
def products() -> Sequence[Product]:
    return [Product(id=number, code=code, name=name) for number, (code, name) in enumerate(SHELF, 1)]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("变频器报E07怎么处理", 1),
        ("變頻器報E07", 1),
        ("V20 报 E07", 1),
        ("网关E07", None),
        ("G300 报 E07", 2),
        ("g510网关报E07", 3),
        ("变频器旁边的网关报E07", None),
        ("E07", None),
        ("", None),
    ],
)
def test_the_kind_or_a_piece_of_the_name_tells_which_product_where_only_one_has_it(
    products: Sequence[Product], words: str, meant: int | None
) -> None:
    assert product_of_kind(words, products) == meant


def test_a_piece_of_a_name_is_no_fault_code(products: Sequence[Product]) -> None:
    assert fault_codes("V20 报 E-07，G300 也报 e07", products) == ["E7"]


def test_who_said_the_kind_of_thing_is_not_asked_for_the_product(line: Line) -> None:
    drive, gateway = product("HK-V20", "变频器"), product("TL-G300", "4G 边缘网关")
    hot = article("HK-V20 报 E07：过热", "| E-07 | 清理风道，等它凉下来。 |", products=(drive,))
    line.shelf.put(hot, "E07 E-07 E7", 0.9)
    line.shelf.put(article("TL-G300 报 E07：没认到卡", products=(gateway,)), "E07 E-07 E7", 1.0)
    line.says("变频器报E07怎么处理")
    assert (line.talk().state, line.talk().article_id) == ("answered", hot.id)
