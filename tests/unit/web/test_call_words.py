"""Numbers and lengths of calls as people write them."""

import pytest

from app.web.call_words import dial, number_word, seconds


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+8613800138000", "138 0013 8000"), ("+861012345678", "010 12345678"), ("+8675588888888", "0755 88888888"),
        ("+864008123123", "400 812 3123"), ("short:95588", "95588"), ("+4930123456", "+4930123456"), ("", ""),
    ],
)  # fmt: skip
def test_a_number_is_written_as_in_its_country(number: str, shown: str) -> None:
    assert number_word(number) == shown


def test_only_what_can_be_dialled_is_dialled() -> None:
    assert dial("+8613800138000") == "tel:+8613800138000" and dial("short:95588") == "tel:95588"
    assert dial("anonymous") == dial("") == dial("javascript:1") == ""


def test_lengths_as_on_a_telephone() -> None:
    assert [seconds(n) for n in (None, 0, 7, 127, 3727)] == ["—", "0:00", "0:07", "2:07", "1:02:07"]
