"""Passwords: the rules, the hash, and a check that takes the same time whether or not there is somebody to check.

Hashing is slow on purpose. It is done before the unit of work, so that nobody waits for the database meanwhile.
"""

import secrets
import threading
import unicodedata
from typing import NewType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import Invalid
from app.core.text import clean

PasswordHash = NewType("PasswordHash", str)
SHORTEST, LONGEST = 10, 200
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_COMMON = frozenset(
    "1234567890 0123456789 0987654321 9876543210 12345678910 123456789a a123456789 1q2w3e4r5t 1qaz2wsx3edc qwertyuiop "
    "qwerty123456 qwerty12345 1234qwerasdf asdfghjkl1 zxcvbnm123 password12 password123 password1234 passw0rd123 "
    "p@ssw0rd123 p@ssword123 admin12345 admin123456 administrator welcome123 welcome1234 iloveyou123 letmein123 "
    "changeme123 woaini1314 woaini5201314 woaini521 5201314520 1314520520 abc1234567 abcd123456 abc123456789 "
    "qq123456789 wang123456 zhang123456 huiyin1234 huiyin123456 aa123456789 a1b2c3d4e5 11223344556 1122334455 "
    "1111111111 0000000000 8888888888 6666666666".split()
)

_hasher = PasswordHasher()
_slots = threading.BoundedSemaphore(4)  # each hash takes 64 MB for its time; a flood of logins must not take them all
_nobody: list[str] = []


def _normal(password: str) -> str:
    """Full-width and half-width typing of the same password are the same password."""
    return unicodedata.normalize("NFKC", clean(password))


def check_rules(password: str, name: str, *, field: str = "password") -> None:
    """Raise Invalid on `field` when a password is too easy to guess for this login name."""
    text = _normal(password)
    small = text.casefold()
    if len(text) < SHORTEST:
        raise Invalid.of(field, "密码至少 10 个字符。")
    if len(text) > LONGEST:
        raise Invalid.of(field, "密码最多 200 个字符。")
    if small in _COMMON or len(set(small)) < 4:
        raise Invalid.of(field, "这个密码太常见，请换一个。")
    if len(small.replace(name.casefold(), "")) < 8:
        raise Invalid.of(field, "密码去掉登录名后太短，请换一个。")


def hashed(password: str, name: str, *, field: str = "password") -> PasswordHash:
    """The hash to keep, after the rules were checked. Slow; call it outside a unit of work."""
    check_rules(password, name, field=field)
    return _hash(password)


def _hash(password: str) -> PasswordHash:
    with _slots:
        return PasswordHash(_hasher.hash(_normal(password)))


def matches(kept: str | None, password: str) -> bool:
    """Whether the password fits. Without a kept hash the answer is no, after the same time. Slow."""
    if not _nobody:
        _nobody.append(_hash(secrets.token_hex(16)))
    if len(password) > LONGEST * 4:
        password, kept = "", None
    with _slots:
        try:
            return _hasher.verify(kept or _nobody[0], _normal(password)) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def fresher(kept: str, password: str) -> PasswordHash | None:
    """A new hash of a password known to be right, when the kept one was made with older parameters."""
    return _hash(password) if _hasher.check_needs_rehash(kept) else None


def generated() -> str:
    """A temporary password that can be read out over the phone: about 79 bits, no look-alikes."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
