"""In which order people are told: by purpose and by whom, with how long each way may stay without an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.core.audit import note
from app.core.db import session
from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid
from app.core.people import Contact, User
from app.core.permissions import Actor, require
from channels.models import Account
from channels.reaching.models import GroupRobot, ReachPlan, ReachWish

PURPOSES: Mapping[str, str] = {"answer": "答复", "progress": "进度", "appointment": "上门预约", "rating": "回访", "alarm": "告警", "news": "关注"}
AUDIENCES: Mapping[str, str] = {"customer": "客户", "staff": "同事和供应商"}
WAYS: Mapping[str, str] = {
    "line": "原来的会话",
    "wechat": "微信客服消息",
    "wecom": "微信客服（企业微信）",
    "template": "微信模板消息",
    "app": "手机应用",
    "sms": "短信",
    "email": "邮件",
    "robot": "群机器人",
    "call": "电话任务",
}
RESULTS = frozenset({"answer", "rating"})
"""Purposes that carry the result: they may take the last message that a platform allows."""
LOUD = frozenset({"wechat", "wecom", "template", "app", "sms", "call"})
"""Ways that ring on somebody's phone: they wait for the end of the quiet hours."""
OFFERED: Mapping[str, Sequence[str]] = {
    "customer": ("line", "wechat", "wecom", "template", "app", "sms", "email", "call"),
    "staff": ("app", "template", "sms", "email", "robot", "call"),
}
LONGEST = 7 * 24 * 60
BAD_PLACE, BAD_MINUTES = "次序写数字，不用的留空。", "等待时间是 0 到 10080 分钟。"

_CUSTOMER = (("line", 30), ("wechat", 30), ("wecom", 30), ("template", 30), ("app", 30), ("sms", 15), ("email", 30), ("call", 0))
_NEWS = (("email", 60), ("app", 60), ("template", 60), ("wechat", 60), ("wecom", 60))
_PATIENT = tuple((way, minutes and 24 * 60) for way, minutes in _CUSTOMER)
DEFAULTS: Mapping[tuple[str, str], Sequence[tuple[str, int]]] = {
    ("answer", "customer"): _CUSTOMER,
    ("progress", "customer"): _CUSTOMER[:-1],
    ("appointment", "customer"): _CUSTOMER,
    ("rating", "customer"): _PATIENT,
    ("progress", "staff"): (("app", 15), ("email", 30), ("template", 30), ("sms", 15), ("robot", 0)),
    ("appointment", "staff"): (("app", 15), ("email", 30), ("template", 30), ("sms", 15), ("robot", 0)),
    ("news", "customer"): _NEWS,
    ("news", "staff"): (("email", 60), ("app", 60)),
    ("alarm", "staff"): (("robot", 5), ("app", 5), ("template", 10), ("sms", 10), ("email", 15), ("call", 0)),
}


@dataclass
class Quiet:
    """`begins` and `ends` in the zone of the house; equal: never quiet. `settle`: so long after it was taken, a message
    that did not come back counts as delivered, where a channel tells no more."""

    begins: time = time(22, 0)
    ends: time = time(8, 0)
    zone: ZoneInfo = ZoneInfo("Asia/Shanghai")
    settle: timedelta = timedelta(minutes=15)


QUIET = Quiet()


def use_quiet(hours: str, time_zone: str, settle_minutes: int) -> None:
    """Say once at start when phones must not ring (`22:00-08:00`, or empty)."""
    begins, _sep, ends = (hours or "00:00-00:00").partition("-")
    QUIET.begins, QUIET.ends = time.fromisoformat(begins), time.fromisoformat(ends)
    QUIET.zone, QUIET.settle = ZoneInfo(time_zone), timedelta(minutes=settle_minutes)


def quiet_until(moment: datetime) -> datetime | None:
    """When the quiet hours end that `moment` lies in; None where it lies in none."""
    here = moment.astimezone(QUIET.zone)
    clock, begins, ends = here.time().replace(tzinfo=None), QUIET.begins, QUIET.ends
    if begins == ends:
        return None
    inside = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
    if not inside:
        return None
    day = here.date() + timedelta(days=1) if clock >= ends else here.date()
    return datetime.combine(day, ends, QUIET.zone).astimezone(moment.tzinfo)


