"""One item of sync_msg in neutral words: a message of a customer, or a signal."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from app.core.text import clean, pack
from channels.base import Inbound, RemoteMedia, Sender, Signal, Unparseable

CUSTOMER, SYSTEM_EVENT, SERVICER = 3, 4, 5
"""Who made an item (`origin`): the customer, the platform, or a person in the WeCom app."""
FAILURES: Mapping[int, tuple[str, str]] = {
    1: ("客服账号已被删除，消息没有送达。", ""),
    2: ("应用已关闭，消息没有送达。", ""),
    4: ("客户已超过 48 小时没有来信，消息没有送达。", "closed"),
    5: ("会话已经结束，消息没有送达。", ""),
    6: ("客户上次来信后的条数已用完，消息没有送达。", "spent"),
    7: ("没有关联视频号主体，消息没有送达。", ""),
    8: ("会话不允许发送，消息没有送达。", ""),
    10: ("客户拒收消息，没有送达。", ""),
}
"""Why an accepted message did not arrive, and what that says of the window."""
MEDIA = {"image": "[图片]", "voice": "[语音]", "video": "[视频]", "file": "[文件]"}  # data
_NAMES = {"image": ("image.jpg", "image/jpeg"), "voice": ("voice.amr", "audio/amr"), "video": ("video.mp4", "video/mp4"), "file": ("", "")}
STATE_AFTER = {1: 3, 2: 3, 3: 4, 4: 3}
"""What a change of a session (`change_type`) makes of its state."""
DEEPEST_MERGE = 5
ANSWERED = "answered_in_app"
"""The name (`meta["event"]`) under which an answer given in the WeCom app is told."""


def parse_item(raw: bytes) -> Inbound | Signal:
    """Understand a stored item. Raises Unparseable."""
    try:
        item = json.loads(raw)
    except (ValueError, RecursionError):
        raise Unparseable("不是微信客服的消息：JSON 不完整或有错误。") from None
    if not isinstance(item, dict):
        raise Unparseable("不是微信客服的消息。")
    kind, number = words(item.get("msgtype")), words(item.get("msgid"))
    if not kind or not number:
        raise Unparseable("微信客服的消息缺少 msgtype 或 msgid。")
    if kind == "event":
        return _event(item, number)
    user, kfid = words(item.get("external_userid")), words(item.get("open_kfid"))
    if not user or len(user) > 128 or " " in user:
        raise Unparseable("微信客服的消息缺少 external_userid。")
    sender = Sender("wecom", user, verified=True)
    part = item.get(kind)
    content = part if isinstance(part, dict) else {}
    said, text, media, meta = _content(kind, content)
    if item.get("origin") == SERVICER:
        at = moment(item.get("send_time"))
        told: dict[str, Any] = {"event": ANSWERED, "open_kfid": kfid, "servicer": words(item.get("servicer_userid"), 64), "type": kind, "msgid": number}
        told |= {"kind": said, "text": text, "details": meta, "media": [asdict(one) for one in media], "at": at.isoformat() if at else ""}
        return Signal(number, "other", sender, at=at, meta=told)
    return Inbound(
        external_id=number,
        sender=sender,
        text=text,
        visible_text=text,
        sent_at=moment(item.get("send_time")),
        reply_to=f"{kfid}/{user}" if kfid else None,
        continues=True,
        kind=said,
        media=media,
        meta=meta,
    )


def words(value: Any, longest: int = 20_000) -> str:
    """A leaf as clean text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(str(value))[:longest].strip()


