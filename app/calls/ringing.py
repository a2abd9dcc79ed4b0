"""A telephone rings: the open pages of the one whom it rings for are told, and nobody else's. What they show they fetch."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from app.core.db import session
from channels.calls.models import Call

STATES = {"CallRang": "ring", "CallAnswered": "talk", "CallEnded": "end"}
MOST_KEPT = 500


def phone_of(user_id: int) -> str:
    """The room of all pages of a user."""
    return f"phone:{user_id}"


class Bell:
    """Follows the events of calls. Where a call rang before is remembered, so that it stops ringing there when a
    colleague takes it; after a restart the page itself sees that the call is over."""

    def __init__(self, server: Any, space: str) -> None:
        self._server, self._space = server, space
        self._rang: OrderedDict[int, set[int]] = OrderedDict()

    def heed(self, fresh: Sequence[Any]) -> int:
        """Tell the pages concerned `ring` {"call", "state"}: ring, talk, end, or gone (a colleague has it, or nobody
        rings any more). Returns how many users were told. Needs an app context."""
        told = 0
        for row in fresh:
            state = STATES.get(row.name)
            if state is None or row.subject_id is None:
                continue
            user_id = row.payload.get("user_id")
            if state == "end":
                call = session().get(Call, row.subject_id)
                user_id = call.user_id if call is not None else None
            told += self._tell(row.subject_id, state, user_id)
        return told

    def _tell(self, call_id: int, state: str, user_id: int | None) -> int:
        others = self._rang.pop(call_id, set()) - {user_id}
        if state == "ring":
            self._rang[call_id] = others | ({user_id} if user_id else set())
            others = set()
            while len(self._rang) > MOST_KEPT:
                self._rang.popitem(last=False)
        elif state == "talk" and user_id:
            self._rang[call_id] = {user_id}
        for other in others:
            self._emit(call_id, "gone", other)
        if user_id:
            self._emit(call_id, state, user_id)
        return len(others) + bool(user_id)

    def _emit(self, call_id: int, state: str, user_id: int) -> None:
        self._server.emit("ring", {"call": call_id, "state": state}, to=phone_of(user_id), namespace=self._space)
