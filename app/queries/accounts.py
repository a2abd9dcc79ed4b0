"""Lists of accounts for the administrator, and the demo logins for the login page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import joinedload

from app.core.clock import now
from app.core.db import session
from app.core.logins import LoginSession
from app.core.people import Organisation, User
from app.core.permissions import ROLES

DEMO = "admin supervisor leader agent agent2 editor manager dispatcher technician resident author client".split()
STATES = ("active", "locked", "disabled")


@dataclass(frozen=True)
class DemoLogin:
    """A login of the demo and the words of its role (a message id)."""

    name: str
    role: str


@dataclass(frozen=True)
class AccountPage:
    """Some accounts in the order of their names; `next` is the name to go on after."""

    users: list[User]
    next: str | None
    total: int


def demo_logins() -> list[DemoLogin]:
    """The demo logins that exist here, in their usual order."""
    found = session().execute(select(User.name, User.role).where(User.name.in_(DEMO), User.active.is_(True)))
    roles: dict[str, str] = {row.name: row.role for row in found}
    return [DemoLogin(name, ROLES[roles[name]][0]) for name in DEMO if name in roles]


def state_of(user: User) -> str:
    """active, locked (too many wrong passwords) or disabled."""
    if not user.active:
        return "disabled"
    return "locked" if user.locked_until is not None and user.locked_until > now() else "active"


def accounts(*, q: str = "", role: str = "", state: str = "", after: str = "", limit: int = 50) -> AccountPage:
    """Accounts whose name, shown name, mail or company holds `q`, by role and state; keyset paging by name."""
    wanted = select(User).options(joinedload(User.organisation))
    if q:
        wanted = wanted.outerjoin(Organisation, User.organisation_id == Organisation.id).where(
            or_(
                *(
                    column.icontains(q, autoescape=True)
                    for column in (User.name, User.display_name, User.email, Organisation.name, Organisation.short_name)
                )
            )
        )
    if role in ROLES:
        wanted = wanted.where(User.role == role)
    if state == "disabled":
        wanted = wanted.where(User.active.is_(False))
    elif state == "locked":
        wanted = wanted.where(User.active.is_(True), User.locked_until > now())
    elif state == "active":
        wanted = wanted.where(User.active.is_(True), or_(User.locked_until.is_(None), User.locked_until <= now()))
    total = session().scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0
    if after:
        wanted = wanted.where(User.name > after)
    users = list(session().scalars(wanted.order_by(User.name).limit(limit + 1)))
    return AccountPage(users[:limit], users[limit - 1].name if len(users) > limit else None, total)


def signed_in_counts(since: datetime) -> dict[int, int]:
    """How many living logins each user has."""
    found = session().execute(
        select(LoginSession.user_id, func.count())
        .where(LoginSession.ended_at.is_(None), LoginSession.last_seen_at > since)
        .group_by(LoginSession.user_id)
    )
    return {row[0]: row[1] for row in found}


def organisation_choices() -> list[tuple[int, str]]:
    """All companies, for a select."""
    found = session().execute(select(Organisation.id, Organisation.name).order_by(Organisation.name))
    return [(number, name) for number, name in found]
