"""Files that a platform keeps for a while: noted when their message is stored, fetched at once by the worker.

How each stands is written in the message's `meta["media"]`: wanted, kept or failed, with the reason.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound, Refused
from app.core.events import record
from app.core.files import StoredFile, store_file
from app.core.outbox import Job, Retry
from app.core.permissions import Actor, require
from app.core.uow import unit_of_work
from channels.base import InboundFile, RemoteMedia, SendFailed
from channels.events import MediaWanted
from channels.models import Account, Message
from channels.registry import channel_for
from channels.voices import PLAYABLE, NotPlayable, as_mp3

log = logging.getLogger("huiyin.media")
KEPT_FOR = timedelta(days=3)
"""How long platforms keep what was sent to us."""
WANTED, KEPT, LOST = "wanted", "kept", "failed"
TOO_OLD = "平台只保存三天，文件已经取不到了。"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF8", "image/gif", "gif"),
    (b"#!AMR", "audio/amr", "amr"),
    (b"ID3", "audio/mpeg", "mp3"),
)


def want(message: Message, media: Sequence[RemoteMedia]) -> None:
    """Note what a message came with, within the unit of work that stores it."""
    if not media:
        return
    asked = [
        {"media_id": one.media_id[:400], "kind": one.kind, "name": one.name, "mime": one.mime, "state": WANTED, "reason": ""}
        for one in media
    ]
    message.meta = {**message.meta, "media": asked}
    session().flush()
    record(MediaWanted(conversation_id=message.conversation_id, message_id=message.id))


def fetch_again(actor: Actor, message_id: int) -> Message:
    """Have the files that could not be fetched tried once more. Raises Refused when the platform has none of them left."""
    require(actor, "ticket.work")
    message = session().get(Message, message_id)
    if message is None or message.direction != "in":
        raise NotFound()
    if not any(one["state"] == LOST for one in _listed(message)):
        raise Refused("这条消息没有要重新下载的文件。")
    if now() - message.created_at > KEPT_FOR:
        raise Refused(TOO_OLD)
    message.meta = {
        **message.meta, "media": [{**one, "state": WANTED, "reason": ""} if one["state"] == LOST else one for one in _listed(message)],
    }  # fmt: skip
    note(actor, "message.media_again", message)
    session().flush()
    record(MediaWanted(conversation_id=message.conversation_id, message_id=message.id))
    return message


def fetch_wanted(message_id: int, job: Job) -> None:
    """Fetch what a message still wants. Each file is kept as soon as it is here.

    Raises Retry while one may still come; the job is left open for the caller to close. Never inside a unit of work.
    """
    session().rollback()
    message = session().get(Message, message_id)
    if message is None:
        return
    account, listed, came_at = message.conversation.account, _listed(message), message.created_at
    session().expunge(account)
    session().rollback()
    late = ""
    for place, one in enumerate(listed):
        if one["state"] != WANTED:
            continue
        if now() - came_at > KEPT_FOR:
            _settle(message_id, place, LOST, TOO_OLD)
            continue
        try:
            found = _fetched(account, RemoteMedia(one["media_id"], one["kind"], one["name"], one["mime"]))
        except SendFailed as problem:
            last = problem.final or job.last
            _settle(message_id, place, LOST if last else WANTED, problem.reason)
            late = late if last else str(problem)
            continue
        _keep(message_id, place, one["kind"], _known(found))
    if late:
        raise Retry(late)


def _fetched(account: Account, wanted: RemoteMedia) -> InboundFile:
    """The bytes, from the channels that can fetch. Raises SendFailed."""
    fetch: Callable[[Account, RemoteMedia], InboundFile] | None = getattr(channel_for(account.kind), "fetch", None)
    if fetch is None:
        raise SendFailed("这个渠道取不到文件。", final=True)
    return fetch(account, wanted)


def _keep(message_id: int, place: int, kind: str, file: InboundFile) -> None:
    """Store one file beside its message, a voice also as the browser plays it. A repeat after a crash stores nothing twice."""
    sound, reason = None, ""
    if kind == "voice" and file.mime not in PLAYABLE:
        try:
            sound = as_mp3(file.content)
        except NotPlayable:
            reason = "这段语音转换不了，只能下载原文件。"
    mark = f"media-{place}"
    with unit_of_work() as s:
        message = s.get_one(Message, message_id, with_for_update=True)
        here = select(StoredFile.id).where(StoredFile.owner == "message", StoredFile.owner_id == message_id)
        if s.scalar(here.where(StoredFile.content_id == mark)) is None:
            if sound is not None:
                store_file(
                    sound.content, f"{file.name.rpartition('.')[0] or 'voice'}.mp3", "audio/mpeg",
                    owner="message", owner_id=message_id, content_id=f"{mark}-played",
                )  # fmt: skip
            store_file(file.content, file.name, file.mime, owner="message", owner_id=message_id, content_id=mark)
        if sound is not None:
            message.meta = {**message.meta, "seconds": sound.seconds}
        _write(message, place, KEPT, reason)


def _settle(message_id: int, place: int, state: str, reason: str) -> None:
    session().rollback()
    with unit_of_work() as s:
        _write(s.get_one(Message, message_id, with_for_update=True), place, state, reason)


def _write(message: Message, place: int, state: str, reason: str) -> None:
    listed = _listed(message)
    listed[place] = {**listed[place], "state": state, "reason": reason[:500]}
    message.meta = {**message.meta, "media": listed}
    session().flush()


def _listed(message: Message) -> list[dict[str, Any]]:
    return [dict(one) for one in message.meta.get("media") or ()]


def _known(file: InboundFile) -> InboundFile:
    """The file under the type that its bytes show, where they show one; platforms name it loosely."""
    for magic, mime, ending in _MAGIC:
        if file.content.startswith(magic):
            stem = file.name.rpartition(".")[0] or file.name
            return replace(file, mime=mime, name=f"{stem}.{ending}")
    if file.content[4:8] == b"ftyp":
        return replace(file, mime="video/mp4" if file.mime != "audio/mp4" else file.mime)
    return file
