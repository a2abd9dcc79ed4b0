"""The sockets of people who chat from a web page, and the console's side of what is only for the moment (typing, seen).

A message enters by the door of all channels; what the desk answers comes from the table of events, so it reaches the
visitor whichever process wrote it. Typing is not worth a row: app/chat/hints.py passes it on.
"""

import logging
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.chat import words
from app.chat.acts import Acts
from app.chat.answers import Answer, accepted, answering, closed, refused, sid_now
from app.chat.desk import Desk
from app.chat.hints import Hints
from app.chat.limits import Shared
from app.chat.room import Chat, Rooms, too_many
from app.chat.tail import SPACE, Tail, joined
from app.core.db import session
from app.core.errors import DeskError
from app.core.files import StoredFile
from app.core.text import clean
from app.core.trace import begin_trace
from app.core.uow import unit_of_work
from app.realtime import SPACE as DESK
from app.realtime import Hub, hub_of
from channels import receiving, visitors, webchat
from channels.accounts import find_account
from channels.models import Account, Conversation, Message
from channels.visitor_proof import settle
from channels.visitors import Visitor
from channels.webchat_fields import fields_of
from channels.webchat_settings import number as setting
from channels.webchat_settings import yes

log = logging.getLogger("huiyin.visitors")
MOST_FILES = 10
LANGUAGES = ("zh", "en")


