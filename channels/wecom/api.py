"""Calls to WeCom's servers: each with the shared access token, renewed once when it is refused; errors as sentences."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import requests

from app.core.clock import now
from app.core.sealing import CannotOpen
from channels.accounts import opened
from channels.base import SendFailed, SendPostponed, Unreachable, WindowShut, mended_by_us
from channels.downloading import body_of
from channels.house import address
from channels.models import Account
from channels.wechat.tokens import Fetched, access_token
from channels.wecom.settings import API

CONNECT, READ = 5.0, 15.0
"""Seconds to wait for a connection, and for each piece of an answer."""
TOKEN_REFUSED = frozenset({40001, 40014, 42001})
LARGEST_MEDIA = 25 * 1024 * 1024
_DUPLICATE = re.compile(r"msg_?id.{0,60}(exist|dup|repeat|used|已存在|重复)", re.I)  # data

FREQUENT = timedelta(minutes=30)
"""How long the enterprise is left alone after it called too often: the platform counts by minute and by hour."""
BUSY = "企业微信暂时繁忙（%(code)s），稍后自动重试。"
SETUP: Mapping[int, str] = {
    40013: "企业 ID 不对（%(code)s），请管理员检查渠道设置。",
    40091: "Secret 不对（%(code)s），请管理员检查渠道设置。",
    48002: "这个应用没有调用微信客服接口的权限（%(code)s），请管理员在企业微信后台授权。",
    60020: "本服务器的 IP 不在企业可信 IP 里（%(code)s），请管理员在企业微信后台添加。",
    95000: "客服账号 ID 不对（%(code)s），请管理员检查渠道设置。",
    95004: "客服账号不存在（%(code)s），请管理员检查渠道设置。",
    95011: "这个客服账号正由企业微信接待（%(code)s），请管理员在企业微信后台交给 API 管理。",
    95012: "这个客服账号还没有在企业微信里启用（%(code)s），请管理员检查。",
    95017: "微信客服的 API 开关没有打开（%(code)s），请管理员在企业微信后台打开。",
    40201: "企业或客服账号被封禁（%(code)s），请管理员查看企业微信后台的通知。",
}
"""Wrong set-up: it is tried again for a while, because an administrator may mend it."""
FINAL: Mapping[int, str] = {
    40003: "对方的 ID 无效（%(code)s），消息送不到。",
    40058: "企业微信不接受消息的内容（%(code)s：%(said)s）。",
    45002: "消息太长（%(code)s），企业微信不接受。",
}


class KfRefused(Exception):
    """WeCom answered with an error: `code` is its number, `said` its words."""

    def __init__(self, code: int, said: str) -> None:
        self.code, self.said = code, said[:200]
        super().__init__(f"{code} {self.said}")


def call(account: Account, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST JSON to /cgi-bin/<path>. Raises KfRefused for an error of theirs, SendFailed when there was no answer.

    Never inside a unit of work. Every call here may be repeated: those that send carry an id of ours.
    """

    def ask(token: str) -> dict[str, Any]:
        payload = json.dumps(body).encode()
        answer = _http("POST", account, path, params={"access_token": token}, data=payload, headers={"Content-Type": "application/json"})
        return _read(answer)

    found: dict[str, Any] = _with_token(account, ask)
    return found


def upload(account: Account, kind: str, name: str, mime: str, content: bytes) -> str:
    """Hand over a file; returns its media_id, good for three days. `kind`: image, voice, video or file."""

    def ask(token: str) -> dict[str, Any]:
        sent = {"media": (name, content, mime or "application/octet-stream")}
        return _read(_http("POST", account, "media/upload", params={"access_token": token, "type": kind}, files=sent))

    return str(_with_token(account, ask).get("media_id", ""))


