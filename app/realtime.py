"""Says what changed; the page fetches the fragment. No content goes this way, so no hint can show too much.

Only who else looks at a ticket is said with their names, to those who may read it (app/live/presence.py).

Each web process reads the table of events behind its back and tells its own sockets. So a hint reaches every page,
whichever process, worker or command made the change, and no message server is needed for it.
"""

import logging
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from flask import Flask
from flask_socketio import SocketIO
from sqlalchemy import func, select

from app.calls.ringing import Bell, phone_of
from app.core import logins
from app.core.audit import AuditRow
from app.core.clock import now
from app.core.db import session
from app.core.events import DEAD, DUE, LEASED, UNDECIDED, EventRow, OutboxRow
from app.core.people import User
from app.core.permissions import Actor
from app.core.presence import seen_now
from app.core.uow import on_every_commit, unit_of_work
from app.live.guard import guard
from app.live.pages import Pages
from app.live.presence import Board
from app.live.watching import ROOMS, may_watch

log = logging.getLogger("huiyin.realtime")
SPACE = "/agent"
POLL_SECONDS, LEAST_SECONDS, AFTER_FAILURE = 0.25, 0.05, 5.0
WINDOW = 500
"""Ids that are looked at again: on PostgreSQL a lower id may become visible after a higher one."""
MOST_WATCHED = 200
LARGEST_FRAME = 200_000
"""Bytes. A chat message of 10,000 characters fits, even when each is escaped."""
LOOK_BACK, MOST_MISSED = timedelta(seconds=0.5), 200
"""How much older than the page an event may be that the page did not show: it was written and not yet committed."""
OLDEST_PAGE = timedelta(minutes=10)
"""A page whose line comes later than this is told that all of it is old."""
LIFE_SECONDS = 20.0
"""How often open pages are noted as signs of life."""


class Listener(Protocol):
    """Others who follow the events of this process beside the pages: see app/chat/visitors.py."""

    def listening(self) -> bool:
        """Whether anybody is there to be told."""
        ...

    def heed(self, fresh: Sequence[Any]) -> None:
        """Events that are new: rows with name, subject, subject_id, subject_version, payload."""
        ...

    def live(self) -> None:
        """Called every LIFE_SECONDS, inside an app context."""
        ...


@dataclass
class Socket:
    """One open page: whose it is, and the single rows that it watches."""

    user_id: int
    login_id: int
    rooms: set[str] = field(default_factory=set)
    watched: set[tuple[str, int]] = field(default_factory=set)


