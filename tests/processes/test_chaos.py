"""A small storm of `make chaos` on PostgreSQL: four channels, answers, kill -9, and then the count. (SQLite, where one
transaction writes at a time, has its storm in test_burst and in `make chaos`.)"""

import os

import pytest

from bench.chaos.__main__ import run

CHANNELS = {"wechat", "email", "webchat", "calls"}


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled() -> None:
    for name in ("HUIYIN_TEST_IMAP", "HUIYIN_TEST_LMTP", "HUIYIN_TEST_POSTGRES_URL"):
        if not os.environ.get(name):
            pytest.skip(f"{name} is not set")
    verdict = run("postgresql", messages=240, replies=40, kill_every=(3.0, 6.0), seed=7, channels=CHANNELS)
    assert not verdict.broken, verdict.broken
    assert verdict.figures["kills"] >= 1 and verdict.figures["answers taken"] == 40
