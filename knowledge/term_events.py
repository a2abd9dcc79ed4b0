"""What happens to the words of the search."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class TermChanged(Event):
    """An editor taught the cutter a word, or took it back: the articles that hold it must be cut again."""

    subject: ClassVar[str] = "term"
    text: str
