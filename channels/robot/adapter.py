"""Group robots of 企业微信 and 钉钉: they say something in a group of colleagues, and hear nothing."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote_plus

import requests

from app.core.clock import now
from app.core.sealing import CannotOpen
from channels.accounts import opened
from channels.base import Inbound, Outbound, SendFailed, SendUndecided, Signal, Unparseable
from channels.models import Account

TIMEOUT = (5, 15)
LONGEST_BYTES = 2048
TOO_FAST = frozenset({45009, 130101, 410100, -1})


class RobotChannel:
    """One robot of one group. Settings: see channels/robot/settings.py."""

    kind = "robot"
    idempotent = False

    def parse(self, account: Account, raw: bytes) -> Inbound | Signal:
        raise Unparseable("群机器人只发不收。")

    def send(self, account: Account, message: Outbound) -> str | None:
        try:
            settings = opened(account)
        except CannotOpen:
            raise SendFailed("保存的密码解不开：密钥换过了。请重新填写机器人的地址。", final=False) from None
        url = str(settings.get("webhook_secret") or "")
        if not url:
            raise SendFailed("渠道账号缺少设置：%(names)s。", final=False, names="webhook_secret")
        if settings.get("style") == "dingtalk" and settings.get("sign_secret"):
            url = dingtalk_url(url, str(settings["sign_secret"]), int(now().timestamp() * 1000))
        text = f"{message.subject}\n{message.text}" if message.subject else message.text
        body = json.dumps({"msgtype": "text", "text": {"content": shortened(text)}}, ensure_ascii=False)
        answer = _post(url, body.encode("utf-8", "replace"))
        code = answer.get("errcode")
        if code != 0:
            reason = str(answer.get("errmsg") or "")[:200]
            raise SendFailed("群机器人没有收下：%(code)s %(words)s", final=code not in TOO_FAST, code=str(code), words=reason)
        return None


def dingtalk_url(url: str, secret: str, milliseconds: int) -> str:
    """The address with 钉钉's signature: HMAC-SHA256 over moment, line feed and secret, keyed by the secret."""
    made = hmac.new(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256).digest()
    sign = quote_plus(base64.b64encode(made))
    return f"{url}{'&' if '?' in url else '?'}timestamp={milliseconds}&sign={sign}"


def shortened(text: str) -> str:
    """At most the 2048 bytes that a robot takes, never half a character; the end, where the link stands, is kept."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= LONGEST_BYTES:
        return raw.decode()
    tail = text.rstrip().rpartition("\n")[2]
    tail = "…\n" + tail if len(tail.encode("utf-8", "replace")) < 400 else "…"
    room = LONGEST_BYTES - len(tail.encode("utf-8", "replace"))
    return raw[:room].decode("utf-8", "ignore") + tail


def _post(url: str, body: bytes) -> dict[str, Any]:
    try:
        response = requests.post(
            url, data=body, headers={"Content-Type": "application/json; charset=utf-8"}, timeout=TIMEOUT, allow_redirects=False
        )
        if response.status_code in (429, 503):
            raise SendFailed("群机器人忙，稍后再试。", final=False)
        if response.status_code >= 500:
            raise SendUndecided("群机器人的服务器出错，不知道是否已经发出。")
        answer = response.json()
    except requests.ConnectTimeout:
        raise SendFailed("群机器人的服务器连不上。", final=False) from None
    except requests.Timeout:
        raise SendUndecided("群机器人的服务器没有回答，不知道是否已经发出。") from None
    except requests.ConnectionError as problem:
        if "NewConnectionError" in repr(problem) or "NameResolutionError" in repr(problem):
            raise SendFailed("群机器人的服务器连不上。", final=False) from None
        raise SendUndecided("群机器人的服务器没有回答，不知道是否已经发出。") from None
    except ValueError:
        raise SendFailed("群机器人的地址不对：回答的不是机器人。", final=True) from None
    if not isinstance(answer, dict):
        raise SendFailed("群机器人的地址不对：回答的不是机器人。", final=True)
    return answer
