"""Proofs of who a visitor is: an HS256 JWT that the site's own server made with the account's secret.

A browser can carry a proof but not make one. It is exchanged on our server for a visitor token and kept nowhere.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt

from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid, Refused
from app.core.text import clean
from channels.accounts import opened
from channels.models import Account
from channels.webchat_settings import SECRET_FROM

LONGEST = 4096
LEEWAY = timedelta(seconds=30)
"""How far two clocks may be apart."""


@dataclass(frozen=True)
class Proof:
    """Who the visitor is. `external_id`: `site:` and the site's own name for them, or `user:` and our own login's.
    `contact_id` and
    `organisation_id` only where this house itself vouches, for people who are logged in on its portal."""

    external_id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    contact_id: int | None = None
    organisation_id: int | None = None


def read_proof(account: Account, token: str) -> Proof:
    """Check a site's JWT: HS256 and nothing else, the account's secret, an `exp` that is not over, and
    `external_user_id` (or `sub`). Raises Refused with a sentence."""
    secret = str(opened(account).get("site_secret") or "")
    if len(secret) < SECRET_FROM:
        raise Refused("这个会话入口还没有设置网站密钥。")
    if len(token) > LONGEST:
        raise Refused("登录证明无效，请刷新页面后再试。")
    try:
        said: dict[str, Any] = jwt.decode(
            token, secret, algorithms=["HS256"], leeway=LEEWAY,
            options={"require": ["exp"], "verify_aud": False, "verify_iss": False, "verify_sub": False},
        )  # fmt: skip
    except jwt.ExpiredSignatureError:
        raise Refused("登录证明已过期，请刷新页面。") from None
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise Refused("登录证明无效，请刷新页面后再试。") from None
    number = said.get("external_user_id", said.get("sub"))
    if isinstance(number, int) and not isinstance(number, bool):
        number = str(number)
    number = clean(number).strip() if isinstance(number, str) else ""
    if not 0 < len(number) <= 120:
        raise Refused("登录证明里没有 external_user_id。")
    name = said.get("name") or " ".join(str(said.get(k) or "") for k in ("first_name", "last_name"))
    return Proof(
        f"site:{number}", " ".join(clean(str(name)).split())[:60], _address("email", said.get("email")), _address("phone", said.get("phone"))
    )


def _address(kind: str, given: Any) -> str:
    """An address in its normal form; one that is none keeps nobody out."""
    try:
        value = normal_form(kind, given).value if isinstance(given, str) and given.strip() else ""
    except Invalid:
        return ""
    return value if len(value) <= (254 if kind == "email" else 40) else ""
