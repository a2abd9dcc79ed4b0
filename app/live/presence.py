"""Tells the pages of a ticket who else looks at it. Each web process asks the small table of all processes once a
second, and only while one of its own pages shows a ticket."""

import threading
import time
from typing import Any

from app.core import lookers
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.live.watching import may_watch

EVERY_SECONDS, KEEP_SECONDS = 1.0, 20.0
People = list[dict[str, Any]]


class Board:
    """Which ticket each page of this process shows, and what was last said about it."""

    def __init__(self, server: Any, space: str) -> None:
        self._server, self._space = server, space
        self._looking: dict[str, int] = {}
        self._told: dict[int, People] = {}
        self._mark: Any = None
        self._next_look = self._next_keep = 0.0
        self._lock = threading.RLock()

    def look(self, sid: str, actor: Actor, ticket_id: int, writing: bool) -> bool:
        """A page of the desk shows a ticket. False where the actor may not read it, and for customers: who of the desk
        is at it, and whether they write, is among colleagues."""
        if actor.id is None or not actor.can("desk.use") or not may_watch(actor, "ticket", ticket_id):
            return False
        with unit_of_work():
            lookers.look(actor, sid, ticket_id, writing)
        with self._lock:
            before = self._looking.get(sid)
            if before is not None and before != ticket_id:
                self._server.leave_room(sid, _room(before), namespace=self._space)
            self._looking[sid] = ticket_id
            self._server.enter_room(sid, _room(ticket_id), namespace=self._space)
            self._told.pop(ticket_id, None)  # the newcomer has not heard anything yet
            self._mark, self._next_look = None, 0.0
        return True

    def leave(self, sid: str) -> None:
        """A page is gone."""
        with self._lock:
            known = self._looking.pop(sid, None)
        if known is not None:
            with unit_of_work():
                lookers.leave([sid])

    def leave_all(self) -> None:
        """The process ends: nobody of it is seen any more."""
        with self._lock:
            sids = list(self._looking)
            self._looking.clear()
        if sids:
            with unit_of_work():
                lookers.leave(sids)

    def tick(self, moment: float | None = None) -> int:
        """Look, at most once a second, and tell what is new; returns how many tickets had news. Needs an app context."""
        moment = time.monotonic() if moment is None else moment
        with self._lock:
            if not self._looking or moment < self._next_look:
                return 0
            self._next_look = moment + EVERY_SECONDS
            sids, tickets = list(self._looking), set(self._looking.values())
            keeping = moment >= self._next_keep
        if keeping:
            self._next_keep = moment + KEEP_SECONDS
            with unit_of_work():
                lookers.keep(sids)
        mark = lookers.mark()
        if mark == self._mark:
            return 0
        self._mark = mark
        return self._tell(tickets)

    def _tell(self, tickets: set[int]) -> int:
        found: dict[int, dict[int, dict[str, Any]]] = {ticket: {} for ticket in tickets}
        for row in lookers.present(tickets):
            known = found[row.ticket_id].setdefault(row.user_id, {"id": row.user_id, "name": row.name, "writing": False})
            known["writing"] = known["writing"] or row.writing
        told = 0
        for ticket, people in found.items():
            if self._told.get(ticket) != (now_here := list(people.values())):
                self._told[ticket], told = now_here, told + 1
                self._server.emit(
                    "present", {"ticket": ticket, "people": now_here}, to=_room(ticket), namespace=self._space
                )
        self._told = {ticket: said for ticket, said in self._told.items() if ticket in tickets}
        return told


def _room(ticket_id: int) -> str:
    return f"looking:{ticket_id}"
