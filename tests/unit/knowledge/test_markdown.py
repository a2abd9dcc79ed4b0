"""Markdown: safe HTML, anchors that the index knows, passages of one heading each."""

import pytest

from knowledge.markdown import first_heading, passages, plain, render, split_front_matter

TEXT = """先**停机**，再看[手册](/files/1)。

::: warning
断电等 10 分钟。
:::

## 查 风扇
| 代码 | 含义 |
|:--|--:|
| E07 | 过热 |

## 查 风扇
```
reset <all>
```
"""


def test_headings_tables_code_and_safety_blocks() -> None:
    html = render(TEXT)
    assert '<h2 id="s-查-风扇">' in html and '<h2 id="s-查-风扇-2">' in html
    assert '<div class="callout callout-warning">' in html and "安全警示" in html
    assert '<td class="right">过热</td>' in html and "<code>reset &lt;all&gt;" in html
    assert "Safety warning" in render(TEXT, {"warning": "Safety warning"})


@pytest.mark.parametrize(
    "bad",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](data:text/html;base64,xx)",
        '<img src=x onerror="alert(1)">',
        '::: warning <img src=x onerror="alert(1)">\nx\n:::',
        "[x](<vbscript:x>)",
    ],
)
def test_nothing_runs(bad: str) -> None:
    html = render(bad)
    for forbidden in ("<script", 'href="javascript', 'src="data:', "<img src=x", 'href="vbscript', " style="):
        assert forbidden not in html


def test_passages_know_the_same_anchors() -> None:
    found = passages(TEXT)
    assert [(p.heading, p.anchor) for p in found] == [("", ""), ("查 风扇", "s-查-风扇"), ("查 风扇", "s-查-风扇-2")]
    assert found[0].text == "先停机，再看手册。\n断电等 10 分钟。"
    assert "E07 | 过热" in found[1].text and found[2].text == "reset <all>"


def test_long_sections_are_cut_between_paragraphs() -> None:
    found = passages("## 长\n\n" + "\n\n".join("字" * 150 for _ in range(6)))
    assert [len(p.text) for p in found] == [301, 301, 301] and {p.anchor for p in found} == {"s-长"}


def test_front_matter_and_first_heading() -> None:
    assert split_front_matter("\ufeff---\r\ntitle: 甲\r\n---\r\n\r\n正文") == ("title: 甲", "正文")
    assert split_front_matter("没有\n---\n") == ("", "没有\n---\n")
    assert first_heading("# 标题 `x`\n\n正文\n") == ("标题 x", "正文\n")
    assert first_heading("正文") == ("", "正文")


def test_plain_words_for_a_channel() -> None:
    assert plain("## 步骤\n1. 停**机**\n2. 断电") == "步骤\n停机\n断电"
