"""Accounts: who may log in, in which role and for which company. Every change is noted and told as UserChanged."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar
from zoneinfo import available_timezones

from sqlalchemy import func, select

from app.core import passwords
from app.core.audit import note
from app.core.db import session
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Stale
from app.core.events import Event, record
from app.core.logins import LoginSession, end_sessions, normal_name, rotate
from app.core.people import Organisation, User
from app.core.permissions import ROLES, Actor, require

ADMINISTRATOR = "administrator"
LANGUAGES = ("zh", "en")
COMPANY_ROLES = frozenset({"client", "resident", "dispatcher", "technician", "author"})
"""Roles that see only what belongs to their company: without one they would see nothing, or too much."""

_NAME = re.compile(r"[\w.@+-]{2,60}")
_EXTENSION = re.compile(r"[\w.@-]{1,20}", re.ASCII)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class UserChanged(Event):
    """An account was made or changed: role, company, password, active or not, preferences."""

    subject: ClassVar[str] = "user"
    user_id: int
    version: int


@dataclass(frozen=True)
class PasswordChange:
    """A change of the own password that was checked: `was` is the hash that the old password fitted."""

    was: str | None
    becomes: passwords.PasswordHash


def access_user(actor: Actor, user_id: int) -> User:
    """The account if the actor may see it: their own, or any with `user.manage`; else NotFound."""
    user = session().get(User, user_id)
    if user is None or (user.id != actor.id and not actor.can("user.manage")):
        raise NotFound()
    return user


def find_user(name: str) -> User:
    """The account of a login name. Raises NotFound with the name."""
    user = session().scalar(select(User).where(User.name == normal_name(name)[:60]))
    if user is None:
        raise NotFound("没有用户 %(name)s。", name=name)
    return user


def create_user(
    actor: Actor,
    name: str,
    role: str,
    *,
    password: passwords.PasswordHash | None = None,
    must_change: bool = True,
    display_name: str = "",
    email: str | None = None,
    organisation_id: int | None = None,
) -> User:
    """Make an account. Without a password nobody can log in to it until one is set. `must_change` asks for a new
    password at the first login. Raises Invalid, or Conflict for a taken name."""
    require(actor, "user.manage")
    name = normal_name(name)
    if not _NAME.fullmatch(name):
        raise Invalid.of("name", "登录名 2 到 60 个字符，只能用字母、数字和 . _ - @ +。")
    user = User(
        name=name,
        role=_role(role),
        display_name=_short(display_name, "display_name"),
        email=_mail(email),
        organisation_id=_company(role, organisation_id),
        password_hash=password,
        must_change_password=must_change and password is not None,
    )
    if session().scalar(select(User.id).where(User.name == name)) is not None:
        raise Conflict("登录名已被占用。", errors={"name": ["登录名已被占用。"]})
    session().add(user)
    session().flush()
    note(actor, "user.created", user, after=role, organisation_id=organisation_id)
    record(UserChanged(user_id=user.id, version=user.version))
    return user


def edit_user(
    actor: Actor,
    user_id: int,
    *,
    role: str,
    display_name: str,
    email: str | None,
    organisation_id: int | None,
    version: int | None = None,
) -> User:
    """Change role, company, shown name and mail together. `version` is what the person saw; raises Stale when it moved on.
    Nobody changes their own role, and the last administrator stays one."""
    require(actor, "user.manage")
    user = _user(user_id, version)
    before = {
        "role": user.role,
        "organisation_id": user.organisation_id,
        "display_name": user.display_name,
        "email": user.email,
    }
    after: dict[str, Any] = {
        "role": _role(role),
        "organisation_id": _company(role, organisation_id),
        "display_name": _short(display_name, "display_name"),
        "email": _mail(email),
    }
    if after["role"] != before["role"]:
        if user.id == actor.id:
            raise Refused("不能改自己的角色，请另一位管理员来改。")
        _keep_an_administrator(user)
    changed = {name: value for name, value in after.items() if value != before[name]}
    for name, value in changed.items():
        setattr(user, name, value)
    if not changed:
        return user
    session().flush()
    note(actor, "user.edited", user, before=before["role"], after=user.role, changed=sorted(changed))
    record(UserChanged(user_id=user.id, version=user.version))
    return user


def change_role(actor: Actor, user_id: int, role: str) -> User:
    """Give a user another role; it holds from their next request."""
    user = _user(user_id)
    return edit_user(
        actor,
        user_id,
        role=role,
        display_name=user.display_name,
        email=user.email,
        organisation_id=user.organisation_id,
    )


def set_active(actor: Actor, user_id: int, active: bool, *, version: int | None = None) -> User:
    """Disable an account (its logins end at once, its tokens answer no longer) or enable it again."""
    require(actor, "user.manage")
    user = _user(user_id, version)
    if user.active == active:
        return user
    if not active:
        if user.id == actor.id:
            raise Refused("不能停用自己，请另一位管理员来做。")
        _keep_an_administrator(user)
    user.active = active
    session().flush()
    if not active:
        end_sessions(actor, user.id)
    note(actor, "user.enabled" if active else "user.disabled", user)
    record(UserChanged(user_id=user.id, version=user.version))
    return user


def set_password(actor: Actor, user_id: int, password: passwords.PasswordHash, *, must_change: bool = True) -> User:
    """Give a user a temporary password: a lock is lifted, all logins end, and a new one is asked for at the next login."""
    require(actor, "user.manage")
    user = _user(user_id)
    user.password_hash, user.must_change_password = password, must_change
    user.failed_attempts, user.locked_until = 0, None
    session().flush()
    end_sessions(actor, user.id)
    note(actor, "user.password_reset", user)
    record(UserChanged(user_id=user.id, version=user.version))
    return user


def unlock(actor: Actor, user_id: int) -> User:
    """Lift the lock that too many wrong passwords brought."""
    require(actor, "user.manage")
    user = _user(user_id)
    user.failed_attempts, user.locked_until = 0, None
    session().flush()
    note(actor, "user.unlocked", user)
    record(UserChanged(user_id=user.id, version=user.version))
    return user


def prepare_change(user: User, old: str, new: str) -> PasswordChange:
    """Check the old password and hash the new one. Slow, and writes nothing. Raises Invalid on `old` or `new`."""
    was, name = user.password_hash, user.name
    if not passwords.matches(was, old):
        raise Invalid.of("old", "现在的密码不对。")
    if old == new:
        raise Invalid.of("new", "新密码不能和现在的一样。")
    return PasswordChange(was, passwords.hashed(new, name, field="new"))


def change_password(actor: Actor, change: PasswordChange, *, keep: LoginSession | None = None) -> str | None:
    """Change one's own password. All other logins end; `keep` gets a new token, which is returned for its cookie."""
    if actor.id is None or actor.kind != "user":
        raise Forbidden()
    user = _user(actor.id)
    if user.password_hash != change.was:
        raise Stale()
    user.password_hash, user.must_change_password = change.becomes, False
    user.failed_attempts, user.locked_until = 0, None
    session().flush()
    end_sessions(actor, user.id, keep=keep.id if keep else None)
    note(actor, "user.password_changed", user)
    record(UserChanged(user_id=user.id, version=user.version))
    return rotate(keep) if keep else None


