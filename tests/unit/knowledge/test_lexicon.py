"""Words by sound and by look: pinyin, initials, homophones, one wrong character."""

import tracemalloc

import pytest

from knowledge import pinyin
from knowledge.correcting import _spellings
from knowledge.lexicon import Lexicon

TEXTS = ("变频器过热怎么办", "打印机卡纸", "登录平台失败", "固件升级", "网关离线", "MQTT 鉴权失败", "重启控制器", "银行账户")


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    made = Lexicon()
    made.add(TEXTS)
    return made


@pytest.mark.parametrize(
    ("letters", "meant"),
    [
        ("dayinji", "打印机"),
        ("dyj", "打印机"),
        ("dayinjikazhi", "打印机卡纸"),
        ("dyjkz", "打印机卡纸"),
        ("dayinjikz", "打印机卡纸"),
        ("gujianshengji", "固件升级"),
        ("chongqi", "重启"),
        ("yinhang", "银行"),
    ],
)
def test_letters_are_read_as_pinyin(lexicon: Lexicon, letters: str, meant: str) -> None:
    assert lexicon.spoken(letters)[0] == meant


def test_the_last_word_may_be_begun_only(lexicon: Lexicon) -> None:
    assert lexicon.spoken("dayinj") == []
    assert "打印机" in lexicon.spoken("dayinj", unfinished=True)
    assert lexicon.spoken("xqzv", unfinished=True) == []


def test_a_word_heard_whole_comes_before_initials_of_long_ones() -> None:
    lexicon = Lexicon()
    for word, times in (("参数", 50), ("残奥", 3), ("哪些", 900), ("哪些缓冲区", 40), ("网络", 80), ("万安", 9), ("内核格式文件", 30)):
        lexicon.meet(word, times)
    for syllables in ("nshu", "ngluo"):  # some long word has every such letters as its initials
        lexicon._initials.add(syllables, 3)
    assert lexicon.spoken("canshu", unfinished=True)[0] == "参数"
    assert lexicon.spoken("wangluo", unfinished=True)[0] == "网络"


def test_readings() -> None:
    assert set(pinyin.readings("重")) >= {"zhong", "chong"}
    assert pinyin.readings("绿")[0] == "lv" and pinyin.readings("a") == ()
    assert pinyin.near("程") & pinyin.near("陈")
    assert pinyin.readings("\u3400") == ("qiu",) and pinyin.readings("\u9fff") == ("xing",), "the plane's first and last"
    assert pinyin.readings("\U0002cb4a") == ("du",) and pinyin.readings("\U0010ffff") == (), "beyond it"


def test_readings_take_little_memory() -> None:
    pinyin._readings.cache_clear()
    tracemalloc.start()
    try:
        pinyin._readings()
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2_000_000 < most, "what was read to make them is gone"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("登陆平台", "登录平台"),
        ("变须器过热", "变频器过热"),
        ("便频器过热", "变频器过热"),
        ("网观离线", "网关离线"),
        ("wangguan lixian", "网关 离线"),
        ("bianpinqi e07", "变频器 e07"),
        ("mqqt 鉴权", "mqtt 鉴权"),
    ],
)
def test_another_spelling(lexicon: Lexicon, typed: str, meant: str) -> None:
    assert meant in [text for text, _ in _spellings(typed, lexicon)]


@pytest.mark.parametrize("right", ["e07", "e08", "变频器过热", "mqtt", "0x8102", "g300 网关", "怎么办", "hk-v20"])
def test_codes_and_right_words_are_left_alone(lexicon: Lexicon, right: str) -> None:
    assert list(_spellings(right, lexicon)) == []


def test_words_may_be_looked_for_while_another_thread_meets_more() -> None:
    made = Lexicon()
    made.add(["变频器过热"])
    looked: list[object] = []

    def look() -> None:
        looked.extend([made.han_beginning("变", least=0), made.beginning("bianpin"), made.latin_alike("mqtx")])

    class Looking(dict[str, int]):
        def __setitem__(self, word: str, times: int) -> None:
            look()
            super().__setitem__(word, times)
            look()

    made.words, made.latin = Looking(made.words), Looking(made.latin)
    made.meet("变频柜")
    made.meet("mqtt")
    assert made.han_beginning("变频柜", least=1) == ["变频柜"] and made.latin_alike("mqtx") == ["mqtt"] and looked
