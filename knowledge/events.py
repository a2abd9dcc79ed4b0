"""What happens to knowledge. The worker's reactions write the index; pages that show the article fetch it again."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class ArticlePublished(Event):
    """An article, or a new revision of it, can be read from now on."""

    subject: ClassVar[str] = "article"
    article_id: int
    version: int


@dataclass(frozen=True)
class ArticleRetired(Event):
    """An article was taken away from its readers; it must vanish from search at once."""

    subject: ClassVar[str] = "article"
    article_id: int
    version: int


@dataclass(frozen=True)
class IndexRebuildAsked(Event):
    """An administrator wants the index of knowledge made anew."""


@dataclass(frozen=True)
class ArticleChanged(Event):
    """A draft was written or moved on, or a published article got other properties (audience, products, title)."""

    subject: ClassVar[str] = "article"
    article_id: int
    version: int