class Visitors(Acts):
    """The namespace of the widget. Whoever comes with a token that we gave goes on where they were."""

    def __init__(self, hub: Hub, rooms: Rooms, hints: Hints) -> None:
        super().__init__(SPACE)
        self.hub, self.rooms, self.hints = hub, rooms, hints

    def on_connect(self, auth: Any = None) -> None:
        begin_trace()
        auth = auth if isinstance(auth, dict) else {}
        language = auth.get("language") if auth.get("language") in LANGUAGES else words.browser_language()
        with force_locale(language):
            self._connect(auth, str(language))

    def _connect(self, auth: dict[str, Any], language: str) -> None:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise closed("origin", _("这个网站不能打开会话。"))
        slug, token = auth.get("account"), auth.get("token")
        account = find_account(slug) if isinstance(slug, str) and len(slug) <= 60 else None
        if account is None or account.kind != webchat.KIND or not account.active:
            raise closed("unknown_account", _("这个会话入口不存在，或已经停用。"))
        address = request.remote_addr or ""
        visitor = visitors.find_visitor(account.id, token) if isinstance(token, str) else None
        if yes(account.settings, "verified_only") and (visitor is None or not visitor.verified):
            raise closed("verification", _("请先在网站上登录，再打开会话。"))
        if wait := self.rooms.refuses(address, visitor.id if visitor else None):
            raise closed("busy", _("现在连接的人太多，请稍后再试。"), wait)
        account_id = account.id
        if visitor is None:
            with unit_of_work() as s:
                visitor, token = visitors.meet(s.get_one(Account, account_id), language)
        elif visitor.language != language:
            with unit_of_work() as s:
                visitors.speak(s.get_one(Visitor, visitor.id), language)
        conversation = visitors.conversation_of(visitor)
        chat = Chat(sid_now(), visitor.id, visitor.key, account_id, language, address)
        chat.conversation_id = conversation.id if conversation else None
        chat.others = set(session().scalars(visitors.line_of(conversation.id))) if conversation else set()
        account = session().get_one(Account, account_id)
        chat.per_second = setting(account.settings, "messages_per_minute") / 60
        with self.rooms.lock:
            self.rooms.enter(chat)
            self.hub.follow()
        self.hints.listen()
        try:
            greeting = {"token": token, **joined(account, visitor, conversation, chat)}
            self.hub.server.emit("joined", greeting, to=sid_now(), namespace=SPACE)
        except Exception as problem:
            # Not passed on: Flask-SocketIO takes a TypeError for a handler without arguments and would call it again.
            self.rooms.leave(sid_now())
            log.exception("chat cannot begin")
            raise closed("error", _("没有完成。页面上的内容还在，请稍后再试。"), 5) from problem

    def on_disconnect(self, *reason: Any) -> None:
        self.rooms.leave(sid_now())
        self.hub.rest()

    @answering
    def on_message(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"client_msg_id","text","files":[id…],"item"} → {"ok","id","created_at"}; the same id again gets the same answer."""
        number, text, files = given.get("client_msg_id"), given.get("text", ""), given.get("files") or []
        item = given.get("item") or ""
        if not isinstance(number, str) or not webchat_id(number):
            return refused("invalid", _("消息没有编号。"), field="client_msg_id")
        if not isinstance(text, str):
            return refused("invalid", _("消息要是文字。"), field="text")
        if not isinstance(item, str) or len(item) > words.LONGEST_ITEM or not item.isprintable():
            return refused("invalid", _("消息要是文字。"), field="item")
        if not isinstance(files, list) or len(files) > MOST_FILES or not all(type(n) is int for n in files):
            return refused("invalid", _("一次最多 %(n)s 个附件。", n=MOST_FILES), field="files")
        if wait := self.rooms.too_fast(chat):
            return refused("too_many", too_many(wait), retry_after=wait)
        text = clean(text).strip()
        if len(text) > webchat.LONGEST:
            return refused("too_long", _("一条消息最多 %(n)s 个字，请分几条发。", n=webchat.LONGEST), field="text")
        if (known := self._stored(chat, number)) is not None:
            return accepted(known)
        if not text and not files:
            return refused("empty", _("写点内容再发。"), field="text")
        visitor = session().get_one(Visitor, chat.visitor_id)
        account = session().get_one(Account, chat.account_id)
        if not account.active:
            return refused("unknown_account", _("这个会话入口不存在，或已经停用。"))
        if yes(account.settings, "verified_only") and not visitor.verified:
            return refused("verification", _("请先在网站上登录，再打开会话。"))
        if not chat.asked and self._owes_answers(chat, visitor):
            return refused("prechat", _("请先填好上面的几项。"))
        attached = [visitors.access_visitor_file(visitor, n) for n in files]
        if any(row is None or row.owner != "visitor" for row in attached):
            return refused("invalid", _("附件没有上传成功，请重新添加。"), field="files")
        return self._say(chat, visitor, number, text, [row for row in attached if row is not None], clean(item))

    def _say(self, chat: Chat, visitor: Visitor, number: str, text: str, files: list[StoredFile], item: str = "") -> Answer:
        kept = [{"sha256": row.sha256, "name": row.name, "mime": row.mime} for row in files]
        raw = webchat.packed(visitor.key, number, text, name=visitor.shown_name, files=kept, item=item, language=visitor.language)
        reachable, asked = visitor.reachable, bool(visitor.answers)
        if chat.conversation_id is None and visitor.verified:
            with unit_of_work() as s:  # before the first word, so that its ticket begins with the right person
                settle(s.get_one(Visitor, chat.visitor_id))
        with self.rooms.speaking(chat):  # two tabs of one browser do not race for the first word
            first = chat.conversation_id is None
            chat.sending.add(webchat.external_id(visitor.key, number))
            outcome = self.accept(chat, raw, number)
            message = session().get(Message, outcome.message_id) if outcome.message_id else self._stored(chat, number)
            if message is None:
                log.error("chat message not understood", extra={"raw_id": outcome.raw_id})
                return refused("failed", _("这条消息没能读懂，我们已经留底。"))
            answer, conversation_id = accepted(message), message.conversation_id
            self.rooms.place(chat, conversation_id)
        if first:
            with unit_of_work() as s:
                visitors.introduce(s.get_one(Visitor, chat.visitor_id))
            if asked:
                self.tell_answers(chat)
            elif reachable and not visitor.verified:
                self.tell_contact(chat)
        return answer

    def _owes_answers(self, chat: Chat, visitor: Visitor) -> bool:
        """Whether something that must be answered first was not: the page asks, but only the server can insist."""
        fields = fields_of(session().get_one(Account, chat.account_id).settings)
        chat.asked = bool(visitor.answers) or not any(field.required for field in fields)
        return not chat.asked

    def accept(self, chat: Chat, raw: bytes, number: str) -> receiving.Outcome:
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
    def on_typing(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"on"}: told to whoever has the conversation open here; nothing is stored."""
        if chat.conversation_id is not None and self.rooms.may_type(chat.sid):
            self.hints.say("visitor_types", {"conversation": chat.conversation_id, "on": given.get("on") is True})
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


def init_app(flask: Flask) -> None:
    """Hang the visitors beside the pages; called after realtime.init_app."""
    socketio, hub = flask.extensions["socketio"], hub_of(flask)
    settings = flask.extensions["settings"]
    shared = Shared(settings.redis_url)
    rooms = Rooms(settings.web_threads, shared)
    tail = Tail(socketio.server, rooms, lambda: hints.listen())
    hints = Hints(shared, tail.hear)
    flask.extensions["visitors"], flask.extensions["chat_hints"] = rooms, hints
    socketio.on_namespace(Visitors(hub, rooms, hints))
    hub.listeners.append(tail)
    desk = Desk(hub, rooms, hints)
    socketio.on_event("typing", desk.typing, namespace=DESK)
    socketio.on_event("seen", desk.seen, namespace=DESK)


def webchat_id(number: str) -> bool:
    """Whether a browser may call its message so: short, and of plain signs."""
    return 0 < len(number) <= 64 and number.isascii() and number.isprintable() and " " not in number


