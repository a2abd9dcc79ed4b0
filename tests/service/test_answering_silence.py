"""Where the machine has asked something, or somebody asks for a person again, it does not simply fall silent."""

import pytest

from tests.service.answering_line import Line, article, product

PROMISE = "已经转给同事"


def shared_code(line: Line) -> None:
    drive, gateway = product("HK-V20", "变频器"), product("TL-G300", "4G 边缘网关")
    line.shelf.put(article("HK-V20 报 E07：过热", "::: warning\n断电。\n:::\n\n| E-07 | 过热 |", products=(drive,)), "E07 E7")
    line.shelf.put(article("TL-G300 报 E07：没认到卡", products=(gateway,)), "E07 E7")
    line.says("E07")
    assert line.talk().state == "asked"


def test_who_named_the_product_hears_that_a_person_goes_on_where_the_article_may_not_be_sent(line: Line) -> None:
    shared_code(line)
    line.says("1. HK-V20 变频器", line.item(0))
    assert line.talk().state == "passed" and len(line.tickets()) == 1
    assert PROMISE in line.answers()[-1].text and "断电" not in line.answers()[-1].text


@pytest.mark.parametrize("words", ["第二个", "选2", "2", "第 2 种"])
def test_which_one_of_the_list_is_said_in_many_ways(line: Line, words: str) -> None:
    shared_code(line)
    line.says(words)
    assert line.talk().state == "answered"


def test_other_words_than_a_product_go_to_a_person_and_that_is_said(line: Line) -> None:
    shared_code(line)
    line.says("我也不清楚是哪个")
    assert line.talk().state == "handed" and PROMISE in line.answers()[-1].text


def test_asking_for_a_person_again_is_answered_once(line: Line) -> None:
    line.says("触摸屏的配方怎么导出来")
    assert len(line.tickets()) == 1 and line.answers() == []
    line.says("我要人工")
    line.says("人工")
    assert [PROMISE in message.text for message in line.answers()] == [True]
