"""The sockets of people who chat from a web page, and the console's side of what is only for the moment (typing, seen).

A message enters by the door of all channels; what the desk answers comes from the table of events, so it reaches the
visitor whichever process wrote it. Typing is told within this process only: it is not worth a row.
"""

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_socketio import ConnectionRefusedError, Namespace
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError

from app import chat_words as words
from app.chat_room import Chat, Rooms, too_many
from app.core.db import session
from app.core.errors import DeskError
from app.core.files import StoredFile
from app.core.presence import anybody_there
from app.core.text import clean
from app.core.trace import begin_trace
from app.core.uow import unit_of_work
from app.realtime import SPACE as DESK
from app.realtime import Hub, hub_of
from app.watching import may_watch
from channels import receiving, visitors, webchat
from channels.accounts import find_account
from channels.models import Account, Conversation, Message
from channels.visitors import Visitor
from channels.webchat_settings import is_open

log = logging.getLogger("huiyin.visitors")
SPACE = "/visitor"
MOST_FILES = 10
LANGUAGES = ("zh", "en")
Answer = dict[str, Any]


def refused(code: str, message: str, **more: Any) -> Answer:
    """An acknowledgement that says no, in words that the page shows."""
    return {"ok": False, "code": code, "message": message, **more}


def answering(handler: Callable[..., Answer]) -> Callable[..., Answer]:
    """Whatever a browser sends, it gets an answer: a handler that breaks says so and takes nothing down with it."""

    @wraps(handler)
    def run(self: "Visitors", given: Any = None, *more: Any) -> Answer:
        begin_trace()
        chat = self.rooms.chats.get(_sid())
        if chat is None:
            return refused("gone", "")
        with force_locale(chat.language):
            try:
                return handler(self, chat, given if isinstance(given, dict) else {})
            except DeskError as problem:
                session().rollback()
                field = next(iter(problem.errors), "")
                reasons = problem.errors.get(field) or [problem.message]
                return refused(problem.code, _(reasons[0]) % problem.data if problem.data else _(reasons[0]), field=field)
            except OperationalError:
                session().rollback()
                log.warning("chat message not stored", exc_info=True)
                return refused("busy", _("系统正忙，稍后会自动再发。"), retry_after=2)
            except Exception:
                session().rollback()
                log.exception("chat handler broke")
                return refused("error", _("没有完成。页面上的内容还在，请稍后再试。"), retry_after=5)

    return run


