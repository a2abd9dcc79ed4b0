"""The door of the callback, without HTTP: who may knock, what is inside, and keeping it once. Answers within milliseconds,
because the platform waits five seconds and then sends the same again."""

import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError

from app.core.clock import now
from app.core.db import session
from app.core.sealing import CannotOpen
from channels.accounts import opened
from channels.models import Account
from channels.receiving import Outcome, accept, accept_now
from channels.wechat.adapter import crypto_of
from channels.wechat.body import BodyRefused, leaf, read_body
from channels.wechat.crypto import Crypto, CryptoRefused, signature
from channels.wechat.mapping import dedup_key
from channels.wechat.settings import whole

log = logging.getLogger("huiyin.wechat")
LARGEST = 64 * 1024
"""Bytes of one callback; the platform's own are far smaller."""
EARLY_SECONDS = 300
"""How far ahead of ours the platform's clock may be."""


class NotTheirs(Exception):
    """The signature is wrong or too old: whoever sent this is not the platform."""


def echo(account: Account, query: Mapping[str, str]) -> str:
    """The answer to the check of the address: the `echostr`. Raises NotTheirs."""
    token = str(_open(account).get("token") or "")
    _check(signature(token, query.get("timestamp", ""), query.get("nonce", "")), query.get("signature", ""), token)
    return query.get("echostr", "")


def take(account: Account, query: Mapping[str, str], body: bytes) -> Outcome:
    """Keep a callback and understand it. What is signed but cannot be read is kept as it came. Raises NotTheirs.

    What is kept is the decrypted message: a repeat has another ciphertext and the same content."""
    settings = _open(account)
    token, mode = str(settings.get("token") or ""), str(settings.get("mode") or "plain")
    _fresh(account, query.get("timestamp", ""))
    if query.get("encrypt_type", "raw").lower() not in ("", "raw"):
        kept = _decrypted(settings, query, body, mode)
    elif mode == "safe":
        raise NotTheirs  # a body that nobody encrypted, where everything is encrypted
    else:
        _check(signature(token, query.get("timestamp", ""), query.get("nonce", "")), query.get("signature", ""), token)
        kept = body
    try:
        key = dedup_key(read_body(kept))
    except BodyRefused:
        return accept(account.id, kept, source="callback")
    account_id = account.id
    try:
        return accept_now(account_id, kept, source="callback", dedup_key=key)
    except IntegrityError:  # the same callback came twice at the same moment
        session().rollback()
        return accept(account_id, kept, source="callback", dedup_key=key)


def _decrypted(settings: Mapping[str, object], query: Mapping[str, str], body: bytes, mode: str) -> bytes:
    """The message inside an encrypted callback; the callback itself where no key opens it, for a better key may."""
    token = str(settings.get("token") or "")
    try:
        fields = read_body(body)
    except BodyRefused:
        # Nothing that the signature could speak of; it is only kept when the simple signature vouches for the sender.
        _check(signature(token, query.get("timestamp", ""), query.get("nonce", "")), query.get("signature", ""), token)
        return body
    encrypt = leaf(fields, "Encrypt")
    try:
        crypto = crypto_of(dict(settings))
    except CryptoRefused:
        crypto = Crypto(token, "", "")
    try:
        crypto.check(query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""), encrypt)
    except CryptoRefused:
        raise NotTheirs from None
    try:
        return crypto.decrypt(encrypt)
    except CryptoRefused as problem:
        log.warning("callback not decrypted", extra={"problem": str(problem)})
        return body


def _open(account: Account) -> dict[str, object]:
    try:
        return opened(account)
    except CannotOpen:
        log.error("callback refused: the settings cannot be opened", extra={"account": account.id})
        raise NotTheirs from None


def _check(wanted: str, given: str, token: str) -> None:
    if not token or not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        raise NotTheirs


def _fresh(account: Account, timestamp: str) -> None:
    """Whoever once saw a signed address must not use it for ever."""
    longest = whole(account.settings, "stale_seconds")
    if not longest:
        return
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12):
        raise NotTheirs
    age = (now() - datetime.fromtimestamp(int(timestamp), UTC)).total_seconds()
    if age > longest or age < -max(EARLY_SECONDS, longest):
        log.warning("callback refused: too old", extra={"account": account.id, "age": age})
        raise NotTheirs
