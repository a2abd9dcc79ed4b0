"""Mails taken in per second, each durable before the next, and outbox rows done per second.

Baseline of the same run: one row written and committed by bare SQLite in the same folder, with the same durability.
"""

import os
import sqlite3
import tempfile
from pathlib import Path

from sqlalchemy import create_engine, text

from app.core import outbox
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from bench.measure import house, machine, per_second, table
from channels import receiving
from channels.accounts import add_account

MAILS = 400
BODY = "您好：\n\n我们 3 号线的变频器下午又跳 E07，吹吹风又能转。请问要不要换风扇？\n\n王工\n澄湖轴承 设备科\n" * 3


def mail(number: int) -> bytes:
    head = (
        f"From: =?utf-8?b?546L5bel?= <c{number % 50}@chenghu.example>\r\nTo: support@hengchuan.example\r\n"
        f"Subject: E07 {number}\r\nMessage-ID: <m{number}@chenghu.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return head.encode() + BODY.replace("\n", "\r\n").encode()


def bare_commits() -> int:
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "bare.sqlite3", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("create table mail (id integer primary key, body blob)")
        for number in range(MAILS):
            connection.execute("insert into mail (body) values (?)", (mail(number),))
        connection.close()
    return MAILS


def measured(database_url: str) -> tuple[float, float]:
    """Mails per second, outbox rows per second."""
    with house(database_url):
        with unit_of_work():
            account = add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"}).id

        def take_in() -> int:
            for number in range(MAILS):
                receiving.accept(account, mail(number), source=f"{number}.eml")
            return MAILS

        def drain() -> int:
            total = 0
            while taken := outbox.drain(100):
                total += taken
            return total

        return per_second(take_in), per_second(drain)


def main() -> None:
    base = per_second(bare_commits)
    rows: list[list[object]] = [["bare SQLite, one commit a mail", base, "", 1.0]]
    mails, jobs = measured("")
    rows.append(["Huiyin on SQLite", mails, jobs, mails / base])
    if server := os.environ.get("HUIYIN_TEST_POSTGRES_URL"):
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("drop database if exists huiyin_bench with (force)"))
            connection.execute(text("create database huiyin_bench"))
        mails, jobs = measured(server.rsplit("/", 1)[0] + "/huiyin_bench")
        rows.append(["Huiyin on PostgreSQL", mails, jobs, mails / base])
        with engine.connect() as connection:
            connection.execute(text("drop database huiyin_bench with (force)"))
        engine.dispose()
    print(machine())
    print(table(["", "mails/s", "outbox rows/s", "ratio to baseline"], rows))


if __name__ == "__main__":
    main()
