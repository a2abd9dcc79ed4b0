"""The namespace of staff pages: who gets in, and what a page may ask for."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import g, request
from flask_socketio import Namespace

from app import viewer
from app.writing_told import tell_writing

if TYPE_CHECKING:
    from app.realtime import Hub


class Pages(Namespace):  # type: ignore[misc]  # the library has no types
    """The namespace of staff pages. Only a logged-in browser on a page of this house gets in."""

    def __init__(self, hub: "Hub", space: str) -> None:
        super().__init__(space)
        self.hub = hub

    def on_connect(self, auth: Any = None) -> bool:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return False
        viewer.load_login()
        login, actor = viewer.current_login(), viewer.current_actor()
        if login is None or g.user.must_change_password:
            return False
        self.hub.welcome(_sid(), actor, login.id)
        return True

    def on_disconnect(self, *reason: Any) -> None:
        self.hub.forget(_sid())
        self.hub.board.leave(_sid())

    def on_look(self, given: Any = None) -> dict[str, bool]:
        """{"id", "writing"} → {"ok"}: this page shows this ticket; who else does comes as `present` {"ticket", "people"}."""
        row = _row({"what": "ticket", "id": given.get("id")} if isinstance(given, dict) else None)
        actor = self.hub.actor_of(_sid())
        ok = row is not None and actor is not None and self.hub.board.look(_sid(), actor, row[1], given.get("writing") is True)
        self.hub.wake()
        if ok and row is not None and given.get("writing") is True:
            tell_writing(row[1])
        return {"ok": ok}

    def on_watch(self, given: Any = None) -> dict[str, bool]:
        """{"what", "id"} → {"ok"}: whether hints about this row will come."""
        row = _row(given)
        actor = self.hub.actor_of(_sid())
        return {"ok": row is not None and actor is not None and self.hub.watch(_sid(), actor, *row)}

    def on_since(self, given: Any = None) -> dict[str, bool]:
        """{"asked": ISO time at which this page was asked for} → {"ok"}: what happened since comes as `changed`; where
        not ok, the page is to fetch everything anew."""
        try:
            asked = datetime.fromisoformat(given["asked"]) if isinstance(given, dict) else None
        except (KeyError, TypeError, ValueError):
            asked = None
        if asked is None or asked.tzinfo is None:
            return {"ok": False}
        return {"ok": self.hub.missed(_sid(), asked)}

    def on_unwatch(self, given: Any = None) -> dict[str, bool]:
        row = _row(given)
        if row is not None:
            self.hub.unwatch(_sid(), *row)
        return {"ok": row is not None}


def _sid() -> str:
    sid: str = request.sid  # type: ignore[attr-defined]
    return sid


def _row(given: Any) -> tuple[str, int] | None:
    what, number = (given.get("what"), given.get("id")) if isinstance(given, dict) else (None, None)
    if not isinstance(what, str) or not isinstance(number, int) or isinstance(number, bool):
        return None
    return (what, number) if 0 < number < 2**31 else None
