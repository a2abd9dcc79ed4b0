"""What a callback means: a message of a person, or something the platform tells."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from app.core.clock import now
from app.core.text import pack
from channels.base import Inbound, RemoteMedia, Sender, Signal, Unparseable
from channels.wechat.body import BodyRefused, external_id, kind_of, leaf, moment

Fields = dict[str, Any]
ENVELOPE = frozenset("ToUserName FromUserName CreateTime MsgType Event MsgId Encrypt".split())
LONGEST_META = 4_000
SCENE = "qrscene_"
# What stands in a conversation for what has no words, as WeChat itself writes it in lists: text of the message, no words of a page.
PLACE, LINK, UNKNOWN = "[位置]", "[链接]", "[暂不支持的消息]"  # data
IMAGE, VOICE, VIDEO, CLIP = "[图片]", "[语音]", "[视频]", "[小视频]"  # data


def meaning(fields: Fields) -> Inbound | Signal:
    """The message or signal of a decrypted callback. Raises Unparseable."""
    try:
        kind = kind_of(fields)
    except BodyRefused as problem:
        raise Unparseable(problem.reason) from None
    return _signal(fields) if kind == "event" or leaf(fields, "Event") else _message(fields, kind)


def dedup_key(fields: Fields) -> str:
    """Under which a callback is kept once: retries carry the same, whatever their ciphertext. Two events of one second
    differ by what was pressed, or by which of our messages they speak of. Raises BodyRefused."""
    parts = [external_id(fields)]
    if kind_of(fields) == "event" or leaf(fields, "Event"):
        parts += [leaf(fields, name) for name in ("EventKey", "MsgID") if leaf(fields, name)]
    return "|".join(parts)[:200]


def _sender(fields: Fields) -> Sender | None:
    openid = leaf(fields, "FromUserName")
    return Sender("openid", openid, verified=True) if openid and not any(c.isspace() for c in openid) else None


def _at(fields: Fields) -> datetime | None:
    seconds = moment(fields)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and 0 < seconds < 4_000_000_000 else None


def _message(fields: Fields, kind: str) -> Inbound:
    sender = _sender(fields)
    if sender is None:
        raise Unparseable("没有发送者。")
    found, text, meta, media = _READ.get(kind, _unknown)(fields)
    if "Idx" in fields:  # written below an article of ours
        meta["article"] = {"data": leaf(fields, "MsgDataId"), "index": leaf(fields, "Idx")}
    return Inbound(
        external_id=external_id(fields),
        sender=sender,
        text=text,
        visible_text=text,
        sent_at=_at(fields),
        continues=True,
        kind=found,
        media=media,
        meta=meta,
    )


Read = tuple[str, str, dict[str, Any], tuple[RemoteMedia, ...]]


def _text(fields: Fields) -> Read:
    words = leaf(fields, "Content")
    item = leaf(fields, "bizmsgmenuid")
    if not words and not item:
        raise Unparseable("消息是空的。")
    return ("menu", words or item, {"item": item}, ()) if item else ("text", words, {}, ())


def _media(kind: str, words: str, name: str, mime: str) -> Callable[[Fields], Read]:
    def read(fields: Fields) -> Read:
        media_id = leaf(fields, "MediaId")
        if not media_id:
            raise Unparseable("消息里没有文件编号。")
        meta: dict[str, Any] = {}
        text = words
        said = leaf(fields, "Recognition")
        if said:
            meta["recognition"], text = said, f"{words} {said}"
        ending = leaf(fields, "Format").lower()
        file = f"voice.{ending}" if kind == "voice" and ending.isalnum() else name
        return kind, text, meta, (RemoteMedia(media_id, kind, file, mime),)

    return read


def _location(fields: Fields) -> Read:
    try:
        lat, lng = float(leaf(fields, "Location_X")), float(leaf(fields, "Location_Y"))
    except ValueError:
        raise Unparseable("位置消息里没有坐标。") from None
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        raise Unparseable("位置消息里没有坐标。")
    label, scale = leaf(fields, "Label"), leaf(fields, "Scale")
    meta = {"lat": lat, "lng": lng, "label": label, "scale": scale}
    return "location", f"{PLACE} {label or f'{lat}, {lng}'}", meta, ()


def _link(fields: Fields) -> Read:
    title, description, url = (leaf(fields, name) for name in ("Title", "Description", "Url"))
    words = " ".join(part for part in (LINK, title, url) if part)
    return "link", words, {"title": title, "description": description, "url": url}, ()


def _unknown(fields: Fields) -> Read:
    """A kind that this version does not know: the desk sees that something came, and what it held stays readable."""
    return "text", f"{UNKNOWN} {leaf(fields, 'MsgType')[:40]}", {"unknown": _rest(fields)}, ()


_READ: Mapping[str, Callable[[Fields], Read]] = {
    "text": _text,
    "image": _media("image", IMAGE, "image.jpg", "image/jpeg"),
    "voice": _media("voice", VOICE, "voice.amr", "audio/amr"),
    "video": _media("video", VIDEO, "video.mp4", "video/mp4"),
    "shortvideo": _media("video", CLIP, "video.mp4", "video/mp4"),
    "location": _location,
    "link": _link,
}


def _signal(fields: Fields) -> Signal:
    name = leaf(fields, "Event") or "?"
    meta: dict[str, Any] = {"event": name, **_rest(fields)}
    about = reason = None
    kind = _KINDS.get(name, "other")
    key = leaf(fields, "EventKey")
    if name in ("subscribe", "SCAN") and key:
        meta["scene"], meta["scan"] = key.removeprefix(SCENE), True
        meta.update(scene_of(meta["scene"]))
    elif kind == "clicked":
        meta["key"] = key
    elif name == "TEMPLATESENDJOBFINISH":
        about, status = leaf(fields, "MsgID"), leaf(fields, "Status")
        kind, reason = ("delivered", "") if status == "success" else ("refused", _why(status))
    elif name == "subscribe_msg_sent_event":
        first = _first(fields)
        about = leaf(first, "MsgID")
        code = leaf(first, "ErrorCode")
        kind, reason = ("delivered", "") if code == "0" else ("refused", _why(leaf(first, "ErrorStatus") or code))
    return Signal(
        external_id=dedup_key(fields),
        kind=kind,
        sender=_sender(fields),
        about=about or None,
        reason=reason or "",
        at=_at(fields) or now(),
        meta=meta,
    )


_KINDS: Mapping[str, str] = {
    "subscribe": "followed",
    "unsubscribe": "unfollowed",
    "SCAN": "scanned",
    # Of the menu's buttons these three open a right to write; the others only open a page or lead to a message.
    "CLICK": "clicked",
    "scancode_push": "clicked",
    "scancode_waitmsg": "clicked",
    "kf_create_session": "session",
    "kf_close_session": "session",
    "kf_switch_session": "session",
    "user_enter_tempsession": "entered",
}


def scene_of(scene: str) -> dict[str, str]:
    """What a code of ours names: `device:<token>` or `counter:<place>`; nothing for others."""
    what, sign, name = scene.partition(":")
    return {what: name[:80]} if sign and what in ("device", "counter") and name else {}


def _why(status: str) -> str:
    words = {"failed:user block": "对方拒收公众号的通知。", "failed: system failed": "微信没有送到。", "failed:system failed": "微信没有送到。"}
    return words.get(status) or pack("微信没有送到：%(status)s", status=status[:120])


def _first(fields: Fields) -> Fields:
    event = fields.get("SubscribeMsgSentEvent")
    found = event.get("List") if isinstance(event, dict) else None
    found = found[0] if isinstance(found, list) and found else found
    return found if isinstance(found, dict) else {}


def _rest(fields: Fields) -> dict[str, Any]:
    """What a body has beside its envelope, as far as it is small enough to be kept with a row."""
    kept = {name: value for name, value in fields.items() if name not in ENVELOPE}
    return kept if len(repr(kept)) <= LONGEST_META else {"cut": sorted(kept)[:20]}
