"""One clock for the house, so that tests and the demo can set it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_frozen: list[datetime] = []


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _frozen[-1] if _frozen else datetime.now(UTC)


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Stop the clock at an aware moment for the length of the block."""
    if moment.tzinfo is None:
        raise ValueError("an aware moment is needed")
    _frozen.append(moment.astimezone(UTC))
    try:
        yield
    finally:
        _frozen.pop()


def advance(step: timedelta) -> None:
    """Move a frozen clock on; an error where the clock is not frozen."""
    if not _frozen:
        raise RuntimeError("the clock is not frozen")
    _frozen[-1] += step
