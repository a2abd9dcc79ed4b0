"""What a report page is asked for, read from its address; and addresses made from it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import request

from app.core.clock import now
from app.core.text import clean
from app.queries.report_terms import Wanted, period
from app.web.i18n import local, time_zone
from workflows.kinds import KINDS

SPANS = (7, 30, 90, 365)
LONGEST = 1100
NUMBERS = ("product", "team", "agent", "counter")
FILTERS = ("channel", "kind", "product", "team", "agent", "counter", "cohort", "solvable")


@dataclass(frozen=True)
class Asked:
    """The days, the filters as they stand in the address, and both as the queries take them. `days` is 0 for a period
    that was chosen day by day."""

    first: date
    last: date
    days: int
    given: dict[str, str]
    wanted: Wanted

    def url(self, path: str = "/reports", **more: Any) -> str:
        """An address with the same period and filters, and more."""
        when = {"days": self.days} if self.days else {"from": self.first.isoformat(), "to": self.last.isoformat()}
        kept = {name: value for name, value in {**when, **self.given, **more}.items() if value not in (None, "")}
        return f"{path}?{urlencode(kept)}"


def asked() -> Asked:
    """What this request asks for; a day that is none gives the last thirty days."""
    today = local(now()).date()
    first, last = _day("from"), _day("to")
    span = request.args.get("days", "")
    days = int(span) if span in {str(n) for n in SPANS} else 0
    if first is None or last is None or first > last or (last - first).days > LONGEST or days:
        days = days or 30
        first, last = today - timedelta(days=days - 1), today
    given = {name: value for name in FILTERS if (value := clean(request.args.get(name, "")).strip()[:40])}
    if given.get("kind") not in KINDS:
        given.pop("kind", None)
    if given.get("cohort") != "created":
        given.pop("cohort", None)
    if given.get("solvable") != "1":
        given.pop("solvable", None)
    for name in NUMBERS:
        if name in given and not (given[name].isascii() and given[name].isdecimal() and len(given[name]) < 10):
            given.pop(name)
    narrowed = {name: int(given[name]) for name in NUMBERS if name in given}
    wanted = period(
        first, last, time_zone(), channel=given.get("channel", ""), kind=given.get("kind", ""),
        cohort=given.get("cohort", "resolved"), solvable=bool(given.get("solvable")), **narrowed,
    )  # fmt: skip
    return Asked(first, last, days, given, wanted)


def _day(name: str) -> date | None:
    try:
        found = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
    return found if 1990 < found.year < 2200 else None
