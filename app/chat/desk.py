"""What a ticket page tells the visitor: that somebody writes, that somebody has read."""

from typing import Any

from app.chat.answers import Answer, sid_now
from app.chat.hints import Hints
from app.chat.room import Rooms
from app.core.db import session
from app.core.uow import unit_of_work
from app.live.watching import may_watch
from app.realtime import Hub
from channels import visitors
from channels.models import Conversation
from channels.visitors import Visitor


class Desk:
    """The handlers for pages of the desk."""

    def __init__(self, hub: Hub, rooms: Rooms, hints: Hints) -> None:
        self.hub, self.rooms, self.hints = hub, rooms, hints

    def typing(self, given: Any = None) -> Answer:
        """{"conversation", "on"} from whoever may watch that conversation."""
        number = self._conversation(given)
        if number is None:
            return {"ok": False}
        if self.rooms.may_type(sid_now()):
            self.hints.say("desk_types", {"conversation": number, "on": given.get("on") is True})
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
        actor = self.hub.actor_of(sid_now())
        if actor is None or not actor.can("ticket.work") or not may_watch(actor, "conversation", number):
            return None
        return number
