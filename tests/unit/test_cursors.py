"""The word of an address with which a list goes on: ours comes back as it was, anything else is the first page."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.queries.cursors import read_cursor, write_cursor


def test_it_comes_back_as_it_was() -> None:
    at = datetime(2026, 5, 4, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    assert read_cursor(write_cursor(at, 7)) == (at.astimezone(UTC), 7)


@pytest.mark.parametrize(
    "cursor",
    ["", "~", "7", "2026-05-04~7", "2026-05-04T08:00:00~7", "2026-05-04T08:00:00+00:00~", "2026-05-04T08:00:00+00:00~²", "x~7",
     "2026-05-04T08:00:00+00:00~2147483648", "0001-01-01T00:00:00+14:00~1", "9999-12-31T23:59:59-14:00~1", "\0~1"],
)  # fmt: skip
def test_anything_else_is_the_first_page(cursor: str) -> None:
    assert read_cursor(cursor) is None
