"""Which language and zone a page speaks in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, g

from app.core import clock
from app.core.people import User
from app.web import i18n
from tests.conftest import FreshClient

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def spoken(client: FreshClient, **headers: str) -> str:
    return "en" if '<html lang="en"' in client.get("/login", headers=headers).text else "zh"


def test_the_choice_of_the_browser_then_the_cookie_then_the_account(
    client: FreshClient, make_user: Callable[..., User]
) -> None:
    assert spoken(client) == "zh"
    assert spoken(client, **{"Accept-Language": "en-GB,en;q=0.9"}) == "en"
    assert spoken(client, **{"Accept-Language": "fr"}) == "zh"
    changed = client.post("/language", data={"language": "en", "next": "/login?next=/me"})
    assert changed.status_code == 303 and "lang=en" in changed.headers["Set-Cookie"]
    assert spoken(client, **{"Accept-Language": "zh-CN"}) == "en"
    user = make_user("agent", language="zh")
    client.log_in(user)
    assert '<html lang="zh-CN"' in client.get("/me").text
    client.post("/language", data={"language": "en", "next": "/me"})
    assert '<html lang="en"' in client.get("/me").text
    assert client.post("/language", data={"language": "xx", "next": "/me"}).status_code == 303
    assert '<html lang="en"' in client.get("/me").text


@pytest.mark.parametrize(
    "before,zh,en",
    [
        (timedelta(seconds=5), "刚刚", "just now"),
        (timedelta(minutes=3), "3 分钟前", "3 min ago"),
        (timedelta(hours=5, minutes=59), "5 小时前", "5 h ago"),
        (timedelta(minutes=-5), "5 分钟后", "in 5 min"),
        (timedelta(days=2), "11月20日", "20 Nov"),
        (timedelta(days=400), "2025年10月18日", "Oct 18, 2025"),
    ],
)
def test_how_long_ago(app: Flask, before: timedelta, zh: str, en: str) -> None:
    for language, wanted in (("zh", zh), ("en", en)):
        with (
            app.app_context(),
            app.test_request_context("/", headers={"Cookie": f"lang={language}"}),
            clock.frozen(NOON),
        ):
            g.user = None
            assert i18n.ago(NOON - before) == wanted


def test_moments_are_shown_in_the_zone_of_the_viewer(app: Flask, make_user: Callable[..., User]) -> None:
    for zone, wanted in (
        (None, "2026-11-22 12:00"),
        ("Europe/Berlin", "2026-11-22 05:00"),
        ("America/New_York", "2026-11-21 23:00"),
    ):
        with app.app_context(), app.test_request_context("/"):
            g.user = make_user("agent", time_zone=zone)
            assert i18n.show_datetime(NOON) == wanted
