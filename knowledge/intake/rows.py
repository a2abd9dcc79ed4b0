"""Rows of a table as articles: one for each question with its answer, one for all fault codes of a product."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.text import pack
from knowledge.analysis import fold
from knowledge.intake.html_files import from_fragment
from knowledge.intake.pictures import Gathered
from knowledge.intake.shapes import MODELS, Entry, Limits, Refusal, Sheet

LONGEST_MODEL, MOST_MODELS = 300, 100
_HTML = re.compile(r"<(p|br|div|ul|ol|table|span|strong|b)\b[^>]*>", re.IGNORECASE)
_SPLIT = re.compile(r"\s*(?:\n|\|{1,2}|｜)\s*")
_SIMILAR = re.compile(r"\s*(?:\n|\|{1,2}|｜|[;；])\s*")
_STRUCTURE = re.compile(r"^\s*(?:[-*+] |\d{1,2}[.)] |#{1,6} |\||>|:::|```|~~~|!\[)")
_NUMBER = re.compile(r"^\s*(?:[(（]?(\d{1,2})[)）、.．](?!\d)\s*|([①-⑳])\s*)")
# data: as people write them in a table
LEVELS = {
    "所有人": "public", "公开": "public", "全部": "public", "客户": "client", "坐席": "agent", "内部": "agent", "供应商": "supplier",
    "everybody": "public", "clients": "client", "agents": "agent", "suppliers": "supplier",
}  # fmt: skip
# data
LANGUAGES = {
    "中文": "zh", "汉语": "zh", "简体": "zh", "简体中文": "zh", "中文简体": "zh", "chinese": "zh", "simplified chinese": "zh", "zh-cn": "zh", "cn": "zh",
    "英文": "en", "英语": "en", "english": "en",
}  # fmt: skip


@dataclass
class Row:
    """The cells of a row by meaning; columns of the same meaning (similar questions) are joined by line ends."""

    number: int
    cells: dict[str, str]

    def __getitem__(self, meaning: str) -> str:
        return self.cells.get(meaning, "")


def rows_of(sheet: Sheet, columns: Sequence[str]) -> Iterable[Row]:
    for place, cells in enumerate(sheet.rows):
        found: dict[str, str] = {}
        for meaning, cell in zip(columns, cells, strict=False):
            if meaning and cell.strip():
                found[meaning] = f"{found[meaning]}\n{cell.strip()}" if meaning in found else cell.strip()
        if found:
            yield Row(sheet.first_row + place, found)


def key_of(sheet: Sheet, words: str) -> str:
    """A name for a row that stays when rows are inserted above it."""
    digest = hashlib.sha256(" ".join(fold(words).split()).encode()).hexdigest()[:16]
    return f"{sheet.name}#{digest}"


def _given(row: Row) -> dict[str, Any]:
    given: dict[str, Any] = {
        name: row[name] for name in ("category", "valid_for", "phone_script", "slug") if row[name]
    }
    if row["product"]:
        given["products"] = [name for name in re.split(r"\s*[,，、;；/\n]\s*", row["product"]) if name]
    if row["audience"]:
        given["audience"] = LEVELS.get(row["audience"].lower(), row["audience"].lower())
    if row["language"]:
        given["language"] = LANGUAGES.get(row["language"].lower(), row["language"].lower())
    return given


def questions(sheet: Sheet, columns: Sequence[str], limits: Limits) -> tuple[list[Entry], list[Refusal]]:
    """One article for each answer. Rows without an answer, or with the very same one, add their question to it."""
    answer = "answer" if "answer" in columns else "action"
    made: list[tuple[Row, list[str]]] = []
    by_answer: dict[tuple[str, str], int] = {}
    refused: list[Refusal] = []
    for row in rows_of(sheet, columns):
        asked = [*_SPLIT.split(row["question"]), *_SIMILAR.split(row["similar"])]
        asked = [question.strip() for question in asked if question.strip()]
        if not asked and not row["title"]:
            if row[answer]:
                refused.append(Refusal(f"{sheet.name}#{row.number}", "第 %(row)s 行有答案，没有问题。", {"row": row.number}))
            continue
        if not row[answer]:
            refused.append(Refusal(f"{sheet.name}#{row.number}", "第 %(row)s 行没有答案。", {"row": row.number}))
            continue
        same = by_answer.get((row["product"], row[answer]))
        if same is not None and not row["title"]:
            made[same][1].extend(asked)
            continue
        by_answer[row["product"], row[answer]] = len(made)
        made.append((row, asked))
    entries, seen = [], dict[str, int]()
    for row, asked in made:
        title = (row["title"] or asked[0])[:200]
        key = key_of(sheet, row["id"] or f"{row['product']} {title}")
        if key in seen:
            refused.append(
                Refusal(f"{sheet.name}#{row.number}", "第 %(row)s 行和第 %(other)s 行是同一个问题，答案不同。", {"row": row.number, "other": seen[key]})
            )
            continue
        seen[key] = row.number
        given = {"kind": "faq", **_given(row)}
        body = cell_markdown(row[answer], limits)
        if row["safety"]:
            given["safety"] = True
            body = f"{_warning(row['safety'], limits)}\n\n{body}"
        entries.append(Entry(key, title, body + "\n", given, tuple(dict.fromkeys(asked)), rows=1))
    return entries, refused


def cell_markdown(text: str, limits: Limits) -> str:
    """What stands in a cell, as Markdown: HTML of other systems is turned, line ends are kept, 1、2、 become a list."""
    if _HTML.search(text):
        return from_fragment(text, Gathered(limits))[0].strip()
    lines = [_numbered(line.rstrip()) for line in text.strip().split("\n")]
    made = ""
    for before, line in zip(["", *lines], lines, strict=False):
        if not made:
            made = line
        elif not line or not before:
            made += "\n" + line
        elif _STRUCTURE.match(line) and _STRUCTURE.match(before):
            made += "\n" + line
        else:
            made += "\n\n" + line
    return re.sub(r"\n{3,}", "\n\n", made)


def _numbered(line: str) -> str:
    found = _NUMBER.match(line)
    if not found:
        return line
    number = found[1] or str(ord(found[2]) - ord("①") + 1)
    return f"{int(number)}. {line[found.end() :]}"


def _warning(text: str, limits: Limits) -> str:
    return f"::: warning\n{cell_markdown(text, limits)}\n:::"


_DAY = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d.*)?")
"""What a spreadsheet makes of 3-5."""
_NOTHING = re.compile(r"^(无|否|没有|-+|/|n/?a|none|no)[。.]?$", re.IGNORECASE)
_YES = re.compile(r"^(是|有|yes|y|true|√|✓)[。.]?$", re.IGNORECASE)
# data: part of the article's own text
FAULT_WORDS = (("model", "适用型号"), ("cause", "原因"), ("action", "处理"))


def faults(sheet: Sheet, columns: Sequence[str], title: str, limits: Limits) -> tuple[list[Entry], list[Refusal]]:
    """One article for each product of the table; each code has a heading, so that a search for it opens there."""
    groups: dict[str, list[Row]] = {}
    refused: list[Refusal] = []
    last: Row | None = None
    for row in rows_of(sheet, columns):
        if not row["code"]:
            if last is not None and not row["meaning"] and (row["cause"] or row["action"]):  # the row goes on
                for name in ("cause", "action", "safety"):
                    if row[name]:
                        last.cells[name] = f"{last[name]}\n{row[name]}".strip()
            else:
                refused.append(Refusal(f"{sheet.name}#{row.number}", "第 %(row)s 行没有代码。", {"row": row.number}))
            continue
        if not (row["meaning"] or row["cause"] or row["action"]):
            refused.append(Refusal(f"{sheet.name}#{row.number}", "第 %(row)s 行只有代码，没有说明。", {"row": row.number}))
            continue
        row.cells["code"] = unicodedata.normalize("NFKC", row["code"])
        last = row
        groups.setdefault(row["product"], []).append(row)
    entries: list[Entry] = []
    for product, rows in groups.items():
        models = [] if product else list(dict.fromkeys(row["model"][:LONGEST_MODEL] for row in rows if row["model"]))[:MOST_MODELS]
        pieces = [rows[start : start + limits.table_rows] for start in range(0, len(rows), limits.table_rows)]
        for number, piece in enumerate(pieces, 1):
            entries.append(_fault_article(sheet, product, piece, title, f"{number}/{len(pieces)}" if len(pieces) > 1 else "", models, limits))
    return entries, refused


def _fault_article(
    sheet: Sheet, product: str, rows: Sequence[Row], title: str, part: str, models: Sequence[str], limits: Limits
) -> Entry:
    safety = any(_is_safety(row["safety"]) for row in rows)
    given = {"kind": "fault", "category": "故障代码", **_given(rows[0])}
    for name in ("phone_script", "slug", "valid_for"):
        given.pop(name, None)
    if safety:
        given["safety"] = True
    if models:
        given[MODELS] = list(models)
    name = " ".join(word for word in (product if product and product.lower() not in title.lower() else "", title, f"（{part}）" if part else "") if word)
    body = "\n\n".join(_fault(row, limits) for row in rows)
    asked = tuple(dict.fromkeys(f"{product} {row['code']}".strip() for row in rows[:40])) if product else None
    codes = [row["code"] for row in rows]
    often = Counter(map(fold, codes))
    twice = "、".join(dict.fromkeys(code for code in codes if often[fold(code)] > 1))
    days = "、".join(code for code in codes if _DAY.fullmatch(code))
    said: tuple[str, ...] = (pack("代码重复，每行都留着：%(codes)s", codes=twice[:200]),) if twice else ()
    said += (pack("代码 %(codes)s 看着是日期，多半是 Excel 自己改的，请核对。", codes=days[:200]),) if days else ()
    return Entry(f"{sheet.name}#{product}#{part}", name[:200], body + "\n", given, asked, rows=len(rows), warnings=said)


def _is_safety(text: str) -> bool:
    return bool(text) and not _NOTHING.match(text.strip())


def _fault(row: Row, limits: Limits) -> str:
    meaning, _line, more = row["meaning"].partition("\n")
    heading = " ".join(f"{row['code']} {meaning}".split())
    parts = ["## " + re.sub(r"([#*_`])", r"\\\1", heading[:150])]
    if _is_safety(row["safety"]):
        # data
        said = "操作前先停机断电。" if _YES.match(row["safety"].strip()) else row["safety"]
        parts.append(_warning(said, limits))
    if more.strip() or len(heading) > 150:
        parts.append(cell_markdown(more.strip() or meaning, limits))
    for name, label in FAULT_WORDS:
        if not row[name]:
            continue
        text = cell_markdown(row[name], limits)
        parts.append(f"**{label}**\n\n{text}" if "\n" in text or _STRUCTURE.match(text) else f"**{label}**：{text}")
    return "\n\n".join(parts)
