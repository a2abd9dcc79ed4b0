"""What happens to tickets, in the past tense."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class TicketOpened(Event):
    """A new ticket stands in the queue."""

    subject: ClassVar[str] = "ticket"
    ticket_id: int
    version: int


@dataclass(frozen=True)
class TicketStepTaken(Event):
    """A step of the ticket law was taken; `before` and `after` are states (the same where the step stays)."""

    subject: ClassVar[str] = "ticket"
    ticket_id: int
    version: int
    step: str
    before: str
    after: str


@dataclass(frozen=True)
class TicketChanged(Event):
    """Something about a ticket changed that is no step: a note, a link, its kind or device."""

    subject: ClassVar[str] = "ticket"
    ticket_id: int
    version: int


@dataclass(frozen=True)
class ArticleUsed(Event):
    """An article served a ticket for the first time in this way (TicketArticle: `use` and `how`)."""

    subject: ClassVar[str] = "ticket"
    ticket_id: int
    version: int
    article_id: int
    user_id: int | None
    use: str
    how: str
    message_id: int | None = None


@dataclass(frozen=True)
class HoldEnds(Event):
    """The moment until which a ticket was held; its reaction runs then. `hold` is the ticket's how-many-th hold."""

    subject: ClassVar[str] = ""
    ticket_id: int
    hold: int


@dataclass(frozen=True)
class SilenceEnds(Event):
    """The moment until which an answer to a delivered follow-up question is waited for."""

    subject: ClassVar[str] = ""
    ticket_id: int
    follow_up_id: int


@dataclass(frozen=True)
class OrderOpened(Event):
    """A ticket was handed on as a service order; it waits for its supplier to accept."""

    subject: ClassVar[str] = "order"
    order_id: int
    version: int
    ticket_id: int


@dataclass(frozen=True)
class OrderStepTaken(Event):
    """A step of the order law was taken; `before` and `after` are states (the same where the step stays)."""

    subject: ClassVar[str] = "order"
    order_id: int
    version: int
    ticket_id: int
    step: str
    before: str
    after: str


@dataclass(frozen=True)
class OrderChanged(Event):
    """Something about a service order changed that is no step: evidence, a judgement, an urge, its supplier."""

    subject: ClassVar[str] = "order"
    order_id: int
    version: int


@dataclass(frozen=True)
class OrderTold(Event):
    """The owner of an order has something to hear (`what`, a key of order_notices.NOTICES) that `by_id` brought about.
    Pages of the supplier refresh; an order that was just given to it is in nobody's sight there before."""

    subject: ClassVar[str] = "supplier"
    supplier_id: int | None
    order_id: int
    what: str
    by_id: int | None = None


@dataclass(frozen=True)
class OrderNoticeDue(Event):
    """A mail to somebody who carries an order out waits to be sent."""

    subject: ClassVar[str] = ""
    notice_id: int


@dataclass(frozen=True)
class OrderHoldEnds(Event):
    """The moment until which an order was held; `hold` is the order's how-many-th hold."""

    subject: ClassVar[str] = ""
    order_id: int
    hold: int
