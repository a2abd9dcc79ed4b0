"""WeCom customer service: messages are fetched (channels/wecom/syncing.py), answers leave by send_msg.

Every piece of an answer carries an id made from ours, so that a repeated sending delivers once.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from app.core.db import session
from app.core.files import StoredFile
from app.core.uow import in_unit_of_work
from channels import trouble
from channels.base import Inbound, InboundFile, Outbound, RemoteMedia, SendFailed, Signal
from channels.models import Account, Message
from channels.wecom import api, states
from channels.wecom.messages import parse_item
from channels.wecom.models import KfSource
from channels.wecom.splitting import split_text

MOST_ITEMS = 10
HEAD_BYTES, TITLE_BYTES, DESC_BYTES, CLICK_CHARS = 1024, 128, 512, 128
LIMITS = {"image": 10_000_000, "voice": 2_000_000, "video": 10_000_000, "file": 20_000_000}
_TYPES = {"image/jpeg": "image", "image/png": "image", "video/mp4": "video", "audio/amr": "voice"}


class WecomChannel:
    """One WeCom enterprise with its customer-service accounts."""

    kind = "wecom"
    idempotent = True

    def parse(self, account: Account, raw: bytes) -> Inbound | Signal:
        return parse_item(raw)

    def send(self, account: Account, message: Outbound) -> str:
        """Send the pieces in their order; a piece that WeCom has already is passed over. Returns what their ids begin with."""
        try:
            base = self._send(account, message)
        except SendFailed as problem:
            trouble.noted(account, problem)
            raise
        trouble.cleared(account)
        return base

    def _send(self, account: Account, message: Outbound) -> str:
        kfid, user = address(account, message.to)
        base = key_of(message)
        pieces = list(_pieces(account, message))  # a file that cannot be handed over is found before anything was said
        for number, piece in enumerate(pieces, 1):
            body = {"touser": user, "open_kfid": kfid, "msgid": f"{base}-{number}", **piece}
            try:
                _send_piece(account, kfid, user, body)
            except api.KfRefused as problem:
                if not api.is_duplicate(problem):
                    raise api.as_failure(problem) from None
        return base

    def parts(self, account: Account, message: Message, files: Sequence[StoredFile]) -> int:
        """As how many messages the platform counts this one."""
        return len(files) + (1 if message.kind in ("menu", "card") else len(split_text(message.text)))

    def fetch(self, account: Account, media: RemoteMedia) -> InboundFile:
        """Download a file that a customer sent, within the three days that it is kept. Raises SendFailed."""
        try:
            content, mime, name = api.download(account, media.media_id)
        except api.KfRefused as problem:
            gone = problem.code in (40007, 95019)
            words = "文件已超过三天，企业微信不再保存（%(code)s）。" if gone else "文件取不到（%(code)s：%(said)s）。"
            raise SendFailed(words, final=gone, code=problem.code, said=problem.said) from None
        return InboundFile(media.name or name or f"{media.kind}-{media.media_id[-8:]}", media.mime or mime, content)


def key_of(message: Outbound) -> str:
    """What the ids of all pieces begin with: the same at each attempt, another when a person sends it again."""
    again = message.meta.get("round", 0)
    return hashlib.sha256(f"{message.external_id}#{again}".encode()).hexdigest()[:26]


def pieces_of(message: Outbound) -> int:
    """How many messages an answer is for WeCom, which counts each."""
    return len(message.files) + (1 if message.kind in ("menu", "card") else len(split_text(message.text)))


def address(account: Account, to: str) -> tuple[str, str]:
    """The customer-service account and the person that an address names; without one, the account's first is taken.
    Raises SendFailed."""
    kfid, _slash, user = to.rpartition("/")
    if not kfid:
        named = str(account.settings.get("open_kfids") or "").split()
        rows = select(KfSource.open_kfid).where(KfSource.account_id == account.id).order_by(KfSource.id).limit(1)
        kfid = named[0] if named else session().scalar(rows) or ""
        if not in_unit_of_work():
            session().rollback()
    if not kfid or not user:
        raise SendFailed("不知道用哪个客服账号发：请管理员填写客服账号 ID。", final=False)
    return kfid, user


def _send_piece(account: Account, kfid: str, user: str, body: dict[str, Any]) -> None:
    try:
        api.call(account, "kf/send_msg", body)
    except api.KfRefused as problem:
        if problem.code != 95018:
            raise
        states.mend(account, kfid, user)
        api.call(account, "kf/send_msg", body)


def _pieces(account: Account, message: Outbound) -> Iterator[Mapping[str, Any]]:
    """The bodies to send, one after the other; files are handed over just before."""
    if message.kind == "menu" and message.meta.get("items"):
        yield menu_body(message.meta, message.text)
    elif message.kind == "card" and message.meta.get("url"):
        yield _card_body(account, message.meta)
    else:
        for text in split_text(message.text):
            yield {"msgtype": "text", "text": {"content": text}}
    for file in message.files:
        kind = _TYPES.get(file.mime, "file")
        if len(file.content) > LIMITS[kind]:
            kind = "file"
        if not 5 < len(file.content) <= LIMITS[kind]:
            raise SendFailed("文件「%(name)s」太大或是空的，微信客服最多收 20 MB。", final=True, name=file.name)
        yield {"msgtype": kind, kind: {"media_id": _handed(account, kind, file)}}


def _handed(account: Account, kind: str, file: InboundFile) -> str:
    try:
        return api.upload(account, kind, file.name, file.mime, file.content)
    except api.KfRefused as problem:
        raise api.as_failure(problem) from None


def menu_body(meta: Mapping[str, Any], text: str = "") -> dict[str, Any]:
    """A menu whose items come back as messages with their id."""
    items = [
        {"type": "click", "click": {"id": str(one.get("id", ""))[:CLICK_CHARS], "content": shorten(str(one.get("text", "")), 128)}}
        for one in list(meta.get("items") or [])[:MOST_ITEMS]
        if isinstance(one, Mapping)
    ]
    body: dict[str, Any] = {"head_content": shorten(str(meta.get("head") or text), HEAD_BYTES), "list": items}
    if meta.get("tail"):
        body["tail_content"] = shorten(str(meta["tail"]), HEAD_BYTES)
    return {"msgtype": "msgmenu", "msgmenu": body}


def _card_body(account: Account, meta: Mapping[str, Any]) -> dict[str, Any]:
    thumb = _handed(account, "image", InboundFile("card.png", "image/png", plain_picture()))
    link = {
        "title": shorten(str(meta.get("title") or meta["url"]), TITLE_BYTES), "desc": shorten(str(meta.get("text") or ""), DESC_BYTES),
        "url": str(meta["url"]), "thumb_media_id": thumb,
    }  # fmt: skip
    return {"msgtype": "link", "link": link}


def shorten(text: str, limit: int) -> str:
    """The text in at most so many bytes, with an ellipsis where something is left out."""
    if len(text.encode()) <= limit:
        return text
    return text.encode()[: limit - 3].decode(errors="ignore").rstrip() + "…"


def plain_picture(size: int = 120, colour: tuple[int, int, int] = (11, 100, 128)) -> bytes:
    """A plain PNG: link cards must have a picture, and we have none of each page."""
    rows = (b"\x00" + bytes(colour) * size) * size

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
