"""A phone is told that we answered: by the app's own push server, which we call with a signature."""

import hashlib
import hmac
import json
import logging
from typing import Any

import requests

from app.core.clock import now
from app.core.db import session
from app.core.outbox import Job, Retry, outside
from app.core.sealing import CannotOpen
from channels import app_users
from channels.accounts import opened
from channels.app import KIND
from channels.events import MessageSent
from channels.models import SENT, Message

log = logging.getLogger("huiyin.push")
PREVIEW = 80
"""Characters of a message that a notification carries."""
CONNECT, READ = 5.0, 10.0
MOST_ANSWER = 64 * 1024


def signature(secret: str, moment: int, body: bytes) -> str:
    """`t=<epoch seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`: what the push server compares."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


@outside
def push_app(event: MessageSent, job: Job) -> None:
    """Tell the app's push server about an answer, once it is there and while nobody has seen it."""
    message = session().get(Message, event.message_id)
    if message is None or message.conversation.account.kind != KIND or message.state != SENT or message.seen_at is not None:
        return
    conversation, account = message.conversation, message.conversation.account
    identity = conversation.identity
    try:
        settings = opened(account)
    except CannotOpen:
        raise Retry("the push secret cannot be opened") from None
    phones = app_users.phones_of(account.id, identity.id) if identity is not None else []
    if not settings.get("push_url") or not phones or not account.active or identity is None:
        return
    preview = str(settings.get("push_preview") or "yes") == "yes"
    told: dict[str, Any] = {
        "event": "message", "delivery": job.key, "account": account.slug, "user": identity.value.partition("/")[2],
        "message": {
            "id": message.id, "author": message.author_name if message.author_kind == "user" else "",
            "text": message.visible_text[:PREVIEW] if preview else "", "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
        },
        "unread": app_users.unread(app_users.lines_with(account.id, identity.id)),
        "tokens": [{"platform": phone.platform, "token": phone.token} for phone in phones],
    }  # fmt: skip
    account_id = account.id
    session().rollback()
    gone = _call(str(settings["push_url"]), str(settings.get("push_secret") or ""), job.key, told)
    with job.done():
        if gone:
            app_users.forget_tokens(account_id, gone)


def _call(url: str, secret: str, delivery: str, told: dict[str, Any]) -> list[str]:
    """Returns the tokens that the push server says are gone. Raises Retry when it did not take it."""
    body = json.dumps(told, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "X-Huiyin-Delivery": delivery}
    if secret:
        headers["X-Huiyin-Signature"] = signature(secret, int(now().timestamp()), body)
    try:
        answer = requests.post(url, data=body, headers=headers, timeout=(CONNECT, READ), allow_redirects=False)
    except requests.RequestException as problem:
        raise Retry(f"push server not reached: {type(problem).__name__}") from None
    if not 200 <= answer.status_code < 300:
        raise Retry(f"push server answered {answer.status_code}")
    try:
        found = answer.json() if len(answer.content) <= MOST_ANSWER else None
    except (ValueError, RecursionError):
        found = None
    gone = found.get("gone") if isinstance(found, dict) else None
    return [one for one in gone if isinstance(one, str)] if isinstance(gone, list) else []
