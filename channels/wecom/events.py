"""What happens at the door of a customer-service account."""

from dataclasses import dataclass

from app.core.events import Event


@dataclass(frozen=True)
class DoorbellRang(Event):
    """There may be messages to fetch: the platform called, or it is time to look anyway."""

    source_id: int
