"""What of an article goes out as an answer: the part that was asked about, steps with their numbers, no more than a phone shows."""

from collections.abc import Callable

import pytest

from app.answering.passages import ROOM, chosen, is_of_the_kind
from app.answering.wording import fitted
from app.demo.load import ARTICLES
from knowledge.markdown import split_front_matter
from knowledge.sections import CODE, POINT, ROW, STEP, TEXT, Line, sections
from tests.service.test_demo_answers import ANSWERABLE

ARTICLE = """E07 表示散热器太热，变频器已停机。多数是风扇停转或柜内太热。

## 处理步骤

1. 停机，断电。
2. 用手拨风扇，发涩就更换。

   换下来的风扇请留着。
   - 正面朝上
3. 上电，读温度。

| 功率 | 载频 | 备件 |
|---|---|---|
| 7.5 kW | 6 kHz | A-1 |
| 37 kW | 3 kHz | C-1 |

## 什么时候报修

- 换了风扇还是过热。
- 一天两次。
"""


@pytest.fixture(scope="module")
def body() -> Callable[[str], str]:
    return lambda slug: split_front_matter((ARTICLES / f"{slug}.md").read_text(encoding="utf-8"))[1]


def test_lines_keep_numbers_columns_and_what_belongs_together() -> None:
    lead, steps, repair = sections(ARTICLE)
    assert (lead.heading, steps.heading, repair.heading) == ("", "处理步骤", "什么时候报修")
    assert [line.text for line in steps.lines] == [
        "1. 停机，断电。", "2. 用手拨风扇，发涩就更换。", "   换下来的风扇请留着。", "  · 正面朝上", "3. 上电，读温度。",
        "7.5 kW：载频 6 kHz；备件 A-1", "37 kW：载频 3 kHz；备件 C-1",
    ]  # fmt: skip
    assert {line.kind for line in steps.lines} == {STEP, POINT, ROW}
    assert repair.lines[0] == Line(POINT, "· 换了风扇还是过热。")


def test_odd_texts_are_lines_as_well() -> None:
    assert sections("") == [] and chosen([], "什么") == ""
    assert sections("## 空的\n\n## 也空\n") == []
    assert [line.text for line in sections("5. 从五起\n6. 六\n\n```\na\nb\n```\n\n```\n1\n2\n3\n4\n```")[0].lines] == ["5. 从五起", "6. 六", "a\nb"]
    assert sections("```\na\n```")[0].lines[0].kind == CODE
    assert [line.text for line in sections("| 灯 | 甲 | 乙 |\n|---|---|---|\n| 绿 | | 是 |\n| 只 |")[0].lines] == ["灯 绿：乙 是", "只"]


@pytest.mark.parametrize("question", ["变频器过热怎么办", "变频器热了就停", "E07 怎么处理", "E07"])
def test_who_must_do_something_gets_what_it_is_and_the_steps(question: str) -> None:
    told = chosen(sections(ARTICLE), question)
    assert told.startswith("E07 表示散热器太热") and "【处理步骤】\n1. 停机" in told and "\n2. 用手拨" in told
    assert "一天两次" not in told


def test_who_asks_about_one_part_gets_that_part() -> None:
    assert "一天两次" in chosen(sections(ARTICLE), "E07 什么时候要报修")
    assert "37 kW：载频 3 kHz" in chosen(sections(ARTICLE), "37 kW 的载频是多少")


def test_an_answer_without_headings_is_the_answer() -> None:
    assert chosen(sections("发票在每月五号开。\n\n邮寄要三天。"), "发票什么时候开") == "发票在每月五号开。\n邮寄要三天。"


def test_more_than_a_phone_shows_ends_after_a_whole_step() -> None:
    long = "先看这里。\n\n## 步骤\n\n" + "\n".join(f"{n}. " + "做这一件事情。" * 6 for n in range(1, 20))
    told = chosen(sections(long), "怎么做")
    assert len(told) < ROOM + 60 and told.endswith("。\n…") and "\n1. 做" in told
    endless = chosen(sections("一句话。" * 500 + "\n\n## 步骤\n\n1. 做。"), "怎么做")
    assert endless.startswith("一句话。") and "1. 做。" in endless and len(endless) < ROOM + 60


def test_a_narrow_channel_cuts_between_steps_and_leaves_no_heading_alone() -> None:
    text = "先看这里，" * 20 + "好。\n【处理步骤】\n1. 第一件事。先断电。\n2. 第二件事。"
    assert fitted(text, len(text.encode()) - 3).endswith("先断电。…")
    assert fitted(text, len(text.encode()) - 45).endswith("好。…")


@pytest.mark.parametrize("question", ANSWERABLE)
def test_each_question_about_the_demo_gets_its_part(question: str, body: Callable[[str], str]) -> None:
    slugs, words = ANSWERABLE[question]
    for slug in slugs.split():
        told = chosen(sections(body(slug)), question)
        assert words in told, told
        assert len(told) < ROOM + 120


@pytest.mark.parametrize(
    ("question", "passage", "fits"),
    [
        ("前缀申请要多少钱", "先核对前缀，再补材料。", False),
        ("上门要多少钱", "上门诊断 300 元。", True),
        ("远程处理收费吗", "金级合同免费。", True),
        ("断网数据能存多久", "网关会把数据存起来。", False),
        ("断网数据能存多久", "缓存 72 小时。", True),
        ("什么时候维护", "每月第二个周日。", True),
        ("怎么升级固件", "点「立即升级」。", True),
        ("How much is a visit?", "A colleague calls you.", False),
    ],
)
def test_who_asks_for_money_or_a_number_is_not_answered_without(question: str, passage: str, fits: bool) -> None:
    assert is_of_the_kind(question, passage) is fits


def test_every_section_of_the_demo_reads_as_lines(body: Callable[[str], str]) -> None:
    for path in sorted(ARTICLES.glob("*.md")):
        found = sections(body(path.stem))
        assert found and found[0].heading == "" and found[0].lines[0].kind == TEXT, path
        assert all(line.text.strip() and "|" not in line.text.replace("||", "") for part in found for line in part.lines if line.kind == ROW), path
