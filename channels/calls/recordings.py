"""Recordings: fetched from where the account says, never from where a report says. Nobody sees their address."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import requests
from sqlalchemy import select

from app.core.audit import AuditRow, note
from app.core.clock import now
from app.core.db import session
from app.core.errors import NotFound, Refused
from app.core.files import StoredFile, store_file
from app.core.permissions import Actor, require
from app.core.text import clean
from channels.accounts import opened
from channels.base import SendFailed
from channels.calls.models import Call
from channels.calls.settings import hosts

OWNER = "call"
LARGEST = 200_000_000
NOTED_FOR = timedelta(hours=4)
"""A player asks for a recording part by part: all of that is one listening."""
TIMEOUT = (5, 30)
_TYPES = {".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".m4a": "audio/mp4", ".mp4": "audio/mp4"}


@dataclass(frozen=True)
class Source:
    """Where a recording can be had: a file of this machine, or an address with the password for it."""

    path: Path | None = None
    url: str = ""
    auth: tuple[str, str] | None = None
    mime: str = "audio/wav"


def access_recording(actor: Actor, call_id: int, *, begins: bool = True) -> Call:
    """A call whose recording the actor may hear: their own, or any with `call.listen`. Whoever begins to listen is noted,
    and whoever asks for a later part without having begun within the last hours. Raises Forbidden, or NotFound where there is none. To be called in a unit of work."""
    call = session().get(Call, call_id)
    if call is None:
        raise NotFound()
    if actor.id is None or call.user_id != actor.id:
        require(actor, "call.listen")
    if not call.recording:
        raise NotFound()
    if begins or not _heard_lately(actor, call):
        note(actor, "call.listened", call)
    return call


def _heard_lately(actor: Actor, call: Call) -> bool:
    rows = select(AuditRow.id).where(
        AuditRow.action == "call.listened", AuditRow.subject == Call.__tablename__, AuditRow.subject_id == call.id,
        AuditRow.actor_id == actor.id, AuditRow.at > now() - NOTED_FOR,
    )  # fmt: skip
    return session().scalar(rows.limit(1)) is not None


def kept_file(call: Call) -> StoredFile | None:
    """The recording in our own files, where it was fetched."""
    rows = select(StoredFile).where(StoredFile.owner == OWNER, StoredFile.owner_id == call.id)
    return session().scalar(rows.order_by(StoredFile.id.desc()).limit(1))


def source_of(call: Call) -> Source:
    """Where the recording of a call is. Raises Refused, in words, where the account does not allow that place: a report
    could name any address, also one inside our own network."""
    told, given = (call.recording or "").strip(), opened(call.account)
    mime = _TYPES.get(os.path.splitext(urlsplit(told).path)[1].lower(), "audio/wav")
    if "://" in told or (given.get("recording_hosts") and not given.get("recording_folder")):
        return Source(url=_allowed_url(told, hosts(given.get("recording_hosts"))), auth=_auth(given), mime=mime)
    folder = str(given.get("recording_folder", ""))
    if not folder:
        raise Refused("渠道账号没有写明录音在哪里。")
    root = Path(folder).resolve()
    found = Path(told).resolve() if Path(told).is_relative_to(folder) else (root / told.lstrip("/")).resolve()
    if not found.is_relative_to(root) or not found.is_file():
        raise Refused("录音文件不在账号写明的文件夹里。")
    return Source(path=found, mime=mime)


def _allowed_url(told: str, allowed: list[str]) -> str:
    if "://" not in told and allowed:
        told = urljoin(f"https://{allowed[0]}/", quote(told.lstrip("/"), safe="/?=&%"))
    found = urlsplit(told)
    try:
        place = f"{(found.hostname or '').lower()}" + (f":{found.port}" if found.port else "")
    except ValueError:
        place = ""
    if found.scheme not in ("http", "https") or not place or found.username or (
        place not in allowed and (found.hostname or "").lower() not in allowed
    ):
        raise Refused("录音不在账号写明的录音服务器上。")
    return told


def _auth(given: dict[str, object]) -> tuple[str, str] | None:
    user, colon, word = str(given.get("recording_password", "")).partition(":")
    return (user, word) if colon else None


def ask(source: Source, ranges: str = "") -> requests.Response:
    """Ask the recording's server, for a part where a player wants one. No redirect is followed: it could lead anywhere.
    Raises SendFailed in words."""
    try:
        answer = requests.get(
            source.url, auth=source.auth, headers={"Range": ranges} if ranges else {}, timeout=TIMEOUT, stream=True,
            allow_redirects=False,
        )  # fmt: skip
    except requests.RequestException as problem:
        raise SendFailed("录音服务器没有应答（%(problem)s）。", final=False, problem=type(problem).__name__) from None
    if answer.status_code not in (200, 206):
        answer.close()
        raise SendFailed("录音服务器拒绝了：%(status)s。", final=answer.status_code in (404, 410), status=answer.status_code)
    return answer


def parts(answer: requests.Response) -> Iterator[bytes]:
    """The body, piece by piece; the line is given back also when nobody reads to the end."""
    try:
        yield from answer.iter_content(64_000)
    finally:
        answer.close()


def load(source: Source) -> bytes:
    """The whole recording. Raises SendFailed."""
    if source.path is not None:
        if source.path.stat().st_size > LARGEST:
            raise SendFailed("录音太大。", final=True)
        return source.path.read_bytes()
    answer, found = ask(source), bytearray()
    for part in parts(answer):
        found += part
        if len(found) > LARGEST:
            raise SendFailed("录音太大。", final=True)
    return bytes(found)


def keep(call: Call, content: bytes, mime: str) -> StoredFile:
    """Put a fetched recording into our files, within the caller's unit of work."""
    ending = next((e for e, m in _TYPES.items() if m == mime), ".wav")
    kept = store_file(content, clean(f"call-{call.id}{ending}"), mime, owner=OWNER, owner_id=call.id)
    call.recording_state = "fetched"
    session().flush()
    return kept
