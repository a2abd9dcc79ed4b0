"""Each format becomes Markdown as its reader would write it; what is broken or hostile is refused in one line."""

import io
import zipfile
from typing import Any

import pytest

from app.core.text import unpack
from knowledge.intake import columns, pdf_lines
from knowledge.intake.archives import safe_path, unpacked
from knowledge.intake.charsets import text_of
from knowledge.intake.reading import read_file
from knowledge.intake.shapes import FILE_MARK, LIMITS, Document, Entry, Limits, Unreadable, dump, load
from knowledge.intake.split import split_entry
from knowledge.markdown import passages

from .intake_files import PICTURE, docx, paragraph, pdf, png, word_table, xlsx, zipped

LONG = "变频器在运行中检测到散热器温度超过九十度时停机保护，需要等待风扇把热量带走之后才"


def one(path: str, content: bytes, **given: Any) -> Entry:
    found = read_file(path, content, **given)
    assert len(found.entries) == 1, found
    return found.entries[0]


def refusal(path: str, content: bytes, **given: Any) -> str:
    with pytest.raises(Unreadable) as problem:
        read_file(path, content, **given)
    said = str(problem.value)
    assert said and "\n" not in said and "%(" not in said
    return said


def test_markdown_keeps_its_pictures_and_leaves_code_alone() -> None:
    beside = {"img/风扇 1.png": png(), "说明.pdf": b"%PDF-1.4"}
    text = (
        "---\nslug: fan\nproducts: [HK-V20]\nquestions: [风扇不转]\n---\n# 更换风扇\n\n![风扇](<img/风扇 1.png>) "
        "[说明](说明.pdf) [外面](https://e.cn/x.pdf) ![没有](gone.png)\n\n```\n![代码](img/x.png)\n```\n<img src='img/风扇%201.png' alt='又'>"
    )
    entry = one("手册/a.md", text.encode(), lookup=beside.get)
    assert (entry.title, entry.questions, entry.given["slug"]) == ("更换风扇", ("风扇不转",), "fan")
    assert [f.content_type for f in entry.files] == ["image/png", "application/pdf"]
    picture, paper = (FILE_MARK + f.name for f in entry.files)
    assert f"![风扇]({picture})" in entry.body and f"![又]({picture})" in entry.body, "the same picture is kept once"
    assert f"[说明]({paper})" in entry.body and "[外面](https://e.cn/x.pdf)" in entry.body
    assert "![代码](img/x.png)" in entry.body
    assert [unpack(said) for said in entry.warnings] == ["找不到图片：gone.png"] and "gone.png" not in entry.body


def test_html_is_cleaned_and_comes_without_its_site() -> None:
    page = (
        '<html><head><meta charset="gb2312"><title>站点</title></head><body><nav>首页</nav><main><h1>重启网关</h1><p>警告：先断电。</p>'
        "<p onclick=x()>长按<b>复位</b>键</p><script>alert(1)</script><a href='javascript:x()'>点</a> <a href='https://e.cn'>外</a>"
        "<img src='a.png'><img src='http://t.cn/1.gif'><table><tr><th>灯</th><th>含义</th></tr><tr><td>红</td><td>断线</td></tr></table></main>"
        "<footer>版权</footer></body></html>"
    )
    entry = one("g.html", page.encode("gb18030"), lookup={"a.png": png()}.get)
    assert entry.title == "重启网关" and entry.given == {"safety": True}
    assert "::: warning\n先断电。\n:::" in entry.body and "长按**复位**键" in entry.body
    assert "| 灯 | 含义 |" in entry.body and "| 红 | 断线 |" in entry.body
    assert "[外](https://e.cn)" in entry.body and f"]({FILE_MARK}a.png)" in entry.body
    for gone in ("alert", "javascript", "首页", "版权", "onclick", "站点"):
        assert gone not in entry.body
    assert "没有正文" in refusal("x.html", b"<html><body><nav>a</nav></body></html>")
    assert "嵌套太深" in refusal("x.html", b"<div>" * 250 + b"x")


