"""What a message holds beside its words, for every page that shows messages: pictures, voices, places, cards, talks."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.files import StoredFile
from app.core.text import unpack
from app.web.call_words import number_word
from app.web.desk_words import size_word
from app.web.i18n import show_datetime
from channels.models import Message

_STANDS_FOR = re.compile(r"[\[【（(][^\s\]】）)]{1,8}[\]】）)]\s*")
"""Words that only say that there is a picture: 「[图片]」."""
_INLINE = re.compile(r"\[cid:([^\]\s]{1,200})\]", re.IGNORECASE)
MOST_ITEMS = 100

WAITING: Mapping[str, Any] = {
    "image": _l("图片正在取回"),
    "voice": _l("语音正在取回"),
    "video": _l("视频正在取回"),
    "file": _l("文件正在取回"),
}
LOST: Mapping[str, Any] = {
    "image": _l("图片没能取回"),
    "voice": _l("语音没能取回"),
    "video": _l("视频没能取回"),
    "file": _l("文件没能取回"),
}
OUTCOMES: Mapping[str, Any] = {
    "answered": _l("已接"),
    "abandoned": _l("没等到就挂了"),
    "busy": _l("忙线"),
    "failed": _l("没有接通"),
    "no_answer": _l("没人接"),
    "voicemail": _l("留了言"),
}


def content(message: Message, files: Sequence[StoredFile], url: Callable[[StoredFile], str], text: str) -> dict[str, Any]:
    """What macros/said.html draws. `text` is what is shown of the words; `url` gives the address of a file here."""
    meta, kind = message.meta or {}, message.kind or "text"
    if meta.get("recalled") is True and message.direction == "in":
        return _shape("recalled", "")
    shown = {row.id: _file(row, url) for row in files}
    pieces, used = _pieces(text, files, shown)
    rest = [row for row in files if row.id not in used]
    found = _shape(kind, text, pieces=pieces)
    found["pictures"] = [shown[row.id] for row in rest if row.inline]
    found["voices"] = [shown[row.id] | {"length": _length(meta)} for row in rest if row.playable == "audio"]
    found["videos"] = [shown[row.id] | {"length": _length(meta)} for row in rest if row.playable == "video"]
    found["files"] = [shown[row.id] for row in rest if not row.inline and not row.playable]
    found["waiting"] = _waiting(meta)
    if kind == "location":
        found["location"] = _location(meta)
    elif kind in ("link", "card"):
        found["link"] = _link(meta)
    elif kind == "menu":
        found["menu"] = _menu(message, meta)
    elif kind == "merged":
        found["merged"] = _merged(meta)
    elif kind == "call":
        found["call"] = _call(meta)
        if found["call"] and meta.get("call_id"):  # its words only say the same, in the language of the house
            found["text"], found["pieces"] = "", []
    told = any(found[name] for name in ("location", "link", "merged")) or (kind == "menu" and bool(found["menu"]))
    if told:
        found["text"], found["pieces"] = _before_talk(text, meta) if kind == "merged" else "", []
    elif kind in ("image", "voice", "video", "file") and (files or found["waiting"]):
        found["text"] = _STANDS_FOR.sub("", text.strip(), count=1) if _STANDS_FOR.match(text.strip()) else text
    return found


def _shape(kind: str, text: str, **given: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {name: [] for name in ("pieces", "pictures", "voices", "videos", "files", "waiting")}
    return {"kind": kind, "text": text, **empty, "location": None, "link": None, "menu": None, "merged": None, "call": None, **given}


def _file(row: StoredFile, url: Callable[[StoredFile], str]) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "url": url(row), "size": size_word(row.size), "mime": row.mime}


def _pieces(
    text: str, files: Sequence[StoredFile], shown: Mapping[int, dict[str, Any]]
) -> tuple[list[dict[str, Any]], set[int]]:
    """The words with the pictures of the mail where they stood; empty when none stands among the words."""
    own = {(row.content_id or "").strip("<>").lower(): row for row in files if row.content_id and row.inline}
    if not own or not _INLINE.search(text):
        return [], set()
    pieces: list[dict[str, Any]] = []
    used: set[int] = set()
    for n, part in enumerate(_INLINE.split(text)):
        if n % 2 == 0:
            if part.strip():
                pieces.append({"text": part.strip("\n")})
        elif (row := own.get(part.lower())) is not None:
            pieces.append({"picture": shown[row.id]})
            used.add(row.id)
    return pieces, used


def _waiting(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Files that are still at the platform, or could not be had."""
    found = []
    for one in meta.get("media") or ():
        if not isinstance(one, Mapping) or one.get("state") in (None, "kept"):
            continue
        kind, lost = str(one.get("kind") or "file"), one.get("state") in ("failed", "lost", "gone")
        words = LOST if lost else WAITING
        reason = unpack(str(one.get("reason") or ""), _) if lost else ""
        found.append({"text": str(words.get(kind, words["file"])), "reason": reason, "lost": lost, "again_url": ""})
    return found


