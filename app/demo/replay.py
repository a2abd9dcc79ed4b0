"""The demo's tickets are lived through again: each word, answer and step by the services that real ones take, at its hour.

Nothing leaves the house: an answer is marked as sent where it would have been sent, and its outbox row is closed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app import customers, fcr_reactions, reactions
from app.core.clock import frozen, now
from app.core.db import session
from app.core.directory.identities import add_identity
from app.core.events import DONE, DUE, Event, EventRow, OutboxRow, reactions_of, record
from app.core.permissions import SYSTEM, Actor
from app.demo import story, world
from app.demo.replay_orders import play_order
from app.demo.world_rows import World
from app.replies import reply
from channels.base import Inbound, Sender
from channels.events import MessageSent
from channels.models import SENT, Conversation, Message
from channels.receiving import receive
from channels.visitors import meet
from channels.webchat import external_id
from workflows import service as desk
from workflows.engine import take
from workflows.kinds import KINDS
from workflows.models import Ticket, TicketLink
from workflows.opening import open_ticket
from workflows.tickets import TICKET

CATEGORIES = {
    "connectivity": "connection", "drive": "hardware", "monitoring": "hardware", "execution": "usage",
    "scada": "software", "identifier": "usage", "open_api": "software", "account": "account",
    "field_service": "delivery", "documentation": "other",
}  # fmt: skip
"""What the demo's own words for a wrap-up are in the desk's."""

SPOKEN = ("calls", "walk_in")
BATCH = 200
Act = Callable[[], None]


class Life:
    """One ticket on its way. `spoken` maps the numbers of the data to the real tickets, for words that name one."""

    def __init__(self, rows: World, data: story.Ticket, loaded: datetime, articles: Mapping[str, int], spoken: dict[int, Ticket]):
        self.rows, self.data, self.loaded, self.articles, self.spoken = rows, data, loaded, articles, spoken
        self.born = loaded - timedelta(minutes=data.age)
        self.last_id: str | None = None
        self.said = 0
        self.visitor = ""
        self.ticket: Ticket
        self.conversation: Conversation | None = None

    def acts(self) -> Iterator[tuple[datetime, Act]]:
        """What happens and when; sorted by the caller, together with the other tickets'."""
        data = self.data
        plan: list[tuple[int | None, Act]] = [
            (0, self.arrive),
            (None if data.channel in SPOKEN else (data.dispatched_after or 0) if data.channel == "webchat" else 1 if data.team else 0, self.classify),
            (data.dispatched_after, self.dispatch),
            (data.started_after, lambda: self.step("start", self.assignee)),
            (data.restored_after, self.restore),
        ]
        plan += [(message.after, self.speaker(message)) for message in data.thread]
        plan += [(act.after, self.doer(act)) for act in data.acts]
        for order in data.orders:
            plan += [(after, act) for after, act in play_order(self.rows, lambda: self.ticket, order, self.born, self.loaded)]
        plan += [
            (data.hold.after if data.hold else None, self.hold),
            (data.resolved_after, self.resolve),
            (data.closed_after, self.close),
            (data.cancelled_after, self.cancel),
        ]
        for after, act in plan:
            if after is not None and after <= data.age:
                yield self.born + timedelta(minutes=after), act

    @property
    def assignee(self) -> Actor:
        """Whoever has the ticket now, else the one whom the story names."""
        row = getattr(self, "ticket", None)
        return self.rows.actor(row.assignee.name if row is not None and row.assignee else self.data.assignee or "agent")

    @property
    def customer(self) -> Actor:
        return replace(customers.customer(self.ticket.contact), via="link")

    def able(self, permission: str) -> Actor:
        """The assignee, or an agent where the assignee's role may not do it."""
        return self.assignee if self.assignee.can(permission) else self.rows.actor("agent")

    def colleague(self) -> Actor:
        """An agent who did not solve it: the one who asks is not the one who solved."""
        return next(
            actor for actor in map(self.rows.actor, ("agent8", "agent7")) if actor.id != self.ticket.resolved_by_id
        )

    def step(self, name: str, actor: Actor, **given: Any) -> None:
        take(TICKET, self.ticket, name, actor, **given)

    def words(self, text: str) -> str:
        for number, row in self.spoken.items():
            if number < 900_000 and str(number) in text:
                text = text.replace(str(number), str(row.number))
        return text

    def write(self, contact: str, text: str, subject: str) -> Message:
        """The customer's words as they come in by mail or chat."""
        who, account = self.rows.contacts[contact], self.rows.accounts[self.data.channel]
        self.said += 1
        mail = self.data.channel == "email"
        domain = self.rows.email(contact).rpartition("@")[2]
        message = receive(
            account,
            Inbound(
                external_id=f"demo.{self.data.number}.{self.said}@{domain}" if mail else external_id(self.visitor, str(self.said)),
                sender=Sender("email", self.rows.email(contact), who.name, verified=True) if mail
                else Sender("visitor", self.visitor, who.name),
                subject=subject if mail else "",
                text=text,
                visible_text=text,
                sent_at=now(),
                answers=(self.last_id,) if self.last_id and mail else (),
                continues=not mail,
            ),
        )  # fmt: skip
        assert message is not None, "the demo's messages are all different"
        self.last_id = message.external_id
        return message

    def arrive(self) -> None:
        data = self.data
        if data.channel in SPOKEN:
            self.note_call()
        else:
            if data.channel == "webchat":
                self.open_chat()
            self.conversation = self.write(data.contact, data.text, data.subject).conversation
            settle()
            self.ticket = desk.tickets_of_conversation(self.conversation.id)[0]
        self.spoken[data.number] = self.ticket

    def open_chat(self) -> None:
        """A browser of theirs, which an agent has joined to the person whom we know."""
        who = self.rows.contacts[self.data.contact]
        browser, _ = meet(self.rows.accounts["webchat"], who.language or "zh")
        browser.name, self.visitor = who.name, browser.key
        add_identity(SYSTEM, who.id, kind="visitor", value=browser.key, shown=browser.shown_name)

    def note_call(self) -> None:
        """What came by telephone or in person: the agent writes it down, with the customer's words."""
        data = self.data
        actor = self.assignee if data.assignee else SYSTEM
        device = self.rows.devices[data.device].id if data.device else None
        self.ticket = open_ticket(
            actor, subject=data.subject, channel=data.channel, contact=self.rows.contacts[data.contact], kind=data.kind,
            impact=data.impact, product_id=self.rows.products[data.product].id, device_id=device,
        )  # fmt: skip
        plain = data.text.startswith(("来访", "热线留言"))
        desk.add_note(actor, self.ticket, data.text if plain else f"来电原话：「{data.text}」")

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

    def doer(self, act: story.Act) -> Act:
        return lambda: self.do(act)

    def do(self, act: story.Act) -> None:
        """One more step of a story."""
        actor, given = self.rows.actor(act.by), dict(act.given)
        if "until_in" in given:
            given["until"] = self.loaded + timedelta(minutes=given.pop("until_in"))
        if "until_after" in given:
            given["until"] = self.born + timedelta(minutes=given.pop("until_after"))
        if "team" in given:
            given["team"] = self.rows.teams[given["team"]]
        if "assignee" in given:
            given["assignee"] = self.rows.users[given["assignee"]]
        if "into" in given:
            given["into"] = self.spoken[given["into"]]
        if act.step == "attempt":
            desk.attempt_failed(actor, self.ticket)
        elif act.step == "again":
            self.solve(self.ticket, "resolve", actor, self.data.resolution)
        elif act.step == "settle_split":
            linked = select(TicketLink.to_id).where(TicketLink.from_id == self.ticket.id, TicketLink.kind == "split")
            other = session().get_one(Ticket, session().scalars(linked).one())
            self.solve(other, "solve_now", actor, given["resolution"])
        else:
            self.step(act.step, actor, **given)

    def resolve(self) -> None:
        self.solve(self.ticket, "solve_now" if self.data.at_once else "resolve", self.assignee, self.data.resolution)

    def solve(self, ticket: Ticket, step: str, actor: Actor, resolution: str) -> None:
        wrap = self.data.wrap_up
        assert wrap is not None
        take(
            TICKET, ticket, step, actor, resolution=resolution, kind=self.data.kind, boxes=list(KINDS[self.data.kind].boxes),
            wrap_up={
                "category": CATEGORIES[wrap.category], "cause": world.TICKET_CAUSES[wrap.cause],
                "articles": [self.articles[slug] for slug in wrap.articles] if ticket is self.ticket else [],
            },
        )  # fmt: skip

    def close(self) -> None:
        """The customer's answer, by the link or told to a colleague on the telephone; else silence closes by itself."""
        said = self.data.satisfaction
        if self.ticket.state != "following_up" or said is None:
            return
        actor = self.colleague() if self.data.channel in SPOKEN else self.customer
        via = "phone" if self.data.channel in SPOKEN else "link"
        self.step("close", actor, result="answered", rating=said.rating, comment=said.comment, via=via)

    def cancel(self) -> None:
        self.step("cancel", self.able("ticket.cancel"), reason=self.data.cancel_reason)

    def speaker(self, message: story.Message) -> Act:
        return lambda: self.say(message)

    def say(self, message: story.Message) -> None:
        text = self.words(message.text)
        if message.role == "customer":
            self.write(message.by, text, f"Re: {self.data.subject}")
            settle()
            if "催一下" in text:
                self.step("urge", self.customer)
        elif message.role == "note":
            desk.add_note(self.rows.actor(message.by), self.ticket, text)
        else:
            assert self.conversation is not None
            used = [self.articles[slug] for slug in message.articles]
            queued = reply(self.rows.actor(message.by), self.ticket, self.conversation, text, article_ids=used)
            self.last_id = queued.external_id


