"""WeCom customer service, played: its API with quota, sessions and errors, customers who write, and faults on demand.

`KfWorld` is the state; `blueprint(world)` its API; `world.ring()` calls a hook as the platform does. Faults, each for the
next so many calls: busy (-1), expired (42001), ip (60020), never (40058), lost (taken, but the line breaks), undelivered
(msg_send_fail after errcode 0), repeat (a page comes twice), silent (the callback is lost).
"""

import secrets
import threading
import time
from collections import Counter
from typing import Any

import requests
from flask import Blueprint, Flask, Response, jsonify, request

from app.viewer import public
from channels.wechat.crypto import Crypto

MESSAGES, HOURS = 5, 48
_NO = {
    -1: "system busy", 40001: "invalid credential", 40014: "invalid access_token", 42001: "access_token expired",
    40007: "invalid media_id", 40013: "invalid corpid", 40058: "invalid parameter", 60020: "not allow to access from your ip",
    95000: "invalid open_kfid", 95001: "send msg count limit", 95002: "send msg time limit", 95013: "session has ended",
    95016: "not allow to change to this state", 95018: "send msg session status invalid", 95020: "invalid code",
}  # fmt: skip


class KfWorld:
    """One enterprise with customer-service accounts and their customers, safe for several threads."""

    def __init__(self, corpid: str = "wwsimulated01", secret: str = "simulated-secret", kfids: tuple[str, ...] = ("wkSimulated01",)) -> None:
        self.corpid, self.secret, self.kfids = corpid, secret, kfids
        self.token, self.aes_key = "simulatedtoken", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
        self.hook = ""
        self.messages = MESSAGES
        self.clock = time.time
        self.lock = threading.RLock()
        self.log: dict[str, list[dict[str, Any]]] = {kfid: [] for kfid in kfids}
        self.states: dict[tuple[str, str], int] = {}
        self.names: dict[str, str] = {}
        self.unionids: dict[str, str] = {}
        self.sent: list[dict[str, Any]] = []
        self.quota: Counter[tuple[str, str]] = Counter()
        self.spoke_at: dict[tuple[str, str], float] = {}
        self.media: dict[str, tuple[str, str, bytes]] = {}
        self.codes: dict[str, tuple[str, str, float]] = {}
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self._tokens: dict[str, float] = {}
        self._ids: set[str] = set()
        self._number = 0

    # what customers do

    def say(self, user: str, text: str, kfid: str = "", **given: Any) -> str:
        """A customer writes; returns the msgid."""
        return self.send(user, "text", {"content": text, **given}, kfid)

    def send(self, user: str, kind: str, content: dict[str, Any], kfid: str = "") -> str:
        with self.lock:
            kfid = kfid or self.kfids[0]
            self.quota[kfid, user], self.spoke_at[kfid, user] = 0, self.clock()
            if self.states.get((kfid, user), 4) == 4:
                self.states[kfid, user] = 0
            return self._log(kfid, {"origin": 3, "external_userid": user, "msgtype": kind, kind: content})

    def enter(self, user: str, kfid: str = "") -> str:
        """A customer opens the chat; returns the welcome code."""
        with self.lock:
            code = self._code(kfid or self.kfids[0], user)
            self.event("enter_session", user, kfid, scene="machine-7", scene_param="", welcome_code=code)
            return code

    def event(self, name: str, user: str = "", kfid: str = "", **given: Any) -> str:
        with self.lock:
            kfid = kfid or self.kfids[0]
            event = {"event_type": name, "open_kfid": kfid, **({"external_userid": user} if user else {}), **given}
            return self._log(kfid, {"origin": 4, "msgtype": "event", "event": event})

    def end(self, user: str, kfid: str = "") -> None:
        """The platform ends the session, and offers a code for a last word."""
        with self.lock:
            kfid = kfid or self.kfids[0]
            self.states[kfid, user] = 4
            self.event("session_status_change", user, kfid, change_type=3, msg_code=self._code(kfid, user))

    def keep(self, name: str, mime: str, content: bytes) -> str:
        """Keep a file; returns its media_id."""
        with self.lock:
            media_id = f"media{len(self.media):04d}{secrets.token_hex(8)}"
            self.media[media_id] = (name, mime, content)
            return media_id

    def ring(self, kfid: str = "") -> int:
        """Call the hook as the platform does: encrypted, signed, without a word of what was said. Returns the status, 0
        when the call was lost on the way."""
        with self.lock:
            if self._fault("silent"):
                return 0
            xml, query = self.callback(kfid or self.kfids[0])
        return requests.post(self.hook, params=query, data=xml, headers={"Content-Type": "text/xml"}, timeout=10).status_code

    def callback(self, kfid: str = "", plain: bytes | None = None) -> tuple[bytes, dict[str, str]]:
        """Body and query of one call."""
        moment = str(int(self.clock()))
        inner = plain or (
            f"<xml><ToUserName><![CDATA[{self.corpid}]]></ToUserName><CreateTime>{moment}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[kf_msg_or_event]]></Event><Token><![CDATA[ENC{secrets.token_hex(8)}]]></Token>"
            f"<OpenKfId><![CDATA[{kfid or self.kfids[0]}]]></OpenKfId></xml>"
        ).encode()
        sealed = Crypto(self.token, self.aes_key, self.corpid).encrypt(inner, timestamp=moment, nonce=secrets.token_hex(5))
        body = f"<xml><ToUserName><![CDATA[{self.corpid}]]></ToUserName><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt></xml>"
        return body.encode(), {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}

    # what the API does

    def give_token(self, corpid: str, secret: str) -> dict[str, Any]:
        with self.lock:
            if corpid != self.corpid:
                return no(40013)
            if secret != self.secret:
                return no(40001)
            live = [token for token, until in self._tokens.items() if until > self.clock()]
            token = live[-1] if live else secrets.token_urlsafe(40)
            self._tokens[token] = self.clock() + 7200
            return {"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": 7200}

    def refuses(self, token: str) -> int:
        """The error that this call is answered with whatever it asks, or 0."""
        with self.lock:
            if self._fault("expired"):
                self._tokens.clear()
                return 42001
            if self._tokens.get(token, 0) <= self.clock():
                return 40014
            return next((code for name, code in (("busy", -1), ("ip", 60020)) if self._fault(name)), 0)

    def page(self, kfid: str, cursor: str, limit: int) -> dict[str, Any]:
        with self.lock:
            if kfid not in self.log:
                return no(95000)
            start = int(cursor.partition("-")[2] or 0) if cursor.startswith("cur-") else 0
            if self._fault("repeat"):
                start = max(0, start - limit)
            items = self.log[kfid][start : start + limit]
            end = start + len(items)
            return {
                "errcode": 0, "errmsg": "ok", "next_cursor": f"cur-{end}", "has_more": int(end < len(self.log[kfid])), "msg_list": items,
            }  # fmt: skip

    def take(self, body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """send_msg: the answer, and whether the line breaks after it."""
        with self.lock:
            kfid, user, number = str(body.get("open_kfid")), str(body.get("touser")), str(body.get("msgid") or secrets.token_hex(12))
            if self._fault("never") or not _well(body):
                return no(40058), False
            if kfid not in self.log:
                return no(95000), False
            if number in self._ids:
                return {"errcode": 95099, "errmsg": "msgid already exist"}, False
            if self.states.get((kfid, user), 4) not in (0, 1):
                return no(95013 if self.states.get((kfid, user), 4) == 4 else 95018), False
            if self.clock() - self.spoke_at.get((kfid, user), 0) > HOURS * 3600:
                return no(95002), False
            if self.quota[kfid, user] >= self.messages:
                return no(95001), False
            self.quota[kfid, user] += 1
            self._ids.add(number)
            if self._fault("undelivered"):
                self.event("msg_send_fail", user, kfid, fail_msgid=number, fail_type=6)
            else:
                self.sent.append({**body, "msgid": number})
            return {"errcode": 0, "errmsg": "ok", "msgid": number}, self._fault("lost")

    def take_on_event(self, body: dict[str, Any]) -> dict[str, Any]:
        """send_msg_on_event: one message per code, within 20 seconds, outside the quota."""
        with self.lock:
            kfid, user, until = self.codes.pop(str(body.get("code")), ("", "", 0.0))
            if until < self.clock():
                return no(95020)
            self.sent.append({**body, "touser": user, "open_kfid": kfid, "on_event": True})
            return {"errcode": 0, "errmsg": "ok", "msgid": str(body.get("msgid") or secrets.token_hex(12))}

    def change(self, kfid: str, user: str, state: int) -> dict[str, Any]:
        with self.lock:
            present = self.states.get((kfid, user), 4)
            allowed = {0: (1, 2, 3, 4), 1: (2, 3, 4), 2: (3, 4), 3: (3, 4), 4: ()}
            if state not in allowed[present]:
                return no(95016)
            self.states[kfid, user] = state
            code = self._code(kfid, user) if state in (2, 3, 4) else ""
            return {"errcode": 0, "errmsg": "ok", **({"msg_code": code} if code else {})}

    def _log(self, kfid: str, item: dict[str, Any]) -> str:
        self._number += 1
        number = f"kfmsg{self._number:08d}"
        self.log[kfid].append({"msgid": number, "open_kfid": kfid, "send_time": int(self.clock()), **item})
        return number

    def _code(self, kfid: str, user: str) -> str:
        code = secrets.token_urlsafe(16)
        self.codes[code] = (kfid, user, self.clock() + 20)
        return code

    def _fault(self, name: str) -> bool:
        if self.faults[name] <= 0:
            return False
        self.faults[name] -= 1
        return True


def no(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": _NO[code]}


def _well(body: dict[str, Any]) -> bool:
    """Whether a message keeps the platform's measures."""
    kind = body.get("msgtype")
    part = body.get(str(kind))
    number = str(body.get("msgid") or "x")
    if not isinstance(part, dict) or len(number) > 32 or not all(c.isalnum() or c in "_-" for c in number):
        return False
    if kind == "text":
        return 0 < len(str(part.get("content", "")).encode()) <= 2048
    if kind == "msgmenu":
        return len(str(part.get("head_content", "")).encode()) <= 1024 and 0 < len(part.get("list") or []) <= 10
    if kind == "link":
        return 0 < len(str(part.get("title", "")).encode()) <= 128 and len(str(part.get("desc", "")).encode()) <= 512 and bool(part.get("thumb_media_id"))
    return kind in ("image", "voice", "video", "file") and bool(part.get("media_id"))


def blueprint(world: KfWorld, name: str = "simulated_wecom") -> Blueprint:
    """The API under /cgi-bin."""
    api = Blueprint(name, __name__, url_prefix="/cgi-bin")

    def checked() -> Response | None:
        """Whatever refuses a call before it is looked at."""
        path = request.path.partition("/cgi-bin/")[2]
        world.calls[path] += 1
        if path == "gettoken":
            return None
        code = world.refuses(request.args.get("access_token", ""))
        return jsonify(no(code)) if code else None

    def body() -> dict[str, Any]:
        found = request.get_json(silent=True, force=True)
        return found if isinstance(found, dict) else {}

    @public
    def gettoken() -> Response:
        return jsonify(world.give_token(request.args.get("corpid", ""), request.args.get("corpsecret", "")))

    @public
    def sync_msg() -> Response:
        asked = body()
        limit = min(int(asked.get("limit") or 1000), 1000)
        return jsonify(world.page(str(asked.get("open_kfid", "")), str(asked.get("cursor") or ""), limit))

    @public
    def send_msg() -> Response:
        answer, broken = world.take(body())
        return Response("gone", 502) if broken else jsonify(answer)

    @public
    def on_event() -> Response:
        return jsonify(world.take_on_event(body()))

    @public
    def state_get() -> Response:
        asked = body()
        state = world.states.get((str(asked.get("open_kfid")), str(asked.get("external_userid"))), 4)
        return jsonify({"errcode": 0, "errmsg": "ok", "service_state": state})

    @public
    def state_trans() -> Response:
        asked = body()
        return jsonify(world.change(str(asked.get("open_kfid")), str(asked.get("external_userid")), int(asked.get("service_state") or 0)))

    @public
    def batchget() -> Response:
        asked = [str(one) for one in body().get("external_userid_list") or []]
        known = [
            {"external_userid": one, "nickname": world.names[one], **({"unionid": world.unionids[one]} if one in world.unionids else {})}
            for one in asked
            if one in world.names
        ]
        return jsonify({"errcode": 0, "errmsg": "ok", "customer_list": known, "invalid_external_userid": []})

    @public
    def upload() -> Response:
        file = request.files.get("media")
        if file is None:
            return jsonify(no(40058))
        media_id = world.keep(file.filename or "", file.mimetype, file.read())
        file.close()
        return jsonify({"errcode": 0, "errmsg": "", "type": request.args.get("type"), "media_id": media_id, "created_at": str(int(world.clock()))})

    @public
    def download() -> Response:
        found = world.media.get(request.args.get("media_id", ""))
        if found is None:
            return jsonify(no(40007))
        name, mime, content = found
        return Response(content, content_type=mime, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    api.before_request(checked)
    for rule, view, method in (
        ("/gettoken", gettoken, "GET"), ("/kf/sync_msg", sync_msg, "POST"), ("/kf/send_msg", send_msg, "POST"),
        ("/kf/send_msg_on_event", on_event, "POST"), ("/kf/service_state/get", state_get, "POST"),
        ("/kf/service_state/trans", state_trans, "POST"), ("/kf/customer/batchget", batchget, "POST"),
        ("/media/upload", upload, "POST"), ("/media/get", download, "GET"),
    ):  # fmt: skip
        api.add_url_rule(rule, view_func=view, methods=[method])
    return api


def standalone(world: KfWorld) -> Flask:
    """The simulator as an application of its own, for tests and a port of its own."""
    flask = Flask("simulated_wecom")
    flask.register_blueprint(blueprint(world))
    return flask


def hands(world: KfWorld) -> Blueprint:
    """For whoever plays by hand: customers who write, and faults."""
    made = Blueprint("simulated_customers", __name__)

    def act(name: str) -> Response:
        given = request.get_json(silent=True) or {}
        user = str(given.get("user") or "wmSimulated01")
        if name == "say":
            world.say(user, str(given.get("text") or ""))
        elif name == "enter":
            world.enter(user)
        elif name == "end":
            world.end(user)
        else:
            world.faults[str(given.get("name"))] += int(given.get("times") or 1)
            return jsonify({"faults": dict(world.faults)})
        return jsonify({"called": world.ring()})

    made.add_url_rule("/<any(say, enter, end, faults):name>", view_func=act, methods=["POST"])
    made.add_url_rule("/sent", endpoint="sent", view_func=lambda: jsonify(world.sent))
    return made
