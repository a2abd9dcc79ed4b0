"""`make chaos`: 10,000 messages on four channels and 2,000 answers, while web and worker are killed again and again.

Customers write by WeChat, mail (a real Dovecot), web chat and telephone records, and try again until they are told that
it was taken, as platforms do. Agents answer by the API under Idempotency-Keys. At random moments the web process or the worker
is killed with -9 and started again. In the end every accepted message must be there exactly once; every answer must have
arrived exactly once, or stand there as undecided without having been repeated; and no state may be impossible.

    python scripts/services.py .venv/bin/python -m bench.chaos [--messages 10000] [--replies 2000] [--database both]

Exit status 1 when anything is broken. The figures of the last run stand in docs/reliability.md.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.config import Settings
from app.core import migrate, tokens
from app.core.accounts import create_user
from app.core.clock import now
from app.core.db import db
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.factory import create_app
from bench.chaos import senders, truth
from bench.chaos.house import KEY, House, database, free_port
from bench.chaos.outside import outside
from bench.measure import machine
from channels.accounts import add_account
from scripts.services import MAIL_PASSWORD

USER = "chaos@hengchuan.example"
STUCK = 180.0
STILL = 300.0
"""Seconds without any progress, after the last customer, before the house counts as not finishing."""


def prepare(settings: Settings, mail_port: int, wechat_port: int, mailbox: str, channels: set[str]) -> str:
    """Accounts and an agent; returns the agent's token."""
    host, _, port = os.environ["HUIYIN_TEST_IMAP"].rpartition(":")
    accounts = {
        "email": {
            "address": mailbox, "smtp_host": "127.0.0.1", "smtp_port": str(mail_port), "smtp_security": "none",
            "imap_host": host, "imap_port": port, "imap_security": "plain", "imap_password": MAIL_PASSWORD, "imap_poll_seconds": "5",
        },
        "wechat": {
            "token": "chaostoken0001", "appid": "wxchaos0000000001", "secret": "chaos-app-secret-0123456789abcdef", "mode": "plain",
            "api_base": f"http://127.0.0.1:{wechat_port}",
        },
        "webchat": {},
        "calls": {"secret": senders.CALL_SECRET},
    }  # fmt: skip
    with create_app(settings, pages=False).app_context():
        migrate.upgrade(db.engine)
        with unit_of_work():
            for kind in sorted(channels):
                add_account(SYSTEM, kind, f"chaos-{kind}", accounts[kind])
            user = create_user(SYSTEM, "chaos-agent", "supervisor")
            _row, token = tokens.create_token(SYSTEM, user.id, "chaos")
        db.session.remove()
        db.engine.dispose()
    return token


def run(kind: str, messages: int, replies: int, kill_every: tuple[float, float], seed: int, channels: set[str]) -> truth.Verdict:
    """One storm on one database."""
    with tempfile.TemporaryDirectory(prefix="huiyin-chaos-", ignore_cleanup_errors=True) as folder, database(kind) as url, outside() as (reached, mail_port, wechat_port):
        settings = Settings(data_dir=Path(folder) / "data", database_url=url, secret_key=KEY, port=free_port(), log_level="ERROR")
        settings.data_dir.mkdir()
        mailbox = USER.replace("@", f"-{seed}-{os.getpid()}-{kind[:2]}@")
        token = prepare(settings, mail_port, wechat_port, mailbox, channels)
        house = House(settings)
        for name in ("web", "worker"):
            house.start(name)
        house.wait()
        house.watch()
        said, answered, done = senders.Said(), senders.Answered(), threading.Event()
        began = time.monotonic()
        tormentor = house.torment(random.Random(seed), *kill_every)
        try:
            _storm(house, reached, said, answered, done, token, mailbox, messages, replies, channels)
            wrote = time.monotonic() - began
            house.ending.set()
            tormentor.join(120)
            verdict = _afterwards(settings, said, answered, reached)
            verdict.expect(not house.left, f"ended without having been killed: {house.left}")
        finally:
            house.ending.set()
            done.set()
            house.stop()
        verdict.figures |= {
            "database": kind, "kills": len(house.kills), "kills of web": sum(1 for _at, name in house.kills if name == "web"),
            "seconds of storm": round(wrote), "seconds together": round(time.monotonic() - began),
            "slowest acceptance s": round(said.slowest, 1), "tries that failed": said.repeats,
            "slowest restart of web s": round(max(house.recovered, default=0.0), 1), "answers refused": Counter(answered.refused.values()).most_common(4),
        }  # fmt: skip
        return verdict