def set_preferences(actor: Actor, *, language: str | None = None, time_zone: str | None = None) -> User:
    """Choose one's own language (zh, en) and time zone (IANA name). None leaves it, an empty text gives it back to the house."""
    if actor.id is None or actor.kind != "user":
        raise Forbidden()
    user = _user(actor.id)
    if language and language not in LANGUAGES:
        raise Invalid.of("language", "请选择中文或英文。")
    if time_zone and time_zone not in available_timezones():
        raise Invalid.of("time_zone", "没有这个时区。")
    before = (user.language, user.time_zone)
    if language is not None:
        user.language = language or None
    if time_zone is not None:
        user.time_zone = time_zone or None
    if (user.language, user.time_zone) != before:
        session().flush()
        note(actor, "user.preferences", user, language=user.language, time_zone=user.time_zone)
        record(UserChanged(user_id=user.id, version=user.version))
    return user


def set_extension(actor: Actor, user_id: int, extension: str) -> User:
    """Note somebody's telephone at the exchange; empty for none. Everybody of the desk may set their own, an
    administrator anybody's. Raises Invalid for what is no extension, Conflict for another one's."""
    if actor.id != user_id or not actor.can("desk.use"):
        require(actor, "user.manage")
    wanted = extension.strip() or None
    if wanted and not _EXTENSION.fullmatch(wanted):
        raise Invalid.of("extension", "分机号用字母、数字和 . _ - @，最多 20 个字符。")
    user = _user(user_id)
    if user.extension == wanted:
        return user
    if wanted and session().scalar(select(User.id).where(User.extension == wanted)) is not None:
        raise Conflict("这个分机已经是别人的。", errors={"extension": ["这个分机已经是别人的。"]})
    before, user.extension = user.extension, wanted
    session().flush()
    note(actor, "user.extension", user, before=before, after=wanted)
    record(UserChanged(user_id=user.id, version=user.version))
    return user


def _user(user_id: int, version: int | None = None) -> User:
    user = session().scalar(select(User).where(User.id == user_id).with_for_update())
    if user is None:
        raise NotFound()
    if version is not None and version != user.version:
        raise Stale()
    return user


def _role(role: str) -> str:
    if role not in ROLES:
        raise Invalid.of("role", "没有这个角色。")
    return role


def _company(role: str, organisation_id: int | None) -> int | None:
    if organisation_id is None:
        if role in COMPANY_ROLES:
            raise Invalid.of("organisation", "这个角色要选所属企业。")
        return None
    company = session().get(Organisation, organisation_id)
    if company is None:
        raise Invalid.of("organisation", "没有这家企业。")
    if role == "client" and company.kind != "client":
        raise Invalid.of("organisation", "企业管理员要属于客户企业。")
    return company.id


def _short(text: str, field: str) -> str:
    text = " ".join(text.split())
    if len(text) > 80:
        raise Invalid.of(field, "名称最多 80 个字符。")
    return text


def _mail(text: str | None) -> str | None:
    text = (text or "").strip()
    if text and (len(text) > 254 or not _MAIL.fullmatch(text)):
        raise Invalid.of("email", "邮箱地址不完整。")
    return text or None


def _keep_an_administrator(user: User) -> None:
    """Called before an administrator loses the role or the account."""
    if user.role != ADMINISTRATOR or not user.active:
        return
    others = (
        select(func.count())
        .select_from(User)
        .where(User.role == ADMINISTRATOR, User.active.is_(True), User.id != user.id)
    )
    if not session().scalar(others):
        raise Refused("这是最后一位管理员，先设另一位。")
