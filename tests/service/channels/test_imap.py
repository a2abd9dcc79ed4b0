"""Mail servers that are odd, slow or hostile, played by a few lines: who we say we are, and how long we wait."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from app import fetcher
from app.core.db import db, session
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import fetching, imap
from channels.accounts import add_account, set_account
from channels.imap import MailboxProblem, visit
from channels.models import MailFolder, Message


class Played:
    """An IMAP server with one mail. `asks`: it refuses to open a folder to whoever did not say ID; `announces`: it says
    that it knows ID; `hangs`: it never answers this command; `size`: what it says that the mail's size is."""

    def __init__(self, *, asks: bool = False, announces: bool = True, hangs: str = "", size: int | None = None, content: bytes = b"") -> None:
        self.asks, self.announces, self.hangs = asks, announces, hangs
        self.content = content or b"From: li@customer.example\r\nMessage-ID: <1@customer.example>\r\nSubject: x\r\n\r\nBonjour\r\n"
        self.size = len(self.content) if size is None else size
        self.heard: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(wire)
            threading.Thread(target=self._talk, args=(wire,), daemon=True).start()

    def _talk(self, wire: socket.socket) -> None:
        known = False
        try:
            if self.hangs == "GREETING":
                return
            wire.sendall(b"* OK ready\r\n")
            with wire.makefile("rb") as lines:
                for raw in lines:
                    tag, _, rest = raw.decode("utf-8", "replace").strip().partition(" ")
                    command = rest.upper().removeprefix("UID ").partition(" ")[0]
                    self.heard.append(rest)
                    if command == self.hangs:
                        return
                    known = known or command == "ID"
                    wire.sendall(self._answer(command, rest.upper(), known, tag))
        except OSError:
            return

    def _answer(self, command: str, rest: str, known: bool, tag: str) -> bytes:
        done = f"{tag} OK done\r\n".encode()
        if command == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1" + (b" ID" if self.announces else b"") + b"\r\n" + done
        if command in ("SELECT", "EXAMINE"):
            if self.asks and not known:
                return f"{tag} NO {command} Unsafe Login. Please contact kefu@188.com for help\r\n".encode()
            return b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n" + done
        if command == "ID":
            return b"* ID NIL\r\n" + done
        if command == "SEARCH":
            return b"* SEARCH 1\r\n" + done
        if command == "FETCH" and "SIZE" in rest:
            return f"* 1 FETCH (UID 1 RFC822.SIZE {self.size})\r\n".encode() + done
        if command == "FETCH":
            name = "BODY[HEADER]<0>" if "HEADER" in rest else "BODY[]"
            return f"* 1 FETCH (UID 1 {name} {{{len(self.content)}}}\r\n".encode() + self.content + b")\r\n" + done
        if command == "LOGOUT":
            return b"* BYE\r\n" + done
        return done

    def stop(self) -> None:
        self.listener.close()
        for wire in self.open:
            wire.close()


@pytest.fixture
def play() -> Iterator[Callable[..., Played]]:
    made: list[Played] = []

    def start(**given: object) -> Played:
        made.append(Played(**given))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.stop()


def settings(server: Played, **more: str) -> dict[str, str]:
    return {
        "address": "support@hengchuan.example", "imap_host": "127.0.0.1", "imap_port": str(server.port),
        "imap_security": "plain", "imap_password": "x", **more,
    }  # fmt: skip


def add(server: Played, slug: str = "support") -> None:
    with unit_of_work():
        add_account(SYSTEM, "email", slug, settings(server))


def fetch_once(max_bytes: int = 10**6) -> MailFolder:
    fetching.due_folders()
    for folder_id in fetching.due_folders():
        fetching.fetch(folder_id, max_bytes=max_bytes)
    session().rollback()
    return session().scalars(select(MailFolder).order_by(MailFolder.id)).first()


def test_it_says_who_it_is_where_that_is_asked(app, play):
    server = play(asks=True)
    add(server)
    assert fetch_once().error is None
    said = next(line for line in server.heard if line.startswith("ID"))
    assert '"huiyin"' in said and server.heard.index(said) < next(i for i, line in enumerate(server.heard) if line.startswith("EXAMINE"))


def test_netease_is_told_even_where_it_does_not_announce_it(app, play, monkeypatch):
    server = play(asks=True, announces=False)
    add(server)
    assert "Unsafe Login" in unpack(fetch_once().error)
    monkeypatch.setattr(imap, "ASKS_WHO", ("127.0.0.1",))
    with unit_of_work():
        set_account(SYSTEM, "support", {"imap_folder": "INBOX"})
    assert fetch_once().error is None


@pytest.mark.parametrize("command", ["GREETING", "LOGIN", "EXAMINE", "SEARCH", "FETCH"])
def test_no_wait_is_without_end(play, command):
    server = play(hangs=command)
    started = time.monotonic()
    with pytest.raises(MailboxProblem), visit(settings(server), connect=0.3, read=0.3) as client:
        imap.open_folder(client, "INBOX", readonly=True)
        client.search(["ALL"])
        client.fetch([1], ["BODY.PEEK[]"])
    assert time.monotonic() - started < 5


def test_what_is_too_large_is_not_downloaded(app, play):
    server = play(size=3_000_000)
    add(server)
    assert fetch_once(max_bytes=2_000_000).error is None
    assert not any("BODY.PEEK[]" in line for line in server.heard)
    assert session().scalars(select(Message)).all() == []


@pytest.mark.parametrize("content", [b"\x00", b"\xff" * 5000, b"From: a@b.example\r\n\r\n)\r\nA1 OK\r\n* BYE\r\n"])
def test_no_content_confuses_the_line(app, play, content):
    server = play(content=content)
    add(server)
    assert fetch_once().error is None and fetch_once().last_uid == 1


def test_a_dead_server_holds_up_nobody_else(app: Flask, play):
    """One mailbox hangs; the other is fetched all the same, and the clock stops when it is told to."""
    dead, well = play(hangs="LOGIN"), play()
    add(dead, "dead")
    add(well, "well")
    stop = threading.Event()
    ticking = threading.Thread(target=fetcher.fetch_mail, args=(app, stop))
    ticking.start()
    try:
        limit = time.monotonic() + 20
        while not (session().rollback() or session().scalars(select(Message)).all()):
            assert time.monotonic() < limit, "the living mailbox waits for the dead one"
            threading.Event().wait(0.05)
    finally:
        stop.set()
        ticking.join(5)
    assert not ticking.is_alive()
    rows = {r.account.slug: r for r in session().scalars(select(MailFolder))}
    assert rows["dead"].holder is not None and rows["dead"].fetched_at is None
    dead.stop()
    while any(t.name.startswith("mail-") for t in threading.enumerate()):
        threading.Event().wait(0.05)
    db.session.remove()
