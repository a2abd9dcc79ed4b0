"""The audit trail as lists: who did what to what, newest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from app.core.audit import AuditRow
from app.core.db import session


@dataclass(frozen=True)
class AuditPage:
    """Some entries, the newest first; `next` is the id to go on before."""

    rows: list[AuditRow]
    next: int | None


def audit_rows(
    *,
    text: str = "",
    actor: str = "",
    action: str = "",
    subject: str = "",
    subject_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> AuditPage:
    """Entries by `text` (a part of the actor's name, the subject's label or the reason), the actor's name (a part of it), action ("user." finds all that begin so), subject's table and id,
    and moments from `since` up to but not including `until` (aware); keyset paging by id."""
    wanted = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit + 1)
    if text:
        columns = (AuditRow.actor_name, AuditRow.label, AuditRow.reason)
        wanted = wanted.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
    if actor:
        wanted = wanted.where(AuditRow.actor_name.icontains(actor, autoescape=True))
    if action.endswith("."):
        wanted = wanted.where(AuditRow.action.startswith(action, autoescape=True))
    elif action:
        wanted = wanted.where(AuditRow.action == action)
    if subject:
        wanted = wanted.where(AuditRow.subject == subject)
    if subject_id is not None:
        wanted = wanted.where(AuditRow.subject_id == subject_id)
    if since is not None:
        wanted = wanted.where(AuditRow.at >= since)
    if until is not None:
        wanted = wanted.where(AuditRow.at < until)
    if before is not None:
        wanted = wanted.where(AuditRow.id < before)
    rows = list(session().scalars(wanted))
    return AuditPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def audit_actions() -> list[str]:
    """Every action that was ever noted, for a select."""
    return list(session().scalars(select(AuditRow.action).distinct().order_by(AuditRow.action)))


def audit_subjects() -> list[str]:
    """Every kind of row that was ever noted, for a select."""
    found = session().scalars(
        select(AuditRow.subject).where(AuditRow.subject.is_not(None)).distinct().order_by(AuditRow.subject)
    )
    return [subject for subject in found if subject]
