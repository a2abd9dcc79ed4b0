"""Talks that were copied out of a group."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.pasted import turns_of

WECHAT_PC = "王工 2026/11/20 09:12:33\n三号线又停了\n\n李师傅 2026/11/20 09:13:01\n看下面板代码\n拍张照\n\n王工 2026/11/20 09:14:10\nE07\n"
QQ = "小赵(12345678) 9:12:33\n网关灯不亮\n老钱(87654321) 9:13:05\n重启试试"
NO_TIMES = "王工:\n变频器跳了\n李师傅:\n什么代码\n王工:\nE07"
DINGTALK = "王工 昨天 09:12\n变频器跳了\n李师傅 昨天 09:13\n什么代码"
TIME_FIRST = "[09:12] 王工:\n跳了\n[09:13] 李师傅:\n代码？"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WECHAT_PC, [("王工", "三号线又停了"), ("李师傅", "看下面板代码\n拍张照"), ("王工", "E07")]),
        (QQ, [("小赵", "网关灯不亮"), ("老钱", "重启试试")]),
        (NO_TIMES, [("王工", "变频器跳了"), ("李师傅", "什么代码"), ("王工", "E07")]),
        (DINGTALK, [("王工", "变频器跳了"), ("李师傅", "什么代码")]),
        (TIME_FIRST, [("王工", "跳了"), ("李师傅", "代码？")]),
        (WECHAT_PC.replace("\n", "\r\n"), [("王工", "三号线又停了"), ("李师傅", "看下面板代码\n拍张照"), ("王工", "E07")]),
        ("麻烦看一下这个群里说的：\n" + WECHAT_PC, [("王工", "三号线又停了"), ("李师傅", "看下面板代码\n拍张照"), ("王工", "E07")]),
    ],
)
def test_pasted_talks_have_speakers(text: str, said: list[tuple[str, str]]) -> None:
    assert [(turn.speaker, turn.text) for turn in turns_of(text)] == said


def test_times_are_kept_as_they_stood() -> None:
    assert [turn.when for turn in turns_of(WECHAT_PC)][:2] == ["2026/11/20 09:12:33", "2026/11/20 09:13:01"]


@pytest.mark.parametrize(
    "text",
    [
        "你好，变频器跳E07，怎么办？",
        "型号：\nG120\n序列号：\nSN-1\n故障：\nE07",
        "发件人：\n王工\n收件人：\n李工\n主题：\n跳闸\n发件人：\n王工",
        "故障现象:\n过流",
        "报警 09:12\n",
        "2026-11-20 09:12:33 E07\n2026-11-20 09:13:01 E07",
        "",
    ],
)
def test_prose_and_forms_are_no_talk(text: str) -> None:
    assert turns_of(text) == []


@given(st.text(alphabet=st.sampled_from("王李 :：09/()（）\n昨天EA."), max_size=400))
def test_any_text_is_read_without_loss(text: str) -> None:
    for turn in turns_of(text):
        assert turn.speaker and turn.text in text.replace("\r\n", "\n")


def test_a_hostile_text_is_read_in_time() -> None:
    begun = time.perf_counter()
    turns_of(("王 " * 39 + "\n") * 1200)
    turns_of("1" * 99_000)
    assert time.perf_counter() - begun < 5
