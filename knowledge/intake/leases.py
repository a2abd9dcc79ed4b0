"""Which worker works on which import, so that two never do the same and a dead one holds up nothing."""

from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select, update

from app.core.clock import now
from app.core.db import session
from app.core.errors import Refused
from app.core.outbox import HOLDER, vanished
from app.core.people import User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from knowledge.intake_models import BUSY, ImportJob

LEASE = timedelta(minutes=5)


def claim() -> int | None:
    """The id of an import that waits for a worker; it is this worker's for a while."""
    moment = now()
    with unit_of_work() as s:
        free = or_(ImportJob.leased_until.is_(None), ImportJob.leased_until < moment)
        wanted = select(ImportJob.id).where(ImportJob.state.in_(BUSY), free).order_by(ImportJob.id).limit(1).with_for_update(skip_locked=True)
        found = s.scalar(wanted)
        if found is not None:
            values = {"leased_until": moment + LEASE, "holder": HOLDER}
            s.execute(update(ImportJob).where(ImportJob.id == found).values(values).execution_options(synchronize_session=False))
    return found


def release_vanished() -> int:
    """Give back at once the imports of workers of this machine that are gone; called when a worker starts."""
    freed = 0
    with unit_of_work() as s:
        for job in s.scalars(select(ImportJob).where(ImportJob.state.in_(BUSY), ImportJob.leased_until.is_not(None))):
            if vanished(job.holder):
                job.leased_until, job.holder = None, ""
                freed += 1
    return freed


def renew(job_id: int, **values: Any) -> None:
    """The import stays this worker's for another while; `values` are how far it is. In a unit of work."""
    changed = {"leased_until": now() + LEASE, **values}
    session().execute(update(ImportJob).where(ImportJob.id == job_id).values(changed).execution_options(synchronize_session=False))


def actor_of(job: ImportJob) -> Actor:
    """Whoever asked for it, with the rights that they have now."""
    user = session().get(User, job.user_id) if job.user_id else None
    if user is None or not user.active:
        raise Refused("导入的人已停用，没有继续。")
    return user.actor("worker")
