"""Sending to colleagues directly, without a conversation: marked before the call, never sent twice unseen."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.outbox import Job, Retry, Undecided
from app.core.uow import unit_of_work
from channels.base import Outbound, SendFailed, SendUndecided
from channels.models import Account
from channels.reaching import ladder
from channels.reaching.events import OutreachMoved, RungDue
from channels.reaching.models import TRIED, OutreachRung
from channels.reaching.plans import QUIET
from channels.registry import channel_for
from channels.robot.settings import PER_MINUTE

MINUTE = timedelta(minutes=1)


def send_rung(rung_id: int, job: Job) -> None:
    """Send one rung. Raises Retry or Undecided for the outbox."""
    with unit_of_work():
        rung = session().get(OutreachRung, rung_id, with_for_update=True, populate_existing=True)
        if rung is None or rung.sending not in ("due", "sending") or rung.account is None:
            return
        free_at = _busy_until(rung) if rung.sending == "due" else None
        if free_at is not None:  # the group has had its share of this minute: it waits for the next
            record(RungDue(rung_id=rung_id), due_at=free_at)
            return
        unsure = rung.sending == "sending"
        rung.sending = "undecided" if unsure else "sending"
        if unsure:
            rung.reason = "发送中断，不知道对方是否已经收到。"
            record(OutreachMoved(outreach_id=rung.outreach_id))
        else:
            rung.sent_at = now()
    if unsure:
        raise Undecided("interrupted while sending")
    rung = session().get_one(OutreachRung, rung_id)
    account, message = session().get_one(Account, rung.account_id), _outbound(rung, job)
    session().expunge(account)
    session().rollback()
    try:
        channel_for(account.kind).send(account, message)
    except SendUndecided as problem:
        with unit_of_work():
            rung = _settle(rung_id, "undecided", problem.reason)
        raise Undecided(str(problem)) from None
    except SendFailed as problem:
        if problem.final or job.last:
            with job.done():
                ladder.failed(_settle(rung_id, "failed", problem.reason), problem.reason)
            return
        with unit_of_work():
            _settle(rung_id, "due", problem.reason)
        raise Retry(str(problem)) from None
    with job.done():
        rung = _settle(rung_id, "sent", "")
        rung.sent_at = now()
        if account.kind == "robot":
            ladder.arrived(rung, "群里已经发出。")
        elif ladder.silence_is_arrival(rung) and rung.outreach.state == "open":
            ladder.again(rung, now() + QUIET.settle)


def _outbound(rung: OutreachRung, job: Job) -> Outbound:
    outreach, account = rung.outreach, rung.account
    assert account is not None
    words = ladder.said(outreach)
    domain = str(account.settings.get("address", "")).rpartition("@")[2] or "huiyin.invalid"
    short = account.kind == "sms"
    person = outreach.user or outreach.contact
    return Outbound(
        external_id=f"reach-{outreach.id}.{uuid.uuid4().hex}@{domain}", key=job.key, to=rung.address,
        to_name=person.label if person else "", subject=words.get("subject", ""), text=(short and words.get("short")) or words["text"],
        is_auto=True,
        meta={
            "purpose": outreach.purpose, "params": dict(outreach.params),
            **ladder.way_out(words),
            **({"list_id": f"{outreach.purpose}.{domain}"} if outreach.user_id is not None else {}),
        },
    )  # fmt: skip


def _settle(rung_id: int, sending: str, reason: str) -> OutreachRung:
    rung = session().get_one(OutreachRung, rung_id, with_for_update=True, populate_existing=True)
    rung.sending = sending
    if rung.state == TRIED:
        rung.reason = reason[:600]
    session().flush()
    record(OutreachMoved(outreach_id=rung.outreach_id))
    return rung


def _busy_until(rung: OutreachRung) -> datetime | None:
    """When the robot may speak again; None while it has not said too much in the last minute."""
    account = rung.account
    if account is None or account.kind != "robot":
        return None
    most = int(account.settings.get("per_minute") or PER_MINUTE)
    lately = select(OutreachRung.sent_at).where(OutreachRung.account_id == account.id, OutreachRung.sent_at > now() - MINUTE)
    moments = sorted(m for m in session().scalars(lately) if m is not None)
    return moments[-most] + MINUTE if len(moments) >= most else None
