"""What happens to public questions that somebody follows."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class QuestionMoved(Event):
    """A question has a new answer to read, or (`best`) one that solved it; done by this person, who need not be told.
    `after`: the followers up to this mark have it noted."""

    subject: ClassVar[str] = ""
    question_id: int
    answer_id: int
    best: bool
    by_kind: str
    by_id: int | None
    after: int = 0


@dataclass(frozen=True)
class PostHidden(Event):
    """A question, or one of its answers, is no longer to be read: what waits to be told of it is taken back;
    `after`: messages up to this one were looked at."""

    subject: ClassVar[str] = ""
    question_id: int
    after: int = 0


@dataclass(frozen=True)
class FollowerDue(Event):
    """Somebody who follows a question is to be told what was gathered for them."""

    subject: ClassVar[str] = ""
    mark_id: int
