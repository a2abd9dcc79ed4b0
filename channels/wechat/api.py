"""Calls to WeChat's servers: what certainly failed, what nobody knows, and errors as the platform numbers them.

Addresses carry the access token; therefore no address and no answer of a library is ever written to a log.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

from app.core.sealing import CannotOpen
from app.core.text import clean
from channels.accounts import opened
from channels.base import InboundFile, SendFailed, SendUndecided
from channels.downloading import body_of
from channels.house import address
from channels.models import Account
from channels.wechat.errors import TOKEN_REFUSED, Refusal, of_token
from channels.wechat.settings import API
from channels.wechat.tokens import Fetched, access_token

CONNECT, READ = 5.0, 15.0
"""Seconds to wait for a connection, and for each piece of an answer."""
LARGEST_MEDIA = 25 * 1024 * 1024
T = TypeVar("T")


class Platform:
    """One account's way to the platform, with its secrets open only as long as this lives."""

    def __init__(self, account: Account) -> None:
        try:
            self._settings = opened(account)
        except CannotOpen:
            raise SendFailed("保存的密钥解不开：主密钥换过了。请管理员重新填写公众号的密钥。", final=False) from None
        self._account = account
        missing = [name for name in ("appid", "secret") if not self._settings.get(name)]
        if missing:
            raise SendFailed("渠道账号缺少设置：%(names)s。", final=False, names=", ".join(missing))
        self._base = str(self._settings.get("api_base") or API)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST JSON to /cgi-bin/<path>. Raises Refusal for an error of theirs, SendFailed when it certainly was not
        taken, SendUndecided when nobody knows. A refused token is renewed once, and the call repeated once."""
        payload = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        heads = {"Content-Type": "application/json; charset=utf-8"}

        def ask(token: str) -> dict[str, Any]:
            return _read(self._http("POST", path, params={"access_token": token}, data=payload, headers=heads))

        return self._with_token(ask)

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """GET JSON; what is only read may be asked again, so nothing here is undecided."""

        def ask(token: str) -> dict[str, Any]:
            return _read(self._http("GET", path, params={"access_token": token, **params}))

        return _only_read(lambda: self._with_token(ask))

    def upload(self, kind: str, name: str, mime: str, content: bytes) -> str:
        """Hand over a file; returns its media_id, good for three days. `kind`: image, voice or video."""

        def ask(token: str) -> dict[str, Any]:
            sent = {"media": (name, content, mime or "application/octet-stream")}
            return _read(self._http("POST", "media/upload", params={"access_token": token, "type": kind}, files=sent))

        return str(_only_read(lambda: self._with_token(ask)).get("media_id", ""))

    def download(self, media_id: str) -> InboundFile:
        """The bytes of a file that came with a message. A video is answered with an address to fetch it from."""

        def ask(token: str) -> InboundFile:
            answer = self._http("GET", "media/get", params={"access_token": token, "media_id": media_id}, stream=True)
            file = _file(answer)
            if file.mime in ("application/json", "text/plain") and file.content[:1] == b"{" and len(file.content) < 4096:
                found = _json(file.content, answer.status_code)
                if not isinstance(found.get("video_url"), str):
                    raise SendFailed("微信没有给出文件的内容。", final=True)
                return _file(_elsewhere(found["video_url"], self._base))
            return file

        return _only_read(lambda: self._with_token(ask))

    def token(self, refused: str | None = None) -> str:
        """The access token to use now; see channels/wechat/tokens.py."""
        settings = self._settings
        of = "|".join(str(settings.get(name) or "") for name in ("api_base", "appid", "secret"))

        def fetch(force: bool) -> Fetched:
            asked = {
                "grant_type": "client_credential", "appid": settings["appid"], "secret": settings["secret"], "force_refresh": force,
            }  # fmt: skip
            try:
                found = _only_read(lambda: _read(self._http("POST", "stable_token", json=asked)))
            except Refusal as problem:
                raise of_token(problem) from None
            if not isinstance(found.get("access_token"), str) or not found["access_token"]:
                raise SendFailed("微信没有给出访问令牌。", final=False)
            life = found.get("expires_in")
            return Fetched(found["access_token"], life if isinstance(life, int) else 7200)

        return access_token(self._account, fetch, refused=refused, of=of)

    def _with_token(self, ask: Callable[[str], T]) -> T:
        token = self.token()
        try:
            return ask(token)
        except Refusal as problem:
            if problem.code not in TOKEN_REFUSED:
                raise
        return ask(self.token(refused=token))

    def _http(self, method: str, path: str, **given: Any) -> requests.Response:
        return _request(method, f"{address(self._base)}/cgi-bin/{path}", house=self._base.startswith("/"), **given)


def _request(method: str, url: str, *, house: bool, **given: Any) -> requests.Response:
    """One request. Before it left: SendFailed. After that nobody knows: SendUndecided."""
    with requests.Session() as line:
        line.trust_env = not house  # a proxy for the outside knows nothing of this machine
        try:
            answer = line.request(method, url, timeout=(CONNECT, READ), allow_redirects=False, **given)
            if not given.get("stream"):
                answer.content  # noqa: B018  read while the line is open
        except requests.RequestException as problem:
            words = {"problem": type(problem).__name__}
            if _never_left(problem):
                raise SendFailed("连不上微信的服务器（%(problem)s），稍后自动重试。", final=False, **words) from None
            raise SendUndecided("微信没有回答，不知道是否已经收下（%(problem)s）。", **words) from None
    if answer.status_code in (408, 429, 503):
        raise SendFailed("微信暂时繁忙（%(code)s），稍后自动重试。", final=False, code=answer.status_code)
    if answer.status_code >= 500:
        raise SendUndecided("微信回答出错（HTTP %(code)s），不知道是否已经收下。", code=answer.status_code)
    return answer


def _never_left(problem: requests.RequestException) -> bool:
    if isinstance(problem, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return True
    if isinstance(problem, requests.ConnectionError):
        cause = problem.args[0] if problem.args else None
        return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError | NameResolutionError)
    return not isinstance(problem, requests.Timeout)


def _only_read(ask: Callable[[], T]) -> T:
    """Asking twice does no harm here, so what is undecided elsewhere is only late."""
    try:
        return ask()
    except SendUndecided as problem:
        failed = SendFailed("微信没有回答，稍后自动重试。", final=False)
        failed.reason = problem.reason
        raise failed from None


def _read(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code >= 400:
        raise SendFailed("微信不接受这个请求（HTTP %(code)s）。", final=False, code=answer.status_code)
    return _json(answer.content, answer.status_code)


def _json(content: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SendUndecided("微信的回答读不懂（HTTP %(code)s），不知道是否已经收下。", code=status)
    code = found.get("errcode", 0)
    if code not in (0, "0", None):
        number = int(code) if str(code).lstrip("-").isdecimal() and len(str(code)) < 10 else -1
        raise Refusal(number, clean(str(found.get("errmsg", "")))[:200])
    return found


def _elsewhere(url: str, base: str) -> requests.Response:
    """A video lies on another server of theirs; only theirs are asked."""
    parts = urlsplit(url)
    host, ours = parts.hostname or "", urlsplit(address(base))
    own = (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)
    if not own and (parts.scheme not in ("http", "https") or not host.endswith((".qq.com", ".qpic.cn", ".weixin.qq.com"))):
        raise SendFailed("微信给出的文件地址不是它自己的服务器，没有下载。", final=True)
    return _request("GET", url, house=own and base.startswith("/"), stream=True)


def _file(answer: requests.Response) -> InboundFile:
    """The body of an answer, read up to a limit."""
    if answer.status_code >= 400:
        raise SendFailed("微信没有给出文件（HTTP %(code)s）。", final=False, code=answer.status_code)
    content = body_of(answer, LARGEST_MEDIA)
    mime = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    disposition = answer.headers.get("Content-Disposition", "")
    name = disposition.partition("filename=")[2].strip().strip('"').partition(";")[0].strip('"')
    return InboundFile(name.encode("latin-1", "replace").decode("utf-8", "replace"), mime, content)
