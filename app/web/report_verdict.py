"""The verdict of one ticket as its page shows it: what it is, why, and which later contacts somebody should decide on."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app import viewer
from app.core.clock import now
from app.core.db import session
from app.fcr_reactions import judge_again
from app.queries import fcr_facts
from app.web import report_words as words
from workflows import fcr
from workflows.access import readable_tickets
from workflows.fcr_models import FcrVerdict, RepeatDecision
from workflows.models import FIRST_NUMBER, Ticket

MOST = 5


def verdict(row: FcrVerdict) -> dict[str, Any]:
    """A stored verdict in words, with its reasons."""
    label, tone, icon = words.VERDICTS[row.verdict]
    reasons = [
        {"text": words.reason(r["code"]), "at": datetime.fromisoformat(r["at"]), "number": r["ticket"] + FIRST_NUMBER if r.get("ticket") else None}
        for r in row.reasons[:MOST]
    ]
    if (rest := len(row.reasons) - MOST) > 0:
        reasons.append({"text": _("还有 %(n)s 项", n=rest), "at": None, "number": None})
    if row.verdict == fcr.EXCLUDED:
        reasons = [{"text": words.exclusion(row.excluded_as), "at": row.counted_at, "number": None}]
    return {"key": row.verdict, "label": str(label), "tone": tone, "icon": icon, "reasons": reasons, "matures_at": row.matures_at, "solvable": row.solvable}


def panel(ticket_id: int) -> dict[str, Any] | None:
    """What reports/_verdict.html reads for a ticket whose page the viewer may see; None while there is no verdict."""
    row = session().get(FcrVerdict, ticket_id)
    if row is None:
        return None
    number = ticket_id + FIRST_NUMBER
    shown = verdict(row)
    return {
        **shown,
        "number": number,
        "window": _("%(n)s 天", n=fcr.windows().of(row.kind).days),
        "possible": _possible(ticket_id) if row.possible else [],
        "decided": _decided(ticket_id),
        "decide_url": f"/desk/tickets/{number}/repeats" if viewer.current_actor().can("ticket.work") else None,
    }


def _contacts(ticket_id: int) -> list[fcr.Later]:
    found = fcr_facts.gather([ticket_id])
    judged = fcr.judge(found[0].facts, now(), fcr.windows()) if found else None
    return list(judged.possible) if judged else []


def _possible(ticket_id: int) -> list[dict[str, Any]]:
    later = _contacts(ticket_id)
    ids = [c.ticket_id for c in later if c.ticket_id]
    rows = readable_tickets(viewer.current_actor()).where(Ticket.id.in_(ids))
    seen = {t.id: t for t in session().scalars(rows)}
    return [
        {
            "number": seen[c.ticket_id].number if c.ticket_id else None,
            "subject": seen[c.ticket_id].subject if c.ticket_id else _("一次没有工单的来访"),
            "url": f"/desk/tickets/{seen[c.ticket_id].number}" if c.ticket_id else None,
            "session": c.session_id,
            "at": c.at,
        }
        for c in later
        if c.ticket_id is None or c.ticket_id in seen
    ]


def _decided(ticket_id: int) -> list[dict[str, Any]]:
    rows = select(RepeatDecision).where(RepeatDecision.ticket_id == ticket_id).order_by(RepeatDecision.id)
    return [
        {"number": d.later_ticket_id + FIRST_NUMBER if d.later_ticket_id else None, "session": d.later_session_id,
         "same": d.same, "who": d.decided_by, "at": d.decided_at}
        for d in session().scalars(rows)
    ]  # fmt: skip


def is_possible(ticket: Ticket, other: Ticket | None, talked: int | None) -> bool:
    """Whether this contact is one that somebody may decide on: one that is asked about, or was decided before."""
    wanted = (other.id if other else None, None if other else talked)
    asked = {(c.ticket_id, c.session_id) for c in _contacts(ticket.id)}
    done = select(RepeatDecision.later_ticket_id, RepeatDecision.later_session_id).where(RepeatDecision.ticket_id == ticket.id)
    return wanted in asked | {(row[0], row[1]) for row in session().execute(done)}


def judge_now(ticket: Ticket) -> None:
    """Show at once what a decision changes; the outbox would do it a moment later."""
    judge_again([ticket.id])
