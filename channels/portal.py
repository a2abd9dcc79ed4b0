"""Requests written on the portal's own form: in as the form's fields, out by mail where the person left an address.

The progress page shows every answer in any case, so one without a mail address is handed over as soon as it is written.
"""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.db import session
from app.core.errors import NotFound
from app.core.files import get_bytes
from channels.base import Inbound, InboundFile, Outbound, Sender, SendFailed, Unparseable
from channels.email import EmailChannel
from channels.models import Account

KIND, SLUG = "portal", "portal-form"
MAIL = EmailChannel()


def portal_account() -> Account:
    """The one account that every request of the form comes in on; made on first use."""
    rows = select(Account).where(Account.kind == KIND).order_by(Account.id).limit(1)
    found = session().scalar(rows)
    if found is None:
        mailbox = mail_account()
        found = Account(kind=KIND, slug=SLUG, settings={"address": mailbox.settings["address"]} if mailbox else {})
        try:
            with session().begin_nested():
                session().add(found)
                session().flush()
        except IntegrityError:  # another request of the same moment made it
            found = session().scalars(rows).one()
    return found


def mail_account() -> Account | None:
    """The mailbox that writes to people of the portal: the first one that has an address."""
    rows = select(Account).where(Account.kind == "email", Account.active.is_(True)).order_by(Account.id)
    return next((account for account in session().scalars(rows) if account.settings.get("address")), None)


def read_form(raw: bytes) -> dict[str, Any]:
    """The fields of a stored request. Raises Unparseable."""
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError):
        raise Unparseable("不是门户提交的请求。") from None
    if not isinstance(given, dict) or not isinstance(given.get("text"), str) or not given["text"].strip():
        raise Unparseable("不是门户提交的请求。")
    return given


class PortalChannel:
    """The form at /ask."""

    kind = KIND
    idempotent = False

    def parse(self, account: Account, raw: bytes) -> Inbound:
        given = read_form(raw)
        kind, value = str(given.get("by", "")), str(given.get("value", ""))
        if not isinstance(given.get("id"), str) or not given["id"]:
            raise Unparseable("不是门户提交的请求。")
        if kind not in ("email", "phone") or not value:
            raise Unparseable("请求里没有联系方式。")
        try:
            files = tuple(InboundFile(f["name"], f["mime"], get_bytes(f["sha256"])) for f in given.get("files", []))
        except (KeyError, TypeError, NotFound):
            raise Unparseable("请求里的文件已不在存储中。") from None
        return Inbound(
            external_id=str(given["id"]),
            # Anybody can type anybody's address: it names the person, but proves nothing.
            sender=Sender(kind, value, str(given.get("name", "")), suspect=not given.get("known")),
            subject=str(given.get("subject", "")),
            text=given["text"],
            visible_text=given["text"],
            files=files,
            reply_to=value if kind == "email" else str(given.get("email") or "") or None,
        )

    def send(self, account: Account, message: Outbound) -> str | None:
        if "@" not in message.to:
            return None
        mailbox = mail_account()
        if mailbox is None:
            raise SendFailed("没有可以发信的邮箱账号。", final=False)
        session().expunge(mailbox)
        session().rollback()  # nothing of the database is held while the other side is waited for
        # A receipt quotes nothing: whoever types a stranger's address must not have us mail their words to them.
        return MAIL.send(mailbox, replace(message, quoted="", to_name="") if message.is_auto else message)
