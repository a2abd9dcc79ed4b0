"""The demo's tickets are lived through again: each mail, answer and step by the services that real ones take, at its hour.

Nothing leaves the house: an answer is marked as sent where it would have been sent, and its outbox row is closed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app import reactions
from app.core.clock import frozen, now
from app.core.db import session
from app.core.events import DONE, DUE, Event, EventRow, OutboxRow, reactions_of, record
from app.core.permissions import SYSTEM, Actor
from app.demo import tickets, world
from app.demo.world_rows import World
from app.replies import reply
from channels.base import Inbound, Sender
from channels.events import MessageSent
from channels.models import SENT, Conversation, Message
from channels.receiving import receive
from workflows import service as desk
from workflows.engine import take
from workflows.models import Ticket
from workflows.rules import RULES
from workflows.tickets import TICKET

CATEGORIES = {
    "connectivity": "connection", "drive": "hardware", "monitoring": "hardware", "execution": "usage",
    "scada": "software", "identifier": "usage", "open_api": "software", "account": "account",
    "field_service": "delivery", "documentation": "other",
}  # fmt: skip
"""What the demo's own words for a wrap-up are in the desk's."""

Act = Callable[[], None]


class Life:
    """One ticket on its way. `spoken` maps the numbers of the data to the real ones, for mails that name one."""

    def __init__(self, rows: World, data: tickets.Ticket, loaded: datetime, articles: Mapping[str, int], spoken: dict[str, str]):
        self.rows, self.data, self.loaded, self.articles, self.spoken = rows, data, loaded, articles, spoken
        self.born = loaded - timedelta(minutes=data.age)
        self.last_id: str | None = None
        self.ticket: Ticket
        self.conversation: Conversation

    def acts(self) -> Iterator[tuple[datetime, Act]]:
        """What happens and when; sorted by the caller, together with the other tickets'."""
        data = self.data
        silence = data.resolved_after and data.satisfaction is None
        closed = data.closed_after
        if closed is not None and data.resolved_after is not None and silence:
            closed = max(closed, data.resolved_after + int(RULES.silence.total_seconds() // 60))
        plan: list[tuple[int | None, Act]] = [
            (0, self.arrive),
            (1 if data.team else 0, self.classify),
            (data.dispatched_after, self.dispatch),
            (data.started_after, lambda: self.step("start", self.assignee)),
            (data.restored_after, self.restore),
            (data.hold.after if data.hold else None, self.hold),
            (data.resolved_after, self.resolve),
            (closed, self.close),
            (data.cancelled_after, self.cancel),
        ]
        plan += [(message.after, self.speaker(message)) for message in data.thread]
        for after, act in plan:
            if after is not None and after <= data.age:
                yield self.born + timedelta(minutes=after), act

    @property
    def assignee(self) -> Actor:
        return self.rows.actor(self.data.assignee or "agent")

    @property
    def customer(self) -> Actor:
        return replace(reactions.customer(self.ticket.contact), via="link")

    def able(self, permission: str) -> Actor:
        """The assignee, or an agent where the assignee's role may not do it."""
        return self.assignee if self.assignee.can(permission) else self.rows.actor("agent")

    def step(self, name: str, actor: Actor, **given: Any) -> None:
        take(TICKET, self.ticket, name, actor, **given)

    def words(self, text: str) -> str:
        for number, real in self.spoken.items():
            text = text.replace(number, real)
        return text

    def mail(self, contact: str, text: str, subject: str) -> Message:
        who = self.rows.contacts[contact]
        assert self.rows.account is not None
        message = receive(
            self.rows.account,
            Inbound(
                external_id=f"demo.{self.data.number}.{int(now().timestamp())}@{self.rows.email(contact).rpartition('@')[2]}",
                sender=Sender("email", self.rows.email(contact), who.name, verified=True),
                subject=subject,
                text=text,
                visible_text=text,
                sent_at=now(),
                answers=(self.last_id,) if self.last_id else (),
            ),
        )
        assert message is not None, "the demo's mails are all different"
        self.last_id = message.external_id
        return message

    def arrive(self) -> None:
        message = self.mail(self.data.contact, self.data.text, self.data.subject)
        self.conversation = message.conversation
        settle()
        self.ticket = desk.tickets_of_conversation(self.conversation.id)[0]
        self.spoken[str(self.data.number)] = str(self.ticket.number)

    def classify(self) -> None:
        data = self.data
        device = self.rows.devices[data.device].id if data.device else None
        actor = self.able("ticket.dispatch") if data.team else SYSTEM
        product = self.rows.products[data.product].id
        desk.classify(actor, self.ticket, kind=data.kind, impact=data.impact, product_id=product, device_id=device)

    def dispatch(self) -> None:
        assert self.data.team and self.data.assignee
        who = {"team": self.rows.teams[self.data.team], "assignee": self.rows.users[self.data.assignee]}
        self.step("dispatch", self.able("ticket.dispatch"), **who)

    def restore(self) -> None:
        self.ticket.restored_at = now()
        session().flush()

    def hold(self) -> None:
        hold = self.data.hold
        assert hold is not None
        until = self.loaded + timedelta(minutes=hold.until)
        self.step("hold", self.assignee, party=hold.party, reason=hold.reason, until=until)

    def resolve(self) -> None:
        wrap = self.data.wrap_up
        assert wrap is not None
        self.step(
            "resolve", self.assignee, resolution=self.data.resolution, kind=self.data.kind,
            wrap_up={
                "category": CATEGORIES[wrap.category], "cause": world.TICKET_CAUSES[wrap.cause],
                "articles": [self.articles[slug] for slug in wrap.articles],
            },
        )  # fmt: skip

    def close(self) -> None:
        said = self.data.satisfaction
        if self.ticket.state != "following_up":
            return
        if said is None:
            self.step("close", SYSTEM, result="silence", reason=f"{RULES.silence.days} 天未答复")
        else:
            given = {"rating": said.rating, "comment": said.comment, "via": "link"}
            self.step("close", self.customer, result="answered", **given)

    def cancel(self) -> None:
        self.step("cancel", self.able("ticket.cancel"), reason=self.data.cancel_reason)

    def speaker(self, message: tickets.Message) -> Act:
        return lambda: self.say(message)

    def say(self, message: tickets.Message) -> None:
        text = self.words(message.text)
        if message.role == "customer":
            self.mail(message.by, text, f"Re: {self.data.subject}")
            settle()
            if "催" in text:
                self.step("urge", self.customer)
        elif message.role == "note":
            desk.add_note(self.rows.actor(message.by), self.ticket, text)
        else:
            used = [self.articles[slug] for slug in message.articles]
            queued = reply(self.rows.actor(message.by), self.ticket, self.conversation, text, article_ids=used)
            self.last_id = queued.external_id


def run(lives: list[Life]) -> None:
    """Do everything in the order of time, so that the trail reads as it would have been written."""
    acts = [(moment, place, act) for life in lives for place, (moment, act) in enumerate(life.acts())]
    for moment, _, act in sorted(acts, key=lambda item: (item[0], item[1])):
        with frozen(moment):
            act()
            settle()


def settle() -> None:
    """Do what the outbox owes at this moment, here and now. A message counts as sent; articles wait for the index."""
    while rows := list(
        session().scalars(
            select(OutboxRow)
            .where(OutboxRow.state == DUE, OutboxRow.due_at <= now(), OutboxRow.reaction != "write_index")
            .order_by(OutboxRow.id)
        )
    ):
        for row in rows:
            stored = session().get_one(EventRow, row.event_id)
            event: Any = Event.load(stored.name, stored.payload)
            row.state, row.finished_at = DONE, now()
            session().flush()
            if row.reaction == "deliver_message":
                _as_if_sent(event.message_id)
            else:
                next(r for r in reactions_of(type(event)) if r.__name__ == row.reaction)(event)


def _as_if_sent(message_id: int) -> None:
    message = session().get_one(Message, message_id)
    message.state, message.sent_at = SENT, now()
    message.conversation.account.last_sent_at = now()
    session().flush()
    conversation = message.conversation
    record(MessageSent(conversation_id=conversation.id, version=conversation.version, message_id=message_id))
