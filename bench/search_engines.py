"""The engines that `bench.search` sets side by side: ours, stock Whoosh on jieba, SQLite's FTS5, and tantivy as the ceiling.

All get the same documents and questions in the same process; each peer is used as its manual says.
"""

import gzip
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from knowledge.analysis import fold, tokens
from knowledge.index import IndexDocument, Passage, Query, Reader
from knowledge.whoosh_index import WhooshIndex

PARTS = ["变频器", "网关", "触摸屏", "振动传感器", "PLC", "扫码枪", "采集盒", "电机", "机柜", "证书", "账号", "点位"]
FAULTS = ["过热停机", "离线", "注册失败", "数据断续", "波形成直线", "重复报工", "鉴权失败", "过压", "缺相", "无法登录", "时钟偏差", "掉电重启"]
STEPS = ["先停机断电等十分钟", "检查风扇和风道", "查看指示灯", "重新插拔 SIM 卡", "核对 APN 和鉴权方式", "对时后再试", "更换滤棉", "导出日志发给我们",
         "确认环境温度低于四十度", "把载频调低到四千赫", "更新证书并重启服务", "在平台上重新下发配置"]  # fmt: skip
CATEGORIES = ("安装", "调试", "故障", "接口", "说明")
Tell = Callable[[str], None]


def made_up(count: int) -> list[IndexDocument]:
    """Short articles of our own, where no folder is given."""
    chance = random.Random(20261122)
    found = []
    for number in range(count):
        part, fault = chance.choice(PARTS), chance.choice(FAULTS)
        body = "。".join(chance.sample(STEPS, 7)) + f"。故障代码 E{number % 97:02d}，型号 HK-{number % 53}V。"
        found.append(_document(number, str(number), f"{part}{fault}怎么处理", body))
    return found


def made_up_questions(count: int = 200) -> list[str]:
    chance = random.Random(7)
    return [f"{chance.choice(PARTS)}{chance.choice(FAULTS)} E{chance.randrange(97):02d} 怎么办" for _ in range(count)]


def _document(number: int, name: str, title: str, body: str) -> IndexDocument:
    """Products, categories and organisations are dealt out, so that filters have something to do."""
    return IndexDocument(
        name,
        title,
        (Passage(body),),
        product_ids=(number % 7 + 1,),
        category=CATEGORIES[number % len(CATEGORIES)],
        level="agent" if number % 11 == 0 else "public",
        organisation_ids=(number % 3 + 1,) if number % 13 == 0 else (),
    )


def _lines(path: Path) -> Iterator[Any]:
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        for line in lines:
            yield json.loads(line)


def _file(folder: Path, name: str) -> Path:
    return next(path for path in (folder / name, folder / f"{name}.gz") if path.is_file())


def of_folder(folder: Path, count: int | None) -> list[IndexDocument]:
    """docs.jsonl(.gz): {"id", "title", "body"} a line."""
    found = []
    for number, row in enumerate(_lines(_file(folder, "docs.jsonl"))):
        if count is not None and number >= count:
            break
        found.append(_document(number, str(row["id"]), row["title"], row["body"]))
    return found


def questions_of(folder: Path, name: str = "queries.jsonl") -> list[str]:
    """queries.jsonl(.gz): {"id", "text"} a line."""
    return [row["text"] for row in _lines(_file(folder, name))]


class Engine(Protocol):
    """What is measured."""

    name: str

    def build(self, documents: list[IndexDocument]) -> None: ...

    def ask(self, text: str) -> object: ...


class Ours:
    """One of the ways in which our index is asked."""

    def __init__(self, folder: Path, name: str, **given: Any) -> None:
        self.name, self.given = name, {"passages": False} | given
        self.index = WhooshIndex(folder / "ours")

    def build(self, documents: list[IndexDocument]) -> None:
        self.index.rebuild(iter(documents))

    def ask(self, text: str) -> object:
        return self.index.search(Query(text, **self.given))


FILTERED: dict[str, Any] = {
    "passages": True,
    "facets": True,
    "reader": Reader(("public", "client", "agent"), 1, False, (1, 2, 3)),
    "product_id": 2,
    "category": "故障",
    "language": "zh",
    "levels": ("public", "agent"),
}
"""Ten snippets, counts by product, category and level, and each filter that there is."""


class StockWhoosh:
    """Whoosh as it comes, with jieba's search mode: one field, BM25F, any of the words."""

    name = "Whoosh + jieba"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "whoosh"

    def build(self, documents: list[IndexDocument]) -> None:
        import jieba
        from whoosh import fields, index, qparser
        from whoosh.analysis import RegexTokenizer

        self.folder.mkdir(parents=True)
        self.cut = jieba.lcut_for_search
        schema = fields.Schema(id=fields.ID(stored=True), body=fields.TEXT(analyzer=RegexTokenizer(r"\S+"), phrase=False))
        made = index.create_in(str(self.folder), schema)
        writer = made.writer(limitmb=256)
        for document in documents:
            text = f"{document.title}\n{document.passages[0].text}".lower()
            writer.add_document(id=document.id, body=" ".join(self.cut(text)))
        writer.commit()
        self.searcher = made.searcher()
        self.parser = qparser.QueryParser("body", schema, group=qparser.OrGroup, plugins=[qparser.WhitespacePlugin()])

    def ask(self, text: str) -> object:
        wanted = self.parser.parse(" ".join(self.cut(text.lower())))
        return [hit["id"] for hit in self.searcher.search(wanted, limit=10)]


class Fts5:
    """SQLite's FTS5 with its trigram tokenizer: quick, and blind to one and two characters."""

    name = "FTS5 trigram"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "fts5.sqlite3"

    def build(self, documents: list[IndexDocument]) -> None:
        self.connection = sqlite3.connect(self.file)
        self.connection.execute("create virtual table a using fts5(title, body, tokenize='trigram')")
        rows = ((document.title, document.passages[0].text) for document in documents)
        self.connection.executemany("insert into a values (?, ?)", rows)
        self.connection.commit()

    def ask(self, text: str) -> object:
        plain = text.replace('"', " ")
        grams = " OR ".join(f'"{plain[i : i + 3]}"' for i in range(len(plain) - 2))
        if not grams:
            return []
        wanted = "select rowid from a where a match ? order by bm25(a) limit 10"
        return self.connection.execute(wanted, (grams,)).fetchall()


class Tantivy:
    """tantivy (Rust) over our own words, one field: the ceiling for one field of words on this machine."""

    name = "tantivy, our words"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tantivy"

    def build(self, documents: list[IndexDocument]) -> None:
        import tantivy

        self.folder.mkdir(parents=True)
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw")
        builder.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
        self.schema = builder.build()
        self.index = tantivy.Index(self.schema, path=str(self.folder))
        writer = self.index.writer(heap_size=128_000_000, num_threads=1)
        for document in documents:
            words = tokens(f"{document.title}\n{document.passages[0].text}").words
            writer.add_document(tantivy.Document(id=document.id, body=" ".join(words)))
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()
        self.searcher = self.index.searcher()
        self.tantivy = tantivy

    def ask(self, text: str) -> object:
        words = dict.fromkeys(tokens(fold(text)).words)
        term = self.tantivy.Query.term_query
        should = [(self.tantivy.Occur.Should, term(self.schema, "body", word)) for word in words]
        found = self.searcher.search(self.tantivy.Query.boolean_query(should), 10)
        return [self.searcher.doc(address)["id"] for _, address in found.hits]
