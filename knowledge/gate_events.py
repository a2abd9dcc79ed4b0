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
