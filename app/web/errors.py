"""Refusals as pages in words: one table from what can go wrong to a status. The API has its own table."""

import logging
from http import HTTPStatus

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, Unauthorized

from app.core import errors
from app.core.db import session
from app.core.trace import request_id
from app.viewer import is_api

log = logging.getLogger("huiyin.web")

STATUS: dict[type[errors.DeskError], int] = {
    errors.Invalid: 422,
    errors.Refused: 409,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Stale: 409,
    errors.Conflict: 409,
    errors.Unavailable: 503,
    errors.DeskError: 400,
}
_PAGES = {403: "403", 404: "404", 429: "429", 500: "500", 503: "500"}
_WORDS = {
    401: _l("登录已过期，请重新登录。"),
    405: _l("这个地址不接受这种提交。请从页面上的按钮进入。"),
    413: _l("内容太大，没有保存。请压缩或分几次上传。"),
    415: _l("这种格式不能接收。"),
}
_CSRF = _l("这一页放得太久，或者是从别处提交的，没有保存。请返回、刷新后再提交一次。")


def init_app(flask: Flask) -> None:
    flask.register_error_handler(errors.DeskError, on_refusal)
    flask.register_error_handler(HTTPException, on_http)


def status_of(problem: errors.DeskError) -> int:
    """The status of a refusal on pages."""
    return next(STATUS[kind] for kind in type(problem).__mro__ if kind in STATUS)


def words_of(problem: errors.DeskError) -> str:
    """The sentence of a refusal in the reader's language, with what is wrong in its fields."""
    said = problem.text(_)
    details = [
        _(reason) % problem.data if problem.data else _(reason)
        for reasons in problem.errors.values()
        for reason in reasons
    ]
    return " ".join([said, *(d for d in details if d != said)])


def field_errors(problem: errors.DeskError) -> dict[str, list[str]]:
    """The reasons per field, translated, for forms that are shown again."""
    return {
        name: [_(reason) % problem.data if problem.data else _(reason) for reason in reasons]
        for name, reasons in problem.errors.items()
    }


def on_refusal(problem: errors.DeskError) -> Response:
    session().rollback()
    status = status_of(problem)
    if is_api():
        return _json(problem, status)
    if _is_hook():
        return _line(status)
    known = type(problem) in (errors.Forbidden, errors.NotFound) and problem.message == type(problem).message
    return page(status, None if known else words_of(problem))


def on_http(problem: HTTPException) -> Response:
    """Werkzeug's own refusals and our crashes; a crash was logged by Flask, with the request id, before this."""
    if problem.response is not None:
        return make_response(problem.response)
    status = problem.code or 500
    if status >= 500:
        try:
            session().rollback()
        except Exception:  # the database itself may be what failed; the page must come all the same
            log.warning("rollback failed", exc_info=True)
    if is_api():
        return _json(problem, status)
    if _is_hook():
        return _line(status)
    if isinstance(problem, CSRFError):
        return page(status, str(_CSRF))
    response = page(status, str(_WORDS[status]) if status in _WORDS else None)
    if isinstance(problem, HTTPException) and "Allow" in dict(problem.get_headers()):
        response.headers["Allow"] = dict(problem.get_headers())["Allow"]
    return response


def page(status: int, message: str | None) -> Response:
    """An error as a whole page, or as a short notice where a page asked for a piece of itself."""
    shown = _PAGES.get(status, "400")
    template = "errors/piece.html" if request.headers.get("HX-Request") == "true" else f"errors/{shown}.html"
    try:
        text = render_template(template, message=message, request_id=request_id(), status=status)
    except Exception:
        if status < 500:
            raise
        log.exception("the error page failed too")
        return make_response(
            (f"{status} · {request_id() or ''}\n", status, {"Content-Type": "text/plain; charset=utf-8"})
        )
    return make_response(text, status)


def _is_hook() -> bool:
    """Whether a machine of the outside calls: it reads a status and a line, no page."""
    return request.path.startswith("/hooks/")


def _line(status: int) -> Response:
    return make_response((f"{status} {HTTPStatus(status).phrase}\n", status, {"Content-Type": "text/plain; charset=utf-8"}))


def _json(problem: Exception, status: int) -> Response:
    """The API answers for itself (`extensions["api_error"]`); before it is there, in the same shape."""
    answer = current_app.extensions.get("api_error")
    if answer is not None:
        return make_response(answer(problem))
    if isinstance(problem, errors.DeskError):
        body = {"code": problem.code, "message": problem.text(_), "errors": field_errors(problem)}
    else:
        body = {
            "code": HTTPStatus(status).phrase.lower().replace(" ", "_"),
            "message": HTTPStatus(status).phrase,
            "errors": {},
        }
    response = make_response(jsonify(body), status)
    if isinstance(problem, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="huiyin"'
    return response
