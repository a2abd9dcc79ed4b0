"""`flask desk fcr`: first-contact resolution from the command line, and judging everything anew."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from app.commands.output import answer, json_option, plain_errors
from app.core.clock import now
from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.fcr_reactions import judge_again
from app.queries import reports
from app.queries.report_terms import period
from workflows.models import Ticket

BATCH = 400


@click.command("fcr")
@click.option("--recompute", is_flag=True, help="Judge every issue anew, in batches.")
@click.option("--days", default=30, type=click.IntRange(1, 3660), help="Days up to today that the figures are about.")
@json_option
@with_appcontext
@plain_errors
def fcr(recompute: bool, days: int, as_json: bool) -> None:
    """Print first-contact resolution of the last days; with --recompute, judge all issues anew first."""
    judged = judge_all() if recompute else 0
    zone = ZoneInfo(current_app.extensions["settings"].time_zone)
    today = now().astimezone(zone).date()
    found = reports.fcr(SYSTEM, period(today - timedelta(days=days - 1), today, zone))
    value = {
        "judged": judged,
        "solved": found.matured.hits,
        "matured": found.matured.n,
        "rate": found.matured.rate,
        "pending": found.pending,
        "excluded": found.excluded,
    }
    rate = "—" if found.matured.rate is None else f"{found.matured.rate:.1%}"
    words = f"近 {days} 天：首解率 {rate}（{found.matured.hits}/{found.matured.n}），未到期 {found.pending}"
    answer(as_json, value, f"{words}；重算 {judged} 件。" if recompute else f"{words}。")


def judge_all() -> int:
    """Judge every issue anew, each batch in a unit of work of its own. Returns how many were judged."""
    last = judged = 0
    while True:
        rows = select(Ticket.id).where(Ticket.id > last, Ticket.merged_into_id.is_(None)).order_by(Ticket.id).limit(BATCH)
        with unit_of_work():
            ids = list(session().scalars(rows))
            judged += judge_again(ids, quiet=True)
        session().expunge_all()
        if len(ids) < BATCH:
            return judged
        last = ids[-1]
