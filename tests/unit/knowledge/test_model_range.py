"""Models as people write them into a table of fault codes, and the product that they mean."""

import pytest

from knowledge.intake.model_range import models_of, names_of, products_for

DRIVE, GATEWAY, BIG, SERVO = 1, 2, 3, 4
HOUSE = {
    DRIVE: names_of("HK-V20", "HK-V20 变频器", ["HK-V20-7R5G", "小金刚"]),
    GATEWAY: names_of("TL-G300", "4G 边缘网关"),
    BIG: names_of("HK-V30", "HK-V30 变频器"),
    SERVO: names_of("HK-V20S", "伺服"),
}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("HK-V20", [DRIVE]), ("ｈｋ－ｖ２０", [DRIVE]), ("HKV20", [DRIVE]), ("V20", [DRIVE]), ("HK-V20~V22", [DRIVE]), ("HK-V18至HK-V25", [DRIVE]),
        ("HK-V20 - HK-V22", [DRIVE]), ("HK-V20/V21", [DRIVE]), ("HK-V20、V21、V22", [DRIVE]), ("V20/21", [DRIVE]), ("HK-V3x系列", [BIG]), ("HK-V3□", [BIG]),
        ("HK-V20-4T0075", [DRIVE]), ("变频器 HK-V20 及以上", [DRIVE]), ("小金刚", [DRIVE]), ("HK-V20-7R5G", [DRIVE]), ("4G 边缘网关", [GATEWAY]), ("G300", [GATEWAY]),
        ("HK-V20S-7R5", [SERVO]), ("HK-V20~V30", [DRIVE, BIG]), ("HK-V系列", [DRIVE, BIG, SERVO]), ("HK-V20\nTL-G300", [DRIVE, GATEWAY]),
        ("HK-V2", []), ("HK-V200", []), ("HK-V20-0", [DRIVE]), ("V", []), ("20", []), ("通用", []), ("全系列", []), ("XX-99", []), ("", []),
    ],
)  # fmt: skip
def test_which_products_are_meant(text: str, meant: list[int]) -> None:
    assert sorted(products_for([text], HOUSE).products) == sorted(meant)


def test_unknown_ones_are_named_and_do_not_spoil_the_rest() -> None:
    found = products_for(["HK-V20、ZZ-7", "全部", "无"], HOUSE)
    assert (found.products, found.unknown, found.named) == ((DRIVE,), ("ZZ-7",), ("HK-V20", "ZZ-7"))


def test_a_cell_of_any_length_ends_soon() -> None:
    assert len(models_of(["HK-V" + "1" * 3000 + "~" * 500 + " ~ " * 500, *(f"A{n}" for n in range(2000))])) <= 302
