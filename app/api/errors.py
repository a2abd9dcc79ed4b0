"""The one error shape of the API, and the one table from what can go wrong to a status.

{"code": "snake_case", "message": "a sentence in the caller's language", "errors": {"field": ["why", …]}}
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, jsonify
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import HTTPException, Unauthorized

from app.core import errors
from app.core.db import session

STATUS: dict[type[errors.DeskError], int] = {
    errors.Invalid: 422,
    errors.Refused: 409,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Stale: 412,
    errors.Conflict: 409,
    errors.Unavailable: 503,
    errors.DeskError: 400,
}
HTTP: dict[int, tuple[str, Any]] = {
    400: ("bad_request", _l("请求的内容无法读懂，请检查 JSON。")),
    401: ("unauthenticated", _l("请在 Authorization: Bearer 中给出有效的令牌。")),
    403: ("forbidden", _l("你的角色没有这个权限。")),
    404: ("not_found", _l("没有找到。")),
    405: ("method_not_allowed", _l("这个地址不接受这种方法。")),
    413: ("too_large", _l("内容太大。")),
    415: ("unsupported_media_type", _l("请用 Content-Type: application/json 提交。")),
    422: ("invalid", _l("有些内容需要修改。")),
    429: ("too_many_requests", _l("请求太频繁，请稍后再试。")),
    500: ("internal_error", _l("服务器出错了，没有完成。请凭 X-Request-ID 联系管理员。")),
    503: ("unavailable", _l("暂时无法使用，请稍后再试。")),
}


def status_of(problem: errors.DeskError) -> int:
    """The status of a refusal in the API."""
    return next(STATUS[kind] for kind in type(problem).__mro__ if kind in STATUS)


def answer(problem: Exception) -> Response:
    """The error as the API says it; whatever was begun and not committed is undone."""
    session().rollback()
    if isinstance(problem, errors.DeskError):
        reasons = {
            _public(name): [_said(reason, problem.data) for reason in given] for name, given in problem.errors.items()
        }
        return _response(status_of(problem), problem.code, problem.text(_), reasons)
    status = (problem.code or 500) if isinstance(problem, HTTPException) else 500
    code, message = HTTP.get(status) or HTTP[400 if status < 500 else 500]
    data = getattr(problem, "data", None) or {}
    response = _response(status, code, str(message), flattened(data.get("messages") or data.get("errors") or {}))
    if isinstance(problem, HTTPException):
        for name, value in problem.get_headers():
            if name in ("Allow", "Retry-After", "WWW-Authenticate"):
                response.headers[name] = value
    if isinstance(problem, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="huiyin"'
    return response


def flattened(messages: Mapping[str, Any]) -> dict[str, list[str]]:
    """marshmallow's nested messages as one level: `identities.0.value`. The place they came from (json, query) goes."""
    found: dict[str, list[str]] = {}
    for place in messages.values():
        for name, reason in _leaves(place, ()):
            found.setdefault(name, []).append(reason)
    return found


def _leaves(part: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        for name, inner in part.items():
            yield from _leaves(inner, path if name == "_schema" else (*path, str(name)))
    elif isinstance(part, list):
        for inner in part:
            yield from _leaves(inner, path)
    else:
        yield ".".join(path) or "body", str(part)


def _public(name: str) -> str:
    """Columns that point to other rows end in `_id`; the API's fields do not."""
    return name.removesuffix("_id")


def _said(reason: str, data: Mapping[str, Any]) -> str:
    said = _(reason)
    return said % data if data else said


def _response(status: int, code: str, message: str, reasons: Mapping[str, list[str]]) -> Response:
    response = jsonify({"code": code, "message": message, "errors": reasons})
    response.status_code = status
    return response
