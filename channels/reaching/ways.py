"""Where each way leads for one person: the address it would go to, or why it cannot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType
from sqlalchemy import or_, select

from app.core.db import session
from app.core.directory.merging import family_ids
from app.core.people import Contact, Identity, User
from channels.accounts import mailbox_that_sends
from channels.models import Account, Conversation
from channels.reaching.models import GroupRobot, Outreach, OutreachRung
from channels.reaching.plans import RESULTS, wish_of
from channels.sending import last_inbound
from channels.threading import line_with
from channels.windows import left

UNSAID = frozenset({"calls", "robot"})
"""Kinds of accounts whose conversations take no written words."""
MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


@dataclass(frozen=True)
class Target:
    """Where a rung goes. `conversation`: one that is there; `direct`: to a colleague, past any conversation."""

    account: Account | None
    address: str
    identity: Identity | None = None
    conversation: Conversation | None = None
    direct: bool = False


def find(way: str, outreach: Outreach) -> Target | str:
    """The target of a way, or one sentence (packed) that says why there is none."""
    return _WAYS[way](outreach)


def identities_of(outreach: Outreach, kind: str) -> list[Identity]:
    """How the person is known in this way, surest first; addresses of many and guessed ones are nobody's."""
    person = outreach.contact or (session().get(Contact, outreach.user.contact_id) if outreach.user and outreach.user.contact_id else None)
    if person is None:
        return []
    rows = select(Identity).where(
        Identity.contact_id.in_(family_ids(person)), Identity.kind == kind, Identity.shared.is_(False), Identity.suspect.is_(False)
    )
    return list(session().scalars(rows.order_by(Identity.reachable.desc(), Identity.verified.desc(), Identity.id)))


def mobile_of(outreach: Outreach) -> tuple[str, Identity | None]:
    """The number of a phone in the person's pocket, and the identity that it is; empty where none is known."""
    wish = wish_of(user_id=outreach.user_id) if outreach.user_id is not None else None
    if wish is not None and wish.mobile:
        return wish.mobile, None
    return next(((one.value, one) for one in identities_of(outreach, "phone") if is_mobile(one.value)), ("", None))


def number_of(outreach: Outreach) -> str:
    """Any number to ring the person at: a mobile one before others."""
    number, _identity = mobile_of(outreach)
    return number or next((one.value for one in identities_of(outreach, "phone")), "")


def is_mobile(number: str) -> bool:
    try:
        return phonenumbers.number_type(phonenumbers.parse(number)) in MOBILE
    except NumberParseException:
        return False


def first_account(kind: str) -> Account | None:
    """The first active account of a kind."""
    rows = select(Account).where(Account.kind == kind, Account.active.is_(True)).order_by(Account.id)
    return session().scalars(rows.limit(1)).first()


def refusal_of(conversation: Conversation, purpose: str) -> str:
    """Why the platform, or our own reserve for the result, lets nothing more be sent here; empty when it may."""
    free = left(conversation)
    if free is None:
        return ""
    if free.refusal:
        return free.refusal
    if purpose not in RESULTS and free.messages <= free.reserve:
        return "剩下的条数要留给处理结果。"
    return ""


def _line(outreach: Outreach) -> Target | str:
    conversation = outreach.conversation
    if conversation is None:
        return "没有往来的会话。"
    account = conversation.account
    if account.kind in UNSAID:
        return "这个渠道不能写字，只能打电话。"
    if not account.active:
        return "渠道账号已停用。"
    last = last_inbound(conversation)
    address = (last.to_address if last else None) or (conversation.identity.value if conversation.identity else "")
    if last is None or not address:
        return "这个会话里客户还没有写过话。"
    if conversation.identity is not None and not conversation.identity.reachable:
        return "对方已取消关注或拉黑。"
    if why := refusal_of(conversation, outreach.purpose):
        return why
    return Target(account, address, conversation.identity, conversation)


def _platform(kind: str, identity_kind: str) -> Callable[[Outreach], Target | str]:
    """A platform where the person must have spoken with us before."""

    def look(outreach: Outreach) -> Target | str:
        own = identities_of(outreach, identity_kind)
        if not own:
            return "没有这个渠道的身份。"
        why = ""
        for account in session().scalars(select(Account).where(Account.kind == kind, Account.active.is_(True)).order_by(Account.id)):
            for identity in own:
                conversation = line_with(account.id, identity.id)
                if conversation is None:  # another account of this kind may know the person, and its reason tells more
                    why = why or "这个渠道上还没有会话。"
                elif not identity.reachable:
                    why = "对方已取消关注或拉黑。"
                elif not (why := refusal_of(conversation, outreach.purpose)):
                    return Target(account, identity.value, identity, conversation)
        return why or "没有启用这种渠道账号。"

    return look