class Visitors(Namespace):  # type: ignore[misc]  # the library has no types
    """The namespace of the widget. Whoever comes with a token that we gave goes on where they were."""

    def __init__(self, hub: Hub, rooms: Rooms) -> None:
        super().__init__(SPACE)
        self.hub, self.rooms = hub, rooms

    def on_connect(self, auth: Any = None) -> None:
        begin_trace()
        auth = auth if isinstance(auth, dict) else {}
        language = auth.get("language") if auth.get("language") in LANGUAGES else words.browser_language()
        with force_locale(language):
            self._connect(auth, str(language))

    def _connect(self, auth: dict[str, Any], language: str) -> None:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise _closed("origin", _("这个网站不能打开会话。"))
        slug, token = auth.get("account"), auth.get("token")
        account = find_account(slug) if isinstance(slug, str) and len(slug) <= 60 else None
        if account is None or account.kind != webchat.KIND or not account.active:
            raise _closed("unknown_account", _("这个会话入口不存在，或已经停用。"))
        address = request.remote_addr or ""
        visitor = visitors.find_visitor(account.id, token) if isinstance(token, str) else None
        if wait := self.rooms.refuses(address, visitor.id if visitor else None):
            raise _closed("busy", _("现在连接的人太多，请稍后再试。"), wait)
        account_id = account.id
        if visitor is None:
            with unit_of_work() as s:
                visitor, token = visitors.meet(s.get_one(Account, account_id), language)
        conversation = visitors.conversation_of(visitor)
        chat = Chat(_sid(), visitor.id, visitor.key, account_id, language, address)
        chat.conversation_id = conversation.id if conversation else None
        with self.rooms.lock:
            self.rooms.enter(chat)
            self.hub.follow()
        try:
            greeting = {"token": token, **joined(account_id, visitor, conversation, chat)}
            self.hub.server.emit("joined", greeting, to=_sid(), namespace=SPACE)
        except Exception as problem:
            # Not passed on: Flask-SocketIO takes a TypeError for a handler without arguments and would call it again.
            self.rooms.leave(_sid())
            log.exception("chat cannot begin")
            raise _closed("error", _("没有完成。页面上的内容还在，请稍后再试。"), 5) from problem

    def on_disconnect(self, *reason: Any) -> None:
        self.rooms.leave(_sid())
        self.hub.rest()

    @answering
    def on_message(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"client_msg_id","text","files":[id…]} → {"ok","id","created_at"}; the same id again gets the same answer."""
        number, text, files = given.get("client_msg_id"), given.get("text", ""), given.get("files") or []
        if not isinstance(number, str) or not webchat_id(number):
            return refused("invalid", _("消息没有编号。"), field="client_msg_id")
        if not isinstance(text, str):
            return refused("invalid", _("消息要是文字。"), field="text")
        if not isinstance(files, list) or len(files) > MOST_FILES or not all(type(n) is int for n in files):
            return refused("invalid", _("一次最多 %(n)s 个附件。", n=MOST_FILES), field="files")
        if wait := self.rooms.too_fast(chat):
            return refused("too_many", too_many(wait), retry_after=wait)
        text = clean(text).strip()
        if len(text) > webchat.LONGEST:
            return refused("too_long", _("一条消息最多 %(n)s 个字，请分几条发。", n=webchat.LONGEST), field="text")
        if (known := self._stored(chat, number)) is not None:
            return _accepted(known)
        if not text and not files:
            return refused("empty", _("写点内容再发。"), field="text")
        visitor = session().get_one(Visitor, chat.visitor_id)
        attached = [visitors.access_visitor_file(visitor, n) for n in files]
        if any(row is None or row.owner != "visitor" for row in attached):
            return refused("invalid", _("附件没有上传成功，请重新添加。"), field="files")
        return self._say(chat, visitor, number, text, [row for row in attached if row is not None])

    def _say(self, chat: Chat, visitor: Visitor, number: str, text: str, files: list[StoredFile]) -> Answer:
        kept = [{"sha256": row.sha256, "name": row.name, "mime": row.mime} for row in files]
        raw = webchat.packed(visitor.key, number, text, name=visitor.shown_name, files=kept)
        reachable = visitor.reachable
        with self.rooms.speaking(chat):  # two tabs of one browser do not race for the first word
            first = chat.conversation_id is None
            chat.sending.add(webchat.external_id(visitor.key, number))
            outcome = self._accept(chat, raw, number)
            message = session().get(Message, outcome.message_id) if outcome.message_id else self._stored(chat, number)
            if message is None:
                log.error("chat message not understood", extra={"raw_id": outcome.raw_id})
                return refused("failed", _("这条消息没能读懂，我们已经留底。"))
            answer, conversation_id = _accepted(message), message.conversation_id
            self.rooms.place(chat, conversation_id)
        if first:
            with unit_of_work() as s:
                visitors.introduce(s.get_one(Visitor, chat.visitor_id))
            if reachable:
                self._tell_contact(chat)
        return answer

    def _accept(self, chat: Chat, raw: bytes, number: str) -> receiving.Outcome:
        """By the door of all channels. Whoever loses a race for one row comes again and finds it there."""
        key = webchat.external_id(chat.key, number)
        try:
            return receiving.accept_now(chat.account_id, raw, source=f"webchat:{chat.key}", dedup_key=key)
        except (IntegrityError, DeskError):
            session().rollback()
            return receiving.accept(chat.account_id, raw, source=f"webchat:{chat.key}", dedup_key=key)

    def _stored(self, chat: Chat, number: str) -> Message | None:
        wanted = webchat.external_id(chat.key, number)
        rows = select(Message).where(Message.account_id == chat.account_id, Message.external_id == wanted)
        return session().scalar(rows)

    @answering
    def on_contact(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"name","email","phone"} → {"ok"}: how to reach somebody whose page is closed."""
        typed = [given.get(name) or "" for name in ("name", "email", "phone")]
        if not all(isinstance(part, str) for part in typed):
            return refused("invalid", _("联系方式要是文字。"))
        if wait := self.rooms.too_fast(chat):
            return refused("too_many", too_many(wait), retry_after=wait)
        claim = visitors.claim_of(*typed)
        if not claim.email and not claim.phone:
            return refused("invalid", _("留一个邮箱或电话，我们才能找到你。"), field="email")
        with unit_of_work() as s:
            visitor = s.get_one(Visitor, chat.visitor_id)
            changed = (visitor.email, visitor.phone) != (claim.email, claim.phone)
            visitor.name = claim.name or visitor.name
            visitor.email, visitor.phone = claim.email, claim.phone
            visitors.introduce(visitor)
        if changed and chat.conversation_id is not None:
            self._tell_contact(chat)
        return {"ok": True}

    def _tell_contact(self, chat: Chat) -> None:
        """Where the address belongs to somebody else, only the words say it; so they always do."""
        visitor = session().get_one(Visitor, chat.visitor_id)
        ways = " · ".join(filter(None, (visitor.name, visitor.email, visitor.phone)))
        number = webchat_digest("contact", ways)
        raw = webchat.packed(visitor.key, number, _("联系方式：%(ways)s", ways=ways), name=visitor.shown_name)
        self._accept(chat, raw, number)

    @answering
    def on_typing(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"on"}: told to whoever has the conversation open here; nothing is stored."""
        if chat.conversation_id is not None and self.rooms.may_type(chat.sid):
            room = f"conversation:{chat.conversation_id}"
            hint = {"conversation": chat.conversation_id, "on": given.get("on") is True}
            self.hub.server.emit("typing", hint, to=room, namespace=DESK)
        return {"ok": True}

    @answering
    def on_seen(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"last_id"}: the newest message that the page showed to somebody who looked."""
        last = given.get("last_id")
        if type(last) is not int or not 0 < last < 2**31:
            return refused("invalid", "", field="last_id")
        if chat.conversation_id is not None and last > chat.seen_id:
            if wait := self.rooms.looks_too_often(chat):
                return refused("too_many", "", retry_after=wait)
            with unit_of_work() as s:
                conversation = s.get_one(Conversation, chat.conversation_id)
                visitors.visitor_saw(s.get_one(Visitor, chat.visitor_id), conversation, last)
            chat.seen_id = last
        return {"ok": True}


