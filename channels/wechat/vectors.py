"""`channel parse --kind wechat-crypto`: one worked example of the platform's cryptography a line, answered in order."""

import hmac
import json
from collections.abc import Iterator
from typing import Any

from app.core.text import clean, unpack
from channels.wechat.crypto import Crypto, CryptoRefused


def answer_vectors(raw: bytes) -> Iterator[dict[str, Any]]:
    """One answer a line; a line that cannot be read is answered with its `error`."""
    for number, line in enumerate(raw.decode("utf-8-sig", "replace").split("\n"), 1):
        if line.strip():
            yield _answer(line, str(number))


def _answer(line: str, number: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": number, "ok": False, "plaintext": None, "signature": None, "encrypt": None, "error": None}
    try:
        vector: Any = json.loads(line)
        if not isinstance(vector, dict):
            raise CryptoRefused("这一行不是一个 JSON 对象。")
        answer["id"] = clean(str(vector.get("id", number)))
        answer.update(_done(vector))
        answer["ok"] = True
    except CryptoRefused as problem:
        answer["error"] = unpack(problem.reason)
    except (ValueError, RecursionError):
        answer["error"] = "这一行读不懂。"
    return answer


def _done(vector: dict[str, Any]) -> dict[str, Any]:
    def given(name: str) -> str:
        value = vector.get(name)
        if value is None or isinstance(value, dict | list):
            raise CryptoRefused("这一行缺少 %(name)s。", name=name)
        return str(value)

    step = given("op")
    if step not in ("check_signature", "check_echostr", "decrypt", "encrypt"):
        raise CryptoRefused("没有这种操作：%(name)s。", name=clean(step)[:40])
    times = given("timestamp"), given("nonce")
    if step == "check_signature":
        signed = Crypto(given("token"), "", "").signature(*times)
        _compare(given("signature"), signed)
        return {"signature": signed}
    receiver = given("receive_id_expected" if step == "decrypt" and "receive_id_expected" in vector else "receive_id")
    crypto = Crypto(given("token"), given("encoding_aes_key"), receiver)
    if step == "encrypt":
        sealed = crypto.encrypt(
            given("plaintext").encode("utf-8", "surrogatepass"),
            timestamp=times[0],
            nonce=times[1],
            random16=given("random16").encode("utf-8", "surrogatepass"),
        )
        return {"signature": sealed.signature, "encrypt": sealed.encrypt}
    signed = crypto.signature(*times, given("encrypt"))
    _compare(given("msg_signature"), signed)
    try:
        plain = crypto.decrypt(given("encrypt")).decode("utf-8").replace("\0", "\ufffd")
    except UnicodeError:
        raise CryptoRefused("明文不是 UTF-8。") from None
    return {"signature": signed, "plaintext": plain}


def _compare(given: str, wanted: str) -> None:
    if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise CryptoRefused("签名不对。")
