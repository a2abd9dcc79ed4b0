"""`flask desk user|token|outbox`: people, their tokens, and what is still owed. Hung into the group `desk`."""

import click
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from app.commands.output import answer, json_option, plain_errors
from app.core import accounts, passwords, tokens
from app.core.db import session
from app.core.errors import NotFound
from app.core.events import DEAD, DUE, UNDECIDED
from app.core.people import Organisation, User
from app.core.permissions import PERMISSIONS, ROLES, Actor
from app.core.uow import unit_of_work
from app.queries.accounts import state_of
from app.queries.outbox import outbox_rows

COMMAND = Actor(kind="system", id=None, name="flask desk", permissions=frozenset(PERMISSIONS), via="cli")
user = AppGroup("user", help="People who log in.")


def _organisation(name: str | None) -> int | None:
    if not name:
        return None
    found = session().scalar(
        select(Organisation.id).where((Organisation.name == name) | (Organisation.short_name == name))
    )
    if found is None:
        raise NotFound("没有企业 %(name)s。", name=name)
    return found


@user.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(sorted(ROLES)), help="What they may do.")
@click.option("--organisation", help="Name of the company they belong to; suppliers' and clients' people need one.")
@click.option("--password", help="Without it a temporary one is made, printed once, and changed at the first login.")
@click.option("--display-name", default="", help="How colleagues and customers see them.")
@json_option
@plain_errors
def user_add(
    name: str, role: str, organisation: str | None, password: str | None, display_name: str, as_json: bool
) -> None:
    """Add somebody who logs in."""
    made = None if password else passwords.generated()
    kept = passwords.hashed(password or made or "", name)
    with unit_of_work():
        new = accounts.create_user(
            COMMAND,
            name,
            role,
            password=kept,
            must_change=made is not None,
            display_name=display_name,
            organisation_id=_organisation(organisation),
        )
        value = {"id": new.id, "name": new.name, "role": new.role, **({"password": made} if made else {})}
    answer(as_json, value, f"{value['name']} ({role})" + (f"\n{made}" if made else ""))


@user.command("list")
@json_option
@plain_errors
def user_list(as_json: bool) -> None:
    """Print everybody who logs in."""
    items = [
        {
            "id": u.id,
            "name": u.name,
            "role": u.role,
            "state": state_of(u),
            "organisation": u.organisation.label if u.organisation else None,
            "last_login_at": u.last_login_at.strftime("%Y-%m-%dT%H:%M:%SZ") if u.last_login_at else None,
        }
        for u in session().scalars(select(User).order_by(User.name))
    ]
    lines = (
        f"{i['name']}\t{i['role']}\t{i['state']}\t{i['organisation'] or ''}\t{i['last_login_at'] or ''}" for i in items
    )
    answer(as_json, {"items": items}, "\n".join(lines))


@user.command("password")
@click.argument("name")
@json_option
@plain_errors
def user_password(name: str, as_json: bool) -> None:
    """Give somebody a temporary password, printed once; a lock is lifted and all their logins end."""
    made = passwords.generated()
    kept = passwords.hashed(made, name)
    with unit_of_work():
        changed = accounts.set_password(COMMAND, accounts.find_user(name).id, kept)
        value = {"id": changed.id, "name": changed.name, "password": made}
    answer(as_json, value, made)


@click.command("token")
@click.option("--user", "name", required=True, help="Whose token it is; it can do what their role may do.")
@click.option("--name", "label", default="", help="What it is for, to tell it from others.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Days until it ends.")
@click.option("--scope", "scopes", multiple=True, help="Only this permission; may be given several times.")
@json_option
@with_appcontext
@plain_errors
def token(name: str, label: str, days: int | None, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a bearer token for the API. It is printed once and kept as a hash."""
    with unit_of_work():
        _row, made = tokens.create_token(
            COMMAND, accounts.find_user(name).id, label, days=days, scopes=list(scopes) if scopes else None
        )
    answer(as_json, {"token": made}, made)


@click.command("outbox")
@click.option("--state", type=click.Choice([DEAD, DUE, UNDECIDED]), help="Only these; without it all that is not done.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="How many at most.")
@json_option
@with_appcontext
@plain_errors
def outbox(state: str | None, limit: int, as_json: bool) -> None:
    """Print what is still owed: waiting, given up, or undecided because nobody knows whether it was done."""
    items = [
        {
            "id": row.id,
            "event": row.event_name,
            "reaction": row.reaction,
            "state": row.state,
            "attempts": row.attempts,
            "error": row.error,
            "due_at": row.due_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for row, _event in outbox_rows(state or "open", limit=limit).rows
    ]
    lines = (
        f"#{i['id']}\t{i['state']} {i['due_at']}\t{i['event']}\t{i['reaction']}\tattempts {i['attempts']}\t{i['error'] or ''}".rstrip()
        for i in items
    )
    answer(as_json, {"items": items}, "\n".join(lines))


def hang_into(desk: AppGroup) -> None:
    """Add these commands to `flask desk`."""
    for command in (user, token, outbox):
        desk.add_command(command)
