"""What every create and update of the directory has in common: cleaning, lengths, versions, and what is written down."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import flag_modified

from app.core.audit import note
from app.core.db import Base, CleanText, session
from app.core.errors import Conflict, Invalid, Stale
from app.core.permissions import Actor
from app.core.text import clean

_SILENT = {"note"}


def cleaned(model: type[Base], given: Mapping[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The given values as the columns of `model` can keep them: texts cleaned and stripped.

    Raises Invalid with every field that is too long, empty though required, or missing though the column needs it.
    A name that is no column is a programming error (KeyError).
    """
    columns, values, errors = model.__table__.c, dict[str, Any](), dict[str, list[str]]()
    for name, value in given.items():
        kind = columns[name].type
        if isinstance(value, str) and isinstance(kind, CleanText):
            value = clean(value).strip()
            if kind.length and len(value) > kind.length:
                errors[name] = ["太长了。"]
            if not value and columns[name].nullable:
                value = None
        if name in required and not value:
            errors[name] = ["这一项要填写。"]
        elif value is None and not columns[name].nullable:
            errors[name] = ["这一项不能为空。"]
        values[name] = value
    if errors:
        raise Invalid(errors=errors)
    return values


def check_version(row: Any, version: int | None) -> None:
    """Raise Stale unless the row still has the version that the actor saw; None asks for no check."""
    if version is not None and row.version != version:
        raise Stale()


def touch(row: Any) -> None:
    """Count up the version of a row whose parts changed but not its own columns. The row must have a `name`."""
    flag_modified(row, "name")


def save(row: Any, taken: str, field: str) -> None:
    """Flush; a unique value that somebody else has becomes a Conflict in words on `field`.

    The savepoint keeps the rest of the unit of work alive, so that the caller may go on.
    """
    try:
        with session().begin_nested():
            session().add(row)
            session().flush()
    except IntegrityError:
        raise Conflict(taken, errors={field: [taken]}) from None


def change(row: Any, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set what differs; returns {field: [before, after]} for the audit trail, long texts as a mere mark."""
    changed: dict[str, list[Any]] = {}
    for name, value in values.items():
        before = getattr(row, name)
        if before != value:
            setattr(row, name, value)
            changed[name] = [] if name in _SILENT else [_short(before), _short(value)]
    return changed


def note_changed(actor: Actor, action: str, row: Any, changed: Mapping[str, list[Any]], **details: Any) -> None:
    """One audit entry with the fields that changed."""
    note(actor, action, row, changed=dict(changed), **details)


def _short(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | list) else str(value)[:200]
