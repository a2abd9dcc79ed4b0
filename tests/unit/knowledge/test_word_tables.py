"""Tables of words as arrays: what went in comes out, together with what came since."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from knowledge import word_tables
from knowledge.lexicon import Lexicon
from knowledge.word_tables import Arrays, Parts, Table, packed_words, unpacked_words

TITLES = ("变频器过热怎么办", "打印机卡纸", "登录平台失败", "固件升级", "网关离线", "MQTT 鉴权失败 E07", "重启控制器", "银行账户 modbus E0712")


def as_read(arrays: Arrays) -> Parts:
    """As a file gives them back."""
    parts = {}
    for name, array in arrays.items():
        view = memoryview(array.tobytes())
        parts[name] = view.cast("I") if array.dtype == np.uint32 else view
    return parts


def filled(pairs: Mapping[str, list[int]]) -> Table:
    table = Table("t")
    for key, numbers in pairs.items():
        for number in numbers:
            table.add(key, number)
    return table


@pytest.mark.parametrize("count", [0, 1, 2, 700])
def test_every_key_is_found_and_no_other(count: int) -> None:
    pairs = {f"key{number}键": [number, number + 7] for number in range(count)}
    kept = Table("t", as_read(filled(pairs).packed()))
    assert {key: list(kept.get(key)) for key in pairs} == pairs
    assert all(not kept.get(other) for other in ("", "key", "键", f"key{count}键", "key1", "zzz"))


def test_keys_of_one_place_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_tables.zlib, "crc32", lambda text: 7 << 24 | 5)
    kept = Table("t", as_read(filled({"甲": [1], "乙": [2, 3], "丙": [4]}).packed()))
    assert [list(kept.get(key)) for key in "甲乙丙丁"] == [[1], [2, 3], [4], []]


def test_what_came_since_stands_after_what_was_kept() -> None:
    kept = Table("t", as_read(filled({"dyj": [1], "dyk": [2]}).packed()))
    kept.add("dyj", 9)
    kept.add("dya", 8)
    kept.add("e", 7)
    assert list(kept.get("dyj")) == [1, 9] and list(kept.get("dya")) == [8]
    assert kept.beginning("dy", 8) == ["dya", "dyj", "dyk"] and kept.beginning("dy", 2) == ["dya", "dyj"]
    assert kept.beginning("x", 8) == []


def test_words_keep_their_order_and_counts() -> None:
    for words in ({}, {"网关": 3, "离线": 0, "变频器": 70000}):
        assert list(unpacked_words(as_read(packed_words(words, "w")), "w").items()) == list(words.items())


@pytest.fixture(scope="module")
def both() -> tuple[Lexicon, Lexicon]:
    """One that has read all titles, and one that took up a file of the first of them and read the rest."""
    read, first = Lexicon(), Lexicon()
    read.add(TITLES)
    first.add(TITLES[:4])
    taken = Lexicon(as_read(first.packed()))
    taken.add(TITLES[4:])
    return read, taken


def test_a_lexicon_out_of_a_file_answers_as_one_that_has_read(both: tuple[Lexicon, Lexicon]) -> None:
    read, taken = both
    assert (list(taken.words.items()), list(taken.latin.items()), list(taken.codes.items())) == (
        list(read.words.items()),
        list(read.latin.items()),
        list(read.codes.items()),
    )
    for letters in ("dayinji", "dyj", "dyjkazhi", "chongqi", "wangguan", "gjsj", "yinh", "dengl"):
        assert taken.spoken(letters, unfinished=True) == read.spoken(letters, unfinished=True) != []
    for word in ("登陆", "变须器", "便频器", "网观", "打银机", "控制七"):
        assert list(taken.alike(word)) == list(read.alike(word)) != []
    for word in ("mqqt", "modbuss", "modbu"):
        assert taken.latin_alike(word) == read.latin_alike(word) != []
    assert taken.latin_beginning("mo") == read.latin_beginning("mo") == ["modbus"]
    assert taken.codes_beginning("e07") == read.codes_beginning("e07") != []


def test_words_by_their_beginning_are_the_most_frequent_first() -> None:
    lexicon = Lexicon()
    for word, times in (("网关", 2), ("网络", 5), ("网线", 1), ("网口", 5), ("上网", 9)):
        lexicon.meet(word, times)
    assert lexicon.han_beginning("网") == ["网络", "网口", "网关"]
    lexicon.meet("网址", 7)
    assert lexicon.han_beginning("网", 1) == ["网址"] and lexicon.han_beginning("图") == []


def test_the_shipped_words_are_small_as_a_file(tmp_path: Path) -> None:
    lexicon = Lexicon()
    lexicon.add(TITLES)
    sizes = {name: array.nbytes for name, array in lexicon.packed().items()}
    assert sum(sizes.values()) < 200 * len(lexicon.words) + 2000, sizes


def test_keys_may_be_looked_for_while_another_thread_adds_some() -> None:
    class Added(Table):
        """Adds a key whenever the keys are put in order, as another thread may."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "_ordered" and value is not None:
                self.add("zhong", 2)

    table = Added("full")
    table.add("zhen", 1)
    assert table.beginning("zh", 5) == ["zhen"] and table.beginning("zho", 5) == ["zhong"]
