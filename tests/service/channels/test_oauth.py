"""Mailboxes that take no passwords: a refresh token buys access tokens, one at a time, and they sign in both ways."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from flask import Flask
from sqlalchemy import select

from app.core.db import db, session
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import oauth
from channels.accounts import access_account, add_account, opened, shown
from channels.base import Outbound, SendFailed
from channels.email import EmailChannel
from channels.probing import probe
from tests.service.channels.test_imap import Played, fetch_once
from tests.service.channels.test_sending import Server


class Shop:
    """Where tokens are bought. `valid`: what the mail servers accept now; `says`: what it answers instead, once."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.valid, self.renew, self.says = "", "", ""
        self.odd: bytes | None = None
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                shop.asked.append({name: values[0] for name, values in parse_qs(body).items()})
                said, shop.says = shop.says, ""
                status, answer = 200, {"access_token": f"at-{len(shop.asked)}", "expires_in": "3600", **({"refresh_token": shop.renew} if shop.renew else {})}
                if said:
                    status, answer = 400, {"error": "invalid_grant", "error_description": said}
                else:
                    shop.valid = str(answer["access_token"])
                raw = json.dumps(answer).encode() if shop.odd is None else shop.odd
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *given: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Modern(Played):
    """An IMAP server that signs in by XOAUTH2 only, with what the shop sold last."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.pending, self.shown = shop, "", [""]
        super().__init__(hangs="NEVER")  # a token is a line without a command

    def _answer(self, command: str, rest: str, known: bool, tag: str) -> bytes:
        if command == "AUTHENTICATE":
            self.pending = tag
            return b"+ \r\n"
        if self.pending and not command:
            self.shown.append(base64.b64decode(tag).decode() if tag else "")
            user, _, token = self.shown[-1].removesuffix("\1\1").partition("\1auth=Bearer ")
            done, self.pending = self.pending, ""
            good = (user, token) == ("user=help@desk.example", self.shop.valid)
            return f"{done} {'OK welcome' if good else 'NO [AUTHENTICATIONFAILED] expired'}\r\n".encode()
        if command == "LOGIN":
            return f"{tag} NO basic sign-in is off\r\n".encode()
        return super()._answer(command, rest, known, tag)


class Post(Server):
    """An SMTP server of the same kind."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.shop = shop

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:
        token = base64.b64decode(args[1]).decode().partition("Bearer ")[2].removesuffix("\1\1")
        return AuthResult(success=token == self.shop.valid, handled=False)


@pytest.fixture
def shop(app: Flask) -> Iterator[Shop]:
    made = Shop()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def imap(shop: Shop) -> Iterator[Modern]:
    made = Modern(shop)
    yield made
    made.stop()


def add(shop: Shop, **more: str) -> None:
    with unit_of_work():
        add_account(SYSTEM, "email", "support", {
            "address": "help@desk.example", "oauth_endpoint": shop.url, "oauth_client_id": "huiyin", "oauth_client_secret": "cs",
            "oauth_refresh_token": "rt-1", "imap_security": "plain", **more,
        })  # fmt: skip


def test_a_mailbox_is_fetched_with_a_bought_token_and_the_token_is_kept(shop: Shop, imap: Modern) -> None:
    add(shop, imap_host="127.0.0.1", imap_port=str(imap.port))
    assert fetch_once().error is None
    assert shop.asked == [{"grant_type": "refresh_token", "client_id": "huiyin", "client_secret": "cs", "refresh_token": "rt-1"}]
    assert imap.shown[-1] == "user=help@desk.example\1auth=Bearer at-1\1\1"
    assert not any(line.startswith("LOGIN") for line in imap.heard)
    assert oauth.ready(access_account("support"))["oauth"](None) == "at-1" and len(shop.asked) == 1


def test_a_token_taken_back_is_bought_anew_within_the_same_visit(shop: Shop, imap: Modern) -> None:
    add(shop, imap_host="127.0.0.1", imap_port=str(imap.port))
    oauth.ready(access_account("support"))["oauth"](None)
    shop.valid = "another"
    assert fetch_once().error is None and len(shop.asked) == 2


def test_a_changed_refresh_token_is_kept_sealed_and_used(shop: Shop, imap: Modern) -> None:
    add(shop, imap_host="127.0.0.1", imap_port=str(imap.port))
    shop.renew = "rt-2"
    assert fetch_once().error is None
    session().rollback()
    account = access_account("support")
    assert opened(account)["oauth_refresh_token"] == "rt-2" and "rt-2" not in str(account.settings)
    assert {shown(account)["settings"][name] for name in ("oauth_refresh_token", "oauth_client_secret")} == {"••••"}
    oauth.ready(access_account("support"))["oauth"]("at-1")
    assert shop.asked[-1]["refresh_token"] == "rt-2"


def test_what_the_provider_refuses_is_said_in_its_words(shop: Shop, imap: Modern) -> None:
    add(shop, imap_host="127.0.0.1", imap_port=str(imap.port))
    shop.says = "AADSTS700082: the token has expired"
    assert "AADSTS700082" in unpack(fetch_once().error or "")
    shop.says = "no"
    session().rollback()
    account = access_account("support")
    session().expunge(account)
    [finding] = probe(account)
    assert (finding.part, finding.ok) == ("token", False) and "重新授权" in unpack(finding.said)


def test_one_buys_and_the_others_wait(app: Flask, shop: Shop) -> None:
    add(shop)

    def token(_number: int) -> str:
        with app.app_context():
            try:
                return str(oauth.ready(access_account("support"))["oauth"](None))
            finally:
                db.session.remove()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(token, range(8))) == {"at-1"}
    assert len(shop.asked) == 1


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"access_token": 5}', b'{"access_token": "\\u2603"}'])
def test_an_odd_answer_is_no_token(shop: Shop, answer: bytes) -> None:
    shop.odd = answer
    with pytest.raises(SendFailed) as refused:
        oauth.refresh({"oauth_endpoint": shop.url, "oauth_refresh_token": "x"})
    assert not refused.value.final


def test_answers_leave_with_the_token_too(shop: Shop) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    post = Post(shop)
    controller = Controller(post, hostname="127.0.0.1", port=port, auth_require_tls=False, auth_exclude_mechanism=["LOGIN", "PLAIN"])
    controller.start()
    try:
        add(shop, smtp_host="127.0.0.1", smtp_port=str(port))
        oauth.ready(access_account("support"))["oauth"](None)
        shop.valid = "another"
        account = access_account("support")
        session().expunge(account)
        EmailChannel().send(account, Outbound("a@desk.example", "k", "li@customer.example", "", "x", "text"))
    finally:
        controller.stop()
    assert len(post.taken) == 1 and len(shop.asked) == 2
    assert session().scalars(select(type(account))).one().slug == "support"
