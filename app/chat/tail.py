"""What the visitors of this process hear: everything said so far, what is new, who is there, how many are before them."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from app.chat import rating as chat_rating
from app.chat import words
from app.chat.room import Chat, Rooms
from app.core.db import session
from app.core.presence import anybody_there
from app.core.uow import unit_of_work
from app.realtime import SPACE as DESK
from channels import chat_ends, visitors, webchat
from channels.models import Account, Conversation, Message
from channels.visitors import Visitor
from channels.webchat_fields import fields_of, for_page
from channels.webchat_hours import is_open, next_opening
from channels.webchat_settings import said, yes

SPACE = "/visitor"
MOVES_QUEUE = frozenset({"MessageReceived", "MessageSent", "MessageQueued", "ChatEnded"})


def joined(account: Account, visitor: Visitor, conversation: Conversation | None, chat: Chat) -> dict[str, Any]:
    """What a page needs to go on: everything said so far and who is there. `conversation` names it for good, before the
    first word too."""
    messages = visitors.heard_by_visitor(conversation.id) if conversation else []
    files = visitors.files_for_visitor([m.id for m in messages])
    asks = chat_rating.open_questions([m.id for m in messages])
    chat.told = {m.id for m in messages}
    chat.seen_id = visitor.seen_id
    chat.presence = presence(account)
    chat.queue = _ahead(account, [chat]).get(chat.sid)
    fields = fields_of(account.settings)
    chat.asked = conversation is not None or not fields or bool(visitor.answers)
    return {
        "conversation": visitor.key,
        "messages": [words.shown(m, files.get(m.id, ()), visitor, account, asks) for m in messages],
        "seen": {"desk": visitor.desk_seen_id, "visitor": visitor.seen_id},
        "contact": {"name": visitor.name, "email": visitor.email, "phone": visitor.phone},
        "presence": chat.presence,
        "verified": visitor.verified,
        "queue": {"ahead": chat.queue},
        "prechat": {"fields": [] if chat.asked else for_page(fields, chat.language), "done": chat.asked},
        "transcript": said(account.settings, "transcript") != "no",
        **chat_rating.end_state(conversation),
    }


def presence(account: Account) -> dict[str, Any]:
    """Whether somebody will answer now: {"open", "why": "" | "hours" | "away"}, outside the hours with `opens`, the next
    opening."""
    if not is_open(account.settings):
        opens = next_opening(account.settings)
        return {"open": False, "why": "hours", **({"opens": words.stamp(opens)} if opens else {})}
    return {"open": True, "why": ""} if anybody_there() else {"open": False, "why": "away"}


def _ahead(account: Account, chats: Sequence[Chat]) -> dict[str, int]:
    """How many are before each of these pages, by its socket."""
    numbers = {chat.conversation_id for chat in chats if chat.conversation_id is not None}
    if not numbers or not yes(account.settings, "queue"):
        return {}
    places = chat_ends.ahead(account.id, numbers)
    return {chat.sid: places[chat.conversation_id] for chat in chats if chat.conversation_id in places}


class Tail:
    """What happened, told to the visitors of this process. `begin` is called as soon as any page is open."""

    def __init__(self, server: Any, rooms: Rooms, begin: Callable[[], None]) -> None:
        self.server, self.rooms, self.begin = server, rooms, begin

    def listening(self) -> bool:
        return bool(self.rooms.chats)

    def heed(self, fresh: Sequence[Any]) -> None:
        if not self.rooms.chats:
            return
        told = {r.payload["message_id"] for r in fresh if r.name in ("MessageReceived", "MessageSent")}
        if told:
            self._tell(told)
        for row in fresh:
            if row.name == "DeskSaw":
                for chat in self.rooms.of(row.payload["conversation_id"]):
                    self._emit("seen", {"last_id": row.payload["last_id"]}, chat)
            elif row.name == "ChatEnded":
                self._tell_end(row.payload)
        if any(row.name in MOVES_QUEUE for row in fresh):
            self._tell_queue(self.rooms.everybody())

    def hear(self, name: str, content: dict[str, Any]) -> None:
        """A hint for the moment, of this process or another."""
        number, on = content.get("conversation"), content.get("on") is True
        if type(number) is not int:
            return
        if name == "visitor_types":
            self.server.emit("typing", {"conversation": number, "on": on}, to=f"conversation:{number}", namespace=DESK)
        elif name == "visitor_looks":
            changed = {"what": "conversation", "id": number, "version": None}
            self.server.emit("changed", changed, to=f"conversation:{number}", namespace=DESK)
        elif name == "desk_types":
            for chat in self.rooms.of(number):
                self._emit("typing", {"on": on}, chat)

    def _tell(self, ids: set[int]) -> None:
        rows = select(Message).join(Account, Account.id == Message.account_id).where(Account.kind == webchat.KIND)
        messages = session().scalars(rows.where(Message.id.in_(ids)).order_by(Message.id)).all()
        files = visitors.files_for_visitor([m.id for m in messages])
        asks = chat_rating.open_questions([m.id for m in messages])
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
                    self._emit("message", words.shown(message, files.get(message.id, ()), visitor, account, asks), chat)

    def _tell_end(self, given: dict[str, Any]) -> None:
        chats = self.rooms.of(given["conversation_id"])
        if chats:
            state = chat_rating.end_state(session().get_one(Conversation, given["conversation_id"]))
            for chat in chats:
                self._emit("ended", {"by": given["by"], **state}, chat)

    def _tell_queue(self, chats: Sequence[Chat]) -> None:
        """Tell those whose place has changed; None: nobody waits there any more."""
        waiting = [chat for chat in chats if chat.conversation_id is not None]
        for account_id in {chat.account_id for chat in waiting}:
            mine = [chat for chat in waiting if chat.account_id == account_id]
            places = _ahead(session().get_one(Account, account_id), mine)
            for chat in mine:
                if places.get(chat.sid) != chat.queue:
                    chat.queue = places.get(chat.sid)
                    self._emit("queue", {"ahead": chat.queue}, chat)

    def live(self) -> None:
        """Note who is online, and tell those to whom somebody came or from whom the last one left."""
        self.begin()
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
        self._tell_queue(chats)

    def _emit(self, name: str, content: dict[str, Any], chat: Chat) -> None:
        self.server.emit(name, content, to=chat.sid, namespace=SPACE)
