"""Where a list goes on: moment and number of the last row that was shown, as one word of an address."""

from datetime import UTC, datetime


def write_cursor(at: datetime, number: int) -> str:
    """The word for a row; the moment is aware."""
    return f"{at.isoformat()}~{number}"


def read_cursor(cursor: str) -> tuple[datetime, int] | None:
    """Moment (in UTC) and number, or None for anything that is none of ours: a damaged address shows the first page."""
    head, _sign, number = cursor.rpartition("~")
    if not number.isascii() or not number.isdecimal() or len(number) > 10 or int(number) >= 2**31:
        return None
    try:
        moment = datetime.fromisoformat(head)
        return (moment.astimezone(UTC), int(number)) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
