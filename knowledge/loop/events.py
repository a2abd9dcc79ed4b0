"""What happens between questions and articles."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class AskedChanged(Event):
    """The words of customers that find an article changed: it is indexed again."""

    article_id: int


@dataclass(frozen=True)
class GapChanged(Event):
    """Somebody moved a question without an answer on."""

    subject: ClassVar[str] = "gap"
    gap_id: int
    version: int


@dataclass(frozen=True)
class FlagRaised(Event):
    """A colleague said that an article is wrong."""

    subject: ClassVar[str] = "flag"
    flag_id: int
    version: int
    article_id: int


@dataclass(frozen=True)
class FlagClosed(Event):
    """It was put right, or it was not wrong."""

    subject: ClassVar[str] = "flag"
    flag_id: int
    version: int
    article_id: int


@dataclass(frozen=True)
class MustReadAsked(Event):
    """People of some roles or teams must read an article."""

    subject: ClassVar[str] = "mustread"
    mustread_id: int
    article_id: int
