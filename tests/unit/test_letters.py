"""What the desk reads out of customers' words."""

import time

import pytest

from app import letters
from app.core.people import Contact
from app.letters import follow_up_question, only_thanks
from channels.visitors import is_placeholder, placeholder
from workflows.models import Ticket


@pytest.mark.parametrize(
    "text",
    [
        "谢谢，已解决！", "好的，谢谢您们", "好了", "已经恢复了，非常感谢您！", "嗯嗯嗯", "OK thanks", "Thank you very much, it works now.",
        "收到", "可以了", "👍", "辛苦了，请关单", "it works", "solved", "[微笑]谢谢", "谢谢/:rose/::)", "[强]", "[OK] [抱拳]", "好的[呲牙]",
    ],
)  # fmt: skip
def test_thanks_and_nothing_else(text):
    assert only_thanks(text)


@pytest.mark.parametrize("text", ["谢谢，但是又跳了", "还没好", "", "。。。", "!!!", "好的" * 40, "thanks but no", "不可以", "了", "[微笑]", "/::)", "[图片]", "[图片] 好的", "[流泪]还没好", "谢谢[三楼]"])
def test_words_that_say_more_or_nothing(text):
    assert not only_thanks(text)


@pytest.mark.parametrize("piece", ["嗯", "好", "好了", "已经", "已", "."])
def test_nobody_can_keep_the_worker_busy_with_a_short_mail(piece):
    start = time.perf_counter()
    assert not only_thanks((piece * 59)[:59] + "x")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [("访客 EDF7", "您好：", "Hello,"), ("Visitor 09AB", "您好：", "Hello,"), ("访客 王工", "访客 王工好：", "Hello 访客 王工,"), ("", "您好：", "Hello,")],
)
def test_nobody_is_greeted_by_a_stand_in(name, zh, en):
    letters.use_settings(key="k", site_url="http://desk.example")
    ticket = Ticket(id=1, subject="绿灯不亮", resolution="填 ctnet", contact=Contact(name=name))
    assert follow_up_question(ticket, "zh").splitlines()[0] == zh
    assert follow_up_question(ticket, "en").splitlines()[0] == en


def test_the_stand_in_is_known_again():
    assert all(is_placeholder(placeholder("v-00deadbeef", language)) for language in ("zh", "en"))