def _storm(
    house: House, reached: Any, said: senders.Said, answered: senders.Answered, done: threading.Event, token: str, mailbox: str,
    messages: int, replies: int, channels: set[str],
) -> None:  # fmt: skip
    host, _, port = os.environ["HUIYIN_TEST_LMTP"].rpartition(":")
    quarter = messages // len(channels)
    half = quarter // 2
    customers: list[Callable[[], object]] = []
    for part in (range(half), range(half, quarter)):
        ways: dict[str, Callable[[], object]] = {
            "wechat": lambda part=part: senders.wechat(house, said, part),  # type: ignore[misc]
            "email": lambda part=part: senders.mails((host, int(port)), mailbox, said, part),  # type: ignore[misc]
            "calls": lambda part=part: senders.calls(house, said, part),  # type: ignore[misc]
            "webchat": lambda part=part: senders.chats(house, reached, said, part, visitors=max(4, half // 60)),  # type: ignore[misc]
        }
        customers += [way for name, way in ways.items() if name in channels]
    answering: list[Callable[[], object]] = [
        lambda part=range(first, replies, 3): senders.agents(house, token, answered, part, part.start, done) for first in range(3)
    ]
    problems: list[str] = []

    def safe(work: Callable[[], object]) -> Callable[[], None]:
        def begin() -> None:
            try:
                work()
            except Exception as problem:
                problems.append(f"{type(problem).__name__}: {problem}")

        return begin

    threads = [threading.Thread(target=safe(work), daemon=True) for work in [*customers, *answering]]
    for thread in threads:
        thread.start()
    show, last, since = sys.stderr.isatty(), -1, time.monotonic()
    while any(thread.is_alive() for thread in threads):
        time.sleep(1)
        so_far = sum(len(found) for found in said.accepted.values()) + len(answered.taken)
        if so_far != last:
            last, since = so_far, time.monotonic()
        elif time.monotonic() - since > STUCK:
            raise RuntimeError(f"nothing was taken for {STUCK:.0f} s; {so_far} before; refused last: {list(answered.refused.values())[-2:]}")
        if show:
            taken = sum(len(found) for found in said.accepted.values())
            print(f"\r{taken} of {messages} messages, {len(answered.taken)} of {replies} answers, {len(house.kills)} kills", end="", file=sys.stderr)
    if show:
        print(file=sys.stderr)
    if problems:
        raise RuntimeError("; ".join(problems[:3]))


def _afterwards(settings: Settings, said: senders.Said, answered: senders.Answered, reached: Any) -> truth.Verdict:
    """Wait until nothing is left to do, as long as it becomes less, then count."""
    began = moved = time.monotonic()
    least: int | None = None
    with create_app(settings, pages=False).app_context():
        while (left := truth.left(len(said.accepted["email"]))) and time.monotonic() - moved < STILL:
            if least is None or left < least:
                least, moved = left, time.monotonic()
            time.sleep(1)
        verdict = truth.judge(said, answered, reached)
        verdict.expect(not left, f"{left} things were left to do and nothing had moved for {STILL:.0f} s")
        verdict.figures["seconds until calm"] = round(time.monotonic() - began)
        verdict.figures["at"] = f"{now():%Y-%m-%d}"
        db.session.remove()
        db.engine.dispose()
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description="kill -9 while messages come and go, then count.")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--replies", type=int, default=2_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--kill-every", type=float, nargs=2, default=(12.0, 25.0), metavar=("FROM", "TO"), help="seconds between two kills")
    parser.add_argument("--channels", default="wechat,email,webchat,calls", help="which, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not os.environ.get("HUIYIN_TEST_IMAP"):
        print("no Dovecot: start this with python scripts/services.py python -m bench.chaos", file=sys.stderr)
        return 2
    print(machine())
    broken = False
    for kind in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        verdict = run(kind, given.messages, given.replies, tuple(given.kill_every), given.seed, set(given.channels.split(",")))
        for name, value in verdict.figures.items():
            print(f"{name:26} {value}")
        for sentence in verdict.broken[:40]:
            print(f"BROKEN: {sentence}")
        broken = broken or bool(verdict.broken)
        print(flush=True)
    return int(broken)


if __name__ == "__main__":
    raise SystemExit(main())
