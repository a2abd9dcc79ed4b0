"""Fetching what lies on platforms: files of messages, and what a platform knows of the people who write."""

from app.core.db import session
from app.core.outbox import Job, outside
from app.core.people import Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import media, meeting
from channels.base import SendFailed
from channels.events import MediaWanted, PersonMet, SignalHeard
from channels.models import Account
from channels.registry import channel_for
from channels.wechat.greeting import greet
from workflows import service as desk


@outside
def fetch_media(event: MediaWanted, job: Job) -> None:
    """Download the files of a message at once; pages that show it look again."""
    try:
        media.fetch_wanted(event.message_id, job)
    finally:
        session().rollback()
        with unit_of_work():
            for ticket in desk.tickets_of_conversation(event.conversation_id)[:1]:
                desk.changed(ticket)
    with job.done():
        pass


@outside
def ask_who(event: PersonMet, job: Job) -> None:
    """Ask the platform who somebody is, and join what is one person."""
    account = session().get(Account, event.account_id)
    identity = session().get(Identity, event.identity_id)
    asking = getattr(channel_for(account.kind), "user_info", None) if account is not None else None
    if account is None or identity is None or asking is None or not account.active:
        with job.done():
            return
    value = identity.value
    session().expunge(account)
    session().rollback()
    try:
        told = asking(account, value)
    except SendFailed as problem:
        if not (problem.final or job.last):
            raise
        told = {}
    with job.done():
        meeting.answered(
            SYSTEM, event.identity_id, unionid=str(told.get("unionid") or ""), name=str(told.get("remark") or told.get("nickname") or "")
        )


def greet_follower(event: SignalHeard) -> None:
    """Somebody began to follow an official account."""
    if event.kind == "followed" and event.identity_id is not None:
        greet(event.account_id, event.identity_id, scanned=bool(event.meta.get("scan")))
