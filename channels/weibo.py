"""Weibo's fan service platform (粉丝服务平台): private messages and events by callback, answers by the reply API.

Callbacks are JSON, or XML in WeChat's form where that is switched on. A message has no id of its own: the sender and the
second it was made stand for it, and two different texts of one second are both kept (channels/receiving.py). Ids are
longer than 32 bits and are texts everywhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import requests

from app.core.sealing import CannotOpen
from app.core.text import clean
from channels import trouble
from channels.accounts import opened
from channels.base import (
    Inbound,
    InboundFile,
    Outbound,
    RemoteMedia,
    Sender,
    SendFailed,
    SendUndecided,
    Signal,
    Unparseable,
)
from channels.downloading import body_of
from channels.models import Account
from channels.wechat.body import BodyRefused, read_body
from channels.wechat.mapping import meaning
from channels.weibo_settings import API, UPLOADS

KIND = "weibo"
LONGEST = 290
"""Characters of one private message; the platform takes less than 300."""
CONNECT, READ = 5.0, 15.0
LARGEST_MEDIA = 20 * 1024 * 1024
_EVENTS = {
    "follow": "followed", "subscribe": "followed", "scan_follow": "followed", "unfollow": "unfollowed",
    "scan": "scanned", "click": "clicked",
}  # fmt: skip
_WORDS = {"image": "[图片]", "voice": "[语音]", "position": "[位置]", "mention": "[@我]"}  # data
_CUT = re.compile(r"[。！？!?…\n；;](?!.*[。！？!?…\n；;])", re.S)


class WeiboChannel:
    """One verified Weibo account."""

    kind = KIND
    idempotent = False

    def parse(self, account: Account, raw: bytes) -> Inbound | Signal:
        try:
            fields = read_body(raw)
        except BodyRefused as problem:
            raise Unparseable(problem.reason) from None
        if "MsgType" in fields or "Event" in fields:
            return _like_wechat(meaning(fields))
        return _read(fields, str(account.settings.get("uid") or "") if account is not None else "")

    def send(self, account: Account, message: Outbound) -> None:
        """Send the text in pieces. Once one piece is out, nothing is repeated by itself: there is no key to do it under."""
        if not str(_settings(account).get("access_token") or ""):
            raise SendFailed("没有设置 Access Token，不能回复微博私信。", final=True)
        for file in message.files:
            raise SendFailed("微博私信不能发附件「%(name)s」，请改发链接。", final=True, name=file.name)
        for sent, piece in enumerate(split_text(message.text)):
            try:
                self._reply(account, message.to, piece)
            except SendFailed as problem:
                trouble.noted(account, problem)
                if not sent:
                    raise
                raise SendUndecided("前 %(n)s 段已发出，后面的没有：%(why)s", n=sent, why=str(problem)) from None
        trouble.cleared(account)

    def _reply(self, account: Account, to: str, text: str) -> None:
        body = {
            "access_token": str(_settings(account)["access_token"]), "type": "text", "receiver_id": to,
            "data": json.dumps({"text": text}, ensure_ascii=False), "save_sender_box": "1",
        }  # fmt: skip
        base = str(account.settings.get("api_base") or API).rstrip("/")
        try:
            answer = requests.post(f"{base}/2/messages/reply.json", data=body, timeout=(CONNECT, READ), allow_redirects=False)
        except requests.ConnectionError as problem:
            if _never_connected(problem):
                raise SendFailed("连不上微博，稍后自动重试。", final=False) from None
            raise SendUndecided("微博没有回答，不知道对方是否已经收到。") from None
        except requests.RequestException:
            raise SendUndecided("微博没有回答，不知道对方是否已经收到。") from None
        _judge(answer)

    def fetch(self, account: Account, media: RemoteMedia) -> InboundFile:
        """Download a picture or voice of a private message. Raises SendFailed."""
        base = str(account.settings.get("upload_base") or UPLOADS).rstrip("/")
        given = {"access_token": str(_settings(account).get("access_token") or ""), "fid": media.media_id}
        try:
            answer = requests.get(f"{base}/2/mss/msget", params=given, timeout=(CONNECT, READ), allow_redirects=False, stream=True)
        except requests.RequestException:
            raise SendFailed("连不上微博，稍后自动重试。", final=False) from None
        mime = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if answer.status_code != 200 or mime == "application/json":
            _judge(answer)
            raise SendFailed("文件取不到（HTTP %(code)s）。", final=False, code=answer.status_code)
        content = body_of(answer, LARGEST_MEDIA)
        return InboundFile(media.name or f"{media.kind}-{media.media_id[-8:]}", media.mime or mime, content)


def _settings(account: Account) -> dict[str, Any]:
    try:
        return opened(account)
    except CannotOpen:
        raise SendFailed("保存的密钥解不开：密钥换过了。请管理员重新填写。", final=False) from None


def _never_connected(problem: requests.ConnectionError) -> bool:
    """Whether the line was never there, so that certainly nothing was handed over."""
    said = repr(problem)
    return isinstance(problem, requests.ConnectTimeout) or "NewConnectionError" in said or "NameResolutionError" in said


def _judge(answer: requests.Response) -> None:
    """Nothing for a yes; SendFailed or SendUndecided for anything else."""
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if answer.status_code >= 500 and not isinstance(found, dict):
        raise SendUndecided("微博出错了（HTTP %(code)s），不知道对方是否已经收到。", code=answer.status_code)
    if not isinstance(found, dict):
        raise SendFailed("微博的回答读不懂（HTTP %(code)s）。", final=False, code=answer.status_code)
    code = found.get("error_code")
    if code in (None, 0):
        return
    said = clean(str(found.get("error", "")))[:200]
    if code in (10001, 10009, 10022, 10023, 10024):  # the service, or its limit of calls
        raise SendFailed("微博暂时繁忙（%(code)s），稍后自动重试。", final=False, code=code)
    if code in (21301, 21314, 21315, 21316, 21317, 21327, 21332):
        raise SendFailed("Access Token 无效或已过期（%(code)s），请管理员重新填写。", final=False, code=code)
    raise SendFailed("微博不接受这条私信（%(code)s：%(said)s）。", final=True, code=code, said=said)


def split_text(text: str, limit: int = LONGEST) -> list[str]:
    """The text in pieces of at most `limit` characters, cut where a sentence ends when one does."""
    pieces, rest = [], text.strip()
    while len(rest) > limit:
        found = _CUT.search(rest[:limit])
        cut = found.end() if found is not None and found.end() > limit // 3 else limit
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    pieces.append(rest)
    return [piece for piece in pieces if piece]


def _like_wechat(found: Inbound | Signal) -> Inbound | Signal:
    """What came in WeChat's form, with a sender of Weibo."""
    sender = replace(found.sender, kind=KIND) if found.sender is not None else None
    return replace(found, sender=sender)