def test_word_by_its_styles_with_pictures_and_tables() -> None:
    body = (
        paragraph("目录 1", "T1") + paragraph("更换风扇", "1") + paragraph("准备", "2") + paragraph("先停机。") + word_table([["代码", "含义"], ["E07", "过热"]])
        + PICTURE + paragraph("危险：电容带电。")
    )  # fmt: skip
    entry = one("手册.docx", docx(body))
    assert entry.title == "更换风扇" and "目录 1" not in entry.body
    assert entry.body.startswith("## 准备\n\n先停机。") and "| E07 | 过热 |" in entry.body
    assert f"![风扇]({FILE_MARK}{entry.files[0].name})" in entry.body and entry.files[0].content == png()
    assert "::: danger\n电容带电。\n:::" in entry.body and entry.given["safety"] is True


def test_pdf_lines_headings_tables_and_no_running_headers() -> None:
    first = [
        (60, 30, 9, "拓联通信 用户手册"), (60, 80, 22, "HK-V20 维护手册"), (60, 130, 16, "1 更换风扇"), (60, 165, 11, LONG),
        (60, 181, 11, "能重新启动，期间不要反复复位。"), (60, 205, 11, "1、停机断电。"), (60, 221, 11, "2、拆下风扇 re-"), (60, 237, 11, "place it."),
        (60, 260, 11, "警告：电容带电。"), (65, 302, 10, "代码"), (165, 302, 10, "含义"), (65, 322, 10, "E07"), (165, 322, 10, "过热"),
        (300, 810, 9, "1"),
    ]  # fmt: skip
    rules = [(60.0, y, 260.0, y) for y in (300.0, 320.0, 340.0)] + [(x, 300.0, x, 340.0) for x in (60.0, 160.0, 260.0)]
    more = [[(60, 30, 9, "拓联通信 用户手册"), (60, 80, 16, f"{n} 第几节"), (60, 120, 11, LONG + "能启动。"), (300, 810, 9, str(n))] for n in (2, 3, 4)]
    entry = one("a.pdf", pdf([first, *more], rules))  # type: ignore[list-item]
    assert entry.title == "HK-V20 维护手册"
    assert "## 1 更换风扇" in entry.body and "## 3 第几节" in entry.body
    assert LONG + "能重新启动，期间不要反复复位。" in entry.body, "lines of one paragraph are joined without a blank"
    assert "1. 停机断电。\n2. 拆下风扇 replace it." in entry.body
    assert "| 代码 | 含义 |\n| --- | --- |\n| E07 | 过热 |" in entry.body
    assert "::: warning\n电容带电。\n:::" in entry.body
    assert "用户手册" not in entry.body and "\n4\n" not in entry.body


def test_a_scan_says_that_it_is_one() -> None:
    assert "扫描件" in refusal("scan.pdf", pdf([[], []], picture=True))
    assert "没有文字" in refusal("empty.pdf", pdf([[]]))
    assert "损坏" in refusal("broken.pdf", b"%PDF-1.4\n" + b"x" * 300)
    assert "不符" in refusal("wrong.pdf", b"hello")


def test_lines_are_joined_as_people_read_them() -> None:
    assert pdf_lines.joined("散热", "器") == "散热器"
    assert pdf_lines.joined("inter-", "face") == "interface"
    assert pdf_lines.joined("the", "drive") == "the drive"
    assert pdf_lines.joined("型号", "FX3U") == "型号FX3U"


TABLE = "故障代码,适用型号,含义,可能原因,处理方法,安全提示\nE07,HK-V20,散热器过热,风扇停转,\"1、停机\n2、清理滤棉\",断电等十分钟\nE08,HK-V20,缺相,,查电源,无\n"


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("sign", [",", "\t", ";"])
def test_fault_codes_are_each_their_own_passage(charset: str, sign: str) -> None:
    entry = one("HK-V20 故障代码.csv", TABLE.replace(",", sign).encode(charset))
    assert (entry.title, entry.rows, entry.given["kind"], entry.given["safety"]) == ("HK-V20 故障代码", 2, "fault", True)
    found = {p.heading: p for p in passages(entry.body)}
    assert list(found) == ["E07 散热器过热", "E08 缺相"]
    assert found["E07 散热器过热"].anchor == "s-e07-散热器过热"
    assert "断电等十分钟" in found["E07 散热器过热"].text and "清理滤棉" in found["E07 散热器过热"].text
    assert "断电" not in found["E08 缺相"].text and "无" not in found["E08 缺相"].text
    assert "1. 停机\n2. 清理滤棉" in entry.body