class Hub:
    """The sockets of this process and the thread that reads what happened."""

    def __init__(self, flask: Flask, server: Any) -> None:
        self.flask, self.server = flask, server
        self.sockets: dict[str, Socket] = {}
        self._lock = threading.RLock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._top: int | None = None
        self._seen: set[int] = set()
        self._outbox: Any = None
        self._audit: int | None = None
        self.listeners: list[Listener] = []
        self._lived = 0.0
        self.board = Board(server, SPACE)
        self.bell = Bell(server, SPACE)

    def welcome(self, sid: str, actor: Actor, login_id: int) -> None:
        """A page opened: it hears of everything that its user may see all of."""
        assert actor.id is not None
        with self._lock:
            self.sockets[sid] = Socket(actor.id, login_id)
            self.server.enter_room(sid, phone_of(actor.id), namespace=SPACE)
            self._place(sid, actor)
            self._lived = 0.0
        self.follow()

    def follow(self) -> None:
        """Read events from now on, as long as somebody listens."""
        with self._lock:
            self._begin()
            if self._thread is None and not self.flask.config.get("REALTIME_BY_HAND"):
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="huiyin-tail", daemon=True)
                self._thread.start()

    def forget(self, sid: str) -> None:
        with self._lock:
            self.sockets.pop(sid, None)
        self.rest()

    def rest(self) -> None:
        """Somebody left: where nobody listens any more, what happens meanwhile is nobody's news."""
        with self._lock:
            if not self._anyone():
                self._top = None

    def _anyone(self) -> bool:
        return bool(self.sockets) or any(one.listening() for one in self.listeners)

    def watch(self, sid: str, actor: Actor, what: str, number: int) -> bool:
        """Let a page hear of one row, if its gatekeeper agrees."""
        with self._lock:
            known = self.sockets.get(sid)
            if known is None or len(known.watched) >= MOST_WATCHED or not may_watch(actor, what, number):
                return False
            known.watched.add((what, number))
            self.server.enter_room(sid, f"{what}:{number}", namespace=SPACE)
            return True

    def missed(self, sid: str, asked_at: datetime) -> bool:
        """Tell a page what happened between its making and its line; without this, news of that moment is never heard.
        False where too much did: the page is to fetch everything anew."""
        with self._lock:
            known = self.sockets.get(sid)
            heard = set(known.rooms) if known else set()
            rows = set(known.watched) if known else set()
        if abs(now() - asked_at) > OLDEST_PAGE:  # nor is there a page of tomorrow
            return False
        past = (
            select(EventRow.subject, EventRow.subject_id, func.max(EventRow.subject_version))
            .where(EventRow.at >= asked_at - LOOK_BACK, EventRow.subject.in_({*heard, *(what for what, _number in rows)}))
            .group_by(EventRow.subject, EventRow.subject_id)
            .limit(MOST_MISSED)
        )
        found = session().execute(past).all()
        for what, number, version in found:
            if what in heard or (what, number) in rows:
                hint = {"what": what, "id": number, "version": version}
                self.server.emit("changed", hint, to=sid, namespace=SPACE)
        return len(found) < MOST_MISSED

    def unwatch(self, sid: str, what: str, number: int) -> None:
        with self._lock:
            known = self.sockets.get(sid)
            if known is not None and (what, number) in known.watched:
                known.watched.discard((what, number))
                self.server.leave_room(sid, f"{what}:{number}", namespace=SPACE)

    def actor_of(self, sid: str) -> Actor | None:
        """The user of a page as they are now; the cookie of the handshake may be older than what happened since."""
        known = self.sockets.get(sid)
        login = session().get(logins.LoginSession, known.login_id) if known else None
        if login is None or login.ended_at is not None or not login.user.active:
            return None
        return login.user.actor("page")

    def _place(self, sid: str, actor: Actor) -> None:
        known = self.sockets[sid]
        wanted = {what for what, permission in ROOMS.items() if actor.can(permission)}
        for room in known.rooms - wanted:
            self.server.leave_room(sid, room, namespace=SPACE)
        for room in wanted - known.rooms:
            self.server.enter_room(sid, room, namespace=SPACE)
        known.rooms = wanted
        for what, number in list(known.watched):
            if not may_watch(actor, what, number):
                self.unwatch(sid, what, number)

    def wake(self) -> None:
        """Something was committed here: look at once."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread; harmless when none runs."""
        self._stop.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)

    def disconnect_all(self) -> None:
        """For the end of the process: no page is kept waiting."""
        self.stop()
        with self.flask.app_context():
            self.board.leave_all()
        for sid in list(self.sockets):
            self._disconnect(sid)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()
            if self._stop.wait(LEAST_SECONDS):
                return
            try:
                self.poll()
            except Exception:
                log.warning("cannot read what changed", exc_info=True)
                self._stop.wait(AFTER_FAILURE)

    def poll(self) -> int:
        """Tell what happened since the last look; returns the number of hints. Nothing is read while nobody listens."""
        with self._lock:
            if not self._anyone():
                return 0
        with self.flask.app_context():
            self._live()
            fresh = self._news()
            hints = {(row.subject, row.subject_id): row.subject_version for row in fresh if row.subject}
            for (what, number), version in hints.items():
                self._tell(what, number, version)
            self._heed(fresh)
            if fresh:
                self.bell.heed(fresh)
                for one in self.listeners:
                    one.heed(fresh)
            self.board.tick()
            return len(hints) + self._side_hints()

    def _live(self) -> None:
        """Signs of life: whose pages are open, every now and then."""
        if time.monotonic() - self._lived < LIFE_SECONDS:
            return
        self._lived = time.monotonic()
        with self._lock:
            users = {known.user_id for known in self.sockets.values()}
        if users:
            with unit_of_work():
                seen_now(users)
        for one in self.listeners:
            one.live()

    def _begin(self) -> None:
        if self._top is None:
            self._seen = set(session().scalars(select(EventRow.id).order_by(EventRow.id.desc()).limit(WINDOW)))
            self._top = max(self._seen, default=0)
            self._outbox, self._audit = self._outbox_mark(), self._audit_mark()

    def _news(self) -> list[Any]:
        with self._lock:
            self._begin()
            assert self._top is not None
            edge = self._top - WINDOW
            ids = set(
                session().scalars(select(EventRow.id).where(EventRow.id > edge).order_by(EventRow.id).limit(5 * WINDOW))
            )
            new = ids - self._seen
            self._top = max([self._top, *new])
            self._seen = {i for i in ids if i > self._top - WINDOW}
        if not new:
            return []
        columns = (EventRow.name, EventRow.subject, EventRow.subject_id, EventRow.subject_version, EventRow.payload)
        return list(session().execute(select(*columns).where(EventRow.id.in_(new)).order_by(EventRow.id)))

    def _side_hints(self) -> int:
        """The outbox and the audit trail change without events of their own; looked at only for those who look at them."""
        told = 0
        if self._anybody("outbox"):
            mark = self._outbox_mark()
            if mark != self._outbox:
                self._outbox, told = mark, told + 1
                self._tell("outbox", None, None)
        if self._anybody("audit"):
            last = self._audit_mark()
            if last != self._audit:
                self._audit, told = last, told + 1
                self._tell("audit", last, None)
        return told

    def _outbox_mark(self) -> Any:
        open_rows = session().execute(
            select(OutboxRow.state, func.count(), func.sum(OutboxRow.attempts), func.max(OutboxRow.due_at))
            .where(OutboxRow.state.in_((DUE, LEASED, DEAD, UNDECIDED)))
            .group_by(OutboxRow.state)
            .order_by(OutboxRow.state)
        )
        return session().scalar(select(func.max(OutboxRow.id))), [tuple(row) for row in open_rows]

    def _audit_mark(self) -> int | None:
        return session().scalar(select(func.max(AuditRow.id)))

    def _anybody(self, room: str) -> bool:
        with self._lock:
            return any(room in known.rooms for known in self.sockets.values())

    def _tell(self, what: str, number: int | None, version: int | None) -> None:
        rooms = [what] if number is None else [what, f"{what}:{number}"]
        self.server.emit("changed", {"what": what, "id": number, "version": version}, to=rooms, namespace=SPACE)

    def _heed(self, fresh: list[Any]) -> None:
        """A login that ended closes its pages; a changed account changes what its pages hear of."""
        ended = {row.payload.get("login_id") for row in fresh if row.name == "LoginEnded"}
        users = {row.subject_id for row in fresh if row.name == "UserChanged"}
        with self._lock:
            gone = [sid for sid, known in self.sockets.items() if known.login_id in ended]
            others = [sid for sid, known in self.sockets.items() if known.user_id in users and sid not in gone]
            for sid in others:
                user = session().get(User, self.sockets[sid].user_id)
                if user is None or not user.active:
                    gone.append(sid)
                else:
                    self._place(sid, user.actor("page"))
        for sid in gone:
            self._disconnect(sid)

    def _disconnect(self, sid: str) -> None:
        try:
            self.server.disconnect(sid, namespace=SPACE)
        except KeyError:  # it left by itself meanwhile
            self.forget(sid)


_hubs: "weakref.WeakSet[Hub]" = weakref.WeakSet()


def _wake_all() -> None:
    for hub in list(_hubs):
        hub.wake()


def init_app(flask: Flask) -> None:
    """Hang Socket.IO under /socket.io. Starts nothing: the first page that connects starts the reading."""
    socketio = SocketIO()
    socketio.init_app(
        flask,
        async_mode="threading",
        manage_session=False,
        async_handlers=False,  # what one page says is heard in the order in which it said it
        max_http_buffer_size=LARGEST_FRAME,
        logger=logging.getLogger("socketio"),  # their own would write past our structured logs
        engineio_logger=logging.getLogger("engineio"),
    )
    guard(socketio.server, LARGEST_FRAME)
    hub = Hub(flask, socketio.server)
    socketio.on_namespace(Pages(hub, SPACE))
    flask.extensions["realtime"] = hub
    _hubs.add(hub)
    on_every_commit(_wake_all)


def disconnect_all(flask: Flask) -> None:
    """Close every page's socket and stop reading; called when the process is told to leave."""
    hub_of(flask).disconnect_all()


def hub_of(flask: Flask) -> Hub:
    hub: Hub = flask.extensions["realtime"]
    return hub
