"""Stand-ins for the outer world, and one line per channel that says how to speak to it: what the contract tests need."""

import email
import email.policy
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import webchat
from channels.accounts import add_account
from channels.portal import portal_account

ADDRESS = "support@hengchuan.example"


class Outside:
    """An SMTP server that answers as it is told: ok, later (4xx), never (5xx), or lost (the line drops after all was
    handed over). `taken` holds what arrived."""

    def __init__(self) -> None:
        self.says: list[str] = []
        self.taken: list[Any] = []
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.says.pop(0) if self.says else "ok"
        if answer in ("ok", "lost"):
            self.taken.append((tuple(envelope.rcpt_tos), email.message_from_bytes(envelope.content, policy=email.policy.default)))
        if answer == "lost":
            server.transport.abort()
        return {"ok": "250 taken", "later": "451 try later", "never": "550 no", "lost": "250 never heard"}[answer]


@contextmanager
def smtp() -> Iterator[Outside]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        outside = Outside()
        outside.port = probe.getsockname()[1]
    controller = Controller(outside, hostname="127.0.0.1", port=outside.port)
    controller.start()
    try:
        yield outside
    finally:
        controller.stop()


@dataclass(frozen=True)
class Case:
    """How the tests speak to one kind of channel.

    `say(text, number)` is a payload of the outside with these words; equal numbers mean the same message. `open` adds an
    account that sends to `outside`. `settings` holds one of each secret. `at_hand`: storing an answer is sending it.
    """

    say: Callable[[str, int], bytes]
    open: Callable[[Outside], int]
    settings: Mapping[str, str] = field(default_factory=dict)
    at_hand: bool = False
    bad: tuple[bytes, ...] = ()


def _mail(text: str, number: int) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "王工 <wang@chenghu.example>", ADDRESS, "变频器跳E07"
    made["Message-ID"] = f"<c{number}@chenghu.example>"
    if number > 1:
        made["In-Reply-To"] = "<c1@chenghu.example>"
    made.set_content(text.encode("utf-8", "replace"), "text", "plain")
    made.set_param("charset", "utf-8")
    return made.as_bytes()


def _add(kind: str, slug: str, **settings: str) -> int:
    with unit_of_work():
        return add_account(SYSTEM, kind, slug, settings).id


def _mailbox(outside: Outside) -> int:
    return _add("email", "support", address=ADDRESS, smtp_host="127.0.0.1", smtp_port=str(outside.port))


def _portal(outside: Outside) -> int:
    _mailbox(outside)
    with unit_of_work():
        return portal_account().id


def _form(text: str, number: int) -> bytes:
    given = {"id": f"form-{number}", "by": "email", "value": "wang@chenghu.example", "name": "王工", "subject": "问", "text": text}
    return json.dumps(given).encode()


def _chat(text: str, number: int) -> bytes:
    return webchat.packed("visitor-1", f"m{number}", text, name="王工")


CASES: dict[str, Case] = {
    "email": Case(_mail, _mailbox, {"smtp_password": "geheim", "imap_password": "geheim"}, bad=(b"", b"\r\n\r\n", b"no mail")),
    "portal": Case(_form, _portal, bad=(b"{}", b'{"text": 5}', b'{"text": "x", "by": "email", "value": "a@b.example"}')),
    "webchat": Case(_chat, lambda outside: _add("webchat", "site"), at_hand=True, bad=(b"{}", b"[]", b'{"visitor": 1}')),
}
"""A channel joins the contract tests by its line here."""
