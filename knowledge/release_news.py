"""Which releases are out, and who follows those of a product.

A release whose knowledge is being prepared (`ReleaseGate` not published) is not out, whatever day stands in the catalogue:
those who prepare it and the desk see it without a day, nobody else sees it at all. One that has no gate is out on its day.
"""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, false, or_, select, true

from app.core.catalogue import Product, Release
from app.core.clock import now
from app.core.db import session
from app.core.directory.access import circle
from app.core.errors import Forbidden
from app.core.installed_base import Contract, Device
from app.core.permissions import Actor
from app.core.turns import in_turn
from knowledge.community.access import person
from knowledge.gate_models import PUBLISHED, ReleaseGate
from knowledge.mark_models import FOLLOW, PRODUCT, RELEASE, SEEN, PersonMark

NEW_FOR = timedelta(days=30)
NOTED_FOR = timedelta(days=7)
"""So long the desk is told of a release that somebody has not yet waved away."""


def behind_gate() -> Select[int]:
    """Numbers of the releases that wait for their gate."""
    return select(ReleaseGate.release_id).where(ReleaseGate.state != PUBLISHED)


def waiting_among(release_ids: Iterable[int]) -> set[int]:
    """Those of the releases that wait for their gate. One statement."""
    wanted = list(release_ids)
    return set(session().scalars(behind_gate().where(ReleaseGate.release_id.in_(wanted)))) if wanted else set()


def sees_waiting(actor: Actor, product: Product) -> bool:
    """Whether somebody may know of a release before it is out: the desk, and the product's supplier."""
    where = circle(actor)
    return where in ("staff", "manager") or (where == "supplier" and product.supplier_id == actor.organisation_id)


def out(product_id: int, limit: int) -> list[Release]:
    """The releases of a product that are out, the latest first."""
    rows = select(Release).where(
        Release.product_id == product_id, Release.released_on <= now().date(), Release.id.not_in(behind_gate())
    )
    return list(session().scalars(rows.order_by(Release.released_on.desc(), Release.id.desc()).limit(limit)))


def is_new(release: Release) -> bool:
    return release.released_on is not None and now().date() - release.released_on <= NEW_FOR


def concerned(organisation_id: int | None, product_id: int) -> bool:
    """Whether a client has a device, or a contract in force, of this product."""
    if organisation_id is None:
        return False
    today = now().date()
    device = select(Device.id).where(Device.organisation_id == organisation_id, Device.product_id == product_id)
    contract = select(Contract.id).where(
        Contract.organisation_id == organisation_id, or_(Contract.product_id == product_id, Contract.product_id.is_(None)),
        Contract.starts_on <= today, or_(Contract.ends_on.is_(None), Contract.ends_on >= today),
    )  # fmt: skip
    return session().scalar(device.limit(1)) is not None or session().scalar(contract.limit(1)) is not None


def may_follow(actor: Actor, product: Product) -> bool:
    """Whoever uses the product, answers for it, or makes it."""
    if actor.kind not in ("user", "visitor") or actor.id is None:
        return False
    return (actor.kind == "user" and sees_waiting(actor, product)) or concerned(actor.organisation_id, product.id)


def follows(actor: Actor, product: Product) -> bool:
    return _mark(actor, product) is not None


def follow(actor: Actor, product: Product, wanted: bool | None = None) -> bool:
    """Follow the releases of a product, or no longer. `wanted`: which of the two, so that saying it twice is the same as
    once; None turns it round. True when they are followed now. Raises Forbidden."""
    in_turn(actor)
    found = _mark(actor, product)
    wanted = found is None if wanted is None else wanted
    if wanted is (found is not None):
        return wanted
    if found is not None:
        session().delete(found)
        session().flush()
        return False
    if not may_follow(actor, product):
        raise Forbidden()
    kind, number = person(actor)
    session().add(PersonMark(mark=FOLLOW, about=PRODUCT, about_id=product.id, person_kind=kind, person_id=number))
    session().flush()
    return True


def _mark(actor: Actor, product: Product) -> PersonMark | None:
    kind, number = person(actor)
    return session().scalar(
        select(PersonMark).where(
            PersonMark.mark == FOLLOW, PersonMark.about == PRODUCT, PersonMark.about_id == product.id,
            PersonMark.person_kind == kind, PersonMark.person_id == number,
        )
    )  # fmt: skip


def followers(product_id: int, after: int = 0, limit: int | None = None) -> list[PersonMark]:
    """The follow marks on a product from the one after `after` on, in the order in which they were made."""
    rows = select(PersonMark).where(PersonMark.mark == FOLLOW, PersonMark.about == PRODUCT, PersonMark.about_id == product_id)
    return list(session().scalars(rows.where(PersonMark.id > after).order_by(PersonMark.id).limit(limit)))


def unseen(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """Conditions on ReleaseGate: published these days, and not yet waved away by this colleague. Nothing for customers."""
    where, since = circle(actor), now() - NOTED_FOR
    own: ColumnElement[bool] = true() if where in ("staff", "manager") else false()
    if where == "supplier":
        theirs = select(Release.id).join(Product, Product.id == Release.product_id).where(Product.supplier_id == actor.organisation_id)
        own = ReleaseGate.release_id.in_(theirs)
    seen = select(PersonMark.about_id).where(
        PersonMark.mark == SEEN, PersonMark.about == RELEASE, PersonMark.person_kind == actor.kind, PersonMark.person_id == actor.id
    )
    return ReleaseGate.state == PUBLISHED, ReleaseGate.published_at > since, own, ReleaseGate.id.not_in(seen)


def noted(actor: Actor, limit: int = 3) -> list[ReleaseGate]:
    """The releases that this colleague is to hear of at the desk, the latest first."""
    rows = select(ReleaseGate).where(*unseen(actor)).order_by(ReleaseGate.published_at.desc()).limit(limit)
    return list(session().scalars(rows))


def wave_away(actor: Actor, gate_id: int) -> None:
    """This colleague has seen the notice. Harmless to repeat."""
    in_turn(actor)
    gate = session().scalar(select(ReleaseGate).where(*unseen(actor), ReleaseGate.id == gate_id)) if 0 < gate_id < 2**31 else None
    if gate is not None and actor.id is not None:
        session().add(PersonMark(mark=SEEN, about=RELEASE, about_id=gate.id, person_kind=actor.kind, person_id=actor.id))
        session().flush()