def _length(meta: Mapping[str, Any]) -> str:
    """Minutes and seconds of a recording, where they are known."""
    return _clock(meta.get("seconds"))


def _clock(length: Any) -> str:
    try:
        seconds = round(float(length or 0))
    except (TypeError, ValueError):
        return ""
    return f"{seconds // 60}:{seconds % 60:02d}" if 0 < seconds < 360_000 else ""


def _location(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    """A place as words and a link; no map is loaded, and the other side learns of it only when somebody follows it."""
    try:
        lat, lng = float(meta["lat"]), float(meta["lng"])
    except (KeyError, TypeError, ValueError):
        return None
    if not (-90 <= lat <= 90 and -180 <= lng <= 180):
        return None
    label = str(meta.get("label") or "").strip()[:200]
    address = f"https://uri.amap.com/marker?position={lng:.6f},{lat:.6f}&name={quote(label or 'place', safe='')}"
    return {"label": label or _("一个位置"), "at": f"{lat:.5f}, {lng:.5f}", "url": address}


def _web(address: Any) -> str:
    """An address of the web, or nothing: what a stranger sent is followed only where a browser may."""
    text = str(address or "").strip()
    try:
        return text if urlsplit(text).scheme in ("http", "https") and len(text) <= 2000 else ""
    except ValueError:
        return ""


def _link(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    title, url = str(meta.get("title") or "").strip()[:200], _web(meta.get("url"))
    if not title and not url:
        return None
    host = urlsplit(url).hostname or "" if url else ""
    about = str(meta.get("description") or meta.get("text") or "").strip()[:500]
    return {"title": title or url, "text": about, "url": url, "host": host}


def _menu(message: Message, meta: Mapping[str, Any]) -> dict[str, Any] | None:
    if message.direction == "in":
        return {"chosen": message.visible_text.strip(), "head": "", "items": [], "tail": ""}
    items = [str(one.get("text", "")) for one in meta.get("items") or () if isinstance(one, Mapping)]
    if not items:
        return None
    return {"chosen": "", "head": str(meta.get("head") or ""), "items": items[:20], "tail": str(meta.get("tail") or "")}


def _merged(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    items = [
        {"who": str(one.get("speaker") or "")[:80], "at": _moment(str(one.get("when") or "")), "text": str(one.get("text") or "")}
        for one in meta.get("parts") or ()
        if isinstance(one, Mapping)
    ]
    if not items:
        return None
    shown = items[:MOST_ITEMS]
    speakers = list(dict.fromkeys(item["who"] for item in items if item["who"]))
    return {
        "title": str(meta.get("title") or "").strip()[:200] or _("聊天记录"),
        "count": len(items),
        "speakers": _("、").join(speakers[:4]),
        "items": shown,
        "more": len(items) - len(shown),
    }


def _before_talk(text: str, meta: Mapping[str, Any]) -> str:
    """What somebody wrote before the talk that they pasted."""
    first = str(next(iter(meta["parts"])).get("speaker") or "")
    return text.partition(first)[0].strip(" \n[【") if first and not meta.get("title") else ""


def _moment(when: str) -> str:
    """A moment in the viewer's zone where it is one; else as it stood in what was pasted."""
    try:
        at = datetime.fromisoformat(when)
    except ValueError:
        return when[:40]
    return show_datetime(at) if at.tzinfo is not None else when[:40]


def _call(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    outcome = str(meta.get("outcome") or "")
    if not outcome and not meta.get("call_id"):
        return None
    return {
        "way": _("呼出电话") if meta.get("direction") == "out" else _("来电"),
        "outcome": str(OUTCOMES.get(outcome, _("没有接通"))) if outcome else _("进行中"),
        "answered": outcome == "answered",
        "length": _length(meta),
        "number": number_word(str(meta.get("number") or "")[:40]),
        "more": [
            words
            for words in (
                _("等了 %(time)s", time=_clock(meta.get("wait"))) if _clock(meta.get("wait")) else "",
                str(meta.get("agent") or "")[:80],
                str(meta.get("queue") or "")[:80],
            )
            if words
        ],
    }


def call_line(message: Message) -> str:
    """A call in one line, in the reader's language; empty for what is not a call."""
    call = _call(message.meta or {}) if message.kind == "call" else None
    return " · ".join([f"{call['way']} {call['outcome']}", *([call["length"]] if call["length"] else []), *call["more"]]) if call else ""
