"""Hold 挂起, the overlay that tickets and service orders share: whom or what is waited for, why, and until when."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import CleanText, UTCDateTime
from app.core.errors import Invalid
from workflows.engine import moment
from workflows.rules import LONGEST_HOLD


class Holdable:
    """The columns of the overlay, for a row that has a `due_at`. A row is held while `held_at` is set; `holds` counts all holds so far. Moments are UTC."""

    hold_party: Mapped[str | None] = mapped_column(CleanText(16))
    hold_reason: Mapped[str | None] = mapped_column(CleanText(300))
    hold_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    held_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    holds: Mapped[int] = mapped_column(Integer, default=0)

    @property
    def held(self) -> bool:
        return self.held_at is not None


def begin_hold(item: Holdable, given: Mapping[str, Any], parties: Collection[str], wrong_party: str) -> datetime:
    """Lay the overlay over a row; returns until when. Raises Invalid for an unknown party or a moment out of bounds."""
    until = moment(given["until"], "until")
    if given["party"] not in parties:
        raise Invalid.of("party", wrong_party)
    if not now() < until <= now() + LONGEST_HOLD:
        raise Invalid.of("until", "时间要在现在之后、30 天之内。")
    item.hold_party, item.hold_reason, item.hold_until = given["party"], str(given["reason"])[:300], until
    item.held_at = now()
    item.holds += 1
    return until


def end_hold(item: Any, stops: Collection[str]) -> None:
    """Take it off. The due date moves by the time spent on one of `stops`, and only by that; harmless when not held."""
    if item.held_at and item.hold_party in stops:
        item.due_at += now() - item.held_at
    item.hold_party = item.hold_reason = item.hold_until = item.held_at = None
