"""Search at 1,000 and 10,000 short articles: p50 and p95 of a query in process, documents indexed per second.

Baseline of the same run: SQLite FTS5 with its trigram tokenizer on the same texts, top 10 by bm25().
"""

import random
import sqlite3
import tempfile
from pathlib import Path

from bench.measure import machine, per_second, table, times_ms
from knowledge.analysis import prepare
from knowledge.index import IndexDocument, Passage, Query, Reader
from knowledge.whoosh_index import WhooshIndex

PARTS = ["变频器", "网关", "触摸屏", "振动传感器", "PLC", "扫码枪", "采集盒", "电机", "机柜", "证书", "账号", "点位"]
FAULTS = ["过热停机", "离线", "注册失败", "数据断续", "波形成直线", "重复报工", "鉴权失败", "过压", "缺相", "无法登录", "时钟偏差", "掉电重启"]
STEPS = ["先停机断电等十分钟", "检查风扇和风道", "查看指示灯", "重新插拔 SIM 卡", "核对 APN 和鉴权方式", "对时后再试", "更换滤棉", "导出日志发给我们",
         "确认环境温度低于四十度", "把载频调低到四千赫", "更新证书并重启服务", "在平台上重新下发配置"]  # fmt: skip
QUESTIONS = 200


def documents(count: int) -> list[IndexDocument]:
    chance = random.Random(20261122)
    made = []
    for number in range(count):
        part, fault = chance.choice(PARTS), chance.choice(FAULTS)
        body = "。".join(chance.sample(STEPS, 7)) + f"。故障代码 E{number % 97:02d}，型号 HK-{number % 53}V。"
        made.append(
            IndexDocument(id=str(number), title=f"{part}{fault}怎么处理", passages=(Passage("", body),), level="public")
        )
    return made


def questions() -> list[str]:
    chance = random.Random(7)
    return [f"{chance.choice(PARTS)}{chance.choice(FAULTS)} E{chance.randrange(97):02d} 怎么办" for _ in range(QUESTIONS)]


def whoosh(made: list[IndexDocument]) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        index = WhooshIndex(Path(folder))

        def fill() -> int:
            index.rebuild(iter(made), None)
            return len(made)

        speed = per_second(fill)
        reader = Reader(levels=frozenset({"public"}))
        p50, p95 = times_ms([lambda q=q: index.search(Query(q, reader)) for q in questions()])  # type: ignore[misc]
        index.close()
        return speed, p50, p95


def fts5(made: list[IndexDocument]) -> tuple[float, float, float]:
    connection = sqlite3.connect(":memory:")
    connection.execute("create virtual table a using fts5(title, body, tokenize='trigram')")

    def fill() -> int:
        connection.executemany("insert into a values (?, ?)", [(d.title, d.passages[0].text) for d in made])
        return len(made)

    speed = per_second(fill)

    def ask(text: str) -> object:
        grams = " OR ".join(f'"{text[i : i + 3]}"' for i in range(len(text) - 2))
        return connection.execute("select rowid from a where a match ? order by bm25(a) limit 10", (grams,)).fetchall()

    p50, p95 = times_ms([lambda q=q: ask(q) for q in questions()])  # type: ignore[misc]
    connection.close()
    return speed, p50, p95


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as cache:
        prepare(Path(cache))
        rows: list[list[object]] = []
        for count in (1_000, 10_000):
            made = documents(count)
            base, ours = fts5(made), whoosh(made)
            rows.append([f"FTS5 trigram, {count:,}", *base, 1.0])
            rows.append([f"Huiyin (Whoosh's scorer), {count:,}", *ours, ours[2] / base[2]])
    print(machine())
    print(table(["", "documents/s", "p50 ms", "p95 ms", "p95 ratio"], rows))


if __name__ == "__main__":
    main()
