"""Search over HTTP: two web processes, the API and the portal's page, at a fixed rate and as fast as they can.

    python -m bench.search_http [FOLDER] [--articles N] [--rate R] [--seconds S] [--data DIR] [--json FILE]

FOLDER as in bench.search. The processes are two instances of the web server as step 2 of scale means it, taken in turn as a
proxy would. HUIYIN_TEST_POSTGRES_URL and HUIYIN_TEST_REDIS_URL are used where they are set (`python scripts/services.py
python -m bench.search_http …`), else SQLite. The load tool is bench.http_load, in a process of its own on the same
machine; its share of one core is printed. `--data` keeps the filled data folder for another run (SQLite only).
"""

import argparse
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, insert, text

from app.config import Settings
from app.core import migrate
from app.core.accounts import create_user
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import db
from app.core.people import Organisation
from app.core.permissions import SYSTEM
from app.core.tokens import create_token
from app.core.uow import unit_of_work
from app.factory import create_app
from bench.measure import machine, table
from bench.search_engines import made_up, made_up_questions, of_folder, questions_of
from knowledge import lexicon_making
from knowledge.index import IndexDocument
from knowledge.indexing import rebuild, words_folder
from knowledge.models import Article, Revision, article_product

ROOT = Path(__file__).resolve().parent.parent
CHUNK = 2_000
ROUNDS = 8
HOT = 101  # odd, so that each of two processes is asked all of them
CONNECTIONS = 32
Figures = dict[str, Any]


def fill(documents: list[IndexDocument]) -> None:
    """All documents as published articles of seven products, written in bulk."""
    moment = now()
    with unit_of_work() as s:
        supplier = Organisation(name="宏控自动化", kind="supplier")
        s.add(supplier)
        s.flush()
        s.add_all([Product(code=f"bench-{n}", name=f"产品 {n}", supplier_id=supplier.id) for n in range(1, 8)])
    for start in range(0, len(documents), CHUNK):
        chunk = list(enumerate(documents[start : start + CHUNK], start + 1))
        with unit_of_work() as s:
            titles = {number: document.title[:200] or "无题" for number, document in chunk}
            s.execute(
                insert(Article),
                [
                    {
                        "id": number, "slug": f"a{number}", "state": "published", "title": titles[number], "level": "public",
                        "category": document.category, "published_at": moment, "version": 1,
                    }
                    for number, document in chunk
                ],
            )  # fmt: skip
            s.execute(
                insert(Revision),
                [
                    {
                        "id": number, "article_id": number, "number": 1, "title": titles[number], "body": document.passages[0].text,
                        "author": "bench", "sha256": f"{number:064x}", "questions": [],
                    }
                    for number, document in chunk
                ],
            )  # fmt: skip
            s.execute(insert(article_product), [{"article_id": n, "product_id": d.product_ids[0]} for n, d in chunk])
            first, last = chunk[0][0], chunk[-1][0]
            s.execute(text("update article set current_revision_id = id where id between :first and :last"), {"first": first, "last": last})


def prepare_house(settings: Settings, documents: list[IndexDocument]) -> None:
    """A migrated database with the articles, indexed, and the file of their words; nothing is done twice in a kept folder."""
    app = create_app(settings)
    with app.app_context():
        migrate.upgrade(db.engine)
        with db.engine.connect() as connection:
            filled = connection.execute(text("select count(*) from article")).scalar_one()
        if not filled:
            begun = time.perf_counter()
            fill(documents)
            rebuild(app.extensions["open_index"]())
            print(f"filled and indexed in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        app.extensions["open_index"]()
        lexicon_making.ensure(words_folder(settings))  # as the worker does
        db.session.remove()
        db.engine.dispose()


def token_of(settings: Settings) -> str:
    app = create_app(settings)
    with app.app_context():
        with unit_of_work():
            user = create_user(SYSTEM, f"bench-{secrets.token_hex(3)}", "agent", must_change=False)
            token = create_token(SYSTEM, user.id)[1]
        db.session.remove()
        db.engine.dispose()
    return token


@contextmanager
def web_processes(environment: dict[str, str], ports: list[int]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Web servers on these ports, ready; ended at the end."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), "--bind", f"127.0.0.1:{port}", "wsgi:app"],
            cwd=ROOT, env=environment | {"HUIYIN_PORT": str(port)},
        )
        for port in ports
    ]  # fmt: skip
    try:
        for port in ports:
            _wait(f"http://127.0.0.1:{port}/readyz")
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(15)


def _wait(address: str) -> None:
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"{address} does not answer")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all beneath it so far."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        for task in Path(f"/proc/{one}/task").iterdir():
            waiting += map(int, (task / "children").read_text().split())
    return total


