"""An SMS gateway, played: it checks signatures as our plain form, Aliyun and Tencent do, keeps what was sent, reports what
arrived and pushes what people write back. Faults, each for the next so many calls: busy, refused, lost (taken, but the
line breaks)."""

import json
import secrets
import threading
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

import requests
from flask import Blueprint, Flask, Response, jsonify, request

from app.viewer import public
from channels.sms.signing import aliyun_query, plain_signature, tencent_authorization


class Gateway:
    """What phones got, and where news of them is pushed (`hook`: the whole address with its secret)."""

    def __init__(self, *, key: str = "key", secret: str = "secret", hook: str = "") -> None:
        self.key, self.secret, self.hook = key, secret, hook
        self.sent: list[dict[str, Any]] = []
        self.faults: Counter[str] = Counter()
        self.lock = threading.Lock()

    def take(self, phone: str, text: str, template: str, params: Any) -> str:
        """Keep a message; returns its number."""
        with self.lock:
            number = f"sim-{len(self.sent) + 1}-{secrets.token_hex(4)}"
            self.sent.append({"id": number, "phone": phone, "text": text, "template": template, "params": params})
        return number

    def next_fault(self) -> str:
        """The fault that the next call meets, if any."""
        with self.lock:
            for name, left in self.faults.items():
                if left > 0:
                    self.faults[name] -= 1
                    return name
        return ""

    def report(self, number: str, delivered: bool = True, code: str = "DELIVERED") -> int:
        """Push a status report; returns the status that the hook answered, 0 for none."""
        state = "delivered" if delivered else "failed"
        return self._push({"type": "status", "id": number, "status": state, "code": code})

    def reply(self, phone: str, text: str) -> int:
        """Somebody writes back."""
        return self._push({"type": "reply", "id": secrets.token_hex(8), "phone": phone, "text": text})

    def _push(self, what: dict[str, Any]) -> int:
        try:
            return requests.post(self.hook, json=what, timeout=15).status_code
        except requests.RequestException:
            return 0


def make_blueprint(gateway: Gateway) -> Blueprint:
    """The gateway's API: POST /plain, /aliyun, /tencent; GET /sent shows what phones got."""
    blueprint = Blueprint("sms_gateway", __name__)

    @blueprint.post("/plain")
    @public
    def plain() -> tuple[Response, int]:
        body, moment = request.get_data(), request.headers.get("X-Huiyin-Time", "")
        if request.headers.get("X-Huiyin-Signature") != plain_signature(gateway.secret, moment, body):
            return jsonify(error="SIGNATURE"), 403
        fault = gateway.next_fault()
        if fault == "busy":
            return jsonify(error="BUSY"), 429
        if fault == "refused":
            return jsonify(error="MOBILE_NUMBER_ILLEGAL"), 400
        given = json.loads(body)
        number = gateway.take(given["phone"], given["text"], given["template"], given["params"])
        return (jsonify(error="LOST"), 502) if fault == "lost" else (jsonify(id=number), 200)

    @blueprint.post("/aliyun")
    @public
    def aliyun() -> tuple[Response, int]:
        given = dict(parse_qsl(request.get_data(as_text=True)))
        signature = given.pop("Signature", "")
        wanted = dict(parse_qsl(aliyun_query(given, gateway.secret)))["Signature"]
        if signature != wanted or given.get("AccessKeyId") != gateway.key:
            return jsonify(Code="SignatureDoesNotMatch", Message="signature"), 400
        fault = gateway.next_fault()
        if fault == "busy":
            return jsonify(Code="isp.SYSTEM_ERROR", Message="busy"), 200
        if fault == "refused":
            return jsonify(Code="isv.MOBILE_NUMBER_ILLEGAL", Message="number"), 200
        number = gateway.take(given["PhoneNumbers"], "", given["TemplateCode"], json.loads(given["TemplateParam"]))
        return (jsonify(Code="LOST"), 502) if fault == "lost" else (jsonify(Code="OK", Message="OK", BizId=number), 200)

    @blueprint.post("/tencent")
    @public
    def tencent() -> tuple[Response, int]:
        body, headers = request.get_data(), request.headers
        wanted = tencent_authorization(
            gateway.key, gateway.secret, "sms", headers.get("Host", ""), headers.get("Content-Type", ""), headers.get("X-TC-Timestamp", ""), body
        )
        if headers.get("Authorization") != wanted:
            return jsonify(Response={"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "signature"}}), 200
        fault = gateway.next_fault()
        if fault == "busy":
            return jsonify(Response={"Error": {"Code": "InternalError", "Message": "busy"}}), 200
        if fault == "refused":
            return jsonify(Response={"SendStatusSet": [{"Code": "FailedOperation.PhoneNumberInBlacklist", "Message": "number"}]}), 200
        given = json.loads(body)
        number = gateway.take(given["PhoneNumberSet"][0], "", given["TemplateId"], given["TemplateParamSet"])
        answer = {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": number}]}}
        return (jsonify(answer), 502) if fault == "lost" else (jsonify(answer), 200)

    @blueprint.get("/sent")
    @public
    def sent() -> Response:
        return jsonify(items=list(gateway.sent))

    return blueprint


def make_hands(gateway: Gateway) -> Blueprint:
    """What a person does with the phones, for the command line; never mounted in the house."""
    blueprint = Blueprint("sms_hands", __name__)

    @blueprint.post("/report")
    @public
    def report() -> Response:
        given = request.get_json()
        return jsonify(answered=gateway.report(str(given["id"]), bool(given.get("delivered", True))))

    @blueprint.post("/reply")
    @public
    def reply() -> Response:
        given = request.get_json()
        return jsonify(answered=gateway.reply(str(given["phone"]), str(given["text"])))

    @blueprint.post("/faults")
    @public
    def faults() -> Response:
        given = request.get_json()
        with gateway.lock:
            gateway.faults[str(given["name"])] += int(given.get("times", 1))
        return jsonify(faults=dict(gateway.faults))

    return blueprint


def make_app(gateway: Gateway) -> Flask:
    """The gateway on its own, for tests and the command line."""
    flask = Flask("sms-gateway")
    flask.register_blueprint(make_blueprint(gateway))
    return flask