def test_one_article_of_codes_for_each_product() -> None:
    rows: list[list[object]] = [["Code", "Product", "Meaning", "Action"], ["E1", "A", "hot", "wait"], ["E1", "B", "no card", "insert"], ["E2", "A", "cold", ""]]
    entries = read_file("codes.xlsx", xlsx({"S": rows})).entries
    assert {tuple(e.given["products"]): e.rows for e in entries} == {("A",): 2, ("B",): 1}
    assert len({e.key for e in entries}) == 2 and entries[0].questions == ("A E1", "A E2")


def test_a_row_without_a_code_is_not_given_to_another_code() -> None:
    rows: list[list[object]] = [
        ["代码", "含义", "原因", "处理"],
        ["F1", "过热", "风扇停", "停机"],
        [None, None, None, "再清理滤棉"],
        [None, "短路", "电缆破", "换电缆"],
        ["F2", "缺相", "断线", "接好"],
        ["F1", "又写一遍", "别的", "别的"],
    ]
    document = read_file("codes.xlsx", xlsx({"S": rows}))
    (entry,) = document.entries
    assert "再清理滤棉" in entry.body and "换电缆" not in entry.body
    assert [dict(r.data) for r in document.refused] == [{"row": 4}]
    assert len(entry.warnings) == 1 and "F1" in entry.warnings[0] and "F2" not in entry.warnings[0]


def test_questions_and_answers() -> None:
    rows: list[list[object]] = [
        ["产品", "问题", "相似问1", "相似问2", "答案", "分类"],
        ["TL-G300", "网关不上线", "离线了", "连不上；没信号", "1、查卡\n2、重启", "网络"],
        [None, "重新启动", None, None, None, None],
        ["TL-G300", "怎么重启", None, None, "长按五秒", None],
        ["TL-G300", "重启方法", None, None, "长按五秒", None],
        ["TL-G300", "灯不亮", None, None, None, None],
        ["TL-G300", None, None, None, "没人问的", None],
    ]
    document = read_file("faq.xlsx", xlsx({"问答": rows}))
    assert [(e.title, e.questions) for e in document.entries] == [
        ("网关不上线", ("网关不上线", "离线了", "连不上", "没信号")),
        ("怎么重启", ("怎么重启", "重启方法")),
    ]
    first = document.entries[0]
    assert first.given == {"language": "zh", "kind": "faq", "category": "网络", "products": ["TL-G300"]}
    assert first.body == "1. 查卡\n2. 重启\n"
    assert [r.reason % dict(r.data) for r in document.refused] == ["第 3 行没有答案。", "第 6 行没有答案。", "第 7 行有答案，没有问题。"]


def test_a_merged_answer_belongs_to_all_its_questions() -> None:
    rows: list[list[object]] = [["问题", "答案"], ["怎么重启", "长按五秒"], ["重启方法", None]]
    entry = one("a.xlsx", xlsx({"S": rows}, ("B2:B3",)))
    assert entry.questions == ("怎么重启", "重启方法")


def test_the_same_row_keeps_its_name_when_others_come_before_it() -> None:
    rows: list[list[object]] = [["问题", "答案"], ["甲", "一"], ["乙", "二"]]
    before = {e.title: e.key for e in read_file("a.xlsx", xlsx({"S": rows})).entries}
    rows.insert(1, ["丙", "三"])
    after = {e.title: e.key for e in read_file("a.xlsx", xlsx({"S": rows})).entries}
    assert after.items() > before.items()


def test_columns_by_hand() -> None:
    content = "第一列,第二列\n怎么重启,长按五秒\n".encode()
    waiting = read_file("a.csv", content)
    assert not waiting.entries and "第一列" in waiting.refused[0].reason % dict(waiting.refused[0].data)
    assert waiting.sheets[0].header == ("第一列", "第二列")
    meant = {"": {"kind": "questions", "columns": ["question", "answer"]}}
    assert one("a.csv", content, mapping=meant).title == "怎么重启"
    assert columns.checked({"kind": "evil", "columns": ["x", "answer"]}, ("a", "b")) == {"kind": "", "columns": ["", "answer"]}
    assert not read_file("a.csv", content, mapping={"": {"kind": "skip"}}).refused


def test_cells_are_text_and_nothing_is_computed() -> None:
    rows: list[list[object]] = [["问题", "答案"], ["=cmd|' /C calc'!A0", "安全"], ["公式", "=1+1"]]
    document = read_file("a.xlsx", xlsx({"S": rows}))
    assert [e.title for e in document.entries] == [] and len(document.refused) == 2, "a formula without a shown value is nothing"
    assert one("a.csv", "问题,答案\n=1+1,<b>粗</b> <script>x</script>\n".encode()).body == "**粗**\n"


