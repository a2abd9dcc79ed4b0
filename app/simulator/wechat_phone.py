"""What the owners of phones do, and the callbacks that the platform makes of it: signed, in all three modes, repeated
three times with the same MsgId when the house does not answer in five seconds."""

import json
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import requests

from app.simulator.wechat_world import Phone, WeChatWorld
from channels.wechat.crypto import Crypto, signature

log = logging.getLogger("huiyin.simulator")
WAITS = 5.0
TRIES = 4
Post = Callable[[str, bytes], tuple[int, str]]
"""Calls the house with a query and a body; returns status and words, (0, reason) when there was no answer."""


def by_http(hook: Callable[[], str]) -> Post:
    """Calls the hook at an address that is only known when it is called."""

    def post(query: str, body: bytes) -> tuple[int, str]:
        with requests.Session() as line:
            line.trust_env = False
            try:
                answer = line.post(f"{hook()}?{query}", data=body, headers={"Content-Type": "text/xml"}, timeout=WAITS, allow_redirects=False)
            except requests.RequestException as problem:
                return 0, type(problem).__name__
            return answer.status_code, answer.text[:200]

    return post


class Hands:
    """The hands that hold the phones of one world. `wait`: callbacks are made at once, not in the background."""

    def __init__(self, world: WeChatWorld, post: Post, *, wait: bool = False) -> None:
        self.world, self._post, self._wait = world, post, wait
        self._waiting: queue.SimpleQueue[Mapping[str, str]] = queue.SimpleQueue()
        self._runner: threading.Thread | None = None

    def say(self, openid: str, text: str) -> str:
        phone = self.world.phone(openid)
        self.world.show(phone, "me", "text", text=text)
        return self._message(phone, "text", {"Content": text})

    def tap(self, openid: str, item: str, text: str) -> str:
        """Choose an item of a menu message: it comes as words with the item's id, and counts as a click."""
        phone = self.world.phone(openid)
        self.world.show(phone, "me", "text", text=text)
        return self._message(phone, "text", {"Content": text, "bizmsgmenuid": item}, deed="click")

    def send(self, openid: str, kind: str, name: str, mime: str, content: bytes) -> str:
        """A picture, voice or video from the phone."""
        phone, media_id = self.world.phone(openid), self.world.keep(name, mime, content)
        self.world.show(phone, "me", kind, media_id=media_id)
        more = {"image": {"PicUrl": ""}, "voice": {"Format": "amr"}, "video": {"ThumbMediaId": "thumb"}}[kind]
        return self._message(phone, kind, {**more, "MediaId": media_id})

    def locate(self, openid: str, lat: float, lng: float, label: str) -> str:
        phone = self.world.phone(openid)
        self.world.show(phone, "me", "location", text=label)
        given = {"Location_X": f"{lat}", "Location_Y": f"{lng}", "Scale": "16", "Label": label}
        return self._message(phone, "location", given)

    def link(self, openid: str, title: str, url: str, description: str = "") -> str:
        phone = self.world.phone(openid)
        self.world.show(phone, "me", "link", text=title, url=url)
        return self._message(phone, "link", {"Title": title, "Description": description, "Url": url})

    def follow(self, openid: str, scene: str = "") -> None:
        phone = self.world.phone(openid)
        phone.following = True
        self.world.grant(phone, "scan" if scene else "follow")
        given = {"EventKey": f"qrscene_{scene}", "Ticket": "TICKET"} if scene else {"EventKey": ""}
        self.event(phone, "subscribe", given)

    def unfollow(self, openid: str) -> None:
        phone = self.world.phone(openid)
        phone.following = False
        phone.grants.clear()
        self.event(phone, "unsubscribe", {"EventKey": ""})

    def scan(self, openid: str, scene: str) -> None:
        """Scan a code of the account; whoever does not follow yet follows by it."""
        phone = self.world.phone(openid)
        if not phone.following:
            self.follow(openid, scene)
            return
        self.world.grant(phone, "scan")
        self.event(phone, "SCAN", {"EventKey": scene, "Ticket": "TICKET"})

    def click(self, openid: str, key: str) -> None:
        """Press a button of the account's menu."""
        phone = self.world.phone(openid)
        self.world.grant(phone, "click")
        self.event(phone, "CLICK", {"EventKey": key})

    def told(self, phone: Phone, number: str) -> None:
        """How a template message went."""
        self.event(phone, "TEMPLATESENDJOBFINISH", {"MsgID": number, "Status": "failed:user block" if phone.blocked else "success"})

    def _message(self, phone: Phone, kind: str, given: Mapping[str, str], deed: str = "message") -> str:
        number = self.world.number()
        self.world.grant(phone, deed)
        self.call({**self._head(phone, kind), **given, "MsgId": number})
        return number

    def event(self, phone: Phone, name: str, given: Mapping[str, str]) -> None:
        self.call({**self._head(phone, "event"), "Event": name, **given})

    def _head(self, phone: Phone, kind: str) -> dict[str, str]:
        moment = str(int(self.world.clock()))
        return {"ToUserName": self.world.name, "FromUserName": phone.openid, "CreateTime": moment, "MsgType": kind}

    # calling the house

    def call(self, fields: Mapping[str, str]) -> None:
        """Make one callback, as often as the platform would."""
        if self._wait:
            self._deliver(fields)
            return
        self._waiting.put(fields)  # one after the other, as somebody types
        with self.world.lock:
            if self._runner is None or not self._runner.is_alive():
                self._runner = threading.Thread(target=self._run, name="wechat-callbacks", daemon=True)
                self._runner.start()

    def _run(self) -> None:
        while True:
            fields = self._waiting.get()
            try:
                self._deliver(fields)
            except Exception:
                log.exception("callback broke")

    def _deliver(self, fields: Mapping[str, str]) -> None:
        slow = self.world.fault("slow")
        for attempt in range(1, TRIES + 1):
            status, words = self._post(*self.packed(fields))
            well = status == 200 and words in ("", "success")
            self.world.callbacks.append(
                {"at": int(self.world.clock()), "try": attempt, "status": status, "words": words, "event": fields.get("Event", ""), "kind": fields["MsgType"]}
            )
            if attempt == 1 and self.world.fault("duplicate"):
                self._post(*self.packed(fields))
            if well and not slow:
                return
        log.info("callback given up", extra={"status": status})

    def packed(self, fields: Mapping[str, str]) -> tuple[str, bytes]:
        """Query and body of one attempt, signed and encrypted anew."""
        world = self.world
        moment, nonce = str(int(world.clock())), secrets.token_hex(5)
        query = {"signature": signature(world.token, moment, nonce), "timestamp": moment, "nonce": nonce, "openid": fields["FromUserName"]}
        plain = self._body(fields)
        if world.mode == "plain":
            return _query(query), plain
        crypto = Crypto(world.token, world.aes_key, world.appid)
        sealed = crypto.encrypt(plain, timestamp=moment, nonce=nonce)
        outer = dict(fields) if world.mode == "compatible" else {"ToUserName": fields["ToUserName"]}
        query |= {"encrypt_type": "aes", "msg_signature": sealed.signature}
        return _query(query), self._body({**outer, "Encrypt": sealed.encrypt})

    def _body(self, fields: Mapping[str, Any]) -> bytes:
        if self.world.as_json:
            return json.dumps(dict(fields), ensure_ascii=False).encode("utf-8", "replace")
        inner = "".join(f"<{name}>{_cdata(str(value))}</{name}>" for name, value in fields.items())
        return f"<xml>{inner}</xml>".encode("utf-8", "replace")


def _cdata(text: str) -> str:
    """As the platform writes it; what would end the section is split over two."""
    return escape(text) if text.isdecimal() else f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _query(given: Mapping[str, str]) -> str:
    return urlencode(given)
