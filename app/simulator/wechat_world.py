"""WeChat played: one official account, the phones that follow it, and what the platform remembers of both.

Safe for several threads. Faults, each for the next so many calls: busy (-1), expired (42001), ip (40164), quota (45009), never (50002),
lost (taken, but the line breaks), closed (45015), spent (45047), media (40007), slow (our answer to a callback comes too
late: it is sent three times more), duplicate (a callback comes twice at once).
"""

import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.core.clock import now

MESSAGES, MESSAGE_SECONDS = 5, 48 * 3600
DEEDS, DEED_SECONDS = 3, 60
TOKEN_SECONDS, BOTH_VALID = 7200, 300
KEPT_SECONDS = 3 * 24 * 3600
TEXT_BYTES = 2048
SAYS = {
    -1: "system error", 40001: "invalid credential, access_token is invalid or not latest", 40003: "invalid openid",
    40007: "invalid media_id", 40008: "invalid message type", 40013: "invalid appid", 40014: "invalid access_token",
    40125: "invalid appsecret", 40164: "invalid ip, not in whitelist", 42001: "access_token expired",
    43004: "require subscribe", 43019: "require remove blacklist", 44004: "empty content", 45002: "content size out of limit",
    45009: "reach max api daily quota limit", 45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit", 45072: "invalid command", 45080: "need to have message exchange",
    45081: "command already sent", 47001: "data format error", 50002: "user limited", 40037: "invalid template_id",
}  # fmt: skip
REFUSE_ALL = (("busy", -1), ("ip", 40164), ("quota", 45009))
REFUSE_SEND = (("never", 50002), ("closed", 45015), ("spent", 45047))


@dataclass
class Grant:
    """What a deed of the phone's owner lets the account send, until when (epoch seconds)."""

    left: int
    until: float


@dataclass
class Phone:
    """Somebody who writes. `screen` is what their chat shows: {"n", "by": me or account, "kind", …}."""

    openid: str
    name: str = ""
    unionid: str = ""
    following: bool = True
    blocked: bool = False
    screen: list[dict[str, Any]] = field(default_factory=list)
    grants: dict[str, Grant] = field(default_factory=dict)
    spoke_at: float = 0.0
    typing_until: float = 0.0


