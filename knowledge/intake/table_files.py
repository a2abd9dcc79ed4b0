"""Spreadsheets and CSV as rows of text. Formulas count as what they last showed; nothing is computed or fetched."""

import csv
import io
import re
from collections import Counter
from datetime import date, datetime, time
from typing import Any

import openpyxl

from app.core.text import clean
from knowledge.intake.archives import check_office, opened, read_member
from knowledge.intake.charsets import text_of
from knowledge.intake.columns import header_row
from knowledge.intake.shapes import Limits, Sheet, Unreadable

DELIMITERS = (",", "\t", ";", "|")
LIST_SHEET = "知识清单"  # data
"""The sheet of our own export that is only for looking at."""
BLANK_ROWS = 500
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')


def read_csv(content: bytes, limits: Limits) -> list[Sheet]:
    """The one table of a file, its delimiter found by looking."""
    text = clean(text_of(content)).lstrip("\ufeff")
    if not text.strip():
        raise Unreadable("表格是空的。")
    said = re.match(r"sep=(.)\n", text)
    delimiter = said[1] if said else _delimiter(text[:200_000])
    body = text[said.end() :] if said else text
    rows: list[list[str]] = []
    before = csv.field_size_limit(limits.cell * 10)
    try:
        for row in csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=False):
            if len(rows) > limits.rows:
                raise Unreadable("表格超过 %(most)s 行，请拆开再导入。", most=limits.rows)
            rows.append([cell.strip()[: limits.cell] for cell in row[: limits.columns]])
    except csv.Error:
        raise Unreadable("表格里有一格太长，或引号没有配对。") from None
    finally:
        csv.field_size_limit(before)
    return _sheets("", rows)


def _delimiter(text: str) -> str:
    """The one that cuts most lines into the same number of cells, more than one."""

    def score(sign: str) -> tuple[float, int]:
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign) if row]
        except csv.Error:
            return 0.0, 0
        rows = rows[:60]
        if not rows:
            return 0.0, 0
        width, count = Counter(len(row) for row in rows).most_common(1)[0]
        return (count / len(rows) if width > 1 else 0.0), width

    return max(DELIMITERS, key=score)


def read_xlsx(content: bytes, limits: Limits) -> list[Sheet]:
    """The visible sheets of a workbook that hold anything."""
    check_office(content, "xl/workbook.xml", limits)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except Exception as problem:  # openpyxl lets whatever it stumbles over through
        raise Unreadable("表格文件损坏，读不了（%(kind)s）。", kind=type(problem).__name__) from None
    found: list[Sheet] = []
    try:
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible" and sheet.title != LIST_SHEET:
                found += _sheets(sheet.title, _rows(sheet, content, limits))
    except Unreadable:
        raise
    except Exception as problem:
        raise Unreadable("表格文件损坏，读不了（%(kind)s）。", kind=type(problem).__name__) from None
    finally:
        book.close()
    if not found and LIST_SHEET not in book.sheetnames:
        raise Unreadable("表格是空的。")
    return found


def _rows(sheet: Any, content: bytes, limits: Limits) -> list[list[str]]:
    sheet.reset_dimensions()  # what a sheet says about its size is not believed
    rows: list[list[str]] = []
    blank = 0
    for row in sheet.iter_rows(max_col=limits.columns, values_only=True):
        cells = [_words(cell)[: limits.cell] for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        blank = 0 if cells else blank + 1
        if blank > BLANK_ROWS:
            break
        rows.append(cells)
        if len(rows) - blank > limits.rows:
            raise Unreadable("“%(sheet)s”超过 %(most)s 行，请拆开再导入。", sheet=sheet.title, most=limits.rows)
    return _spread(rows, _merged(sheet, content, limits))


def _merged(sheet: Any, content: bytes, limits: Limits) -> list[tuple[int, int, int, int]]:
    """Merged cells as (first column, first row, last column, last row), counted from 0."""
    path = str(getattr(sheet, "_worksheet_path", "")).lstrip("/")
    archive = opened(content, limits)
    if path not in archive.namelist():
        return []
    part = read_member(archive, archive.getinfo(path), limits.unpacked_bytes)
    return [
        (_column(a), int(b) - 1, _column(c), int(d) - 1)
        for a, b, c, d in _MERGED.findall(part[part.rfind(b"</sheetData>") :] if b"</sheetData>" in part else b"")
    ]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _spread(rows: list[list[str]], merged: list[tuple[int, int, int, int]]) -> list[list[str]]:
    """A merged cell holds for each row that it covers: that is what somebody sees."""
    for left, top, right, bottom in merged:
        if left != right or top >= len(rows) or left >= len(rows[top]):
            continue
        for number in range(top + 1, min(bottom + 1, len(rows))):
            row = rows[number]
            row.extend([""] * (left + 1 - len(row)))
            row[left] = row[left] or rows[top][left]
    return rows


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    return clean(str(value)).strip()


def _sheets(name: str, rows: list[list[str]]) -> list[Sheet]:
    """A sheet from its first row with words; none where there is nothing below it."""
    if not any(any(row) for row in rows):
        return []
    head = header_row(rows)
    width = max(len(row) for row in rows[head:])
    header = tuple(rows[head] + [""] * (width - len(rows[head])))
    body = tuple(tuple(row + [""] * (width - len(row))) for row in rows[head + 1 :])
    return [Sheet(name, header, body, head + 2)]
