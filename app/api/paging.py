"""Lists in pages: the next page begins after the last row, not at a number, so that new rows shift nothing."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, TypedDict

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from itsdangerous import BadData, URLSafeSerializer
from marshmallow import fields, validate
from sqlalchemy import Select, literal, tuple_

from app.api.fields import Answer, ApiSchema, QueryWhole
from app.core.db import UTCDateTime, session
from app.core.errors import Invalid

DEFAULT_LIMIT, MAX_LIMIT = 50, 200


class PageArgs(ApiSchema):
    """What every list takes."""

    limit = QueryWhole(1, MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = fields.String(load_default="", validate=validate.Length(max=500, error=_l("太长了。")))


class Page(TypedDict):
    """One page, and the cursor of the next or None."""

    items: list[Any]
    next: str | None


def page_of(rows: Select[Any], args: dict[str, Any], by: Sequence[Any], *, descending: bool = False) -> Page:
    """The page of `rows` that `args` ask for. `by` are columns that order the rows and together tell any two apart:
    the last is an id. The cursor is signed and holds for the same list with the same filters only."""
    limit, cursor = args["limit"], args["cursor"]
    if cursor:
        last = opened(cursor, len(by))
        typed = [literal(_from_json(value, column), type_=column.type) for value, column in zip(last, by, strict=True)]
        here, there = tuple_(*by), tuple_(*typed)
        rows = rows.where(here < there if descending else here > there)
    ordered = rows.order_by(*(column.desc() if descending else column.asc() for column in by)).limit(limit + 1)
    found = list(session().scalars(ordered).unique())
    more, found = len(found) > limit, found[:limit]
    last_row = [_to_json(getattr(found[-1], column.key)) for column in by] if more else []
    return {"items": found, "next": cursor_at(last_row) if more else None}


def cursor_at(place: list[Any]) -> str:
    """The signed cursor of a place in this list: what `opened` gives back."""
    return _serializer().dumps([_list(), place])


@cache
def listing(item: type[Answer]) -> type[Answer]:
    """The schema of a page of `item`."""
    name = item.__name__ + "List"
    parts = {
        "items": fields.List(fields.Nested(item), required=True),
        "next": fields.String(required=True, allow_none=True, metadata={"description": "cursor of the next page"}),
        "__doc__": f"A page of {item.__name__}.",
    }
    return type(name, (Answer,), parts)


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="cursor")


def _list() -> str:
    """Which list with which filters a cursor is for."""
    asked = sorted((name, value) for name, value in request.args.items(multi=True) if name not in ("cursor", "limit"))
    return hashlib.sha256(repr((request.path, asked)).encode("utf-8", "replace")).hexdigest()[:12]


def opened(cursor: str, length: int) -> list[Any]:
    """The place that a cursor of this list was made at. Raises Invalid for any other text."""
    try:
        of, last = _serializer().loads(cursor)
    except (BadData, ValueError, TypeError):
        of, last = None, []
    if of != _list() or len(last) != length:
        raise Invalid.of("cursor", _("这个 cursor 不属于这个列表。"))
    return list(last)


def _to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def _from_json(value: Any, column: Any) -> Any:
    if isinstance(column.type, UTCDateTime):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if column.type.python_type is date else value