def download(account: Account, media_id: str) -> tuple[bytes, str, str]:
    """The bytes of a file that came with a message, its type and its name. Raises KfRefused or SendFailed."""

    def ask(token: str) -> tuple[bytes, str, str]:
        answer = _http("GET", account, "media/get", params={"access_token": token, "media_id": media_id}, stream=True)
        mime = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        content = body_of(answer, LARGEST_MEDIA)
        if mime in ("application/json", "text/plain") and content[:1] == b"{" and b'"errcode"' in content[:200]:
            _judged(content, answer.status_code)
        named = re.search(r'filename="?([^";]+)', answer.headers.get("Content-Disposition", ""))
        name = named.group(1).encode("latin-1", "replace").decode("utf-8", "replace") if named else ""
        return content, mime, name

    found: tuple[bytes, str, str] = _with_token(account, ask)
    return found


def is_duplicate(problem: KfRefused) -> bool:
    """Whether WeCom refuses a message because it has one under our id already. Its documents name no number for it."""
    return _DUPLICATE.search(problem.said) is not None


def as_failure(problem: KfRefused) -> SendFailed:
    """What an error means for a message of ours."""
    data = {"code": problem.code, "said": problem.said}
    if problem.code == 95001:
        return WindowShut("客户上次来信后的条数已用完，等客户再发一句才能继续（%(code)s）。", spent=True, **data)
    if problem.code == 95002:
        return WindowShut("客户已超过 48 小时没有来信，企业微信不再接受消息（%(code)s）。", spent=False, **data)
    if problem.code == 95013:
        return WindowShut("会话已经结束，等客户再发一句才能回复（%(code)s）。", spent=True, **data)
    if problem.code == 45009:
        return SendPostponed("企业微信的接口调用超过限制（%(code)s），%(minutes)s 分钟后自动再发。", until=now() + FREQUENT, minutes=FREQUENT.seconds // 60, **data)
    if problem.code in (-1, 45011, *TOKEN_REFUSED):
        return SendFailed(BUSY, final=False, **data)
    if problem.code == 40003:
        return Unreachable(FINAL[40003], **data)
    if problem.code in SETUP:
        return mended_by_us(SendFailed(SETUP[problem.code], final=False, **data))
    return SendFailed(FINAL.get(problem.code, "企业微信不接受这条消息（%(code)s：%(said)s）。"), final=True, **data)


def _with_token(account: Account, ask: Any) -> Any:
    settings = _settings(account)
    of = f"{settings.get('corpid', '')}|{settings.get('secret', '')}"

    def fetch(force: bool) -> Fetched:
        given = {"corpid": settings.get("corpid", ""), "corpsecret": settings.get("secret", "")}
        try:
            found = _read(_http("GET", account, "gettoken", params=given))
        except KfRefused as problem:
            if problem.code in (40001, 42001):
                raise SendFailed(SETUP[40091], final=False, code=problem.code) from None
            raise as_failure(problem) from None
        return Fetched(str(found.get("access_token", "")), int(found.get("expires_in") or 7200))

    token = access_token(account, fetch, of=of)
    try:
        return ask(token)
    except KfRefused as problem:
        if problem.code not in TOKEN_REFUSED:
            raise
    return ask(access_token(account, fetch, refused=token, of=of))


def _settings(account: Account) -> dict[str, Any]:
    try:
        return opened(account)
    except CannotOpen:
        raise SendFailed("保存的 Secret 解不开：密钥换过了。请管理员重新填写。", final=False) from None


def _http(method: str, account: Account, path: str, **given: Any) -> requests.Response:
    base = address(str(account.settings.get("api_base") or API))
    try:
        answer = requests.request(
            method, f"{base}/cgi-bin/{path}", timeout=(CONNECT, READ), allow_redirects=False, **given
        )
    except requests.RequestException as problem:
        raise SendFailed("连不上企业微信（%(problem)s），稍后自动重试。", final=False, problem=type(problem).__name__) from None
    if answer.status_code >= 500 or answer.status_code in (408, 429):
        raise SendFailed(BUSY, final=False, code=answer.status_code)
    return answer


def _read(answer: requests.Response) -> dict[str, Any]:
    return _judged(answer.content, answer.status_code)


def _judged(content: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SendFailed("企业微信的回答读不懂（HTTP %(code)s），稍后自动重试。", final=False, code=status)
    code = found.get("errcode", 0)
    if code != 0:
        raise KfRefused(int(code) if isinstance(code, int | str) and str(code).lstrip("-").isdecimal() else -1, str(found.get("errmsg", "")))
    return found
