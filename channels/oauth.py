"""Signing in to mailboxes whose provider takes no passwords any more (XOAUTH2): a refresh token of the account buys
access tokens. They are kept sealed and fetched by one process at a time (channels/wechat/tokens.py)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import requests

from app.core.permissions import SYSTEM
from app.core.text import clean
from app.core.uow import unit_of_work
from channels.accounts import access_account, opened, set_account
from channels.base import SendFailed
from channels.models import Account
from channels.wechat.tokens import Fetched, access_token

TIMES = (5, 15)
"""Seconds to wait for the connection, and for each answer."""
USUAL_LIFE = 3000
LARGEST_ANSWER = 100_000


def wanted(settings: Mapping[str, Any]) -> bool:
    """Whether an account signs in this way."""
    return bool(settings.get("oauth_endpoint") and settings.get("oauth_refresh_token"))


def ready(account: Account) -> dict[str, Any]:
    """The opened settings, and under `oauth` the source of tokens where the account signs in with them.

    A source is called with the token that was just refused, or None; it raises SendFailed with the reason in words.
    Not to be used inside a unit of work. Raises CannotOpen.
    """
    settings = opened(account)
    if wanted(settings):
        settings["oauth"] = source(account, settings)
    return settings


def source(account: Account, settings: Mapping[str, Any]) -> Callable[[str | None], str]:
    slug, of = account.slug, "\n".join(str(settings.get(name, "")) for name in ("oauth_endpoint", "oauth_client_id", "oauth_refresh_token"))

    def token(refused: str | None) -> str:
        fresh: list[str] = []

        def fetch(_force: bool) -> Fetched:
            fetched, renewed = refresh(settings)
            fresh.append(renewed)
            return fetched

        found = access_token(account, fetch, refused=refused, of=of)
        if fresh and fresh[0] and fresh[0] != settings.get("oauth_refresh_token"):
            with unit_of_work():  # the provider has changed it; the old one may stop to work
                if opened(access_account(slug)).get("oauth_refresh_token") == settings.get("oauth_refresh_token"):
                    set_account(SYSTEM, slug, {"oauth_refresh_token": fresh[0]}, quietly=True)
        return found

    return token


def refresh(settings: Mapping[str, Any]) -> tuple[Fetched, str]:
    """Buy an access token (RFC 6749, section 6). Returns it, and the new refresh token or "". Raises SendFailed."""
    form = {
        "grant_type": "refresh_token",
        "client_id": str(settings.get("oauth_client_id", "")),
        "client_secret": str(settings.get("oauth_client_secret", "")),
        "refresh_token": str(settings["oauth_refresh_token"]),
        "scope": str(settings.get("oauth_scope", "")),
    }
    try:
        with requests.post(
            str(settings["oauth_endpoint"]), data={name: value for name, value in form.items() if value}, timeout=TIMES,
            headers={"Accept": "application/json"}, allow_redirects=False, stream=True,
        ) as answer:  # fmt: skip
            status = answer.status_code
            content = next(answer.iter_content(LARGEST_ANSWER), b"")
    except (requests.RequestException, OSError) as problem:
        raise SendFailed("连不上令牌地址（%(problem)s）。", final=False, problem=type(problem).__name__) from None
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise SendFailed("令牌地址的答复读不懂（%(status)s）。", final=False, status=status) from None
    given = said if isinstance(said, dict) else {}
    token = given.get("access_token")
    if status != 200 or not isinstance(token, str) or not token or not token.isascii():
        reason = clean(str(given.get("error_description") or given.get("error") or status))[:200]
        raise SendFailed("令牌没有换到（%(reason)s）。刷新令牌可能已失效，请重新授权。", final=False, reason=reason)
    life, renewed = str(given.get("expires_in", "")), given.get("refresh_token")
    seconds = int(life) if life.isascii() and life.isdecimal() and len(life) < 9 else USUAL_LIFE
    return Fetched(token, seconds), renewed if isinstance(renewed, str) else ""
