"""Marks and windows: the right paragraph, nothing lost, nothing invented."""

from hypothesis import given
from hypothesis import strategies as st

from knowledge.highlight import best_passage, pieces
from knowledge.index import Passage


def test_marks_cover_what_was_asked_and_keep_the_text() -> None:
    found = pieces("變頻器報 E-07 過熱", {"变频器": 2.0, "变频": 1.0, "频器": 1.0, "过热": 2.0, "e-07": 3.0})
    assert [p.text for p in found if p.hit] == ["變頻器", "E-07", "過熱"]
    assert "".join(p.text for p in found) == "變頻器報 E-07 過熱"


def test_english_words_are_marked_whole() -> None:
    found = pieces("Gateways connect, then conn", {"gateway": 1.0, "conn": 1.0})
    assert [p.text for p in found if p.hit] == ["Gateways", "conn"]


def test_the_passage_with_most_of_the_question_is_shown() -> None:
    passages = [
        Passage("变频器的安装。" * 30, "安装", "s-1"),
        Passage(
            "前面说别的。" * 40 + "变频器散热风扇停转时先停机断电，再换风扇。" + "后面也说别的。" * 40, "风扇", "s-2"
        ),
    ]
    best = best_passage(passages, {"变频器": 1.0, "风扇": 3.0, "停机": 2.0})
    assert best is not None and best[0].anchor == "s-2"
    shown = "".join(piece.text for piece in best[1])
    assert "散热风扇停转时先停机断电" in shown and len(shown) < 160
    assert {"变频器", "风扇", "停机"} == {piece.text for piece in best[1] if piece.hit}


def test_without_a_find_the_beginning_is_shown() -> None:
    best = best_passage([Passage(""), Passage("开头。" + "字" * 300)], {"无": 1.0})
    assert best is not None and best[1][0].text.startswith("开头") and not any(p.hit for p in best[1])
    assert best_passage([], {"无": 1.0}) is None


@given(
    st.text(max_size=300),
    st.dictionaries(st.text("ab变频器e07-", min_size=1, max_size=4), st.floats(0.1, 5), max_size=5),
)
def test_pieces_put_together_are_the_text(text: str, terms: dict[str, float]) -> None:
    assert "".join(p.text for p in pieces(text, terms)) == text
    best = best_passage([Passage(text)], terms)
    if best:
        assert "".join(p.text for p in best[1]).strip("…") in text
