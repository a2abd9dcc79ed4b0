"""The normal form of an identity: what two spellings of one address have in common.

E-mail: lower case, domain in its ASCII form. Phone: E.164, or `short:95588` for a service number. Others: as they are.
"""

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from app.core.errors import Invalid
from app.core.people import IDENTITY_KINDS
from app.core.text import clean

MAX_VALUE = 320
MAX_EMAIL = 254

_BAD_IN_LOCAL = re.compile(r"[\s<>,;:()\[\]\\\x00-\x1f\x7f]")
_BAD_IN_DOMAIN = re.compile(r"[^a-z0-9._-]")
_BAD_IN_WORD = re.compile(r"[\s\x00-\x1f\x7f]")
_WITHHELD = re.compile(
    r"^(anonymous|restricted|private|unknown|unavailable|withheld|null|none|匿名|未知|保密|隐藏号码|-+)$", re.I
)  # data
_EXTENSION = re.compile(r"\s*(?:转|轉|分机号?|分機|ext\.?|x|#|,)\s*[:：.]?\s*(\d{1,6})\s*$", re.I)  # data
_DASH_TAIL = re.compile(r"^(.*\d)[-‐-―－]\s*(\d{1,6})$")
_SPACES = re.compile("[\\s\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]+")


@dataclass(frozen=True)
class NormalForm:
    """`value` is matched, `shown` is what a person reads; `extension` is dialled after the number is answered."""

    value: str
    shown: str
    extension: str = ""


def normal_form(kind: str, text: str, shown: str = "", *, outside_line: str = "") -> NormalForm:
    """The normal form of `text` as an identity of `kind`. `outside_line` is the digit that a company dials first for
    an outside line: a number that is only right without it is taken without it. Raises Invalid on field `value`
    (`kind` for an unknown kind), with the reason in words."""
    if kind not in IDENTITY_KINDS:
        raise Invalid.of("kind", "没有这种渠道身份。")
    text = clean(text).strip()
    if not text:
        raise Invalid.of("value", "这一项要填写。")
    if len(text) > MAX_VALUE:
        raise Invalid.of("value", "太长了。")
    extension = ""
    if kind == "email":
        value = _email(text)
    elif kind == "phone":
        value, extension = _phone(text, outside_line)
    elif _BAD_IN_WORD.search(text):
        raise Invalid.of("value", "中间不能有空格。")
    else:
        value = text
    return NormalForm(value, (clean(shown).strip() or text)[:MAX_VALUE], extension)


def ascii_domain(text: str) -> str:
    """A domain in lower case and ASCII (`例子.cn` becomes `xn--fsqu00a.cn`). Raises Invalid on field `value`."""
    domain = unicodedata.normalize("NFKC", text).strip().lower().rstrip(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise Invalid.of("value", "邮箱域名不对。") from None
    if not domain or _BAD_IN_DOMAIN.search(domain) or ".." in domain or domain.startswith((".", "-")):
        raise Invalid.of("value", "邮箱域名不对。")
    return domain


def _email(text: str) -> str:
    local, at, domain = unicodedata.normalize("NFKC", text).rpartition("@")
    if not at or not local:
        raise Invalid.of("value", "邮箱地址要像 name@example.com。")
    literal = re.fullmatch(r"\[[0-9A-Fa-f:.IPv]+\]", domain)
    domain = domain.lower() if literal else ascii_domain(domain)
    local = _lower(local)
    quoted = len(local) > 2 and local[0] == local[-1] == '"'
    if not quoted and (_BAD_IN_LOCAL.search(local) or '"' in local or "@" in local):
        raise Invalid.of("value", "邮箱地址要像 name@example.com。")
    if len(local) + 1 + len(domain) > MAX_EMAIL:
        raise Invalid.of("value", "太长了。")
    return f"{local}@{domain}"


def _lower(text: str) -> str:
    """Lower case that stays the same when done again; a few letters need a second round."""
    for _ in range(4):
        lowered = unicodedata.normalize("NFKC", text.lower())
        if lowered == text:
            break
        text = lowered
    return text


def _phone(text: str, outside_line: str) -> tuple[str, str]:
    plain = _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip()
    if plain.lower().startswith("tel:"):
        plain = plain[4:].partition(";")[0]
    if plain.startswith("short:"):
        plain = plain.removeprefix("short:")
    if _WITHHELD.match(plain):
        raise Invalid.of("value", "号码被隐藏，无法识别来电人。")
    extension = ""
    if found := _EXTENSION.search(plain):
        plain, extension = plain[: found.start()].strip(), found.group(1)
    digits = re.sub(r"\D", "", plain)
    if not digits:
        raise Invalid.of("value", "这里没有电话号码。")
    if not plain.startswith("+") and len(digits) <= 6:
        if _is_short(digits):
            return f"short:{digits}", extension
        raise Invalid.of("value", "这是内部分机号，不是电话号码。")
    if (tail := _DASH_TAIL.match(plain)) and not extension and (whole := _e164(tail.group(1))):
        return whole, tail.group(2)
    if whole := _e164(plain):
        return whole, extension
    if outside_line and digits.startswith(outside_line) and (whole := _e164(digits.removeprefix(outside_line))):
        return whole, extension
    raise Invalid.of("value", "这个号码不对，请带上区号或国家代码。")


def _is_short(digits: str) -> bool:
    return phonenumbers.is_valid_short_number_for_region(
        PhoneNumber(country_code=86, national_number=int(digits)), "CN"
    )


def _e164(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "CN")
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
