"""What every resource of the API stands on: strict JSON, ETags from versions, repeated POSTs, and its documentation."""

import json
import re
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from http import HTTPStatus
from typing import Any, NoReturn

import flask_smorest
from flask import Response, abort, current_app, request
from flask_babel import gettext as _
from flask_smorest.utils import get_appcontext, resolve_schema_instance
from marshmallow import RAISE, fields
from webargs.core import missing
from webargs.flaskparser import FlaskParser, is_json_request

from app import viewer
from app.api.fields import Answer
from app.core import idempotency
from app.core.errors import Invalid, Stale
from app.core.uow import unit_of_work

PREFIX = "/api/v1"
MAX_BODY = 1024 * 1024
MAX_DEPTH = 64
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Error(Answer):
    """The shape of every error."""

    code = fields.String(required=True, metadata={"description": "for machines"})
    message = fields.String(required=True, metadata={"description": "for people, in the caller's language"})
    errors = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), required=True, metadata={"description": "by field"}
    )


class Api(flask_smorest.Api):
    """flask-smorest without its error handlers, which would also take over the pages' errors.

    The description is written when it is first asked for: it takes longer than all the rest of a start.
    """

    ERROR_SCHEMA = Error

    def __init__(self, *args: Any, **options: Any) -> None:
        self._undescribed: list[Any] = []
        self._describing = threading.Lock()
        super().__init__(*args, **options)

    def _register_error_handlers(self) -> None:
        """Errors are answered by app.api.errors, which the one handler of the house asks for addresses of the API."""

    def register_blueprint(self, blp: Any, **options: Any) -> None:
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp, **options)
        self._undescribed.append(blp)

    def described(self) -> dict[str, Any]:
        """The OpenAPI document of all resources."""
        with self._describing:
            while self._undescribed:
                blp = self._undescribed.pop(0)
                blp.register_views_in_doc(self, self._app, self.spec, name=blp.name, parameters=None)
                if not blp.is_part:
                    self.spec.tag({"name": blp.tag, "description": blp.description})
            found: dict[str, Any] = self.spec.to_dict()
            return found


