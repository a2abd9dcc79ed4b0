"""What gateways tell us: whether a message arrived, and what a person wrote back. Each payload is one such item; the
hook divides a list of them before they are kept, so that one that cannot be understood holds no other up."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid
from channels.base import Inbound, Sender, Signal, Unparseable

CHINA = ZoneInfo("Asia/Shanghai")
LONGEST = 20_000
MOST_ITEMS = 500


def items_of(body: bytes) -> list[bytes]:
    """The items of a pushed body, each as a payload of its own, in their order; what is no list is one item. Raises
    Unparseable for a list that is longer than any gateway sends."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return [body]
    if not isinstance(found, list):
        return [body]
    if len(found) > MOST_ITEMS:
        raise Unparseable("一次推送的条数太多。")
    return [json.dumps(one, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace") for one in found]


def read(raw: bytes) -> Inbound | Signal:
    """Understand one item in our plain form, Aliyun's or Tencent's. Raises Unparseable."""
    try:
        given = json.loads(raw)
        if not isinstance(given, dict):
            raise Unparseable("不是短信网关的推送。")
        if "report_status" in given or "biz_id" in given or given.get("type") == "status":
            return _status(given, raw)
        if any(name in given for name in ("text", "content")):
            return _reply(given, raw)
    except Unparseable:
        raise
    except (ValueError, TypeError, OverflowError, OSError, RecursionError):
        raise Unparseable("不是短信网关的推送。") from None
    raise Unparseable("不是短信网关的推送。")


def _status(given: Mapping[str, Any], raw: bytes) -> Signal:
    if "report_status" in given:  # Tencent
        about, good = given.get("sid"), given["report_status"] == "SUCCESS"
        why = [given.get("errmsg"), given.get("description")]
    elif "biz_id" in given:  # Aliyun
        about, good = given["biz_id"], given.get("success") in (True, "true")
        why = [given.get("err_code"), given.get("err_msg")]
    else:
        about, good = given.get("id"), given.get("status") == "delivered"
        why = [given.get("code"), given.get("reason")]
    if not isinstance(about, str) or not about:
        raise Unparseable("状态报告里没有短信的编号。")
    reason = "" if good else " ".join(str(part) for part in why if part)[:300]
    return Signal(external_id=_digest(raw), kind="delivered" if good else "refused", about=about, reason=reason)


def _reply(given: Mapping[str, Any], raw: bytes) -> Inbound:
    text = given["content"] if "content" in given else given["text"]
    number = given.get("phone_number") or given.get("phone") or given.get("mobile")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise Unparseable("上行短信没有内容，或者太长。")
    if not isinstance(number, str) or not number:
        raise Unparseable("上行短信里没有号码。")
    nation = given.get("nationcode")
    if isinstance(nation, str) and nation.isdecimal() and not number.startswith("+"):
        number = f"+{nation}{number}"
    try:
        normal_form("phone", number)
    except Invalid:
        raise Unparseable("上行短信的号码看不懂。") from None
    known = given.get("sequence_id") or given.get("id")
    external_id = str(known) if isinstance(known, (str, int)) and str(known) else _digest(raw)
    return Inbound(
        external_id=f"up:{external_id}"[:300],
        sender=Sender("phone", number, verified=True),
        text=text,
        visible_text=text,
        sent_at=_moment(given.get("send_time") or given.get("time") or given.get("at")),
        continues=True,
    )


def _moment(given: object) -> datetime | None:
    """Seconds since 1970, or a time of China without a zone, as gateways write it; None where it is neither."""
    if isinstance(given, bool) or given is None:
        return None
    if isinstance(given, (int, float)):
        return datetime.fromtimestamp(given, UTC) if 0 < given < 4e9 else None
    try:
        found = datetime.fromisoformat(str(given))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=CHINA)).astimezone(UTC)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:40]
