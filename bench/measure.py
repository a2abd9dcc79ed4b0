"""What all measurements share: a house in a temporary folder, percentiles, and a table with ratios."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from app.config import Settings
from app.core import migrate
from app.core.db import db
from app.factory import create_app


@contextmanager
def house(database_url: str = "") -> Iterator[Flask]:
    """A migrated, empty house; nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        app = create_app(Settings(data_dir=Path(folder), secret_key="b" * 40, database_url=database_url, log_level="ERROR"))
        with app.app_context():
            migrate.upgrade(db.engine)
            yield app
            db.session.remove()
            db.engine.dispose()


def per_second(work: Callable[[], int]) -> float:
    """How many pieces per second; `work` returns how many it did."""
    started = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - started)


def times_ms(calls: list[Callable[[], object]]) -> tuple[float, float]:
    """p50 and p95 in milliseconds of calls made one after the other."""
    found = []
    for call in calls:
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1000)
    found.sort()
    return statistics.median(found), found[int(len(found) * 0.95)]


def machine() -> str:
    """The machine in one line: figures without it mean nothing."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {'.'.join(map(str, __import__('sys').version_info[:3]))}"


def table(head: list[str], rows: list[list[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        lines.append("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) and v < 10 else f"{v:,.0f}" if isinstance(v, float) else str(v) for v in row) + " |")
    return "\n".join(lines)
