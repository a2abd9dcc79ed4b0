"""What the house asks of itself about its indexes, beyond what knowledge knows of."""

from dataclasses import dataclass

from app.core.events import Event


@dataclass(frozen=True)
class TicketIndexRebuildAsked(Event):
    """An administrator wants the index of solved tickets made anew."""
