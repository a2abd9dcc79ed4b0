"""The access token: one holder, shared by all who send, renewed before its end."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock, sealing
from app.core.db import db, session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account
from channels.base import SendFailed
from channels.models import Account
from channels.wechat.tokens import LEASE, Fetched, PlatformToken, access_token, token_of


class Platform:
    """Gives out tokens, as stable_token does: the same one until it is forced."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.number, self.life = 1, 7200
        self.fails: list[Exception] = []

    def __call__(self, force: bool) -> Fetched:
        self.asked.append(force)
        if self.fails:
            raise self.fails.pop()
        self.number += force
        return Fetched(f"token-{self.number}", self.life)


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        made = add_account(SYSTEM, "wechat", "gzh", {"appid": "wx123456", "token": "tok"})
    session().refresh(made)
    session().expunge(made)
    session().rollback()
    return made


def test_it_is_fetched_once_and_kept_sealed(account: Account):
    platform = Platform()
    assert [access_token(account, platform) for _ in range(3)] == ["token-1"] * 3
    assert platform.asked == [False]
    row = token_of(account.id)
    assert row is not None and row.token is not None and "token-1" not in row.token


def test_it_is_renewed_before_its_end(account: Account):
    platform = Platform()
    access_token(account, platform)
    begin = clock.now()
    for after, asked in ((6_000, 1), (6_601, 2), (6_700, 2)):
        with clock.frozen(begin + timedelta(seconds=after)):
            access_token(account, platform)
        assert len(platform.asked) == asked, after


def test_a_short_life_is_halved(account: Account):
    platform = Platform()
    platform.life = 60
    access_token(account, platform)
    with clock.frozen(clock.now() + timedelta(seconds=31)):
        access_token(account, platform)
    assert len(platform.asked) == 2


def test_a_refused_one_is_replaced_once(account: Account):
    platform = Platform()
    old = access_token(account, platform)
    assert access_token(account, platform, refused=old) == "token-2"
    assert platform.asked == [False, False, True], "the platform gave the refused one back until it was forced"
    assert access_token(account, platform, refused=old) == "token-2", "another process that saw the old one takes the new"
    assert len(platform.asked) == 3
    access_token(account, platform, refused="token-2")
    assert platform.asked[3:] == [False], "forced at most every thirty seconds"


def test_other_credentials_need_another_token(account: Account):
    platform = Platform()
    access_token(account, platform, of="a")
    access_token(account, platform, of="b")
    assert len(platform.asked) == 2


def test_another_house_key_needs_another_token(account: Account):
    platform = Platform()
    access_token(account, platform)
    sealing.use_key("another-house")
    assert access_token(account, platform) == "token-1" and len(platform.asked) == 2


def test_a_failure_is_kept_in_sight_and_ends(account: Account):
    platform = Platform()
    platform.fails = [SendFailed("AppSecret 不对。", final=False)]
    with pytest.raises(SendFailed):
        access_token(account, platform)
    row = token_of(account.id)
    assert row is not None and row.error == "AppSecret 不对。" and row.holder is None
    assert access_token(account, platform) == "token-1"
    session().expire_all()
    assert row.error is None


def test_it_is_never_asked_for_inside_a_unit_of_work(account: Account):
    with pytest.raises(RuntimeError), unit_of_work():
        access_token(account, Platform())


def test_a_dead_holder_does_not_stop_the_rest(account: Account):
    with unit_of_work() as s:
        s.add(PlatformToken(account_id=account.id, holder="gone", leased_until=clock.now() + LEASE))
    with clock.frozen(clock.now() + LEASE + timedelta(seconds=1)):
        assert access_token(account, Platform()) == "token-1"


def test_while_one_renews_the_others_go_on_with_the_old_one(account: Account):
    access_token(account, Platform())
    with unit_of_work() as s:
        row = s.scalars(select(PlatformToken)).one()
        row.refresh_at, row.holder, row.leased_until = clock.now(), "another", clock.now() + LEASE
    platform = Platform()
    assert access_token(account, platform) == "token-1" and platform.asked == []


def test_many_at_once_ask_once(app: Flask, account: Account):
    """Threads stand for processes: each has its own connection, and what keeps them apart is the row."""
    platform, got = Platform(), []
    inside, go = threading.Event(), threading.Event()

    def slow(force: bool) -> Fetched:
        inside.set()
        assert go.wait(20)
        return platform(force)

    def run() -> None:
        with app.app_context():
            got.append(access_token(account, slow))
            db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert inside.wait(20)
    go.set()
    for thread in threads:
        thread.join(30)
    assert got == ["token-1"] * 6 and platform.asked == [False]
