"""Short messages through an HTTP gateway: approved templates out; status reports and what people write back in."""

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from app.core.clock import now
from app.core.sealing import CannotOpen
from channels.accounts import opened
from channels.base import Inbound, Outbound, SendFailed, SendUndecided, Signal
from channels.models import Account
from channels.sms.parts import count_parts, signed
from channels.sms.reading import read
from channels.sms.settings import template_of
from channels.sms.signing import aliyun_query, plain_signature, tencent_headers

TIMEOUT = (5, 15)
MOST_PARTS = 8
BUSY = frozenset({408, 425, 429, 503})
_LATER = ("Throttling", "SYSTEM_ERROR", "InternalError", "RequestLimitExceeded", "OUT_OF_SERVICE", "ServiceUnavailable")


class SmsChannel:
    """One gateway with its registered name. Settings: see channels/sms/settings.py. A gateway takes a message again when
    it is sent again, so an interrupted send is undecided; the status report tells what became of it."""

    kind = "sms"
    idempotent = False

    def parse(self, account: Account, raw: bytes) -> Inbound | Signal:
        return read(raw)

    def send(self, account: Account, message: Outbound) -> str | None:
        try:
            settings = opened(account)
        except CannotOpen:
            raise SendFailed("保存的密码解不开：密钥换过了。请重新填写短信账号的密钥。", final=False) from None
        missing = [name for name in ("endpoint", "sign_name") if not settings.get(name)]
        if missing:
            raise SendFailed("渠道账号缺少设置：%(names)s。", final=False, names=", ".join(missing))
        text = signed(str(settings["sign_name"]), message.text)
        most = int(settings.get("most_parts") or MOST_PARTS)
        if (settings.get("style") or "plain") == "plain" and count_parts(text) > most:
            raise SendFailed("短信最多 %(n)s 条的长度，这条太长。", final=True, n=most)
        style = settings.get("style") or "plain"
        if style == "aliyun":
            return _aliyun(settings, message)
        if style == "tencent":
            return _tencent(settings, message)
        return _plain(settings, message, text)