def _template(outreach: Outreach) -> Target | str:
    own = [one for one in identities_of(outreach, "openid") if one.reachable]
    accounts = list(session().scalars(select(Account).where(Account.kind == "wechat", Account.active.is_(True)).order_by(Account.id)))
    if not accounts:
        return "没有启用这种渠道账号。"
    able = [one for one in accounts if str(one.settings.get(f"template_{outreach.purpose}") or "")]
    if not able:
        return "账号里没有这个用途的模板。"
    if not own:
        return "没有关注公众号。"
    # An openid belongs to one official account: the one on which there is a conversation with it.
    known = [(account, one, line) for account in able for one in own if (line := line_with(account.id, one.id)) is not None]
    if known:
        account, one, line = known[0]
        return Target(account, one.value, one, line)
    if len(accounts) > 1:
        return "这个渠道上还没有会话。"
    return Target(able[0], own[0].value, own[0], None)


def _sms(outreach: Outreach) -> Target | str:
    account = first_account("sms")
    if account is None:
        return "没有启用短信账号。"
    style = str(account.settings.get("style") or "plain")
    if style != "plain" and not account.settings.get(f"template_{outreach.purpose}"):
        return "账号里没有这个用途的模板。"
    number, identity = mobile_of(outreach)
    if not number:
        return "没有手机号码。"
    if identity is not None and outreach.user_id is None:
        return Target(account, number, identity, line_with(account.id, identity.id))
    return Target(account, number, direct=True)


def _email(outreach: Outreach) -> Target | str:
    account = mailbox_that_sends()
    if outreach.user is not None:
        if not outreach.user.email:
            return "没有邮箱地址。"
        return Target(account, outreach.user.email, direct=True) if account else "没有可以发信的邮箱账号。"
    own = identities_of(outreach, "email")
    if not own:
        return "没有邮箱地址。"
    if account is None:
        return "没有可以发信的邮箱账号。"
    here = outreach.conversation
    same = here is not None and here.account_id == account.id and here.identity_id == own[0].id
    return Target(account, own[0].value, own[0], here if same else _mail_about(outreach, account, own[0]))


def _mail_about(outreach: Outreach, account: Account, identity: Identity) -> Conversation | None:
    """The mails that were exchanged with this address about the same ticket."""
    if outreach.subject_number is None:
        return None
    rows = select(Conversation).where(
        Conversation.account_id == account.id, Conversation.identity_id == identity.id,
        Conversation.token == str(outreach.params.get("number") or outreach.subject_number),
    )  # fmt: skip
    return session().scalar(rows.order_by(Conversation.id.desc()).limit(1))


def _robot(outreach: Outreach) -> Target | str:
    user = outreach.user
    if user is None:
        return "群机器人只对同事说话。"
    account = robot_of(user)
    if account is None:
        return "所在的组没有群机器人。"
    told = select(OutreachRung.id).join(Outreach).where(
        Outreach.about == outreach.about, Outreach.id != outreach.id, OutreachRung.way == "robot",
        OutreachRung.account_id == account.id, OutreachRung.state.in_(("tried", "delivered")),
    )  # fmt: skip
    if outreach.about and session().scalar(told.limit(1)) is not None:
        return "群里已经说过，不再重复。"
    return Target(account, account.slug, direct=True)


def robot_of(user: User) -> Account | None:
    """The active robot of the user's team or company."""
    teams = [team.id for team in user.teams]
    rows = select(Account).join(GroupRobot, GroupRobot.account_id == Account.id).where(
        Account.active.is_(True), or_(GroupRobot.team_id.in_(teams or [-1]), GroupRobot.organisation_id == (user.organisation_id or -1))
    )  # fmt: skip
    return session().scalars(rows.order_by(GroupRobot.team_id.is_(None), GroupRobot.id).limit(1)).first()


def _call(outreach: Outreach) -> Target | str:
    number = number_of(outreach)
    return Target(None, number, direct=True) if number else "没有电话号码。"


_WAYS: Mapping[str, Callable[[Outreach], Target | str]] = {
    "line": _line,
    "wechat": _platform("wechat", "openid"),
    "wecom": _platform("wecom", "wecom"),
    "template": _template,
    "app": _platform("app", "app"),
    "sms": _sms,
    "email": _email,
    "robot": _robot,
    "call": _call,
}
