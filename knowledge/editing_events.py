"""What happens while knowledge is edited. Their reactions publish at the planned moment, follow links and tell people."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class PublishDue(Event):
    """The moment of a planned publishing; recorded with it, and reacted to when it comes."""

    subject: ClassVar[str] = ""
    plan_id: int


@dataclass(frozen=True)
class WriterTold(Event):
    """Somebody should hear what happened to an article: `what` is returned, commented, plan_dropped or planned_out."""

    subject: ClassVar[str] = ""
    article_id: int
    user_id: int
    what: str
    comment_id: int | None = None
    plan_id: int | None = None


@dataclass(frozen=True)
class ReviewAsked(Event):
    """A draft was submitted by this user; `comment_id` is what they said with it."""

    subject: ClassVar[str] = ""
    article_id: int
    user_id: int | None
    comment_id: int | None
