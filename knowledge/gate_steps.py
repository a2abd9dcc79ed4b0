"""The states of a release's knowledge and the steps between them, as one table that also offers the buttons.

preparing → ready → published; ready → preparing; published → preparing again by an editor, with a reason
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.directory.changes import touch
from app.core.errors import Forbidden, Invalid, NotFound, Refused, Stale
from app.core.events import record
from app.core.permissions import Actor, require
from knowledge.gate import access_release, may_override
from knowledge.gate_check import Checklist
from knowledge.gate_events import ReleasePublished
from knowledge.gate_models import PREPARING, PUBLISHED, READY, ReleaseGate


@dataclass(frozen=True)
class Step:
    """One row: from which states, to which; whether everything must be there, whether only the platform's editors may,
    whether a reason is asked for."""

    sources: tuple[str, ...]
    target: str
    complete: bool = False
    editors: bool = False
    reason: bool = False


STEPS: Mapping[str, Step] = {
    "ready": Step((PREPARING,), READY, complete=True),
    "back": Step((READY,), PREPARING),
    "publish": Step((PREPARING, READY), PUBLISHED, complete=True),
    "override": Step((PREPARING, READY), PUBLISHED, editors=True, reason=True),
    "reopen": Step((PUBLISHED,), PREPARING, editors=True, reason=True),
}


def steps_for(actor: Actor, gate: ReleaseGate, checklist: Checklist) -> list[str]:
    """The steps that the actor can take now, in the order of the table. Nobody is offered to override what is complete."""
    return [
        name
        for name, step in STEPS.items()
        if gate.state in step.sources
        and (not step.complete or checklist.green)
        and (not step.editors or may_override(actor))
        and not (name == "override" and checklist.green)
    ]


def take_step(actor: Actor, gate: ReleaseGate, name: str, checklist: Checklist, reason: str = "", version: int | None = None) -> ReleaseGate:
    """Move the release's knowledge one step. `checklist` is how it stands now; publishing sets the day of release.

    Raises NotFound for an unknown step or another's release, Forbidden, Stale, Invalid without a needed reason, Refused
    with what is missing."""
    if name not in STEPS:
        raise NotFound()
    step = STEPS[name]
    require(actor, "article.write")
    release = access_release(actor, gate.release_id)
    if step.editors and not may_override(actor):
        raise Forbidden()
    if version is not None and version != gate.version:
        raise Stale()
    if gate.state not in step.sources:
        raise Refused("这个版本现在的状态不能这样做。")
    if step.complete and not checklist.green:
        raise Refused("还差 %(n)s 项，补齐之后才能继续。", n=len(checklist.missing))
    reason = reason.strip()
    if step.reason and not reason:
        raise Invalid.of("reason", "写明原因。")
    if len(reason) > 500:
        raise Invalid.of("reason", "太长了。")
    before, gate.state = gate.state, step.target
    if step.target == READY:
        gate.ready_at = now()
    if step.target == PUBLISHED:
        gate.published_at, gate.published_by = now(), actor.name[:80]
        gate.override_reason = reason if name == "override" else ""
        gate.missing = checklist.missing if name == "override" else []
        release.released_on = release.released_on or now().date()
    elif name == "reopen":
        gate.created_at = now()  # everything is to be looked at again
        gate.published_at, gate.override_reason, gate.missing = None, "", []
    touch(release.product)  # whoever keeps the catalogue by its version asks again
    session().flush()
    missing = {"missing": len(checklist.missing)} if name == "override" else {}
    note(actor, f"gate.{name}", gate, before=before, after=gate.state, reason=reason or None, **missing)
    if step.target == PUBLISHED:
        record(ReleasePublished(gate_id=gate.id, release_id=release.id, product_id=release.product_id))
    return gate