def joined(account_id: int, visitor: Visitor, conversation: Conversation | None, chat: Chat) -> dict[str, Any]:
    """What a page needs to go on: everything said so far and who is there. `conversation` names it for good, before the
    first word too."""
    messages = visitors.heard_by_visitor(conversation.id) if conversation else []
    files = visitors.files_for_visitor([m.id for m in messages])
    chat.told = {m.id for m in messages}
    chat.seen_id = visitor.seen_id
    account = session().get_one(Account, account_id)
    chat.presence = presence(account)
    return {
        "conversation": visitor.key,
        "messages": [words.shown(m, files.get(m.id, ()), visitor, account) for m in messages],
        "seen": {"desk": visitor.desk_seen_id, "visitor": visitor.seen_id},
        "contact": {"name": visitor.name, "email": visitor.email, "phone": visitor.phone},
        "presence": chat.presence,
    }


def presence(account: Account) -> dict[str, Any]:
    """Whether somebody will answer now: {"open", "why": "" | "hours" | "away"}."""
    if not is_open(account.settings):
        return {"open": False, "why": "hours"}
    return {"open": True, "why": ""} if anybody_there() else {"open": False, "why": "away"}


class Tail:
    """What happened, told to the visitors of this process."""

    def __init__(self, server: Any, rooms: Rooms) -> None:
        self.server, self.rooms = server, rooms

    def listening(self) -> bool:
        return bool(self.rooms.chats)

    def heed(self, fresh: Sequence[Any]) -> None:
        said = {r.payload["message_id"] for r in fresh if r.name in ("MessageReceived", "MessageSent")}
        if said and self.rooms.chats:
            self._tell(said)
        for row in fresh:
            if row.name == "DeskSaw":
                for chat in self.rooms.of(row.payload["conversation_id"]):
                    self._emit("seen", {"last_id": row.payload["last_id"]}, chat)

    def _tell(self, ids: set[int]) -> None:
        rows = select(Message).join(Account, Account.id == Message.account_id).where(Account.kind == webchat.KIND)
        messages = session().scalars(rows.where(Message.id.in_(ids)).order_by(Message.id)).all()
        files = visitors.files_for_visitor([m.id for m in messages])
        for message in messages:
            identity = message.conversation.identity
            if message.state not in ("received", "sent") or identity is None:
                continue
            chats = self.rooms.of_key(identity.value)
            visitor = visitors.visitor_of(message.conversation) if chats else None
            for chat in chats:
                self.rooms.place(chat, message.conversation_id)
                known = message.id in chat.told or message.external_id in chat.sending
                chat.told.add(message.id)
                chat.sending.discard(message.external_id)
                if not known and visitor is not None:
                    account = message.conversation.account
                    self._emit("message", words.shown(message, files.get(message.id, ()), visitor, account), chat)

    def live(self) -> None:
        """Note who is online, and tell those to whom somebody came or from whom the last one left."""
        chats = self.rooms.everybody()
        if not chats:
            return
        with unit_of_work():
            visitors.online_now({chat.visitor_id for chat in chats})
        states = {n: presence(session().get_one(Account, n)) for n in {chat.account_id for chat in chats}}
        for chat in chats:
            if chat.presence != states[chat.account_id]:
                chat.presence = states[chat.account_id]
                self._emit("presence", chat.presence, chat)

    def _emit(self, name: str, content: dict[str, Any], chat: Chat) -> None:
        self.server.emit(name, content, to=chat.sid, namespace=SPACE)


