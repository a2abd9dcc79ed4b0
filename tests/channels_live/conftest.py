"""A mailbox of its own for each test on a real Dovecot (HUIYIN_TEST_IMAP, HUIYIN_TEST_LMTP; scripts/services.py starts it)."""

import imaplib
import os
import secrets
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import fetching
from channels.accounts import add_account
from channels.models import Account, MailFolder
from scripts.services import MAIL_PASSWORD

IMAP, LMTP = os.environ.get("HUIYIN_TEST_IMAP", ""), os.environ.get("HUIYIN_TEST_LMTP", "")


def place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@dataclass
class Mailbox:
    """One user of the server."""

    user: str

    def deliver(self, raw: bytes, sender: str = "wang@chenghu.example") -> None:
        """By LMTP, as a mail server hands it over."""
        with smtplib.LMTP(*place(LMTP)) as server:
            assert server.sendmail(sender, [self.user], raw) == {}

    def append(self, raw: bytes, folder: str) -> None:
        with self.client() as client:
            assert client.append(folder, None, None, raw)[0] == "OK"

    def client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4(*place(IMAP))
        client.login(self.user, MAIL_PASSWORD)
        return client

    def count(self, folder: str = "INBOX") -> int:
        with self.client() as client:
            return int(client.select(folder, readonly=True)[1][0])

    def flags(self, folder: str = "INBOX") -> str:
        with self.client() as client:
            client.select(folder, readonly=True)
            return str(client.fetch("1:*", "(FLAGS)"))

    def settings(self, **more: str) -> dict[str, str]:
        host, port = place(IMAP)
        return {
            "address": self.user, "imap_host": host, "imap_port": str(port), "imap_security": "plain",
            "imap_password": MAIL_PASSWORD, **more,
        }  # fmt: skip


@pytest.fixture
def mailbox() -> Mailbox:
    if not IMAP:
        pytest.skip("HUIYIN_TEST_IMAP is not set: no Dovecot here (python scripts/services.py starts one)")
    return Mailbox(f"support-{secrets.token_hex(4)}@hengchuan.example")


@pytest.fixture
def account(app: Flask, mailbox: Mailbox) -> Callable[..., int]:
    """account(imap_folder=…) adds the mailbox as an account; returns its id."""

    def add(**more: str) -> int:
        with unit_of_work():
            return add_account(SYSTEM, "email", "support", mailbox.settings(**more)).id

    return add


@pytest.fixture
def visit() -> Callable[..., MailFolder]:
    """visit() does what the worker's clock would: all due folders, once; returns the row of the folder."""

    def run(max_bytes: int = 50_000_000) -> MailFolder:
        fetching.due_folders()  # the first look only makes the rows
        for folder_id in fetching.due_folders():
            fetching.fetch(folder_id, max_bytes=max_bytes)
        return row()

    return run


def row() -> MailFolder:
    """The row of the folder that the account names now."""
    folder = the_account().settings.get("imap_folder") or "INBOX"
    return session().scalars(select(MailFolder).where(MailFolder.folder == folder)).one()


def the_account() -> Account:
    session().rollback()
    return session().scalars(select(Account).where(Account.kind == "email")).one()


class Cut:
    """A wire to the server that breaks after so many bytes of answers, or carries them all."""

    def __init__(self, after: int | None) -> None:
        self.after, self.open = after, True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self.open:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(place(IMAP))
            threading.Thread(target=self._carry, args=(near, far, None), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, self.after), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        carried = 0
        try:
            while data := source.recv(4096):
                if limit is not None:
                    data = data[: max(0, limit - carried)]
                carried += len(data)
                target.sendall(data)
                if limit is not None and carried >= limit:
                    break
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def stop(self) -> None:
        self.open = False
        self.listener.close()


@pytest.fixture
def wire() -> Iterator[Callable[[int | None], Cut]]:
    """wire(5000) is a connection to the server that breaks after 5000 bytes of answers."""
    made: list[Cut] = []

    def lay(after: int | None) -> Cut:
        made.append(Cut(after))
        return made[-1]

    yield lay
    for cut in made:
        cut.stop()
