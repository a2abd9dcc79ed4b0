"""What a visitor can do in the chat beside speaking: say who they are, show what they look at, end it, rate it, ask for
what was said by mail."""

from typing import Any

from flask_babel import gettext as _
from flask_socketio import Namespace

from app.chat import letters as chat_letters
from app.chat import rating as chat_rating
from app.chat import words
from app.chat.answers import Answer, answering, refused
from app.chat.hints import Hints
from app.chat.room import Chat, Rooms, too_many
from app.core.db import session
from app.core.errors import Refused
from app.core.events import record
from app.core.uow import unit_of_work
from app.customers import customer
from channels import chat_ends, receiving, visitors, webchat
from channels.events import TranscriptAsked
from channels.models import Account, Conversation
from channels.visitor_pages import note_page
from channels.visitors import Visitor
from channels.webchat_fields import answered, fields_of
from channels.webchat_settings import said, yes


class Acts(Namespace):  # type: ignore[misc]  # the library has no types
    """The handlers; app/chat/visitors.py adds who comes in, and words."""

    rooms: Rooms
    hints: Hints

    def accept(self, chat: Chat, raw: bytes, number: str) -> receiving.Outcome:
        """Take a message in by the door of all channels."""
        raise NotImplementedError

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
            self.tell_contact(chat)
        return {"ok": True}

    def tell_contact(self, chat: Chat) -> None:
        """Where the address belongs to somebody else, only the words say it; so they always do."""
        visitor = session().get_one(Visitor, chat.visitor_id)
        ways = " · ".join(filter(None, (visitor.name, visitor.email, visitor.phone)))
        self._write(chat, visitor, "contact", _("联系方式：%(ways)s", ways=ways))

    def tell_answers(self, chat: Chat) -> None:
        """What was asked before the first word, as words of the visitor's: agents and search find it there."""
        visitor = session().get_one(Visitor, chat.visitor_id)
        labels = {f.key: f.label for f in fields_of(session().get_one(Account, chat.account_id).settings)}
        lines = [f"{labels.get(key, key)}：{value}" for key, value in visitor.answers.items()]  # data
        self._write(chat, visitor, "prechat", "\n".join([_("会话前填写："), *lines]))

    def _write(self, chat: Chat, visitor: Visitor, kind: str, text: str) -> None:
        number = f"{kind}.{words.digest(text)}"  # the same words have the same name
        raw = webchat.packed(visitor.key, number, text, name=visitor.shown_name, language=visitor.language)
        self.accept(chat, raw, number)

    @answering
    def on_fields(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"answers": {key: text}} → {"ok", "contact"}: what is asked before the first word."""
        answers = given.get("answers")
        fields = fields_of(session().get_one(Account, chat.account_id).settings)
        if not isinstance(answers, dict) or not fields:
            return refused("invalid", _("这里没有要填的内容。"))
        if wait := self.rooms.too_fast(chat):
            return refused("too_many", too_many(wait), retry_after=wait)
        kept = answered(fields, answers)
        by_type = {f.type: kept.get(f.key, "") for f in fields if f.type in ("email", "phone")}
        with unit_of_work() as s:
            visitor = s.get_one(Visitor, chat.visitor_id)
            visitor.answers = kept
            if not visitor.verified:
                visitor.name = kept.get("name", "")[:60] or visitor.name
                visitor.email, visitor.phone = by_type.get("email") or visitor.email, by_type.get("phone") or visitor.phone
                visitors.introduce(visitor)
            contact = {"name": visitor.name, "email": visitor.email, "phone": visitor.phone}
        chat.asked = True
        if chat.conversation_id is not None and kept:
            self.tell_answers(chat)
        return {"ok": True, "contact": contact}

    @answering
    def on_page(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"url","title"}: the page of the site around the chat."""
        url, title = given.get("url"), given.get("title") or ""
        if not isinstance(url, str) or not isinstance(title, str):
            return refused("invalid", "")
        if not yes(session().get_one(Account, chat.account_id).settings, "pages"):
            return {"ok": True}
        if wait := self.rooms.looks_too_often(chat):
            return refused("too_many", "", retry_after=wait)
        with unit_of_work():
            moved = note_page(chat.visitor_id, url, title)
        if moved and chat.conversation_id is not None:
            self.hints.say("visitor_looks", {"conversation": chat.conversation_id})
        return {"ok": True}

    @answering
    def on_end(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """The visitor has what they came for: {"ok"}, and `ended` comes to every page of theirs."""
        if chat.conversation_id is None:
            return {"ok": True}
        with unit_of_work() as s:
            conversation = s.get_one(Conversation, chat.conversation_id)
            chat_ends.end_chat(customer(conversation.contact), conversation)
        return {"ok": True}

    @answering
    def on_rate(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"score": 1…5, "comment", "solved": true|false|null} → {"ok"}."""
        score, comment, solved = given.get("score"), given.get("comment") or "", given.get("solved")
        if (score is not None and type(score) is not int) or not isinstance(comment, str) or solved not in (True, False, None):
            return refused("invalid", _("评分是 1 到 5。"), field="score")
        if chat.conversation_id is None:
            raise Refused(_("还没有人答复过，先不用评价。"))
        if wait := self.rooms.too_fast(chat):
            return refused("too_many", too_many(wait), retry_after=wait)
        with unit_of_work() as s:
            conversation = s.get_one(Conversation, chat.conversation_id)
            chat_rating.rate(conversation, score, comment[:2000], solved)
        return {"ok": True}

    @answering
    def on_transcript(self, chat: Chat, given: dict[str, Any]) -> Answer:
        """{"email"} → {"ok","email"}: what was said goes there by mail; without one, to the address that we have."""
        typed = given.get("email") or ""
        visitor = session().get_one(Visitor, chat.visitor_id)
        account = session().get_one(Account, chat.account_id)
        conversation = session().get(Conversation, chat.conversation_id) if chat.conversation_id else None
        if not isinstance(typed, str) or said(account.settings, "transcript") == "no":
            return refused("invalid", _("这里不能发会话记录。"), field="email")
        # Otherwise anybody could have us mail words of theirs to anybody.
        if conversation is None or not chat_ends.spoken_by_desk(conversation.id):
            raise Refused(_("等有人答复过，才有会话记录可发。"))
        to = visitors.claim_of("", typed, "").email or chat_letters.address_of(visitor, conversation)
        if not to:
            return refused("invalid", _("写一个邮箱，会话记录发到那里。"), field="email")
        if wait := self.rooms.letters_too_often(chat):
            return refused("too_many", _("会话记录刚发过，请稍后再要。"), retry_after=wait)
        key = words.digest(f"{conversation.id}\n{conversation.last_message_at}\n{to}")
        with unit_of_work():
            record(TranscriptAsked(conversation_id=conversation.id, to=to, language=chat.language, key=key))
        return {"ok": True, "email": to}
