"""Counters: places where people come to, each with a code that opens our door with the place filled in; and codes that
somebody has just scanned, remembered until their next words."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.audit import note
from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, Versioned, session
from app.core.errors import Invalid, NotFound
from app.core.events import record
from app.core.installed_base import Device
from app.core.people import Identity, Organisation
from app.core.permissions import Actor, require
from app.core.text import clean
from channels.events import CounterCodeWanted
from channels.models import Account

REMEMBERED = timedelta(minutes=30)
"""How long after a scan the next words are taken to be about what was scanned."""
SCENE = "counter:"


class Counter(Versioned, Base):
    """A place with a code on the wall. `slug` is the unguessable word in it; `organisation` whose house it stands in.
    `account`: the official account that its code leads to, by the address in `code` (None until the platform gave it,
    with the reason in `error`, packed); without an account the code leads to the form of the portal."""

    __tablename__ = "counter"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(CleanText(32), unique=True, default=lambda: secrets.token_urlsafe(9))
    name: Mapped[str] = mapped_column(CleanText(80))
    place: Mapped[str] = mapped_column(CleanText(200), default="")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    code: Mapped[str | None] = mapped_column(CleanText(400))
    error: Mapped[str | None] = mapped_column(CleanText(500))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    organisation: Mapped[Organisation | None] = relationship()
    account: Mapped[Account | None] = relationship()

    @property
    def label(self) -> str:
        return self.name

    @property
    def scene(self) -> str:
        """What an official account's code says when it is scanned (at most 64 characters)."""
        return f"{SCENE}{self.slug}"


class Scan(Base):
    """What a person scanned last: a counter's code or a machine's."""

    __tablename__ = "scan"
    identity_id: Mapped[int] = mapped_column(ForeignKey("identity.id", ondelete="CASCADE"), primary_key=True)
    counter_id: Mapped[int | None] = mapped_column(ForeignKey("counter.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)


def set_counter(
    actor: Actor, counter: Counter | None, *, name: str, place: str = "", organisation_id: int | None = None, account_id: int | None = None
) -> Counter:
    """Make a counter, or change one. Raises Invalid with the field."""
    require(actor, "counter.manage")
    name, place = " ".join(clean(name).split())[:80], " ".join(clean(place).split())[:200]
    if not name:
        raise Invalid.of("name", "给柜台起个名字，例如「一号厂房服务台」。")
    account = session().get(Account, account_id) if account_id else None
    if account_id and (account is None or account.kind != "wechat" or not account.active):
        raise Invalid.of("account", "没有这个公众号。")
    row = counter or Counter()
    other = row.account_id != account_id
    row.name, row.place, row.organisation_id, row.account_id = name, place, organisation_id, account_id
    if other:
        row.code = row.error = None
    session().add(row)
    session().flush()
    note(actor, "counter.changed" if counter else "counter.added", row, after=name)
    if account is not None and row.code is None:
        record(CounterCodeWanted(counter_id=row.id))
    return row


def set_counter_active(actor: Actor, counter: Counter, active: bool) -> None:
    """Close a counter: its code leads to the plain form from then on. Its requests keep it."""
    require(actor, "counter.manage")
    if counter.active != active:
        counter.active = active
        session().flush()
        note(actor, "counter.opened" if active else "counter.closed", counter)


def ask_for_code(actor: Actor, counter: Counter) -> None:
    """Ask the platform once more for a code that it did not give."""
    require(actor, "counter.manage")
    if counter.account_id is not None and counter.code is None:
        counter.error = None
        session().flush()
        record(CounterCodeWanted(counter_id=counter.id))


def access_counter(actor: Actor, counter_id: int) -> Counter:
    """A counter by its id. Raises NotFound."""
    require(actor, "counter.manage")
    found = session().get(Counter, counter_id)
    if found is None:
        raise NotFound()
    return found


def find_counter(slug: str) -> Counter | None:
    """The open counter of a code; None for anything else."""
    slug = clean(slug)[:32]
    return session().scalar(select(Counter).where(Counter.slug == slug, Counter.active.is_(True))) if slug else None


def list_counters() -> list[Counter]:
    """All counters: the open ones first, by name."""
    return list(session().scalars(select(Counter).order_by(Counter.active.desc(), Counter.name, Counter.id)))


def remember_scan(identity: Identity, meta: dict[str, Any]) -> Scan | None:
    """Note what a platform says that somebody scanned (`device` or `counter`, see channels.wechat.mapping.scene_of).
    None where the code is none of ours."""
    counter = find_counter(str(meta.get("counter") or ""))
    tag = clean(str(meta.get("device") or ""))[:32]
    device = session().scalar(select(Device).where(Device.tag == tag)) if tag else None
    if counter is None and device is None:
        return None
    row = session().get(Scan, identity.id)
    if row is None:
        row = Scan(identity_id=identity.id)
        session().add(row)
    row.counter_id, row.device_id, row.at = counter.id if counter else None, device.id if device else None, now()
    session().flush()
    return row


def recent_scan(identity_id: int | None) -> Scan | None:
    """What a person scanned just now, or nothing. It counts for one ticket: whoever uses it calls forget_scan()."""
    row = session().get(Scan, identity_id) if identity_id is not None else None
    return row if row is not None and now() - row.at <= REMEMBERED else None


def forget_scan(scan: Scan) -> None:
    session().delete(scan)
    session().flush()
