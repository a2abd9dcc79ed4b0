"""What happens to releases and their knowledge."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class ReleasePublished(Event):
    """The knowledge of a release passed its gate, or an editor let it pass."""

    subject: ClassVar[str] = "product"
    gate_id: int
    release_id: int
    product_id: int


@dataclass(frozen=True)
class ReleaseFollowersDue(Event):
    """Those who follow the product, from the mark after `after` on, are still to be told of a release. `documents` are
    the numbers of the articles that come with it, with blanks between."""

    subject: ClassVar[str] = ""
    gate_id: int
    release_id: int
    documents: str
    after: int = 0


@dataclass(frozen=True)
class ReleaseFollowerDue(Event):
    """One who follows the product is to be told of a release."""

    subject: ClassVar[str] = ""
    gate_id: int
    release_id: int
    documents: str
    mark_id: int
