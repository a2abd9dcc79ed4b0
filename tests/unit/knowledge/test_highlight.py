"""Marks and windows: the right paragraph, nothing lost, nothing invented."""

import re

from hypothesis import given
from hypothesis import strategies as st

from knowledge.highlight import _spots, best_passage, pieces
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


def plain_spots(folded: str, terms: list[str]) -> list[tuple[int, int]]:
    """The same once more as one pattern: at each place the longest term, then on after a word or after one Han character."""
    spelled = [
        rf"(?<![a-z0-9]){re.escape(term)}(?:e?s)?(?![a-z0-9])" if term.isascii() else re.escape(term)
        for term in sorted(terms, key=len, reverse=True)
    ]
    pattern, place, found = re.compile("|".join(spelled)), 0, []
    while match := pattern.search(folded, place):
        found.append((match.start(), match.end()))
        place = match.end() if match.group().isascii() else match.start() + 1
    return found


@given(
    st.text("ab变频器e07s- ", max_size=60),
    st.lists(st.one_of(st.text("变频器", min_size=1, max_size=3), st.from_regex("[ab][abe07-]{0,2}", fullmatch=True)), min_size=1, max_size=6),
)
def test_terms_are_found_where_one_pattern_of_all_would_find_them(folded: str, terms: list[str]) -> None:
    assert [(start, end) for start, end, _ in _spots(folded, terms)] == plain_spots(folded, terms)


def test_a_piece_of_a_code_is_not_the_code() -> None:
    assert [name for *_, name in _spots("e07 e070 ae07 e07s e07es e07d", ["e07"])] == ["e07", "e07s", "e07es"]
