"""The door that values of the API enter and leave by: strict types, clean text, ids that can exist, times in UTC."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from marshmallow import fields, validate
from sqlalchemy.orm import InstrumentedAttribute

from app.core.text import clean

LONGEST_TEXT = 20_000
MAX_ID = 2**31 - 1
_WORDS = {
    "required": _l("这一项要填写。"),
    "null": _l("这一项不能为空。"),
    "validator_failed": _l("这个值不对。"),
    "invalid": _l("类型不对。"),
    "too_large": _l("数字太大。"),
    "type": _l("类型不对。"),
    "special": _l("类型不对。"),
    "format": _l("格式不对。"),
}
_DIGITS = re.compile(r"-?[0-9]{1,18}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class ApiSchema(ma.Schema):
    """Base of all that enters: unknown fields are refused by name."""

    class Meta:
        unknown = ma.RAISE

    error_messages = {"unknown": _l("没有这个字段。"), "type": _l("类型不对。"), "string": _l("类型不对。")}


class Answer(ma.Schema):
    """Base of all that leaves."""


class Text(fields.String):
    """Text without lone surrogates and control characters, no longer than its column."""

    default_error_messages = _WORDS

    def __init__(self, longest: int = LONGEST_TEXT, *, shortest: int = 0, **given: Any) -> None:
        short = _l("这一项要填写。") if shortest else None
        checks = [validate.Length(max=longest, error=_l("太长了。"))]
        if shortest:
            checks.append(validate.Length(min=shortest, error=short))
        super().__init__(validate=checks, **given)

    @classmethod
    def of(cls, column: InstrumentedAttribute[Any], **given: Any) -> "Text":
        """A text with the length of its column, null where the column takes null."""
        given.setdefault("allow_none", bool(column.property.columns[0].nullable))
        return cls(getattr(column.type, "length", None) or LONGEST_TEXT, **given)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        return clean(super()._deserialize(value, attr, data, **kwargs))


class Whole(fields.Integer):
    """A whole number in JSON: no text, no true/false, no fraction."""

    default_error_messages = _WORDS

    def __init__(self, low: int = 0, high: int = MAX_ID, **given: Any) -> None:
        error = _l("超出范围。")
        super().__init__(strict=True, validate=validate.Range(low, high, error=error), **given)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        if isinstance(value, float) and not (value.is_integer() and abs(value) < 2**53):
            raise self.make_error("invalid", input=value)
        return int(value)


class Ref(Whole):
    """The id of another row."""

    def __init__(self, column: str, **given: Any) -> None:
        super().__init__(1, attribute=column, **given)


class QueryWhole(Whole):
    """A whole number in an address."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class Yes(fields.Boolean):
    """true or false in JSON, nothing that merely looks like it."""

    default_error_messages = _WORDS

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class QueryYes(fields.Boolean):
    """true or false in an address."""

    default_error_messages = _WORDS

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        known = {"true": True, "1": True, "false": False, "0": False}
        if value not in known:
            raise self.make_error("invalid", input=value)
        return known[value]


class Choice(fields.String):
    """One of a few words."""

    default_error_messages = _WORDS

    def __init__(self, words: Sequence[str], **given: Any) -> None:
        error = _l("只能是：%(words)s", words=", ".join(words))
        super().__init__(validate=validate.OneOf(words, error=error), **given)


class Day(fields.Date):
    """A day as YYYY-MM-DD."""

    default_error_messages = _WORDS

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("format", input=value, obj_type="date")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise self.make_error("format", input=value, obj_type="date") from None


class Moment(fields.DateTime):
    """A moment: ISO 8601 with an offset in, UTC with `Z` out."""

    default_error_messages = _WORDS

    def _serialize(self, value: datetime | None, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value.replace(" ", "+"))  # a plus in an address arrives as a space
        except (AttributeError, TypeError, ValueError):
            raise self.make_error("format", input=value, obj_type="datetime") from None
        if moment.tzinfo is None:
            raise self.make_error("format", input=value, obj_type="datetime")
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise self.make_error("format", input=value, obj_type="datetime") from None


class Near(Moment):
    """A moment within this century and the next: one that plans can be made with."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:
        moment = super()._deserialize(value, attr, data, **kwargs)
        if not 2000 <= moment.year < 2200:
            raise self.make_error("too_large", input=value)
        return moment


class IdOrName(fields.Field):
    """Another row, by its id or by the name that people type."""

    default_error_messages = _WORDS

    def __init__(self, longest: int = 200, **given: Any) -> None:
        number = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
        word = {"type": "string", "minLength": 1, "maxLength": longest}
        given["metadata"] = {**given.get("metadata", {}), "anyOf": [number, word]}
        super().__init__(validate=_within(longest), **given)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int | str:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.make_error("invalid", input=value)
        return clean(value).strip() if isinstance(value, str) else value


def _within(longest: int) -> Any:
    def check(value: int | str) -> None:
        if isinstance(value, int) and not 0 < value <= MAX_ID:
            raise ma.ValidationError(str(_l("超出范围。")))
        if isinstance(value, str) and len(value) > longest:
            raise ma.ValidationError(str(_l("太长了。")))

    return check


class Amount(fields.Field):
    """An amount of money in yuan, as a number or as text such as "1200.50"."""

    default_error_messages = _WORDS

    def __init__(self, **given: Any) -> None:
        kinds = [{"type": "number", "minimum": 0}, {"type": "string", "maxLength": 20}]
        given["metadata"] = {**given.get("metadata", {}), "anyOf": kinds}
        super().__init__(**given)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.make_error("invalid", input=value)
        text = clean(str(value)).strip()
        if len(text) > 40:
            raise self.make_error("too_large", input=value)
        return text


class Rows(fields.List):
    """A list of at most `longest` values."""

    default_error_messages = _WORDS

    def __init__(self, inner: Any, longest: int, **given: Any) -> None:
        super().__init__(inner, validate=validate.Length(max=longest, error=_l("太多了。")), **given)


class Part(fields.Nested):
    """An object within an object."""

    default_error_messages = _WORDS


class Named(Answer):
    """Another row, by id and name."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)


class Person(Answer):
    """A user of the desk, by id and shown name."""

    id = fields.Integer(required=True)
    name = fields.String(attribute="label", required=True)


class ProductRef(Answer):
    """A product by id, code and name."""

    id = fields.Integer(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
