"""Words by sound and by look: pinyin, initials, homophones, one wrong character."""

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


def test_readings() -> None:
    assert set(pinyin.readings("重")) >= {"zhong", "chong"}
    assert pinyin.readings("绿")[0] == "lv" and pinyin.readings("a") == ()
    assert pinyin.near("程") & pinyin.near("陈")


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