def memory_mb(pid: int) -> float:
    """Pss of a process and all beneath it."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) / 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
        for task in Path(f"/proc/{one}/task").iterdir():
            waiting += map(int, (task / "children").read_text().split())
    return total


def rest(servers: list[int]) -> None:
    """Wait until the processes have done what they do once, beside their first requests."""
    limit, used = time.monotonic() + 300, 0.0
    while time.monotonic() < limit:
        time.sleep(2)
        before, used = used, sum(map(cpu_seconds, servers))
        if used - before < 0.1:
            break
    print(f"the processes are ready after {used:.0f} s of processor time", file=sys.stderr, flush=True)


def load(ports: list[int], requests: list[str], seconds: float, rate: float | None, servers: list[int]) -> Figures:
    given = {"targets": [["127.0.0.1", port] for port in ports], "requests": requests, "seconds": seconds, "connections": CONNECTIONS, "rate": rate}
    used = sum(map(cpu_seconds, servers))
    done = subprocess.run(
        [sys.executable, "-m", "bench.http_load"], cwd=ROOT, input=json.dumps(given), capture_output=True, text=True, check=True
    )
    found: Figures = json.loads(done.stdout)
    asked = sum(found["statuses"].values())
    return found | {"server_cpu_ms": 1000 * (sum(map(cpu_seconds, servers)) - used) / asked}


def requests_for(questions: list[str], token: str) -> dict[str, list[str]]:
    def get(path: str, *headers: str) -> str:
        return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", *headers, "", ""])

    found = {}
    for how, asked in (("each new", anew(questions)), ("half asked before", half_known(questions))):
        found[f"API, {how}"] = [get(f"/api/v1/knowledge/search?q={quote(q)}", f"Authorization: Bearer {token}") for q in asked]
        found[f"portal, {how}"] = [get(f"/search?q={quote(q)}", "Accept-Language: zh-CN") for q in asked]
    return found


def anew(questions: list[str]) -> list[str]:
    """Questions that no process remembers when they come round again: each with other question marks, which mean nothing."""
    return [question + "？" * mark for mark in range(ROUNDS) for question in questions]


def half_known(questions: list[str]) -> list[str]:
    """As many ask when something has broken: every other question is one of the hundred that all ask."""
    hot = itertools.cycle(question + "！" for question in questions[:HOT])
    return [one for question in anew(questions) for one in (question, next(hot))]


def free_ports(count: int) -> list[int]:
    import socket

    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def database(folder: Path, kept: bool) -> Iterator[str]:
    """An empty PostgreSQL database of our own where there is a server, else SQLite in the data folder."""
    server = os.environ.get("HUIYIN_TEST_POSTGRES_URL", "")
    if not server or kept:
        yield f"sqlite:///{folder / 'huiyin.sqlite3'}"
        return
    name = f"huiyin_bench_{secrets.token_hex(4)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.search_http", description="Search over HTTP with two web processes.")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=230.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    documents = of_folder(given.folder, given.articles) if given.folder else made_up(given.articles)
    questions = questions_of(given.folder) if given.folder else made_up_questions()
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as passing:
        folder = given.data or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        with database(folder, given.data is not None) as address:
            _run(given, folder, address, documents, questions)


def _run(given: argparse.Namespace, folder: Path, address: str, documents: list[IndexDocument], questions: list[str]) -> None:
    key, redis = "b" * 40, os.environ.get("HUIYIN_TEST_REDIS_URL", "")
    settings = Settings(data_dir=folder, secret_key=key, database_url=address, log_level="ERROR")
    prepare_house(settings, documents)
    asked = requests_for(questions, token_of(settings))
    environment = os.environ | {
        "HUIYIN_DATA_DIR": str(folder), "HUIYIN_SECRET_KEY": key, "HUIYIN_DATABASE_URL": address, "HUIYIN_REDIS_URL": redis,
        "HUIYIN_LOG_LEVEL": "WARNING", "HUIYIN_API_PER_MINUTE": "1000000", "HUIYIN_SEARCH_PER_MINUTE": "1000000", "HUIYIN_WEB_THREADS": "64",
    }  # fmt: skip
    rows: list[list[object]] = []
    found: dict[str, Figures] = {}
    ports = free_ports(2)
    with web_processes(environment, ports) as servers:
        ids = [server.pid for server in servers]
        rest(ids)
        for name, requests in asked.items():
            load(ports, requests, 3, None, ids)  # warm
            for how, rate in ((f"at {given.rate:.0f} a second", given.rate), ("as fast as it can", None)):
                figures = found[f"{name}, {how}"] = load(ports, requests, given.seconds, rate, ids)
                keys = ("per_s", "p50_ms", "p95_ms", "p99_ms", "errors", "server_cpu_ms")
                rows.append([f"{name}, {how}", *(figures[key] for key in keys), f"{figures['tool_cpu']:.0%}"])
        memory = [memory_mb(server) for server in ids]
    kind = "PostgreSQL" if address.startswith("postgresql") else "SQLite"
    print(f"{machine()}; {len(documents):,} articles; {kind}{', Redis' if redis else ''}; two web processes of {memory[0]:.0f} and {memory[1]:.0f} MB (PSS, with the server above each)")
    print(table(["", "a second", "p50 ms", "p95 ms", "p99 ms", "errors", "server cpu ms each", "load tool, of one core"], rows))
    if given.json:
        given.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
