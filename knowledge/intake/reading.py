"""One door for every format: bytes with a name go in, articles come out. Trusts neither the name nor the content.

A format's library is loaded when a file wants it: a process that reads one Word file starts three times as fast.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from knowledge.intake import columns
from knowledge.intake.charsets import text_of
from knowledge.intake.pictures import Lookup
from knowledge.intake.shapes import CHOSEN, LIMITS, Document, Entry, Limits, Refusal, Sheet, Unreadable
from knowledge.intake.split import split_entry

FORMATS: Mapping[str, str] = {
    "md": "markdown", "markdown": "markdown", "html": "html", "htm": "html", "xhtml": "html", "docx": "word", "pdf": "pdf",
    "csv": "csv", "tsv": "csv", "xlsx": "xlsx", "xlsm": "xlsx", "zip": "zip",
}  # fmt: skip
TABLES = ("csv", "xlsx")
HEAVY = ("word", "pdf", "xlsx")
"""Read in a process of its own: libraries that a hostile file can stop, fill or crash."""
_OLD = {"doc": ".docx", "xls": ".xlsx", "rtf": ".docx", "wps": ".docx", "et": ".xlsx", "ppt": ".pdf", "pptx": ".pdf"}


_ARCHIVES = ("zip", "rar", "7z", "tar", "gz", "tgz", "bz2", "xz")


def format_of(path: str) -> str:
    """The format that a file's name promises; empty for one that we do not read."""
    return FORMATS.get(PurePosixPath(path).suffix.lower().lstrip("."), "")


def unreadable(path: str) -> Unreadable | None:
    """Why a file of this name is not read, in words; None for one that is. An archive is none of its own inside another."""
    ending = PurePosixPath(path).suffix.lower().lstrip(".")
    if ending in _OLD:
        return Unreadable("不读 .%(ending)s，请另存为 %(better)s 再导入。", ending=ending, better=_OLD[ending])
    if ending in _ARCHIVES:
        return Unreadable("压缩包里的压缩包不打开，请解开后另外导入。")
    return None if ending in FORMATS else Unreadable("不认识这种文件。能读 Markdown、HTML、Word（.docx）、PDF、Excel（.xlsx）、CSV 和 ZIP。")


def read_file(
    path: str,
    content: bytes,
    *,
    mapping: Mapping[str, Any] | None = None,
    split: bool = False,
    limits: Limits = LIMITS,
    lookup: Lookup | None = None,
) -> Document:
    """What a file holds. `mapping` says what the columns of its tables mean, where a person said so; `split` makes an
    article of each main heading of a long document; `lookup` finds pictures beside it. Raises Unreadable, Invalid."""
    kind = format_of(path)
    if problem := unreadable(path):
        raise problem
    if len(content) > limits.file_bytes:
        raise Unreadable("文件有 %(mb)s MB，最多 %(most)s MB。", mb=len(content) // 1_000_000, most=limits.file_bytes // 1_000_000)
    if not content.strip():
        raise Unreadable("文件是空的。")
    if kind in TABLES:
        from knowledge.intake.table_files import read_csv, read_xlsx

        sheets = read_xlsx(content, limits) if kind == "xlsx" else read_csv(content, limits)
        return from_sheets(path, sheets, mapping or {}, limits)
    if kind == "markdown":
        from knowledge.intake.markdown_files import read_markdown

        return Document((read_markdown(text_of(content), path, limits, lookup),))
    entry = _page(kind, content, path, limits, lookup)
    return _sized(split_entry(entry) if split else [entry], limits)


def _page(kind: str, content: bytes, path: str, limits: Limits, lookup: Lookup | None) -> Entry:
    if kind == "html":
        from knowledge.intake.html_files import read_html

        return read_html(content, path, limits, lookup)
    if kind == "word":
        from knowledge.intake.word_files import read_word

        return read_word(content, path, limits)
    from knowledge.intake.pdf_files import read_pdf

    return read_pdf(content, path, limits)


def _sized(entries: list[Entry], limits: Limits) -> Document:
    fitting = tuple(entry for entry in entries if len(entry.body) <= limits.body)
    too_long = [entry for entry in entries if len(entry.body) > limits.body]
    if too_long and not fitting:
        raise Unreadable(
            "正文有 %(n)s 字，一篇最多 %(most)s 字。可以勾选“每个一级标题一篇”再试。", n=len(too_long[0].body), most=limits.body
        )
    refused = (Refusal(e.key, "正文有 %(n)s 字，一篇最多 %(most)s 字。", {"n": len(e.body), "most": limits.body}) for e in too_long)
    return Document(fitting, (), tuple(refused))


def from_sheets(path: str, sheets: list[Sheet], mapping: Mapping[str, Any], limits: Limits = LIMITS) -> Document:
    """The articles of tables. A table whose columns say nothing is refused with their names, and waits for a mapping."""
    from knowledge.intake import rows

    entries: list[Entry] = []
    refused: list[Refusal] = []
    used: dict[str, Any] = {}
    stem = PurePosixPath(path).stem
    for sheet in sheets:
        meant = columns.checked(mapping.get(sheet.name), sheet.header)
        used[sheet.name] = meant
        kind = meant["kind"]
        if kind == "skip":
            continue
        if not any(map(any, sheet.rows)):
            refused.append(Refusal(sheet.name, "“%(sheet)s”里没有数据行。", {"sheet": sheet.name or stem}))
            continue
        if kind not in columns.KINDS:
            names = "、".join(name for name in sheet.header if name)[:120]
            refused.append(Refusal(sheet.name, "看不出各列是什么（%(names)s）。请指定哪列是问题、答案或故障代码。", {"names": names}))
            continue
        if kind == "questions":
            made, wrong = rows.questions(sheet, meant["columns"], limits)
        else:
            title = stem if len(sheets) == 1 or sheet.name in stem else f"{stem} {sheet.name}"
            made, wrong = rows.faults(sheet, meant["columns"], title, limits)
        chosen = {CHOSEN: meant["product"]} if "product" in meant else {}
        entries += [replace(entry, given={"language": "zh", **entry.given, **chosen}) for entry in made]
        refused += wrong
    small = [e for e in entries if len(e.body) <= limits.body]
    refused += [
        Refusal(e.key, "正文有 %(n)s 字，一篇最多 %(most)s 字。", {"n": len(e.body), "most": limits.body}) for e in entries if len(e.body) > limits.body
    ]
    kept = tuple(replace(sheet, rows=sheet.rows[:8]) for sheet in sheets)  # enough to show what the columns hold
    return Document(tuple(small), kept, tuple(refused), used)