def run(lives: list[Life], loaded: datetime, others: Iterable[tuple[datetime, Act]] = ()) -> None:
    """Do everything in the order of time, so that the trail reads as it would have been written. `others`: what happened
    besides the tickets, and when."""
    acts = [(moment, place, act) for life in lives for place, (moment, act) in enumerate(life.acts())]
    acts += [(moment, place, act) for place, (moment, act) in enumerate(others)]
    for moment, _, act in sorted(acts, key=lambda item: (item[0], item[1])):
        settle(moment)
        with frozen(moment):
            act()
            settle()
    settle(loaded)
    ids = list(session().scalars(select(Ticket.id).order_by(Ticket.id)))
    with frozen(loaded):  # once for all, instead of after each step
        for start in range(0, len(ids), BATCH):
            fcr_reactions.judge_again(ids[start : start + BATCH], quiet=True)


def settle(until: datetime | None = None) -> None:
    """Do what the outbox owes until this moment, each at its own. A message counts as sent; what else would leave the
    house, the index and the verdicts are for the end."""
    until, later = until or now(), for_the_end()
    while rows := list(
        session().scalars(
            select(OutboxRow)
            .where(OutboxRow.state == DUE, OutboxRow.due_at <= until, OutboxRow.reaction.not_in(later))
            .order_by(OutboxRow.due_at, OutboxRow.id)
            .limit(1)  # what one brings about may be due before the next
        )
    ):
        for row in rows:
            stored = session().get_one(EventRow, row.event_id)
            event: Any = Event.load(stored.name, stored.payload)
            with frozen(max(row.due_at, stored.at)):
                row.state, row.finished_at = DONE, now()
                if row.reaction == "deliver_message":
                    _as_if_sent(event.message_id)
                else:
                    next(r for r in reactions_of(type(event)) if r.__name__ == row.reaction)(event)
                session().flush()


def for_the_end() -> frozenset[str]:
    """Reactions that are not played: those to the outside, except for the sending of messages, and the verdicts."""
    return frozenset(
        reaction.__name__
        for each in reactions.REACTIONS.values()
        for reaction in each
        if reaction.__name__ != "deliver_message"
        and (getattr(reaction, "outside", False) or reaction.__module__ == fcr_reactions.__name__)
    )


def _as_if_sent(message_id: int) -> None:
    message = session().get_one(Message, message_id)
    message.state, message.sent_at = SENT, now()
    message.conversation.account.last_sent_at = now()
    session().flush()
    conversation = message.conversation
    record(MessageSent(conversation_id=conversation.id, version=conversation.version, message_id=message_id))
