"""PDF manuals: text in reading order, ruled tables as tables. A scan has no text, and says so."""

import io
import logging
import statistics
from pathlib import PurePosixPath
from typing import Any

import pdfplumber

from app.core.text import pack
from knowledge.intake.html_files import mark_safety
from knowledge.intake.pdf_lines import Line, joined, to_markdown, without_edges
from knowledge.intake.shapes import Entry, Limits, Unreadable

logging.getLogger("pdfminer").setLevel(logging.ERROR)
FEWEST = 15
"""Characters per page below which a document with pictures is a scan."""


def read_pdf(content: bytes, path: str, limits: Limits) -> Entry:
    """The article of a PDF. Raises Unreadable for scans, passwords, and text without an encoding."""
    if not content.lstrip()[:5] == b"%PDF-":
        raise Unreadable("文件内容和扩展名不符，打不开。")
    try:
        with pdfplumber.open(io.BytesIO(content)) as pdf:
            pages = len(pdf.pages)
            if pages > limits.pages:
                raise Unreadable("PDF 有 %(n)s 页，最多 %(most)s 页，请拆开再导入。", n=pages, most=limits.pages)
            lines: list[Line] = []
            pictures = 0
            for number, page in enumerate(pdf.pages, 1):
                lines += _lines(page, number)
                pictures += len(page.images)
                page.close()
    except Unreadable:
        raise
    except Exception as problem:  # pdfminer lets whatever it stumbles over through
        name = type(problem).__name__ + str(problem.args[:1])
        if "Password" in name or "Encrypt" in name:
            raise Unreadable("这份 PDF 有密码，请去掉密码再导入。") from None
        raise Unreadable("PDF 损坏，读不了（%(kind)s）。", kind=type(problem).__name__) from None
    text = "".join(line.text for line in lines) + "".join(cell for line in lines for row in line.rows for cell in row)
    if len(text) < FEWEST * max(pages, 1):
        if pictures:
            raise Unreadable("这份 PDF 是扫描件，里面没有文字。请先做文字识别（OCR），或改用 Word 原稿。")
        if not text.strip():
            raise Unreadable("PDF 里没有文字。")
    if text.count("(cid:") * 6 > len(text) * 0.2:
        raise Unreadable("这份 PDF 的文字没有编码，取出来是乱码。请改用 Word 原稿，或先做文字识别（OCR）。")
    title, body = to_markdown(without_edges(lines, pages))
    body, safety = mark_safety(body)
    warnings = (pack("有 %(n)s 张图片没有带过来，只取文字和表格。", n=pictures),) if pictures else ()
    return Entry("", title or PurePosixPath(path).stem, body, {"safety": True} if safety else {}, None, warnings=warnings)


def _lines(page: Any, number: int) -> list[Line]:
    """The lines of a page from top to bottom, with its tables in their places."""
    height = float(page.height)
    tables = [table for table in page.find_tables() if len(table.rows) > 1 and len(table.rows[0].cells) > 1]
    boxes = [table.bbox for table in tables]
    found: list[Line] = []
    for table, (left, top, right, bottom) in zip(tables, boxes, strict=True):
        rows = tuple(tuple(_cell(cell) for cell in row) for row in table.extract())
        rows = tuple(row for row in rows if any(row))
        if rows:
            found.append(Line("", 0.0, left, right, top, bottom, number, height, rows=rows))
    words = page.extract_words(extra_attrs=["size", "fontname"], keep_blank_chars=False, use_text_flow=False, x_tolerance=2)
    outside = [w for w in words if not any(_inside(w, box) for box in boxes)]
    for column in _columns(outside, float(page.width)):
        found += _line_up(column, number, height)
    if len(boxes) == 0:
        return found
    return sorted(found, key=lambda line: line.top)


def _cell(text: str | None) -> str:
    made = ""
    for line in (text or "").split("\n"):
        made = joined(made, line.strip()) if made else line.strip()
    return made


def _inside(word: Any, box: Any) -> bool:
    x, y = (word["x0"] + word["x1"]) / 2, (word["top"] + word["bottom"]) / 2
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])


def _columns(words: list[Any], width: float) -> list[list[Any]]:
    """Two columns where nearly nothing crosses the middle of the page, else one."""
    middle = width / 2
    left = [w for w in words if w["x1"] <= middle]
    right = [w for w in words if w["x0"] >= middle]
    crossing = len(words) - len(left) - len(right)
    lefts = [w["x0"] for w in right]
    aligned = bool(lefts) and min(lefts) > middle and lefts.count(min(lefts)) >= 8
    if len(left) > 40 and len(right) > 40 and crossing <= len(words) * 0.02 and aligned:
        first = min(w["top"] for w in right)
        above = [w for w in words if w["bottom"] <= first - 4]
        return [above, [w for w in words if w not in above and w["x1"] <= middle + 2], [w for w in words if w not in above and w["x1"] > middle + 2]]
    return [words]


def _beside(text: str, word: str, gap: float) -> str:
    """Words of one line. Han signs are set apart by justification: only a wide gap between them is a blank."""
    both_wide = text[-1:] > "\u2e80" and word[:1] > "\u2e80"
    return f"{text} {word}" if gap > (0.8 if both_wide else 0.15) else text + word


def _line_up(words: list[Any], number: int, height: float) -> list[Line]:
    lines: list[list[Any]] = []
    for word in sorted(words, key=lambda w: (round(w["bottom"]), w["x0"])):
        last = lines[-1] if lines else None
        if last is not None and abs(last[-1]["bottom"] - word["bottom"]) <= max(2.0, float(word["size"]) * 0.3):
            last.append(word)
        else:
            lines.append([word])
    made = []
    for line in lines:
        line.sort(key=lambda w: w["x0"])
        text = line[0]["text"]
        for before, word in zip(line, line[1:], strict=False):
            gap = word["x0"] - before["x1"]
            text = _beside(text, word["text"], gap / float(word["size"] or 1))
        bold = sum("bold" in str(w["fontname"]).lower() or "hei" in str(w["fontname"]).lower() for w in line) * 2 > len(line)
        made.append(
            Line(
                " ".join(text.split()),
                float(statistics.median(w["size"] for w in line)),
                float(line[0]["x0"]),
                float(max(w["x1"] for w in line)),
                float(min(w["top"] for w in line)),
                float(max(w["bottom"] for w in line)),
                number,
                height,
                bold,
            )
        )
    return [line for line in made if line.text]
