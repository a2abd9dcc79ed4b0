"""Who is connected from a web page to this process, and how much each may send."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _

from app.chat.limits import REMEMBERED, Buckets, Shared

PER_VISITOR, PER_ADDRESS, NEW_PER_ADDRESS = (20, 1.0), (600, 60.0), (400, 5.0)
"""Messages of one visitor, messages of one address (a whole company may share it), new connections of one address: how
many at once, and how many a second after that."""
LOOKS = (60, 2.0)
"""How often one page may say what it showed, likewise."""
TRANSCRIPTS, TRANSCRIPTS_PER_ADDRESS = (3, 3 / 86_400), (20, 20 / 3600)
"""Transcripts by mail, likewise: nobody floods a mailbox by way of us."""
SOCKETS_PER_VISITOR = 8
TYPING_SECONDS = 0.5


@dataclass(eq=False)
class Chat:
    """One open page. `told`: ids of messages that it has; `sending`: those of its own that are on their way in.
    `queue`: how many it was told are before it. `asked`: what is asked before the first word was answered. `others`:
    conversations that words of this chat were moved to: whoever answers there is heard here."""

    sid: str
    visitor_id: int
    key: str
    account_id: int
    language: str
    address: str
    conversation_id: int | None = None
    seen_id: int = 0
    told: set[int] = field(default_factory=set)
    sending: set[str] = field(default_factory=set)
    presence: dict[str, Any] | None = None
    queue: int | None = None
    per_second: float = 1.0
    asked: bool = True
    others: set[int] = field(default_factory=set)


class Rooms:
    """The open pages of visitors in this process. A fifth of the threads, 50 at least, stays for everybody else."""

    def __init__(self, threads: int, shared: Shared | None = None) -> None:
        self.most = max(2, threads - max(50, threads // 5))
        self.chats: dict[str, Chat] = {}
        self.lock = threading.RLock()
        self._places: dict[int, set[str]] = {}
        self._keys: dict[str, set[str]] = {}
        self._speaking: dict[str, tuple[threading.Lock, int]] = {}
        self._typed: dict[str, float] = {}
        self._visitors, self._addresses = Buckets(*PER_VISITOR, "say", shared), Buckets(*PER_ADDRESS, "address", shared)
        self._arrivals, self._looks = Buckets(*NEW_PER_ADDRESS, "arrive", shared), Buckets(*LOOKS)
        self._letters = Buckets(*TRANSCRIPTS, "letter", shared), Buckets(*TRANSCRIPTS_PER_ADDRESS, "letters", shared)

    def refuses(self, address: str, visitor_id: int | None) -> int:
        """0 when there is room for one more page, else the seconds after which to ask again."""
        with self.lock:
            mine = sum(chat.visitor_id == visitor_id for chat in self.chats.values()) if visitor_id else 0
            if len(self.chats) >= self.most or mine >= SOCKETS_PER_VISITOR:
                return 15
        return self._arrivals.take(address)

    def enter(self, chat: Chat) -> None:
        with self.lock:
            self.chats[chat.sid] = chat
            self._keys.setdefault(chat.key, set()).add(chat.sid)
            for number in chat.others | ({chat.conversation_id} if chat.conversation_id is not None else set()):
                self._places.setdefault(number, set()).add(chat.sid)

    def place(self, chat: Chat, conversation_id: int) -> None:
        """The page's conversation has begun."""
        with self.lock:
            if chat.sid in self.chats:
                chat.others |= {chat.conversation_id} if chat.conversation_id is not None else set()
                chat.conversation_id = conversation_id
                self._places.setdefault(conversation_id, set()).add(chat.sid)

    def leave(self, sid: str) -> None:
        with self.lock:
            chat = self.chats.pop(sid, None)
            self._typed.pop(sid, None)
            if chat is not None:
                _drop(self._keys, chat.key, sid)
                for number in {chat.conversation_id, *chat.others}:
                    _drop(self._places, number, sid)

    def of(self, conversation_id: int) -> list[Chat]:
        """The pages that show this conversation."""
        with self.lock:
            return [self.chats[sid] for sid in self._places.get(conversation_id, ())]

    def of_key(self, key: str) -> list[Chat]:
        """The pages of one browser."""
        with self.lock:
            return [self.chats[sid] for sid in self._keys.get(key, ())]

    def everybody(self) -> list[Chat]:
        with self.lock:
            return list(self.chats.values())

    def too_fast(self, chat: Chat) -> int:
        """0, or the seconds that this page has to wait before it sends again."""
        return self._visitors.take(chat.visitor_id, chat.per_second) or self._addresses.take(chat.address)

    def letters_too_often(self, chat: Chat) -> int:
        """0, or the seconds until this visitor may have a transcript mailed again."""
        return self._letters[0].take(chat.visitor_id) or self._letters[1].take(chat.address)

    def looks_too_often(self, chat: Chat) -> int:
        """0, or the seconds that this page has to wait before it says again what it showed: each time is a write."""
        return self._looks.take(chat.visitor_id)

    def may_type(self, sid: str) -> bool:
        """Whether enough time went by since this page last said that somebody types."""
        with self.lock:
            now = time.monotonic()
            if now - self._typed.get(sid, 0.0) < TYPING_SECONDS:
                return False
            if len(self._typed) > REMEMBERED:
                self._typed.clear()
            self._typed[sid] = now
            return True

    @contextmanager
    def speaking(self, chat: Chat) -> Iterator[None]:
        """One message of a browser at a time."""
        with self.lock:
            lock, waiting = self._speaking.get(chat.key, (threading.Lock(), 0))
            self._speaking[chat.key] = (lock, waiting + 1)
        try:
            with lock:
                yield
        finally:
            with self.lock:
                lock, waiting = self._speaking[chat.key]
                if waiting > 1:
                    self._speaking[chat.key] = (lock, waiting - 1)
                else:
                    del self._speaking[chat.key]


def too_many(wait: int) -> str:
    """The sentence for whoever sends too fast."""
    return str(_("发得太快了，%(n)s 秒后会自动再发。", n=wait))


def _drop(table: dict[Any, set[str]], name: Any, sid: str) -> None:
    found = table.get(name)
    if found is not None:
        found.discard(sid)
        if not found:
            del table[name]