class Desk:
    """What a ticket page tells the visitor: that somebody writes, that somebody has read."""

    def __init__(self, server: Any, hub: Hub, rooms: Rooms) -> None:
        self.server, self.hub, self.rooms = server, hub, rooms

    def typing(self, given: Any = None) -> Answer:
        """{"conversation", "on"} from whoever may watch that conversation."""
        number = self._conversation(given)
        if number is None:
            return {"ok": False}
        if self.rooms.may_type(_sid()):
            for chat in self.rooms.of(number):
                self.server.emit("typing", {"on": given.get("on") is True}, to=chat.sid, namespace=SPACE)
        return {"ok": True}

    def seen(self, given: Any = None) -> Answer:
        """{"conversation", "last_id"}: the newest message that a page showed to somebody who looked."""
        number, last = self._conversation(given), given.get("last_id") if isinstance(given, dict) else None
        if number is None or type(last) is not int or not 0 < last < 2**31:
            return {"ok": False}
        conversation = session().get(Conversation, number)
        visitor = visitors.visitor_of(conversation) if conversation is not None else None
        if visitor is None or visitor.desk_seen_id >= last:
            return {"ok": visitor is not None}
        visitor_id = visitor.id
        with unit_of_work() as s:
            visitors.desk_saw(s.get_one(Visitor, visitor_id), s.get_one(Conversation, number), last)
        return {"ok": True}

    def _conversation(self, given: Any) -> int | None:
        number = given.get("conversation") if isinstance(given, dict) else None
        if type(number) is not int or not 0 < number < 2**31:
            return None
        actor = self.hub.actor_of(_sid())
        if actor is None or not actor.can("ticket.work") or not may_watch(actor, "conversation", number):
            return None
        return number


def init_app(flask: Flask) -> None:
    """Hang the visitors beside the pages; called after realtime.init_app."""
    socketio, hub = flask.extensions["socketio"], hub_of(flask)
    rooms = Rooms(flask.extensions["settings"].web_threads)
    flask.extensions["visitors"] = rooms
    socketio.on_namespace(Visitors(hub, rooms))
    hub.listeners.append(Tail(socketio.server, rooms))
    desk = Desk(socketio.server, hub, rooms)
    socketio.on_event("typing", desk.typing, namespace=DESK)
    socketio.on_event("seen", desk.seen, namespace=DESK)


def webchat_id(number: str) -> bool:
    """Whether a browser may call its message so: short, and of plain signs."""
    return 0 < len(number) <= 64 and number.isascii() and number.isprintable() and " " not in number


def webchat_digest(kind: str, text: str) -> str:
    """A name for a message that the house writes in the visitor's place: the same words have the same one."""
    return f"{kind}.{words.digest(text)}"


def _accepted(message: Message) -> Answer:
    return {"ok": True, "id": message.id, "created_at": words.stamp(message.created_at)}


def _closed(code: str, message: str, wait: int = 0) -> ConnectionRefusedError:
    more = {"retry_after": wait} if wait else {}
    return ConnectionRefusedError(message, {"code": code, "message": message, **more})


def _sid() -> str:
    sid: str = request.sid  # type: ignore[attr-defined]
    return sid
