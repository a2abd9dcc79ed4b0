"""Two words that a machine answers, and everything else that it must leave to a person."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.progress_words import _AROUND, _ASKS, _URGES, LONGEST, Wish, read

ASKED = ["进度", "进度？", " 到哪了 ", "你好，请问处理得怎么样了", "查一下我的工单进度", "工单 20110 到哪一步了？", "Status", "any update?", "Hello, what is the status of my ticket #20110 please"]
URGED = ["催一下", "催单！", "麻烦帮我催一下，谢谢", "请尽快处理", "催一下 20110", "Please hurry up", "进度怎么样了？催一下"]
NEITHER = [
    "", " ", "你好", "谢谢", "20110", "好的，收到", "进度条卡在 99%", "进度不对", "催款", "催化剂到哪买", "机器又停了，进度？", "status code 500", "progress bar",
    "statuses", "myticket", "到哪了 20110 20111", "status 12", "进度" * 40, "我要退货", "工单", "订单号 20110", "E07", "hurry, the fan burns",
]  # fmt: skip


@pytest.mark.parametrize("text", ASKED)
def test_asked(text: str) -> None:
    assert read(text) == Wish(False, 20110 if "20110" in text else None)


@pytest.mark.parametrize("text", URGED)
def test_urged(text: str) -> None:
    assert read(text) == Wish(True, 20110 if "20110" in text else None)


@pytest.mark.parametrize("text", NEITHER)
def test_left_to_a_person(text: str) -> None:
    assert read(text) is None


@given(st.text(max_size=60))
@example("进\u200b度")
@example("Ｓｔａｔｕｓ")
def test_it_never_breaks_and_never_reads_much(text: str) -> None:
    wish = read(text)
    if wish is not None:
        assert len(text.strip()) <= 2 * LONGEST and isinstance(wish.urge, bool)


WORDS = sorted(_ASKS | _URGES | _AROUND)
FOREIGN = st.text([sign for sign in "坏热漏警轴承皮带跳闸冒烟退换货款票链接E07%" if sign not in "".join(WORDS)], min_size=1, max_size=8).filter(
    lambda more: not more.isdigit()  # digits alone name a request
)


@given(st.sampled_from(sorted(_ASKS | _URGES)), FOREIGN, st.booleans())
def test_one_strange_word_more_and_it_is_for_a_person(core: str, more: str, before: bool) -> None:
    assert read(f"{more} {core}" if before else f"{core} {more}") is None


@given(st.lists(st.sampled_from(sorted(_AROUND)), max_size=4), st.sampled_from(["，", " ", "。", "！ "]))
def test_politeness_alone_asks_nothing(words: list[str], mark: str) -> None:
    found = read(mark.join(words))
    # Some words for politeness make a question together (查一下 + …); none of them does without a word of the two lists.
    assert found is None


@given(st.lists(st.sampled_from(["请", "麻烦", "你好", "我的", "谢谢"]), max_size=3), st.sampled_from(sorted(_URGES)))
def test_an_urge_stays_one_however_polite(words: list[str], core: str) -> None:
    text = " ".join([*words, core])
    if len(text) <= LONGEST:
        found = read(text)
        assert found is not None and found.urge
