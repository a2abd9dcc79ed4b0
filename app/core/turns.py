"""Taking turns: two equal forms of one person that arrive at the same moment (a double click, two tabs) are taken one
after the other, so that the second sees what the first has written and need not write it again."""

from sqlalchemy import select

from app.core.db import session
from app.core.people import Identity, User
from app.core.permissions import Actor

ROWS: dict[str, type[User] | type[Identity]] = {"user": User, "visitor": Identity}
"""The row of a person by the kind of an actor. Strangers, and the house itself, have none."""


def in_turn(actor: Actor) -> None:
    """Hold whoever acts until the commit: another unit of work of theirs waits here. Look for the twin after it, not
    before. On SQLite they wait for each other anyway."""
    row = ROWS.get(actor.kind)
    if row is not None and actor.id is not None:
        # Not the whole row: rows that point to this person may be written meanwhile.
        session().execute(select(row.id).where(row.id == actor.id).with_for_update(key_share=True))