class WeChatWorld:
    """The platform's side of one account."""

    def __init__(self, appid: str, secret: str, token: str, aes_key: str = "", mode: str = "plain") -> None:
        self.appid, self.secret, self.token, self.aes_key, self.mode = appid, secret, token, aes_key, mode
        self.name, self.as_json = "gh_simulated", False
        self.clock: Callable[[], float] = lambda: now().timestamp()
        self.lock = threading.RLock()
        self.phones: dict[str, Phone] = {}
        self.media: dict[str, tuple[str, str, bytes, float]] = {}
        self.sent: list[dict[str, Any]] = []
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.allowed_ips: set[str] = set()
        self.token_seconds, self.messages = TOKEN_SECONDS, MESSAGES
        self.callbacks: deque[dict[str, Any]] = deque(maxlen=200)
        self._tokens: dict[str, float] = {}
        self._current, self._forced_at, self._number = "", 0.0, 0

    # phones

    def phone(self, openid: str, name: str = "", unionid: str = "") -> Phone:
        with self.lock:
            if openid not in self.phones:
                self.phones[openid] = Phone(openid, name, unionid)
            return self.phones[openid]

    def grant(self, phone: Phone, why: str) -> None:
        """A deed: message, click, follow or scan."""
        with self.lock:
            count, seconds = (self.messages, MESSAGE_SECONDS) if why == "message" else (DEEDS, DEED_SECONDS)
            phone.grants[why] = Grant(count, self.clock() + seconds)
            phone.spoke_at = self.clock()

    def show(self, phone: Phone, by: str, kind: str, **what: Any) -> dict[str, Any]:
        with self.lock:
            item = {"n": len(phone.screen) + 1, "by": by, "kind": kind, "at": int(self.clock()), **what}
            phone.screen.append(item)
            return item

    def number(self) -> str:
        """The id of a message; 64 bits, as theirs."""
        with self.lock:
            self._number += 1
            return str(24_000_000_000_000_000 + int(self.clock()) * 1000 + self._number)

    def keep(self, name: str, mime: str, content: bytes) -> str:
        """Keep a file for three days; returns its media_id."""
        with self.lock:
            media_id = secrets.token_urlsafe(24)
            self.media[media_id] = (name, mime, content, self.clock() + KEPT_SECONDS)
            return media_id

    def kept(self, media_id: str) -> tuple[str, str, bytes] | None:
        with self.lock:
            found = self.media.get(media_id)
            return found[:3] if found is not None and found[3] > self.clock() else None

    def fault(self, name: str) -> bool:
        with self.lock:
            if self.faults[name] <= 0:
                return False
            self.faults[name] -= 1
            return True

    # the API

    def give_token(self, appid: str, secret: str, *, force: bool = False, stable: bool = True) -> dict[str, Any]:
        """stable_token: the same until shortly before its end; token: another one at each call."""
        with self.lock:
            if appid != self.appid:
                return no(40013)
            if secret != self.secret:
                return no(40125)
            moment = self.clock()
            ends = self._tokens.get(self._current, 0.0)
            early = min(BOTH_VALID, self.token_seconds / 4)
            fresh = not stable or ends - moment <= early or (force and moment - self._forced_at >= 30)
            if fresh:
                if force:
                    self._forced_at = moment
                if self._current and ends > moment:
                    self._tokens[self._current] = min(ends, moment + BOTH_VALID)
                self._current = "sim_" + secrets.token_urlsafe(60)
                ends = self._tokens[self._current] = moment + self.token_seconds
            return {"access_token": self._current, "expires_in": int(ends - moment)}

    def refuses(self, token: str, ip: str) -> int:
        """The error that a call is answered with whatever it asks, or 0."""
        with self.lock:
            if self.allowed_ips and ip not in self.allowed_ips:
                return 40164
            for name, code in REFUSE_ALL:
                if self.fault(name):
                    return code
            if self.fault("expired"):
                self._tokens.clear()
                self._current = ""
                return 42001
            ends = self._tokens.get(token)
            return 40001 if ends is None else 42001 if ends <= self.clock() else 0

    def take(self, body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """custom/send: the answer, and whether the line breaks after it."""
        with self.lock:
            for name, code in REFUSE_SEND:
                if self.fault(name):
                    return no(code), False
            phone = self.phones.get(str(body.get("touser")))
            code = self._why_not(phone, body)
            if code or phone is None:
                return no(code or 40003), False
            grants = [g for g in phone.grants.values() if g.until > self.clock() and g.left > 0]
            min(grants, key=lambda g: g.until).left -= 1
            self.sent.append(body)
            phone.spoke_at, phone.typing_until = self.clock(), 0.0
            self.show(phone, "account", str(body["msgtype"]), **shown(body))
            return {"errcode": 0, "errmsg": "ok"}, self.fault("lost")

    def _why_not(self, phone: Phone | None, body: dict[str, Any]) -> int:
        if phone is None:
            return 40003
        if not phone.following:
            return 43004
        if phone.blocked:
            return 43019
        kind = str(body.get("msgtype"))
        part = body.get(kind)
        if not isinstance(part, dict):
            return 47001
        if kind == "text":
            size = len(str(part.get("content", "")).encode())
            if not 0 < size <= TEXT_BYTES:
                return 45002 if size else 44004
        elif kind in ("image", "voice", "video"):
            if self.fault("media") or self.kept(str(part.get("media_id"))) is None:
                return 40007
        elif kind not in ("msgmenu", "news", "miniprogrampage"):
            return 40008
        alive = [g for g in phone.grants.values() if g.until > self.clock()]
        if any(g.left > 0 for g in alive):
            return 0
        return 45047 if alive else 45015

    def typing(self, openid: str, command: str) -> dict[str, Any]:
        with self.lock:
            phone, moment = self.phones.get(openid), self.clock()
            if phone is None or moment - phone.spoke_at > 30:
                return no(45080)
            if command == "CancelTyping":
                phone.typing_until = 0.0
            elif command != "Typing":
                return no(45072)
            elif phone.typing_until > moment:
                return no(45081)
            else:
                phone.typing_until = moment + 15
            return {"errcode": 0, "errmsg": "ok"}

    def template(self, body: dict[str, Any]) -> tuple[dict[str, Any], Phone | None, str]:
        """template/send: the answer, and for whom an event tells afterwards how it went."""
        with self.lock:
            phone = self.phones.get(str(body.get("touser")))
            if phone is None:
                return no(40003), None, ""
            if not body.get("template_id"):
                return no(40037), None, ""
            if not phone.following:
                return no(43004), None, ""
            number = self.number()
            self.sent.append({**body, "msgtype": "template"})
            if not phone.blocked:
                data = body.get("data") or {}
                words = " ".join(str(v.get("value", "")) if isinstance(v, dict) else str(v) for v in data.values())
                self.show(phone, "account", "template", text=words, url=str(body.get("url") or body.get("page") or ""))
            return {"errcode": 0, "errmsg": "ok", "msgid": int(number)}, phone, number

    def code(self, body: dict[str, Any]) -> dict[str, Any]:
        """A code of the account whose scene is a word."""
        scene = str((body.get("action_info") or {}).get("scene", {}).get("scene_str") or "")
        if body.get("action_name") != "QR_LIMIT_STR_SCENE" or not 1 <= len(scene) <= 64:
            return no(40053)
        return {"ticket": f"T-{scene}", "url": f"http://weixin.qq.com/q/{scene.replace(':', '-')}"}

    def info(self, openid: str) -> dict[str, Any]:
        with self.lock:
            phone = self.phones.get(openid)
            if phone is None:
                return no(40003)
            if not phone.following:
                return {"subscribe": 0, "openid": openid, **({"unionid": phone.unionid} if phone.unionid else {})}
            return {
                "subscribe": 1, "openid": openid, "nickname": "", "remark": phone.name, "tagid_list": [],
                "subscribe_scene": "ADD_SCENE_QR_CODE", "qr_scene": 0, "qr_scene_str": "",
                **({"unionid": phone.unionid} if phone.unionid else {}),
            }  # fmt: skip


def no(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": SAYS.get(code, "refused")}


def shown(body: dict[str, Any]) -> dict[str, Any]:
    """What a phone shows of a message."""
    kind = str(body["msgtype"])
    part: dict[str, Any] = body[kind]
    if kind == "text":
        return {"text": part["content"]}
    if kind == "msgmenu":
        items = [{"id": str(one.get("id")), "text": str(one.get("content"))} for one in part.get("list") or []]
        return {"text": part.get("head_content", ""), "items": items, "tail": part.get("tail_content", "")}
    if kind == "news":
        first = (part.get("articles") or [{}])[0]
        return {"text": first.get("title", ""), "description": first.get("description", ""), "url": first.get("url", "")}
    return {"text": "", "media_id": part.get("media_id", "")}
