"""What follows at WeCom's door: fetching when it rang, a word of welcome or farewell, and a refusal that came too early."""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from app.core.clock import now
from app.core.db import session
from app.core.outbox import Job, Retry, outside
from app.core.people import Identity
from app.core.uow import unit_of_work
from channels.base import RemoteMedia, SendFailed
from channels.elsewhere import keep_said
from channels.events import SignalHeard
from channels.models import Account
from channels.sending import mark_returned
from channels.signals import find_message
from channels.wecom import api, states, syncing
from channels.wecom.adapter import menu_body
from channels.wecom.events import DoorbellRang
from channels.wecom.messages import ANSWERED, FAILURES, base_of
from workflows import service as desk
from workflows.tickets import TICKET

log = logging.getLogger("huiyin.wecom")
HEAD = "请评价本次服务："  # data
LAST_MOMENT = timedelta(seconds=20)
"""How long the platform lets one message follow an event."""
EARLY_TRIES = 4
RATINGS = (("5", "非常满意"), ("4", "满意"), ("3", "一般"), ("2", "不满意"), ("1", "非常不满意"))  # data
"""What a rating menu offers; the answers come back as messages of kind `menu` with the item `rate:5`."""


@outside
def sync_wecom(event: DoorbellRang, job: Job) -> None:
    """Fetch what was written to a customer-service account."""
    syncing.sync(event.source_id)


@outside
def follow_wecom(event: SignalHeard, job: Job) -> None:
    """Say the word that an event allows, keep whose hands the session is in, and mark a message whose refusal was
    heard before its sending had ended."""
    account = session().get(Account, event.account_id)
    if account is None or account.kind != "wecom":
        return
    session().expunge(account)
    session().rollback()
    if event.kind == "entered" and event.meta.get("welcome_code"):
        _say(account, event, str(event.meta["welcome_code"]), str(account.settings.get("welcome") or ""), rating=False)
    elif event.kind == "session":
        _session_changed(account, event)
    elif event.kind == "refused" and event.message_id is None:
        _refused_early(account, event, job)


def _session_changed(account: Account, event: SignalHeard) -> None:
    state, kfid, user = event.meta.get("state"), str(event.meta.get("open_kfid") or ""), str(event.meta.get("user") or "")
    if isinstance(state, int) and kfid and user:
        with unit_of_work():
            states.note_state(account.id, kfid, user, state)
    if state == states.ENDED and event.meta.get("msg_code"):
        rating = account.settings.get("rate_at_end") == "yes"
        _say(account, event, str(event.meta["msg_code"]), str(account.settings.get("goodbye") or ""), rating=rating)


def _say(account: Account, event: SignalHeard, code: str, text: str, *, rating: bool) -> None:
    """Send the one message that a code is good for. A code that was used (before a crash) or is over is refused: then
    nothing is left to do."""
    if not account.active or not (text or rating) or not _in_time(event.meta.get("at")):
        return
    body: dict[str, Any] = {"msgtype": "text", "text": {"content": text}}
    menu: dict[str, Any] = {}
    if rating:
        items = [{"id": f"rate:{score}", "text": f"{score} {words}"} for score, words in RATINGS]
        menu = {"head": text or HEAD, "items": items}
        body = menu_body(menu)
    number = "ev-" + hashlib.sha256(code.encode()).hexdigest()[:28]
    try:
        api.call(account, "kf/send_msg_on_event", {"code": code, "msgid": number, **body})
    except api.KfRefused as problem:
        log.warning("word of welcome or farewell refused", extra={"account": account.id, "problem": str(problem)})
        return
    except SendFailed as problem:
        raise Retry(str(problem)) from None
    if event.identity_id is None:
        return
    words = "\n".join([text or HEAD, *(item["text"] for item in menu["items"])]) if menu else text
    with unit_of_work() as s:
        here, identity = s.get_one(Account, account.id), s.get_one(Identity, event.identity_id)
        keep_said(here, identity, f"{number}.{account.id}", words, kind="menu" if menu else "text", meta=menu)


def keep_answer(event: SignalHeard) -> None:
    """A reaction: a colleague answered in the WeCom app. It stands in the conversation as what we said."""
    told = event.meta
    account = session().get(Account, event.account_id) if told.get("event") == ANSWERED else None
    identity = session().get(Identity, event.identity_id) if event.identity_id is not None else None
    if account is None or identity is None or account.kind != "wecom" or not told.get("msgid"):
        return
    message = keep_said(
        account, identity, str(told["msgid"]), str(told.get("text") or ""), by=f"企业微信 {told.get('servicer') or ''}".strip(),  # data
        at=_moment(told.get("at")), kind=str(told.get("kind") or "text"), meta=told.get("details") or {},
        media=[RemoteMedia(**one) for one in told.get("media") or ()],
    )  # fmt: skip
    for ticket in desk.tickets_of_conversation(message.conversation_id):
        if ticket.first_response_at is None and ticket.state not in TICKET.ends:
            ticket.first_response_at = message.created_at
        desk.changed(ticket)


def _moment(at: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(at))
    except ValueError:
        return None


def _in_time(at: object) -> bool:
    try:
        return now() - datetime.fromisoformat(str(at)) <= LAST_MOMENT
    except (ValueError, TypeError):
        return False


def _refused_early(account: Account, event: SignalHeard, job: Job) -> None:
    """The platform may tell that a message did not arrive while its sending is still being written down."""
    failed = str(event.meta.get("msgid") or "")
    with job.done():
        message = find_message(account, base_of(failed)) if failed else None
        if message is not None and message.direction == "out":
            reason, window = FAILURES.get(int(event.meta.get("fail_type") or 0), ("企业微信没有送达。", ""))
            mark_returned(message, reason, window)
            return
    if job.attempts < EARLY_TRIES:
        raise Retry("the message is not known yet")
