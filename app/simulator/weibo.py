"""Weibo's reply API, played: what it took, its files, and faults for the next so many calls: later (busy), never
(refused), lost (taken, but the line breaks), expired (the token)."""

import hashlib
import json
from collections import Counter
from typing import Any

from flask import Flask, Response, jsonify, request

ERRORS = {"later": (10009, "Too many pending tasks"), "never": (20108, "user is blocked"), "expired": (21327, "expired_token")}


class WeiboWorld:
    """One verified account with its secret and token."""

    def __init__(self, secret: str = "weibo-secret", token: str = "weibo-token") -> None:
        self.secret, self.token = secret, token
        self.sent: list[dict[str, str]] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.faults: Counter[str] = Counter()

    def query(self, timestamp: str = "1397022061823", nonce: str = "57155157", **more: str) -> dict[str, str]:
        """The signed query of a callback."""
        digest = hashlib.sha1("".join(sorted((self.secret, timestamp, nonce))).encode()).hexdigest()
        return {"signature": digest, "timestamp": timestamp, "nonce": nonce, **more}

    def fault(self) -> str:
        found = next((name for name, left in self.faults.items() if left > 0), "")
        if found:
            self.faults[found] -= 1
        return found


def standalone(world: WeiboWorld) -> Flask:
    """The API as an application of its own."""
    flask = Flask("simulated_weibo")

    @flask.post("/2/messages/reply.json")
    def reply() -> Any:
        fault = world.fault()
        if fault in ERRORS or request.form.get("access_token") != world.token:
            code, words = ERRORS.get(fault, (21332, "invalid_access_token"))
            return jsonify({"error": words, "error_code": code, "request": request.path}), 400
        text = str(json.loads(request.form["data"])["text"])
        if not 0 < len(text) < 300:
            return jsonify({"error": "text too long", "error_code": 20012}), 400
        world.sent.append({"to": request.form["receiver_id"], "type": request.form["type"], "text": text})
        return Response("gone", 502) if fault == "lost" else jsonify({"result": True, "receiver_id": request.form["receiver_id"]})

    @flask.get("/2/mss/msget")
    def download() -> Any:
        mime, content = world.files.get(request.args.get("fid", ""), ("", b""))
        if not content:
            return jsonify({"error": "no such file", "error_code": 20101}), 404
        return Response(content, content_type=mime)

    return flask
