"""Secrets at rest: passwords of mailboxes and keys of channels are stored sealed under a key made from the house key.

A copy of the database alone opens nothing. What was stored in plain text by an older release still reads.
"""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = "sealed:"
_keys: list[Fernet] = []
_marking: list[bytes] = []


class CannotOpen(Exception):
    """The value was sealed under another house key, or was damaged: it must be entered again."""


def use_key(house_key: str) -> None:
    """Say once at start which key is the house's."""
    _keys[:] = [_fernet(house_key)]
    _marking[:] = [HKDF(SHA256(), 32, salt=None, info=b"huiyin marks").derive(house_key.encode())]


def _fernet(house_key: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"huiyin secrets at rest").derive(house_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def seal(text: str) -> str:
    """The text as it is stored; each call gives another value."""
    return PREFIX + _keys[0].encrypt(text.encode()).decode()


def unseal(stored: str) -> str:
    """The text itself. Raises CannotOpen."""
    return _open(_keys[0], stored)


def reseal(stored: str, old_key: str | None = None) -> str:
    """The same secret under the present key, and sealed if it was plain; what is so already stays. `old_key`: the house
    key that it was sealed under before. Raises CannotOpen when neither opens it."""
    try:
        plain = unseal(stored)
    except CannotOpen:
        if old_key is None:
            raise
        return seal(_open(_fernet(old_key), stored))
    return stored if stored.startswith(PREFIX) else seal(plain)


def mark(purpose: str, *parts: str) -> str:
    """A short signature that nobody guesses (50 bits): ten lower-case letters and digits, fit for a mail address."""
    made = hmac.new(_marking[0], "\0".join((purpose, *parts)).encode("utf-8", "replace"), hashlib.sha256)
    return base64.b32encode(made.digest())[:10].decode().lower()


def _open(key: Fernet, stored: str) -> str:
    if not stored.startswith(PREFIX):
        return stored
    try:
        return key.decrypt(stored.removeprefix(PREFIX).encode()).decode()
    except (InvalidToken, UnicodeError):
        raise CannotOpen from None
