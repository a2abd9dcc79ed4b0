"""Whom a mark stands for, and which marks are one person's: somebody may follow by a mailed link and again by a login."""

from sqlalchemy import and_, or_, select

from app.community import visitor_actor
from app.core.db import session
from app.core.directory.merging import family_ids, kept
from app.core.people import Contact, Identity, User
from app.core.permissions import Actor
from knowledge.mark_models import FOLLOW, PersonMark

Person = Contact | User


def known(mark: PersonMark) -> tuple[Person, Actor] | None:
    """Whom a mark stands for and what they may, if we know them for sure. A client's login is the person behind it."""
    if mark.person_kind == "user":
        user = session().get(User, mark.person_id)
        if user is None or not user.active:
            return None
        contact = session().get(Contact, user.contact_id) if user.role == "client" and user.contact_id else None
        return kept(contact) if contact is not None else user, user.actor("check")
    identity = session().get(Identity, mark.person_id)
    if identity is None or identity.contact is None or identity.shared or identity.suspect:
        return None
    return kept(identity.contact), visitor_actor(identity)


def who_is(person: Person) -> str:
    """The person in a word, for keys and links."""
    return f"{'u' if isinstance(person, User) else 'c'}{person.id}"


def names_of(who: str) -> list[str]:
    """All words that stand for the same person: contacts may have been merged since one was written down."""
    contact = session().get(Contact, int(who[1:])) if who[0] != "u" else None
    return [f"c{number}" for number in family_ids(contact)] if contact is not None else [who]


def own_marks(who: str, about: str, about_id: int, mark: str = FOLLOW, lock: bool = False) -> list[PersonMark]:
    """The marks of this kind that one person (`who_is`) made on one thing; held until the commit with `lock`."""
    number = int(who[1:])
    users, identities = [number], list[int]()
    if who[0] != "u":
        ids = [int(name[1:]) for name in names_of(who)]
        users = list(session().scalars(select(User.id).where(User.contact_id.in_(ids), User.role == "client")))
        identities = list(session().scalars(select(Identity.id).where(Identity.contact_id.in_(ids))))
    by = or_(
        and_(PersonMark.person_kind == "user", PersonMark.person_id.in_(users)),
        and_(PersonMark.person_kind == "visitor", PersonMark.person_id.in_(identities)),
    )
    rows = select(PersonMark).where(PersonMark.mark == mark, PersonMark.about == about, PersonMark.about_id == about_id, by)
    if lock:
        rows = rows.with_for_update().execution_options(populate_existing=True)
    return list(session().scalars(rows.order_by(PersonMark.id)))
