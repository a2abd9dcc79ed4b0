"""Another spelling is tried where what was typed is scarce and the other word common, and where it could hold clearly more."""

from pathlib import Path

import pytest

from knowledge.analysis import fold, han_words, query_tokens, rarity_in_talk, use_shipped_words, use_terms
from knowledge.correcting import SAID_SELDOM, _spellings
from knowledge.index import IndexDocument, Passage, Query
from knowledge.lexicon import Lexicon
from knowledge.scarcity import SCARCER, Exchange, Hope, Scarcity
from knowledge.whoosh_index import WhooshIndex

FEW = 2


@pytest.fixture
def index(tmp_path: Path) -> WhooshIndex:
    """登录 stands in many articles, 登陆 in a few, and an article of its own names 账号."""
    found = WhooshIndex(tmp_path)
    many = [IndexDocument(f"m{n}", f"登录平台 {n}", (Passage("登录以后打开设备页"),)) for n in range(SCARCER * FEW)]
    few = [IndexDocument(f"f{n}", "登陆火星", (Passage("登陆火星以后"),)) for n in range(FEW)]
    found.rebuild([*many, *few, IndexDocument("a", "账号", (Passage("账号是什么"),))])
    return found


def exchange(typed: str, part: str, other: str) -> list[Exchange]:
    at = typed.index(part)
    return [Exchange(1.0, at, at + len(part), other)]


def mistaken(index: WhooshIndex, typed: str, part: str, other: str) -> bool:
    return bool(Scarcity(index).mistaken(typed, han_words(typed), exchange(typed, part, other)))


def test_what_stands_nowhere_may_be_a_mistake_and_what_is_common_is_none(index: WhooshIndex) -> None:
    assert mistaken(index, "登路平台", "登路", "登录")
    assert not mistaken(index, "登录平台", "登录", "登陆"), "never from a common word to a scarce one"
    assert not mistaken(index, "登路平台", "登路", "等鹭"), "nor to a word that no article holds"


def test_how_much_scarcer_it_must_be(index: WhooshIndex) -> None:
    assert mistaken(index, "登陆平台", "登陆", "登录")
    index.put([IndexDocument("one more", "登陆月球")])
    assert not mistaken(index, "登陆平台", "登陆", "登录")


def test_a_word_that_stays_as_it_is_does_not_count(index: WhooshIndex) -> None:
    assert mistaken(index, "登录平胎", "登录平胎", "登录平台") is False, "no such word"
    use_terms(["登录平台"])
    try:
        index.put([IndexDocument("w", "登录平台", (Passage("登录平台"),))])
        assert mistaken(index, "登录平胎", "登录平胎", "登录平台"), "登录 in it is common, and is not taken away"
    finally:
        use_shipped_words()


def test_spellings_without_need_are_not_tried(index: WhooshIndex) -> None:
    lexicon = Lexicon()
    lexicon.add(["登录平台", "登陆火星", "账号"])
    assert "登录平台" in [text for text, _ in _spellings("登路平台", lexicon, Scarcity(index))]
    of_mars = Lexicon()
    of_mars.add(["登陆火星"])
    assert "登陆平台" in [text for text, _ in _spellings("登录平台", of_mars)], "it sounds the same"
    assert list(_spellings("登录平台", of_mars, Scarcity(index))) == []


def test_only_words_that_the_first_hit_lacks_are_doubted(index: WhooshIndex) -> None:
    lexicon = Lexicon()
    lexicon.add(["登录平台"])

    def tried(*lacked: str) -> list[str]:
        return [text for text, _ in _spellings("登路平台", lexicon, Scarcity(index), frozenset(lacked))]

    assert tried("登路") == ["登录平台"]
    assert tried() == [], "everything stands in the article that was found"
    assert tried("平台") == [], "what is exchanged is not what is missing"


def test_words_that_everybody_says_are_not_doubted(index: WhooshIndex) -> None:
    """哪 is missing from many an article, and 第 is not what was meant."""
    lexicon = Lexicon()
    lexicon.add(["登录", "哪里登录"])
    typed = "那里登录"
    assert rarity_in_talk("那里") < SAID_SELDOM
    assert "哪里登录" in [text for text, _ in _spellings(typed, lexicon)]
    assert [text for text, _ in _spellings(typed, lexicon, None, frozenset({"那里"}))] == []


def test_hope_is_what_the_first_hit_and_the_new_words_could_hold(index: WhooshIndex) -> None:
    typed = "登路平台"
    known = index.search(Query(typed)).items[0].coverage
    hope = Hope(Scarcity(index), typed, known)
    right = index.search(Query("登录平台")).items[0].coverage
    assert right > known + 0.15 and hope.reaches("登录平台", right - 0.01)
    assert not hope.reaches("账路平台", known + 0.15), "what it brings stands nowhere"


def test_a_question_is_cut_once_until_words_are_taught() -> None:
    use_shipped_words()
    typed = fold("宏控调速柜的门")
    before = query_tokens(typed)
    assert query_tokens(typed) is before and "宏控调速柜" not in before.words
    use_terms(["宏控调速柜"])
    try:
        assert "宏控调速柜" in query_tokens(typed).words
    finally:
        use_shipped_words()
    assert "宏控调速柜" not in query_tokens(typed).words


def test_titles_come_in_one_piece_where_no_marks_are_wanted(index: WhooshIndex) -> None:
    assert len(index.search(Query("账号")).items[0].title) == 1 and index.search(Query("账号")).items[0].title[0].hit
    (title,) = index.search(Query("账号", marked_titles=False)).items[0].title
    assert (title.text, title.hit) == ("账号", False)