def plan_of(purpose: str, audience: str) -> list[tuple[str, int]]:
    """The ways in their order, each with the minutes that it may stay unknown."""
    rows = select(ReachPlan).where(ReachPlan.purpose == purpose, ReachPlan.audience == audience)
    found = session().scalar(rows)
    if found is None:
        return list(DEFAULTS.get((purpose, audience), ()))
    return [(str(way), int(minutes)) for way, minutes in found.ways]


def save_plan(actor: Actor, purpose: str, audience: str, ways: Sequence[tuple[str, int]]) -> None:
    """Set the order of a purpose. Raises Invalid on field `ways`."""
    require(actor, "channel.manage")
    if (purpose, audience) not in DEFAULTS:
        raise Invalid.of("purpose", "没有这个用途。")
    names = [way for way, _minutes in ways]
    if not names or len(set(names)) != len(names) or not set(names) <= set(OFFERED[audience]):
        raise Invalid.of("ways", "至少留一种方式，每种只用一次。")
    if "call" in names[:-1]:
        raise Invalid.of("ways", "电话任务只能放在最后。")
    if any(not 0 <= minutes <= LONGEST for _way, minutes in ways):
        raise Invalid.of("ways", BAD_MINUTES)
    rows = select(ReachPlan).where(ReachPlan.purpose == purpose, ReachPlan.audience == audience)
    known = session().scalar(rows)
    before = ", ".join(way for way, _minutes in plan_of(purpose, audience))
    if known is None:
        known = ReachPlan(purpose=purpose, audience=audience, ways=[])
        session().add(known)
    known.ways = [list(one) for one in ways]
    session().flush()
    note(actor, "reach.plan_changed", known, before=before, after=", ".join(names))


def wish_of(*, contact_id: int | None = None, user_id: int | None = None) -> ReachWish | None:
    """How somebody wants to be reached, if they ever said."""
    if contact_id is None and user_id is None:
        return None
    column = ReachWish.contact_id == contact_id if contact_id is not None else ReachWish.user_id == user_id
    return session().scalar(select(ReachWish).where(column))


def set_wish(
    actor: Actor,
    person: Contact | User,
    *,
    prefer: str | None = None,
    off: Sequence[str] | None = None,
    mobile: str | None = None,
) -> ReachWish:
    """Note how a person wants to be reached; None leaves a part as it is. Raises Invalid on a field."""
    own = {"user_id": person.id} if isinstance(person, User) else {"contact_id": person.id}
    row = wish_of(**own)
    if row is None:
        row = ReachWish(**own, off=[])
        session().add(row)
    if prefer is not None:
        if prefer and prefer not in WAYS:
            raise Invalid.of("prefer", "没有这种方式。")
        row.prefer = prefer
    if off is not None:
        if not set(off) <= set(WAYS):
            raise Invalid.of("off", "没有这种方式。")
        row.off = sorted(set(off))
    if mobile is not None:
        try:
            row.mobile = normal_form("phone", mobile).value if mobile.strip() else ""
        except Invalid as problem:
            raise Invalid(errors={"mobile": problem.errors["value"]}) from None
    if row.prefer in row.off:
        raise Invalid.of("prefer", "不要的方式不能同时是首选。")
    session().flush()
    note(actor, "reach.wish_changed", person, after=row.prefer, off=", ".join(row.off))
    return row


def set_robot(actor: Actor, account_id: int | None, *, team_id: int | None = None, organisation_id: int | None = None) -> None:
    """Say which robot speaks to the group of a team or of a supplier; None: none. Raises Invalid for an account that is no robot."""
    require(actor, "channel.manage")
    whose = GroupRobot.team_id == team_id if team_id is not None else GroupRobot.organisation_id == organisation_id
    row = session().scalar(select(GroupRobot).where(whose))
    if account_id is None:
        if row is not None:
            note(actor, "reach.robot_changed", row, after="")
            session().delete(row)
            session().flush()
        return
    account = session().get(Account, account_id)
    if account is None or account.kind != "robot":
        raise Invalid.of("account", "选一个群机器人。")
    if row is not None and row.account_id == account_id:
        return
    if row is None:
        row = GroupRobot(account_id=account_id, team_id=team_id, organisation_id=organisation_id)
        session().add(row)
    row.account_id = account_id
    session().flush()
    note(actor, "reach.robot_changed", row, after=account.slug)
