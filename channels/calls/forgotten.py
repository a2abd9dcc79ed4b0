"""Calls whose end was never told: after hours they are taken to be over, so that nobody's screen shows them for ever."""

from datetime import timedelta

from sqlalchemy import func, select

from app.core.clock import now
from app.core.db import session
from channels.calls.live import live_row
from channels.calls.models import Call
from channels.calls.storing import store_rows
from channels.models import Account

MOST = 200


def end_forgotten() -> int:
    """End live calls that are older than their account allows, within the caller's unit of work. Returns how many."""
    ended = 0
    for account in session().scalars(select(Account).where(Account.kind == "calls").order_by(Account.id)).all():
        hours = int(account.settings.get("live_hours") or 6)
        before = now() - timedelta(hours=hours)
        begun = func.coalesce(Call.started_at, Call.answered_at, Call.created_at)
        rows = select(Call).where(Call.account_id == account.id, Call.outcome.is_(None), begun < before)
        calls = session().scalars(rows.order_by(Call.id).limit(MOST)).all()
        found = [
            live_row(c.external_id, "hangup", (c.answered_at or c.started_at or c.created_at).timestamp(), {"meta": {"end_unknown": True}})
            for c in calls
        ]
        store_rows(account, found)
        ended += len(found)
    return ended