def _plain(settings: Mapping[str, Any], message: Outbound, text: str) -> str | None:
    template, _names = template_of(dict(settings), _purpose(message))
    given = {
        "id": message.external_id, "phone": message.to, "sign": settings["sign_name"], "text": text,
        "template": template, "params": _params(message),
    }  # fmt: skip
    body, moment = json.dumps(given, ensure_ascii=False).encode("utf-8", "replace"), str(int(now().timestamp()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "X-Huiyin-Key": str(settings.get("access_key") or ""),
        "X-Huiyin-Time": moment,
        "X-Huiyin-Signature": plain_signature(str(settings.get("access_secret") or ""), moment, body),
    }
    answer = _post(str(settings["endpoint"]), body, headers)
    found = answer.get("id")
    return str(found)[:200] if found else None


def _aliyun(settings: Mapping[str, Any], message: Outbound) -> str | None:
    template, names = _template(settings, message)
    params = _params(message)
    parameters = {
        "AccessKeyId": str(settings.get("access_key") or ""), "Action": "SendSms", "Format": "JSON",
        "PhoneNumbers": _domestic(message.to), "RegionId": str(settings.get("region") or "cn-hangzhou"),
        "SignName": str(settings["sign_name"]), "SignatureMethod": "HMAC-SHA1", "SignatureNonce": uuid.uuid4().hex,
        "SignatureVersion": "1.0", "TemplateCode": template, "Timestamp": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "TemplateParam": json.dumps({k: params.get(k, "") for k in names}, ensure_ascii=False), "Version": "2017-05-25",
    }  # fmt: skip
    query = aliyun_query(parameters, str(settings.get("access_secret") or ""))
    answer = _post(str(settings["endpoint"]), query.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
    if answer.get("Code") != "OK":
        _refuse(str(answer.get("Code") or ""), str(answer.get("Message") or ""))
    return str(answer.get("BizId") or "")[:200] or None


def _tencent(settings: Mapping[str, Any], message: Outbound) -> str | None:
    template, names = _template(settings, message)
    params, endpoint = _params(message), str(settings["endpoint"])
    given = {
        "PhoneNumberSet": [message.to], "SmsSdkAppId": str(settings.get("sdk_app_id") or ""),
        "SignName": str(settings["sign_name"]), "TemplateId": template,
        "TemplateParamSet": [params.get(name, "") for name in names],
    }  # fmt: skip
    body = json.dumps(given, ensure_ascii=False).encode("utf-8", "replace")
    headers = tencent_headers(
        secret_id=str(settings.get("access_key") or ""), secret_key=str(settings.get("access_secret") or ""), service="sms",
        host=urlsplit(endpoint).netloc, action="SendSms", version="2021-01-11",
        region=str(settings.get("region") or "ap-guangzhou"), at=now(), body=body,
    )  # fmt: skip
    answer = _post(endpoint, body, headers).get("Response")
    answer = answer if isinstance(answer, dict) else {}
    if isinstance(problem := answer.get("Error"), dict):
        _refuse(str(problem.get("Code") or ""), str(problem.get("Message") or ""))
    states = answer.get("SendStatusSet")
    state = states[0] if isinstance(states, list) and states and isinstance(states[0], dict) else {}
    if state.get("Code") != "Ok":
        _refuse(str(state.get("Code") or ""), str(state.get("Message") or ""))
    return str(state.get("SerialNo") or "")[:200] or None


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The gateway's answer. A line that broke after the request went out leaves us not knowing."""
    try:
        response = requests.post(url, data=body, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False)
    except requests.ConnectTimeout:
        raise SendFailed("短信网关连不上。", final=False) from None
    except requests.Timeout:
        raise SendUndecided("短信网关没有回答，不知道是否已经收下。") from None
    except requests.ConnectionError as problem:
        if "NewConnectionError" in repr(problem) or "NameResolutionError" in repr(problem):
            raise SendFailed("短信网关连不上。", final=False) from None
        raise SendUndecided("短信网关没有回答，不知道是否已经收下。") from None
    except requests.RequestException:
        raise SendFailed("短信网关的地址不能用。", final=True) from None
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    if response.status_code < 300:
        return answer
    code = str(answer.get("Code") or answer.get("error") or answer.get("code") or response.status_code)[:80]
    if response.status_code in BUSY:
        raise SendFailed("短信网关忙（%(code)s），稍后再试。", final=False, code=code)
    if response.status_code >= 500:
        raise SendUndecided("短信网关出错（%(code)s），不知道是否已经收下。", code=code)
    _refuse(code, str(answer.get("Message") or answer.get("message") or ""))
    raise AssertionError  # _refuse always raises


def _refuse(code: str, words: str) -> None:
    later = any(part in code for part in _LATER)
    raise SendFailed("短信网关没有收下：%(code)s %(words)s", final=not later, code=code[:80], words=words[:200])


def _template(settings: Mapping[str, Any], message: Outbound) -> tuple[str, tuple[str, ...]]:
    purpose = _purpose(message)
    template, names = template_of(dict(settings), purpose)
    if not template:
        raise SendFailed("短信账号没有「%(purpose)s」的模板。", final=True, purpose=purpose)
    return template, names


def _purpose(message: Outbound) -> str:
    """What the message is for; what an agent writes by hand is an answer."""
    return str(message.meta.get("purpose") or "answer")


def _params(message: Outbound) -> dict[str, str]:
    given = message.meta.get("params")
    known = {str(k): str(v) for k, v in given.items()} if isinstance(given, Mapping) else {}
    return {**known, "text": message.text}


def _domestic(number: str) -> str:
    return number.removeprefix("+86") if number.startswith("+86") else number.removeprefix("+")
