"""Accounts, logins and tokens: what is allowed, what is refused, and what is written down about it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import accounts, clock, logins, passwords, tokens
from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Stale
from app.core.events import EventRow
from app.core.logins import LoginSession
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WORD = "correct-horse-battery"
IDLE = timedelta(days=14)
MakeActor = Callable[..., Actor]


def notes() -> list[str]:
    return list(session().scalars(select(AuditRow.action).order_by(AuditRow.id)))


def events() -> list[str]:
    return list(session().scalars(select(EventRow.name).order_by(EventRow.id)))


def add(name: str = "wang", role: str = "agent", password: str | None = WORD, **given: Any) -> User:
    kept = passwords.hashed(password, name) if password else None
    with unit_of_work():
        return accounts.create_user(
            SYSTEM, name, role, password=kept, must_change=given.pop("must_change", False), **given
        )


def enter(name: str = "wang", password: str = WORD, **given: Any) -> logins.Opened | None:
    attempt = logins.verify_login(name, password)
    with unit_of_work():
        return logins.log_in(attempt, ip="10.0.0.7", agent="Firefox", **given)


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 201, "1234567890", "ＱＷＥＲＴＹ１２３４５６", "wangwangwang", "zzzzzzzzzzzz", "wang-12345"],
)
def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.check_rules(password, "wang")
    assert list(refused.value.errors) == ["password"]


def test_passwords_made_by_us_are_good_and_different() -> None:
    made = {passwords.generated() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        passwords.check_rules(password, "wang")


def test_the_width_of_typed_signs_does_not_matter(app: Any) -> None:
    kept = passwords.hashed("回音的密码１２３４５６", "wang")
    assert passwords.matches(kept, "回音的密码123456")
    assert not passwords.matches(kept, "回音的密码1234567")
    assert not passwords.matches(None, "回音的密码123456")
    assert not passwords.matches("no hash", "回音的密码123456")
    assert not passwords.matches(kept, "x" * 100_000)


def test_a_user_is_made_noted_and_told(app: Any) -> None:
    user = add(" Wang.Gong ", display_name="王工", email="wang@example.com")
    assert (user.name, user.label, user.active) == ("wang.gong", "王工", True)
    assert notes() == ["user.created"] and events() == ["UserChanged"]
    with pytest.raises(Conflict):
        add("WANG.GONG")
    with pytest.raises(Invalid):
        add("w")
    with pytest.raises(Invalid):
        add("zhang", role="king")
    with pytest.raises(Invalid):
        add("zhang", email="nowhere")


def test_only_an_administrator_manages_accounts(actor: MakeActor) -> None:
    user = add()
    agent = actor("supervisor")
    word = passwords.hashed(WORD, "x")
    for refused in (
        lambda: accounts.create_user(agent, "li", "agent"),
        lambda: accounts.change_role(agent, user.id, "administrator"),
        lambda: accounts.set_active(agent, user.id, False),
        lambda: accounts.set_password(agent, user.id, word),
        lambda: accounts.unlock(agent, user.id),
        lambda: tokens.create_token(agent, user.id),
        lambda: logins.end_sessions(agent, user.id),
    ):
        with pytest.raises(Forbidden), unit_of_work():
            refused()
    with pytest.raises(NotFound):
        accounts.access_user(agent, user.id)
    assert accounts.access_user(actor("administrator"), user.id).id == user.id


def test_roles_of_companies_need_their_company(app: Any) -> None:
    with unit_of_work() as s:
        supplier = Organisation(kind="supplier", name="宏控自动化")
        s.add(supplier)
    with pytest.raises(Invalid) as refused:
        add("shifu", role="technician")
    assert "organisation" in refused.value.errors
    assert add("shifu", role="technician", organisation_id=supplier.id).organisation_id == supplier.id
    with pytest.raises(Invalid):
        add("kehu", role="client", organisation_id=supplier.id)


def test_nobody_changes_their_own_role_and_one_administrator_stays(actor: MakeActor) -> None:
    first = actor("administrator")
    assert first.id
    for own in (
        lambda: accounts.change_role(first, first.id or 0, "agent"),
        lambda: accounts.set_active(first, first.id or 0, False),
    ):
        with pytest.raises(Refused), unit_of_work():
            own()
    with pytest.raises(Refused), unit_of_work():
        accounts.set_active(SYSTEM, first.id, False)
    second = actor("administrator")
    with unit_of_work():
        accounts.change_role(second, first.id, "agent")
    row = session().get(User, first.id)
    assert row is not None and row.role == "agent"


def test_an_edit_of_what_somebody_else_changed_is_stale(actor: MakeActor) -> None:
    admin, user = actor("administrator"), add()
    given: dict[str, Any] = {"role": "leader", "display_name": "", "email": None, "organisation_id": None}
    with unit_of_work():
        accounts.edit_user(admin, user.id, version=1, **given)
    with pytest.raises(Stale), unit_of_work():
        accounts.edit_user(admin, user.id, version=1, **{**given, "role": "agent"})
    assert user.version == 2


def test_wrong_passwords_of_a_stranger_do_not_make_an_edit_stale(app: Any) -> None:
    user = add()
    version = user.version
    assert enter(password="wrong") is None
    session().refresh(user)
    assert (user.failed_attempts, user.version) == (1, version)


def test_a_login_is_opened_and_kept_as_a_hash(app: Any) -> None:
    user = add()
    opened = enter(" WANG ")
    assert opened and opened.user_id == user.id
    row = session().scalars(select(LoginSession)).one()
    assert opened.token not in (row.token_hash, row.ip, row.agent) and (row.ip, row.agent) == ("10.0.0.7", "Firefox")
    found = logins.find_login(opened.token, IDLE)
    assert found and found.user.id == user.id
    assert logins.find_login(opened.token + "x", IDLE) is None
    assert notes()[-1] == "login.started" and events()[-1] == "LoginStarted"


def test_a_new_login_ends_the_one_that_the_browser_had(app: Any) -> None:
    add()
    first = enter()
    assert first
    second = enter(replaces=first.token)
    assert second and second.token != first.token
    assert logins.find_login(first.token, IDLE) is None
    assert events()[-2:] == ["LoginEnded", "LoginStarted"]


def test_too_many_wrong_passwords_lock_the_name_for_a_quarter_of_an_hour(app: Any) -> None:
    user = add()
    with clock.frozen(START):
        for _ in range(3):
            assert enter(password="wrong", lockout_attempts=3) is None
        assert "login.locked" in notes()
        assert enter(lockout_attempts=3) is None, "locked, even with the right password"
        clock.advance(timedelta(minutes=14))
        assert enter(lockout_attempts=3) is None
        clock.advance(timedelta(minutes=1, seconds=1))
        assert enter(lockout_attempts=3)
    session().refresh(user)
    assert (user.failed_attempts, user.locked_until) == (0, None)


def test_a_right_password_starts_the_count_anew(app: Any) -> None:
    add()
    for _ in range(2):
        assert enter(password="wrong", lockout_attempts=3) is None
        assert enter(lockout_attempts=3)


def test_the_administrator_lifts_a_lock(actor: MakeActor) -> None:
    user, admin = add(), actor("administrator")
    for _ in range(3):
        enter(password="wrong", lockout_attempts=3)
    with unit_of_work():
        accounts.unlock(admin, user.id)
    assert enter()


def test_unknown_disabled_and_wrong_are_checked_alike(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user = add()
    checks: list[bool] = []
    hasher = passwords._hasher

    class Counting:
        hash = hasher.hash
        check_needs_rehash = hasher.check_needs_rehash

        def verify(self, kept: str, given: str) -> bool:
            checks.append(True)
            return hasher.verify(kept, given)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert enter("nobody") is None
    assert enter(password="wrong") is None
    add("nopass", password=None)
    assert enter("nopass") is None
    with unit_of_work():
        accounts.set_active(SYSTEM, user.id, False)
    assert enter() is None
    assert len(checks) == 4


def test_a_password_changed_during_the_check_is_not_let_in(app: Any) -> None:
    user = add()
    attempt = logins.verify_login("wang", WORD)
    with unit_of_work():
        accounts.set_password(SYSTEM, user.id, passwords.hashed("another-good-one", "wang"))
    with unit_of_work():
        assert logins.log_in(attempt) is None


def test_an_unused_login_ends_by_itself_and_is_forgotten_later(app: Any) -> None:
    add()
    with clock.frozen(START):
        opened = enter()
        assert opened
        clock.advance(timedelta(days=13))
        login = logins.find_login(opened.token, IDLE)
        assert login
        with unit_of_work():
            logins.mark_seen(login, "10.0.0.8")
        clock.advance(timedelta(days=13))
        assert logins.find_login(opened.token, IDLE)
        clock.advance(timedelta(days=2))
        assert logins.find_login(opened.token, IDLE) is None
        with unit_of_work():
            assert logins.forget_logins(clock.now() - timedelta(days=1)) == 1


def test_changing_the_password_ends_the_other_logins_and_renews_this_one(app: Any) -> None:
    user = add(must_change=True)
    here, there = enter(), enter()
    assert here and there and here.must_change_password
    actor = user.actor("page")
    with pytest.raises(Invalid) as refused:
        accounts.prepare_change(user, "wrong", "a-new-good-one")
    assert "old" in refused.value.errors
    with pytest.raises(Invalid) as refused:
        accounts.prepare_change(user, WORD, "short")
    assert "new" in refused.value.errors
    with pytest.raises(Invalid):
        accounts.prepare_change(user, WORD, WORD)
    change = accounts.prepare_change(user, WORD, "a-new-good-one")
    with unit_of_work():
        token = accounts.change_password(actor, change, keep=logins.find_login(here.token, IDLE))
    assert token and token != here.token
    assert [bool(logins.find_login(t, IDLE)) for t in (token, here.token, there.token)] == [True, False, False]
    assert not user.must_change_password and enter(password="a-new-good-one") and enter() is None
    with pytest.raises(Stale), unit_of_work():
        accounts.change_password(actor, change)


def test_a_reset_by_the_administrator_ends_everything_and_asks_for_a_new_one(actor: MakeActor) -> None:
    user, admin = add(), actor("administrator")
    opened = enter()
    assert opened
    with unit_of_work():
        accounts.set_password(admin, user.id, passwords.hashed("temporary-word", "wang"))
    assert logins.find_login(opened.token, IDLE) is None
    again = enter(password="temporary-word")
    assert again and again.must_change_password
    assert {"user.password_reset", "login.ended"} <= set(notes())


def test_disabling_ends_logins_and_tokens_at_once(actor: MakeActor) -> None:
    user, admin = add(), actor("administrator")
    opened = enter()
    with unit_of_work():
        _row, token = tokens.create_token(admin, user.id)
    assert opened and tokens.find_token(token)
    with unit_of_work():
        accounts.set_active(admin, user.id, False)
    assert logins.find_login(opened.token, IDLE) is None and tokens.find_token(token) is None
    with unit_of_work():
        accounts.set_active(admin, user.id, True)
    assert logins.find_login(opened.token, IDLE) is None, "an ended login does not come back"


def test_where_somebody_is_signed_in_is_theirs_to_see_and_end(actor: MakeActor) -> None:
    user, stranger = add(), actor("agent")
    first, second = enter(), enter()
    assert first and second
    assert {login.id for login in logins.list_sessions(user.id, IDLE)} == {first.login_id, second.login_id}
    with pytest.raises(NotFound), unit_of_work():
        logins.end_session(stranger, first.login_id)
    with unit_of_work():
        logins.end_session(user.actor("page"), first.login_id)
    assert [login.id for login in logins.list_sessions(user.id, IDLE)] == [second.login_id]


def test_a_token_is_narrowed_by_scope_and_role_and_ends(actor: MakeActor) -> None:
    user = add()
    with clock.frozen(START):
        with unit_of_work():
            row, token = tokens.create_token(user.actor("page"), user.id, "script", days=3, scopes=["ticket.read"])
        assert token.startswith(row.prefix) and token not in row.token_hash
        found = tokens.find_token(token)
        assert found and found.actor().permissions == {"ticket.read"} and found.actor().via == "api"
        clock.advance(timedelta(days=3))
        assert tokens.find_token(token) is None
    for wrong in ({"scopes": ["user.manage"]}, {"scopes": ["no.such"]}, {"days": 0}, {"label": "x" * 81}):
        with pytest.raises(Invalid), unit_of_work():
            tokens.create_token(SYSTEM, user.id, **wrong)  # type: ignore[arg-type]


def test_a_token_is_revoked_by_its_owner_only(actor: MakeActor) -> None:
    user = add()
    with unit_of_work():
        row, token = tokens.create_token(user.actor("page"), user.id)
    with pytest.raises(NotFound), unit_of_work():
        tokens.revoke(actor("agent"), row.id)
    with unit_of_work():
        tokens.revoke(user.actor("page"), row.id)
    assert tokens.find_token(token) is None and tokens.list_tokens(user.id) == []
    assert notes()[-2:] == ["token.created", "token.revoked"]


def test_preferences_are_checked(app: Any) -> None:
    user = add()
    with unit_of_work():
        accounts.set_preferences(user.actor("page"), language="en", time_zone="Europe/Berlin")
    assert (user.language, user.time_zone) == ("en", "Europe/Berlin")
    with unit_of_work():
        accounts.set_preferences(user.actor("page"), time_zone="")
    assert (user.language, user.time_zone) == ("en", None)
    for wrong in ({"language": "fr"}, {"time_zone": "Mars/Base"}):
        with pytest.raises(Invalid), unit_of_work():
            accounts.set_preferences(user.actor("page"), **wrong)


def test_no_note_and_no_event_holds_a_password_or_token(app: Any) -> None:
    user = add()
    opened = enter()
    with unit_of_work():
        _row, token = tokens.create_token(SYSTEM, user.id, "x")
    kept = str([(r.before, r.after, r.reason, r.details) for r in session().scalars(select(AuditRow))])
    kept += str([r.payload for r in session().scalars(select(EventRow))])
    assert opened and opened.token not in kept and token not in kept and WORD not in kept