def test_limits_and_traps() -> None:
    small = Limits(rows=5)
    rows: list[list[object]] = [["问题", "答案"], *[[f"问{n}", f"答{n}"] for n in range(10)]]
    assert "超过 5 行" in refusal("a.xlsx", xlsx({"S": rows}), limits=small)
    assert "超过 5 行" in refusal("a.csv", ("问题,答案\n" + "a,b\n" * 20).encode(), limits=small)
    assert "XML" in refusal("a.docx", docx(paragraph("&a;"), '<!DOCTYPE x [<!ENTITY a "b">]>'))
    assert "展开后太大" in refusal("a.docx", zipped({"word/document.xml": b"\0" * 30_000_000}))
    assert "另存为 .docx" in refusal("a.doc", b"\xd0\xcf\x11\xe0")
    assert "旧格式" in refusal("a.xlsx", b"\xd0\xcf\x11\xe0abc")
    assert "损坏" in refusal("a.docx", b"PK\x03\x04nothing")
    assert "空的" in refusal("a.md", b"  \n")
    assert "不认识" in refusal("a.exe", b"MZ")
    assert "不是文本" in refusal("a.csv", b"\x00\x01\x02" * 50)
    assert "编码" in refusal("a.md", b"\xff\x80\xff\x81")
    assert "正文有" in refusal("a.md", ("字" * 50).encode(), limits=Limits(body=20))


def test_archives_stay_inside_and_know_chinese_names() -> None:
    assert [safe_path(p) for p in ("../a.md", "/etc/passwd", "C:/a.md", "a/../../b", "__MACOSX/a.md", ".git/x", "a\\b.md")] == [
        "", "etc/passwd", "", "", "", "", "a/b.md",
    ]  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../evil.md", "x")
        archive.writestr("手册/a.md", "正文")
    raw = out.getvalue()
    info = "手册/a.md".encode()
    gbk = "手册/a.md".encode("gb18030").ljust(len(info), b"x")
    assert [name for name, _content in unpacked(raw, LIMITS)] == ["手册/a.md"]
    windows = raw.replace(info, gbk)
    for place in range(len(windows) - 4):  # the mark that says UTF-8 is what Windows leaves out
        if windows[place : place + 4] in (b"PK\x03\x04", b"PK\x01\x02"):
            at = place + (6 if windows[place + 2] == 3 else 8)
            windows = windows[: at + 1] + b"\x00" + windows[at + 2 :]
    assert [name for name, _content in unpacked(windows, LIMITS)] == ["手册/a.mdxx"]
    with pytest.raises(Unreadable):
        list(unpacked(b"no archive", LIMITS))
    with pytest.raises(Unreadable):
        list(unpacked(zipped({f"{n}.md": b"x" for n in range(20)}), Limits(members=10)))


def test_a_long_document_in_parts() -> None:
    entry = Entry("", "手册", f"前言很短。\n\n## 一\n\n![a]({FILE_MARK}a.png)\n\n### 细\n\n字\n\n## 二\n\n::: warning\n断电\n:::\n\n```\n## 不是\n```\n", {"slug": "x"})
    parts = split_entry(entry)
    assert [(p.key, p.title) for p in parts] == [("一", "手册：一"), ("二", "手册：二")]
    assert "### 细" in parts[0].body and "## 不是" in parts[1].body
    assert parts[1].given == {"safety": True} and "slug" not in parts[0].given
    assert split_entry(Entry("", "短", "没有标题\n")) == [Entry("", "短", "没有标题\n")]


def test_what_was_read_can_be_kept() -> None:
    document = read_file("a.docx", docx(paragraph("标题", "1") + paragraph("字") + PICTURE))
    assert load(dump(document)) == document and load(dump(document)).entries[0].sha256 == document.entries[0].sha256
    table = read_file("a.csv", TABLE.encode())
    assert load(dump(table)) == table
    assert load(dump(Document())) == Document()


def test_text_of_any_make() -> None:
    for charset in ("utf-8", "utf-8-sig", "utf-16", "gb18030"):
        assert text_of("故障代码".encode(charset)) == "故障代码"