def _word(value: Any, longest: int = 20_000) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    try:
        return clean(str(value))[:longest].strip()
    except ValueError:  # a number of more digits than Python writes
        return ""


def _made(value: str) -> datetime | None:
    """`Mon Jul 16 18:09:20 +0800 2012` in UTC."""
    try:
        return datetime.strptime(value, "%a %b %d %H:%M:%S %z %Y").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read(fields: Mapping[str, Any], uid: str) -> Inbound | Signal:
    kind, sender_id, made = _word(fields.get("type"), 40), _word(fields.get("sender_id"), 40), _word(fields.get("created_at"), 60)
    if not kind or not re.fullmatch("[0-9]{1,30}", sender_id) or not made:
        raise Unparseable("微博回调缺少 type、sender_id 或 created_at。")
    if uid and _word(fields.get("receiver_id"), 40) != uid:
        raise Unparseable("这条微博回调是发给别的账号的。")
    external_id, at, sender = f"{sender_id}|{made}", _made(made), Sender(KIND, sender_id, verified=True)
    part = fields.get("data")
    data: Mapping[str, Any] = part if isinstance(part, dict) else {}
    text = _word(fields.get("text"))
    if kind == "event":
        name = _word(data.get("subtype"), 40)
        meta: dict[str, Any] = {"event": name, "text": text[:200]}
        meta |= {key: _word(data.get(key), 200) for key in ("key", "ticket") if data.get(key) is not None}
        if name in ("scan", "scan_follow"):
            meta |= {"scan": True, "scene": meta.get("key", "")}
        return Signal(external_id, _EVENTS.get(name, "other"), sender, at=at, meta=meta)
    said, text, media, meta = _content(kind, text, data)
    return Inbound(
        external_id=external_id, sender=sender, text=text, visible_text=text, sent_at=at, continues=True, kind=said,
        media=media, meta=meta,
    )  # fmt: skip


def _content(kind: str, text: str, data: Mapping[str, Any]) -> tuple[str, str, tuple[RemoteMedia, ...], dict[str, Any]]:
    if kind in ("image", "voice"):
        fid = _word(data.get("tovfid"), 60) or _word(data.get("vfid"), 60)
        named = {"image": ("image.jpg", "image/jpeg"), "voice": ("voice.amr", "audio/amr")}[kind]
        return kind, text or _WORDS[kind], (RemoteMedia(fid, kind, *named),) if fid else (), {}
    if kind == "position":
        try:
            lat, lng = float(_word(data.get("latitude")) or data["latitude"]), float(_word(data.get("longitude")) or data["longitude"])
        except (KeyError, TypeError, ValueError):
            lat = lng = 999.0
        if -90 <= lat <= 90 and -180 <= lng <= 180:
            return "location", text or f"{_WORDS[kind]} {lat}, {lng}", (), {"lat": lat, "lng": lng, "label": text}
        return "text", text or _WORDS[kind], (), {}
    if kind == "mention":
        return "text", f"{_WORDS[kind]} {text}".strip(), (), {"mention": {key: _word(data.get(key), 200) for key in ("subtype", "key")}}
    if kind == "text":
        if not text:
            raise Unparseable("消息是空的。")
        return "text", text, (), {}
    return "text", text or f"[暂不支持的消息：{kind}]", (), {"unknown": kind}  # data
