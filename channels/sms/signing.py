"""How requests to SMS gateways are signed: our plain form, Aliyun's RPC signature 1.0 and Tencent's TC3-HMAC-SHA256."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote


def plain_signature(secret: str, moment: str, body: bytes) -> str:
    """Hexadecimal HMAC-SHA256 over the moment (seconds since 1970), a line feed and the body."""
    return hmac.new(secret.encode(), moment.encode() + b"\n" + body, hashlib.sha256).hexdigest()


def aliyun_query(parameters: Mapping[str, str], secret: str, method: str = "POST") -> str:
    """The parameters as a query with their signature (HMAC-SHA1 over the sorted query, key and `&`)."""
    query = "&".join(f"{_escaped(k)}={_escaped(v)}" for k, v in sorted(parameters.items()))
    to_sign = f"{method}&{_escaped('/')}&{_escaped(query)}"
    made = hmac.new(f"{secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()
    return f"Signature={_escaped(base64.b64encode(made).decode())}&{query}"


def tencent_headers(
    *, secret_id: str, secret_key: str, service: str, host: str, action: str, version: str, region: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The headers of a signed POST with a JSON body: content type, host and body are covered."""
    moment, kind = str(int(at.timestamp())), "application/json; charset=utf-8"
    return {
        "Authorization": tencent_authorization(secret_id, secret_key, service, host, kind, moment, body),
        "Content-Type": kind,
        "Host": host,
        "X-TC-Action": action,
        "X-TC-Timestamp": moment,
        "X-TC-Version": version,
        "X-TC-Region": region,
    }


def tencent_authorization(
    secret_id: str, secret_key: str, service: str, host: str, content_type: str, moment: str, body: bytes
) -> str:
    """The Authorization header alone. `moment`: seconds since 1970; the day of the key is counted in UTC."""
    day = datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%d")
    names = "content-type;host"
    request = f"POST\n/\n\ncontent-type:{content_type}\nhost:{host}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{service}/tc3_request"
    to_sign = f"TC3-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for word in (day, service, "tc3_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    made = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={made}"


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")
