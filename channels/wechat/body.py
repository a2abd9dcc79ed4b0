"""Bodies of callbacks: XML or JSON, told apart by the first byte, read without trust into one neutral dictionary.

A leaf is a text without outer white space (numbers of a JSON body stay numbers), an element with children a
dictionary, an element that occurs more than once a list. Document types and entities are refused.
"""

import json
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.core.text import clean, pack, unpack

LONGEST = 1024 * 1024
"""Bytes beyond which nothing is read; the hook refuses far smaller bodies already."""
DEEPEST = 40
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARATION = re.compile(r"^<\?xml[^>]*\?>")
_CHINESE = re.compile(rb"encoding=[\"'](?:gb2312|gbk|gb18030)[\"']", re.I)
_MOMENT = re.compile(r"[+-]?[0-9]{1,15}")


class BodyRefused(ValueError):
    """The body cannot be read; `reason` is one sentence, packed (app.core.text)."""

    def __init__(self, message: str, **data: object) -> None:
        self.reason = pack(message, **data)
        super().__init__(unpack(self.reason))


def read_body(raw: bytes) -> dict[str, Any]:
    """All elements of a body under their own names. Raises BodyRefused."""
    if len(raw) > LONGEST:
        raise BodyRefused("内容太大。")
    text = raw.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if text[:1] == b"{":
        return _json(text)
    if text[:1] == b"<" or text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _xml(text)
    raise BodyRefused("既不是 XML 也不是 JSON。")


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw.decode("utf-8", "replace"), parse_constant=str)
    except (ValueError, RecursionError):
        raise BodyRefused("JSON 不完整或有错误。") from None
    if not isinstance(found, dict):
        raise BodyRefused("JSON 不是一个对象。")
    read: dict[str, Any] = _tidy(found, 0)
    return read


def _tidy(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise BodyRefused("层次太深。")
    if isinstance(value, dict):
        return {clean(key): _tidy(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_tidy(inner, depth + 1) for inner in value]
    return clean(value).strip() if isinstance(value, str) else value


def _xml(raw: bytes) -> dict[str, Any]:
    try:
        try:
            root = fromstring(raw, forbid_dtd=True)
        except (ParseError, LookupError, ValueError) as problem:
            if isinstance(problem, DefusedXmlException):
                raise
            root = fromstring(_mended(raw), forbid_dtd=True)
    except DefusedXmlException:
        raise BodyRefused("XML 含有文档类型或实体，不予解析。") from None
    except (ParseError, LookupError, ValueError):
        raise BodyRefused("XML 不完整或有错误。") from None
    found = _element(root, 0)
    return found if isinstance(found, dict) else {}


def _mended(raw: bytes) -> str:
    """A second look at what a strict parser refuses: people's words hold control characters and broken bytes."""
    declared = _CHINESE.search(raw[:100])
    try:
        text = raw.decode("gb18030" if declared else "utf-8")
    except UnicodeError:
        text = raw.decode("utf-8", "replace")
    return _DECLARATION.sub("", _ILLEGAL.sub("", text))


def _element(element: Element, depth: int) -> Any:
    if depth > DEEPEST:
        raise BodyRefused("层次太深。")
    if not len(element):
        return clean(element.text or "").strip()
    found: dict[str, Any] = {}
    for child in element:
        name, value = clean(str(child.tag)), _element(child, depth + 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def leaf(fields: dict[str, Any], name: str) -> str:
    """A plain element as text; empty when it is absent or no leaf."""
    value = fields.get(name)
    if value is None or isinstance(value, dict | list):
        return ""
    try:
        return clean(str(value)).strip()
    except ValueError:  # a number of more digits than Python writes
        return ""


def moment(fields: dict[str, Any], name: str = "CreateTime") -> int | None:
    """An element of epoch seconds; None when it is none."""
    text = leaf(fields, name)
    return int(text) if _MOMENT.fullmatch(text) else None


def kind_of(fields: dict[str, Any]) -> str:
    """The MsgType as sent. Raises BodyRefused without one."""
    found = leaf(fields, "MsgType")
    if not found:
        raise BodyRefused("没有 MsgType。")
    return found


def external_id(fields: dict[str, Any]) -> str:
    """The platform's own name for a message; of an event, and of what has no name, who did what when."""
    if kind_of(fields) != "event" and (number := leaf(fields, "MsgId")):
        return number
    return "|".join((leaf(fields, "FromUserName"), leaf(fields, "CreateTime"), leaf(fields, "Event")))


def described(fields: dict[str, Any]) -> dict[str, Any]:
    """A body as `channel parse --kind wechat` shows it. Raises BodyRefused."""
    kind = kind_of(fields)
    return {
        "external_id": external_id(fields),
        "kind": kind,
        "event": leaf(fields, "Event") or None,
        "from": leaf(fields, "FromUserName") or None,
        "to": leaf(fields, "ToUserName") or None,
        "created_at": moment(fields),
        "text": leaf(fields, "Content") if kind == "text" and "Content" in fields else None,
        "fields": fields,
    }