def moment(value: Any) -> datetime | None:
    """Epoch seconds as a moment in UTC."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None


Content = tuple[str, str, tuple[RemoteMedia, ...], dict[str, Any]]


def _content(kind: str, part: Mapping[str, Any], depth: int = 0) -> Content:
    """Kind, readable text, files and the rest of one message."""
    if kind == "text":
        chosen = words(part.get("menu_id"), 200)
        return ("menu" if chosen else "text"), words(part.get("content")), (), {"item": chosen} if chosen else {}
    if kind in MEDIA:
        media_id = words(part.get("media_id"), 600)
        name = words(part.get("filename"), 200)
        kept = (RemoteMedia(media_id, kind, name or _NAMES[kind][0], _NAMES[kind][1]),) if media_id else ()
        return kind, f"{MEDIA[kind]}{name and ' ' + name}", kept, {}
    reader = _READERS.get(kind)
    if kind == "merged_msg":
        return _merged(part, depth)
    if reader is not None:
        return reader(part)
    return "text", f"[暂不支持的消息：{words(kind, 60)}]", (), {"unknown": words(kind, 60)}  # data


def _location(part: Mapping[str, Any]) -> Content:
    place = " ".join(found for found in (words(part.get("name"), 300), words(part.get("address"), 300)) if found)
    try:
        lat, lng = float(words(part.get("latitude"), 40)), float(words(part.get("longitude"), 40))
    except ValueError:
        lat = lng = 999.0
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        return "text", f"[位置] {place}".strip(), (), {}  # data
    return "location", f"[位置] {place or f'{lat}, {lng}'}", (), {"lat": lat, "lng": lng, "label": place}  # data


def _link(part: Mapping[str, Any]) -> Content:
    meta = {
        "title": words(part.get("title"), 300), "description": words(part.get("desc"), 1000),
        "url": words(part.get("url"), 2000), "picture": words(part.get("pic_url"), 2000),
    }  # fmt: skip
    return "link", "\n".join(found for found in (f"[链接] {meta['title']}", meta["description"], meta["url"]) if found), (), meta  # data


def _card(part: Mapping[str, Any]) -> Content:
    who = words(part.get("userid"), 128)
    return "text", f"[名片] {who}", (), {"card": who}  # data


def _program(part: Mapping[str, Any]) -> Content:
    meta = {name: words(part.get(name), 1000) for name in ("title", "appid", "pagepath")}
    return "text", f"[小程序] {meta['title']}", (), {"miniprogram": meta}  # data


def _shop(part: Mapping[str, Any]) -> Content:
    meta = {name: words(part.get(name), 1000) for name in ("product_id", "order_id", "title", "product_titles", "price_wording", "sales_price", "price", "state", "shop_nickname", "head_image")}  # fmt: skip
    meta = {name: value for name, value in meta.items() if value}
    shown = [meta.get("title") or meta.get("product_titles", ""), meta.get("order_id", ""), meta.get("price_wording") or meta.get("price", ""), meta.get("shop_nickname", "")]  # fmt: skip
    return "text", " ".join(["[视频号商品]", *(one for one in shown if one)]), (), {"shop": meta}  # data


def _channels(part: Mapping[str, Any]) -> Content:
    meta = {name: words(part.get(name), 1000) for name in ("sub_type", "nickname", "title")}
    return "text", " ".join(["[视频号]", *(one for one in (meta["nickname"], meta["title"]) if one)]), (), {"channels": meta}  # data


def _note(part: Mapping[str, Any]) -> Content:
    return "text", "[笔记]", (), {"unknown": "note"}  # data


def _menu(part: Mapping[str, Any]) -> Content:
    lines = [words(part.get("head_content"))]
    for one in part.get("list") or [] if isinstance(part.get("list"), list) else []:
        inner = one.get(words(one.get("type"))) if isinstance(one, dict) else None
        lines.append("· " + words(inner.get("content") if isinstance(inner, dict) else ""))
    lines.append(words(part.get("tail_content")))
    return "text", "\n".join(line for line in lines if line.strip("· ")) or "[菜单]", (), {}  # data


def _merged(part: Mapping[str, Any], depth: int = 0) -> Content:
    """A forwarded talk: each line with its speaker and moment. `msg_content` is JSON in a text."""
    parts: list[dict[str, Any]] = []
    media: list[RemoteMedia] = []
    given = part.get("item")
    for one in (given if isinstance(given, list) else [])[:500]:
        if not isinstance(one, dict):
            continue
        kind = words(one.get("msgtype"), 60)
        try:
            inner = json.loads(one["msg_content"]) if isinstance(one.get("msg_content"), str) else one.get("msg_content")
        except (ValueError, RecursionError):
            inner = {"content": one.get("msg_content")}
        whole: dict[str, Any] = inner if isinstance(inner, dict) else {}
        nested = whole.get(kind)
        if kind == "merged_msg" and depth + 1 >= DEEPEST_MERGE:
            whole, nested = {}, {}
        said, text, files, meta = _content(kind, nested if isinstance(nested, dict) else whole, depth + 1)
        at = moment(one.get("send_time"))
        turn: dict[str, Any] = {"speaker": words(one.get("sender_name"), 100), "when": at.isoformat() if at else "", "kind": said, "text": text}
        parts.append(turn | ({"parts": meta["parts"]} if said == "merged" and meta.get("parts") else {}))
        media.extend(files)
    title = words(part.get("title"), 300)
    lines = [f"{turn['speaker']}：{turn['text']}" for turn in parts]
    text = "\n".join([title or "[聊天记录]", *lines])  # data
    return "merged", text, tuple(media[:20]), {"title": title, "parts": parts}


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Content]] = {
    "location": _location,
    "link": _link,
    "business_card": _card,
    "miniprogram": _program,
    "channels_shop_product": _shop,
    "channels_shop_order": _shop,
    "channels": _channels,
    "note": _note,
    "msgmenu": _menu,
}


def _event(item: Mapping[str, Any], number: str) -> Signal:
    part = item.get("event")
    event: Mapping[str, Any] = part if isinstance(part, dict) else {}
    name, at = words(event.get("event_type"), 60), moment(item.get("send_time"))
    user = words(event.get("external_userid") or item.get("external_userid"), 128)
    sender = Sender("wecom", user, verified=True) if user and " " not in user else None
    kfid = words(event.get("open_kfid") or item.get("open_kfid"), 64)
    meta: dict[str, Any] = {"event": name, "open_kfid": kfid, "user": user}
    if name == "enter_session":
        meta |= {key: words(event.get(key), 500) for key in ("scene", "scene_param", "welcome_code")}
        return Signal(number, "entered", sender, at=at, meta=meta | {"at": at.isoformat() if at else ""})
    if name == "msg_send_fail":
        kind = event.get("fail_type") if isinstance(event.get("fail_type"), int) else 0
        reason, window = FAILURES.get(int(kind or 0), (pack("企业微信没有送达（fail_type %(kind)s）。", kind=kind), ""))
        failed = words(event.get("fail_msgid"), 64)
        meta |= {"fail_type": kind, "msgid": failed, "window": window}
        return Signal(number, "refused", sender, about=base_of(failed), reason=reason, at=at, meta=meta)
    if name == "user_recall_msg":
        return Signal(number, "recalled", sender, about=words(event.get("recall_msgid"), 64), at=at, meta=meta)
    if name == "session_status_change":
        change = event.get("change_type")
        meta |= {"change": change if isinstance(change, int) else 0, "msg_code": words(event.get("msg_code"), 200)}
        meta |= {"state": STATE_AFTER.get(meta["change"]), "servicer": words(event.get("new_servicer_userid"), 64)}
        return Signal(number, "session", sender, at=at, meta=meta | {"at": at.isoformat() if at else ""})
    return Signal(number, "other", sender, at=at, meta=meta)


def base_of(msgid: str) -> str:
    """The part of one of our ids that all pieces of one message share."""
    return msgid.rpartition("-")[0] or msgid
