"""A judged set of documents and questions, as files: what search and the answer service are measured on.

A set is a folder with docs.jsonl ({"id", "title", "body"}), queries ({"id", "text"} a line) and qrels (query, document,
grade; tab separated). Each file may be gzipped.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from app.core.errors import Invalid
from knowledge.index import IndexDocument, Passage

DOCS = ("docs.jsonl",)
QUERIES = ("queries.jsonl", "queries-dev.jsonl")
QRELS = ("qrels.tsv", "qrels-dev.tsv")


def find(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of these files that the folder has, zipped or not."""
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def _open(path: Path) -> TextIO:
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rt", encoding="utf-8")
        return path.open(encoding="utf-8")
    except OSError as problem:
        raise Invalid.of("file", "%(file)s 读不了。", file=str(path)) from problem


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines. Raises Invalid where one is not what it should be."""
    with _open(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                    row["id"]
                except (ValueError, KeyError, TypeError) as problem:
                    raise Invalid.of(
                        "file", "%(file)s 第 %(line)s 行不是所需的格式。", file=path.name, line=number
                    ) from problem
                yield row


def documents(path: Path) -> Iterator[IndexDocument]:
    """The documents as the index takes them."""
    for row in rows(path):
        yield IndexDocument(str(row["id"]), str(row.get("title") or ""), (Passage(str(row.get("body") or "")),))


def qrels(path: Path) -> dict[str, dict[str, float]]:
    """Query → document → grade. Three columns, or the four of TREC."""
    judged: dict[str, dict[str, float]] = {}
    with _open(path) as lines:
        for number, line in enumerate(lines, 1):
            cells = line.split()
            if not cells:
                continue
            try:
                judged.setdefault(cells[0], {})[cells[-2]] = float(cells[-1])
            except (ValueError, IndexError):
                if number > 1:  # the first line may be a heading
                    raise Invalid.of(
                        "file", "%(file)s 第 %(line)s 行不是所需的格式。", file=path.name, line=number
                    ) from None
    return judged
