"""The comparison of two versions says exactly what changed."""

from hypothesis import given
from hypothesis import strategies as st

from knowledge.changes import GONE, NEW, SAME, SKIPPED, Line, Piece, changes

LINES = st.lists(st.text("风扇停机断电等待abc 12", max_size=12), max_size=14)


def test_equal_texts_have_no_changes() -> None:
    assert changes("一\n二", "一\n二") == []


def test_a_changed_number_is_marked_in_both_lines() -> None:
    found = changes("停机断电，等 10 分钟。", "停机断电，等 15 分钟。")
    assert [line.kind for line in found] == [GONE, NEW]
    assert [[p.text for p in line.pieces if p.marked] for line in found] == [["0"], ["5"]]


def test_lines_with_nothing_in_common_are_whole() -> None:
    found = changes("查风扇。", "打电话给拓联。")
    assert found == [Line(GONE, (Piece("查风扇。"),)), Line(NEW, (Piece("打电话给拓联。"),))]


def test_long_equal_stretches_are_skipped() -> None:
    body = "\n".join(f"第 {n} 步" for n in range(20))
    found = changes(body, body + "\n新的一步", context=2)
    assert [line.kind for line in found] == [SKIPPED, SAME, SAME, NEW]
    assert found[0].count == 18


def _text(lines: list[Line], kinds: tuple[str, ...]) -> list[str]:
    return ["".join(p.text for p in line.pieces) for line in lines if line.kind in kinds]


@given(LINES, LINES)
def test_both_texts_can_be_read_from_the_comparison(old: list[str], new: list[str]) -> None:
    before, after = "\n".join(old), "\n".join(new)
    found = changes(before, after, context=100)
    if before.splitlines() == after.splitlines():
        assert found == []
        return
    assert _text(found, (SAME, GONE)) == before.splitlines()
    assert _text(found, (SAME, NEW)) == after.splitlines()
