"""Codes of ours that people scan with WeChat: the counter or the machine that they stand before goes into what they say next."""

from dataclasses import dataclass

from app.core.db import session
from app.core.installed_base import Device
from app.core.outbox import Job, outside
from app.core.people import Identity
from channels.base import SendFailed
from channels.counters import Counter, forget_scan, recent_scan, remember_scan
from channels.events import CounterCodeWanted, SignalHeard
from channels.models import Conversation
from channels.registry import channel_for


@dataclass(frozen=True)
class Seen:
    """What a person stands before."""

    device: Device | None = None
    counter: Counter | None = None

    @property
    def organisation_id(self) -> int | None:
        """In whose house that is."""
        return self.device.organisation_id if self.device else self.counter.organisation_id if self.counter else None


def note_scan(event: SignalHeard) -> None:
    """A reaction: somebody scanned a code of ours, following us by it or not."""
    if event.identity_id is None or event.kind not in ("scanned", "followed"):
        return
    identity = session().get(Identity, event.identity_id)
    if identity is not None:
        remember_scan(identity, event.meta)


def take_scan(conversation: Conversation) -> Seen:
    """What the person of a conversation has just scanned, for the ticket that is opened now."""
    scan = recent_scan(conversation.identity_id)
    if scan is None:
        return Seen()
    seen = Seen(
        session().get(Device, scan.device_id) if scan.device_id else None,
        session().get(Counter, scan.counter_id) if scan.counter_id else None,
    )
    forget_scan(scan)
    return seen


@outside
def fetch_code(event: CounterCodeWanted, job: Job) -> None:
    """Ask the official account for the code of a counter; it is good for ever."""
    counter = session().get(Counter, event.counter_id)
    account = counter.account if counter is not None else None
    if counter is None or account is None or counter.code is not None:
        with job.done():
            return
    make, scene = getattr(channel_for(account.kind), "lasting_code", None), counter.scene
    session().expunge(account)
    session().rollback()
    code, error = None, ""
    try:
        if make is None:
            raise SendFailed("这个渠道没有二维码。", final=True)
        code = make(account, scene)
    except SendFailed as problem:
        if not (problem.final or job.last):
            raise
        error = problem.reason
    with job.done():
        row = session().get(Counter, event.counter_id)
        if row is not None and row.account_id == account.id:
            row.code, row.error = code, error or None