class JsonParser(FlaskParser):
    """Reads JSON bodies. What cannot be read is 400, what is not JSON 415; unknown fields and parameters are refused."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "json": RAISE, "query": RAISE}

    def _raw_load_json(self, req: Any) -> Any:
        body = req.get_data(cache=True)
        if not body:
            return missing
        if not is_json_request(req):
            abort(415)
        try:
            found = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        except (ValueError, RecursionError):  # ValueError: no JSON, no UTF-8, or a number of thousands of digits
            abort(400)
        if _depth(found) > MAX_DEPTH:
            abort(400)
        return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [inner for part in level for inner in _inner(part)]:
        depth += 1
    return depth


def _inner(part: Any) -> list[Any]:
    if isinstance(part, dict):
        return list(part.values())
    return part if isinstance(part, list) else []


class Resource(flask_smorest.Blueprint):
    """The routes of one resource: `Resource("contacts", "people who ask")` stands under /api/v1/contacts. `under`: the
    resource that it is a part of, with other limits."""

    ARGUMENTS_PARSER = JsonParser()

    def __init__(
        self, name: str, description: str, *, import_name: str = __name__, max_body: int | None = MAX_BODY, under: str = ""
    ) -> None:
        super().__init__(f"api_{name}", import_name, url_prefix=f"{PREFIX}/{under or name}", description=description)
        self.tag = under or name
        self.is_part = bool(under)
        self._prepare_doc_cbks.append(_document)
        if max_body is not None:  # without one, the limit of the whole house holds: files are larger than JSON
            self.before_request(lambda: _limit_body(max_body))

    def _store_endpoint_docs(self, endpoint: str, obj: Any, parameters: Any, tags: Any, **options: Any) -> None:
        super()._store_endpoint_docs(endpoint, obj, parameters, tags or [self.tag], **options)
        for method, doc in self._docs[endpoint].items():
            if method != "parameters":
                doc["access"], doc["operation"] = getattr(obj, "access", None), f"{self.tag}.{endpoint}"
                doc["of_one"], doc["conditional"] = obj.of_one, getattr(obj, "conditional", False)
                doc["unavailable"] = getattr(obj, "unavailable", False)

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        if view_func is not None:
            view_func.of_one = "<" in rule
        super().add_url_rule(rule, endpoint, view_func, *args, **options)

    def response(
        self, status_code: int, schema: Any = None, *, conditional: bool = True, **given: Any
    ) -> Callable[[Any], Any]:
        """As flask-smorest's; an answer with a `version` carries it as its ETag, and a GET may be answered by 304,
        unless it is not `conditional`: then it also holds what the version does not count."""
        versioned = schema is not None and "version" in resolve_schema_instance(schema).fields
        if versioned:
            given["headers"] = {"ETag": {"description": "the version", "schema": {"type": "string"}}}
        plain = super().response(status_code, schema, **given)

        def decorator(view: Any) -> Any:
            inner = plain(view)

            @wraps(inner)
            def wrapper(*args: Any, **kwargs: Any) -> Response:
                response: Response = inner(*args, **kwargs)
                dump = get_appcontext().get("result_dump")
                if versioned and isinstance(dump, dict) and response.status_code < 300:
                    response.set_etag(str(dump["version"]))
                    if conditional:
                        response.make_conditional(request)
                return response

            wrapper.conditional = versioned and conditional  # type: ignore[attr-defined]
            return wrapper

        return decorator

    def idempotent(self, view: Any) -> Any:
        """A POST that may be sent twice under one `Idempotency-Key`: the second is answered as the first was.

        Key, work and answer are committed together, so that no crash can part them.
        """

        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            key = request.headers.get("Idempotency-Key")
            if key is None:
                return current_app.make_response(view(*args, **kwargs))
            if not _KEY.fullmatch(key):
                raise Invalid.of("Idempotency-Key", _("Idempotency-Key 要由 1 到 200 个可见的 ASCII 字符组成。"))
            asked = idempotency.fingerprint(request.method, request.full_path, request.get_data(cache=True))
            with unit_of_work():
                row, answered = idempotency.claim(viewer.current_actor(), key, asked)
                if answered:
                    return _again(row)
                response = current_app.make_response(view(*args, **kwargs))
                kept = {name: response.headers[name] for name in ("ETag", "Location") if name in response.headers}
                idempotency.keep(row, response.status_code, kept, response.get_data(as_text=True))
            return response

        wrapper._apidoc = {**getattr(view, "_apidoc", {}), "idempotent": True}  # type: ignore[attr-defined]
        return wrapper


def heed_if_match(row: Any) -> None:
    """Raise Stale when the caller says which version it means (`If-Match`) and the row has another one.
    Called inside the unit of work that changes the row."""
    if "If-Match" in request.headers and str(row.version) not in request.if_match:
        raise Stale()


def _again(row: idempotency.IdempotencyKey) -> Response:
    response = current_app.response_class(row.body, status=row.status, mimetype="application/json", headers=row.headers)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def step_parameter(names: Iterable[str]) -> list[dict[str, Any]]:
    """What the `<step>` of an address may be, for the documentation."""
    return [{"in": "path", "name": "step", "required": True, "schema": {"type": "string", "enum": list(names)}}]


def may_be_unavailable(view: Any) -> Any:
    """A view that may answer 503, because something beside the database is asked."""
    view.unavailable = True
    return view


def _limit_body(longest: int) -> None:
    request.max_content_length = min(longest, current_app.config["MAX_CONTENT_LENGTH"] or longest)
    if (request.content_length or 0) > request.max_content_length:
        abort(413)


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _document(doc: Any, doc_info: Any, *, api: Any, app: Any, spec: Any, method: str, **rest: Any) -> Any:
    """Add to an operation what our decorators promise: permission, headers, and the errors it can answer with."""
    doc["operationId"] = doc_info["operation"]
    access, answers = doc_info.get("access"), doc.setdefault("responses", {})
    headers = doc.setdefault("parameters", [])
    refusals = {429}
    if access is not None and access.open:
        doc["security"] = []
    else:
        refusals |= {401, 403}
        doc["x-permissions"] = list(access.permissions) if access else []
        if access is not None and access.one_is_enough:
            doc["x-permissions-one-is-enough"] = True
    if doc_info["of_one"]:
        refusals.add(404)
        if method != "get":
            headers.append(_header("If-Match", "the ETag that was read; 412 when the row changed since"))
            refusals.add(412)
        elif doc_info["conditional"]:
            headers.append(_header("If-None-Match", "an ETag; the answer is 304 when it still holds"))
            refusals.add(304)
    if doc_info["unavailable"]:
        refusals.add(503)
    if method in ("post", "patch", "put", "delete"):
        refusals.add(409)
    if "requestBody" in doc:
        refusals |= {400, 413, 415}
    if doc_info.get("idempotent"):
        headers.append(_header("Idempotency-Key", "the same key and body within 24 h: the first answer again"))
    for status in sorted(refusals):
        answers.setdefault(status, HTTPStatus(status).name)
    return doc
