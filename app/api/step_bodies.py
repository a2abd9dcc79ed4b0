"""The bodies of steps: one shape for both laws, of which each step reads what it needs. What a step lacks is said by the
law itself, so that API and pages ask for the same."""

from collections.abc import Mapping
from typing import Any

from marshmallow import pre_load

from app.api.fields import Amount, ApiSchema, Choice, IdOrName, Near, Part, Rows, Text, Whole, Yes
from workflows.kinds import CATEGORIES, IMPACTS, KINDS
from workflows.order_kinds import RELATIONS, WARRANTIES, WORKS

MOST_FILES = 20


class Window(ApiSchema):
    """When somebody comes."""

    begin = Near(data_key="from", attribute="from")
    end = Near(data_key="to", attribute="to")


class WrapUp(ApiSchema):
    """What an issue was about: 小结."""

    category = Choice(list(CATEGORIES))
    cause = Text(300)
    product = IdOrName(metadata={"description": "id or code"})
    articles = Rows(Whole(1), MOST_FILES, metadata={"description": "ids of the articles that solved it"})

    @pre_load
    def leave_out_null(self, data: Any, **rest: Any) -> Any:
        return _without_null(data)


class StepBody(ApiSchema):
    """What a step is told. Each step reads the fields that it needs and leaves the others aside."""

    reason = Text(2000)
    assignee = IdOrName(metadata={"description": "id or login name of a person"})
    team = IdOrName(metadata={"description": "id or name of a team"})
    window = Part(Window)
    resolution = Text()
    wrap_up = Part(WrapUp)
    kind = Choice(list(KINDS), metadata={"description": "the kind, where it turned out to be another"})
    restored_at = Near(metadata={"description": "when production ran again"})
    boxes = Rows(Text(60), 60, metadata={"description": "codes of the kind's checklist that were done"})
    skipped = Text(300, metadata={"description": "why the other boxes were not"})
    into = IdOrName(32, metadata={"description": "number of the ticket that takes this one in"})
    subject = Text(300, metadata={"description": "title of the ticket that is split off"})
    to = Text(16, metadata={"description": "raise: second_line (when left out) or supervisor"})
    party = Text(16, metadata={"description": "who or what is waited for; who wants another window"})
    until = Near()
    result = Text(16, metadata={"description": "close: answered, silence, unreachable; leave: done, part, again, absent, not_ready"})
    rating = Whole(1, 5)
    comment = Text(2000)
    why = Text(16, metadata={"description": "reject: not_ours, capacity, area, unclear, other; unable: no_part, unsafe, declined, beyond, other"})
    technician = IdOrName(metadata={"description": "id or login name"})
    solution = Text(8000)
    code = Text(12, metadata={"description": "the six digits that the customer has"})
    evidence = Rows(Whole(1), MOST_FILES, metadata={"description": "ids of uploaded photos"})
    signature = Whole(1, metadata={"description": "id of the uploaded signature"})
    place = Text(300)
    steps = Text(8000, metadata={"description": "the plan, a line a step"})
    simple = Yes(metadata={"description": "plan by the standard procedure of the work"})
    warranty = Choice(list(WARRANTIES))
    parts = Rows(Text(200), 100)
    cost = Amount(metadata={"description": "what the customer would pay"})
    product = IdOrName(metadata={"description": "id or code"})
    supplier = IdOrName(metadata={"description": "id or name"})
    work = Choice(list(WORKS))
    relation = Choice(list(RELATIONS))
    other = IdOrName(32, metadata={"description": "number of the order that this one goes after or with"})

    @pre_load
    def leave_out_null(self, data: Any, **rest: Any) -> Any:
        return _without_null(data)


class EscalateBody(ApiSchema):
    """A new service order."""

    reason = Text(8000, metadata={"description": "what is to be done"})
    product = IdOrName(metadata={"description": "id or code; the ticket's when left out"})
    supplier = IdOrName(metadata={"description": "id or name; found by contract and product when left out"})
    work = Choice(list(WORKS))
    relation = Choice(list(RELATIONS))
    other = IdOrName(32, metadata={"description": "number of the order that this one goes after or with"})
    place = Text(300)

    @pre_load
    def leave_out_null(self, data: Any, **rest: Any) -> Any:
        return _without_null(data)


class ArticleStepBody(ApiSchema):
    """Why: asked for when an article is retired or returned."""

    reason = Text(300)


class Impact(Choice):
    """How bad it is."""

    def __init__(self, **given: Any) -> None:
        super().__init__(list(IMPACTS), **given)


TICKET_STEPS: Mapping[str, tuple[str, ...]] = {
    "dispatch": ("assignee", "team"),
    "start": (),
    "solve_now": ("resolution", "wrap_up", "kind", "restored_at", "boxes", "skipped"),
    "resolve": ("resolution", "wrap_up", "kind", "restored_at", "boxes", "skipped"),
    "transfer": ("assignee", "team"),
    "return": (),
    "escalate": ("product", "supplier", "work", "relation", "other", "place"),
    "raise": ("to",),
    "urge": (),
    "supervise": ("until",),
    "extend": ("until",),
    "hold": ("party", "until"),
    "resume": (),
    "close": ("result", "rating", "comment"),
    "reopen": (),
    "cancel": (),
    "merge": ("into",),
    "unmerge": (),
    "split": ("subject",),
}
"""What each step of the ticket law reads besides `reason`, which all keep in the trail."""

ORDER_STEPS: Mapping[str, tuple[str, ...]] = {
    "accept": (),
    "reject": ("why",),
    "assign": ("technician",),
    "appoint": ("window",),
    "reappoint": ("window", "party"),
    "plan": ("steps", "simple", "warranty", "parts", "cost"),
    "depart": (),
    "arrive": ("place",),
    "leave": ("result",),
    "start": (),
    "deliver": ("solution", "code"),
    "pass": (),
    "rework": (),
    "close": (),
    "hold": ("party", "until"),
    "resume": (),
    "extend": ("until",),
    "unable": ("why",),
    "cancel": (),
}
"""Likewise for orders. `evidence` and `signature` of arrive, leave and deliver are kept beside the order."""

WITH_EVIDENCE = frozenset({"arrive", "leave", "deliver"})
USUAL: Mapping[tuple[str, str], str] = {("raise", "to"): "second_line", ("reject", "why"): "other", ("unable", "why"): "other"}
"""What a step takes where the caller leaves it open."""


def given_for(step: str, names: tuple[str, ...], body: Mapping[str, Any]) -> dict[str, Any]:
    """What the step reads of a body; texts without the blanks around them, so that blanks are nothing."""
    told = {name: body[name] for name in ("reason", *names) if name in body}
    told = {name: value.strip() if isinstance(value, str) else value for name, value in told.items()}
    for (of, name), usual in USUAL.items():
        if of == step and not told.get(name):
            told[name] = usual
    return told


def _without_null(data: Any) -> Any:
    """null is the same as not given."""
    return {name: value for name, value in data.items() if value is not None} if isinstance(data, Mapping) else data


