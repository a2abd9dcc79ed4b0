"""The views of calls, as tabs over each of their pages."""

from typing import Any

from flask_babel import gettext as _

from app.core.permissions import Actor
from app.queries import call_tasks as queue
from app.web import call_words
from app.web.desk_show import query


def tabs(actor: Actor, here: str) -> list[dict[str, Any]]:
    """The views of calls, with how many calls are to be made."""
    counts = queue.counts(actor)
    listed = [
        {"key": f"task-{key}", "label": str(label), "url": query("/desk/calls", view=key if key != "open" else None),
         "count": counts.get(key), "tone": "bad" if key == "late" else ""}
        for key, label in call_words.TASK_VIEWS.items()
    ]  # fmt: skip
    listed += [
        {"key": f"call-{key}", "label": str(label), "url": query("/desk/calls/log", view=key if key != "all" else None), "count": None}
        for key, label in call_words.VIEWS.items()
    ]
    if actor.can("ticket.work") or actor.can("report.read"):
        listed.append({"key": "wrap-ups", "label": _("待小结"), "url": "/desk/wrap-ups", "count": None})
    return [tab | {"here": tab["key"] == here} for tab in listed]
