"""Tables as CSV and as XLSX, so that a spreadsheet takes words for words and never for formulas."""

import csv
import io
from typing import Any

import xlsxwriter
from flask import Response

Table = dict[str, Any]
"""title, heads, rows; a cell is text, a number, or None."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def plain(cell: Any) -> Any:
    """A cell of a CSV file: what a spreadsheet would take for a formula begins with an apostrophe; numbers stay numbers."""
    if cell is None:
        return ""
    if isinstance(cell, int | float):
        return cell
    text = str(cell)
    return "'" + text if text.startswith(_FORMULA) else text


def as_csv(tables: list[Table], name: str) -> Response:
    """All tables below each other, each under its title; with a mark of the encoding for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out)
    for place, table in enumerate(tables):
        if len(tables) > 1:
            writer.writerow([plain(table["title"])])
        writer.writerow([plain(head) for head in table["heads"]])
        writer.writerows([plain(cell) for cell in row] for row in table["rows"])
        if place < len(tables) - 1:
            writer.writerow([])
    return _file("\ufeff" + out.getvalue(), "text/csv; charset=utf-8", f"{name}.csv")


def as_xlsx(tables: list[Table], name: str) -> Response:
    """A sheet for each table. Text is written as text, whatever it begins with."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold, percent = book.add_format({"bold": True}), book.add_format({"num_format": "0.0%"})
        for table in tables:
            sheet = book.add_worksheet(_sheet_name(table["title"]))
            sheet.freeze_panes(1, 0)
            for x, head in enumerate(table["heads"]):
                sheet.write_string(0, x, str(head), bold)
                sheet.set_column(x, x, max(10, min(40, 2 * len(str(head)))))
            for y, row in enumerate(table["rows"], start=1):
                for x, cell in enumerate(row):
                    if isinstance(cell, float):
                        sheet.write_number(y, x, cell, percent if 0 <= cell <= 1 else None)
                    elif isinstance(cell, int):
                        sheet.write_number(y, x, cell)
                    elif cell is not None:
                        sheet.write_string(y, x, str(cell))
    return _file(out.getvalue(), XLSX, f"{name}.xlsx")


def _sheet_name(title: str) -> str:
    return "".join(sign for sign in title if sign not in "[]:*?/\\'")[:31] or "1"


def _file(content: str | bytes, kind: str, name: str) -> Response:
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
