"""An alarm to the administrators when a platform refuses one of our accounts, or its quota of the day is used up."""

import hashlib

from sqlalchemy import select

from app import letters
from app.core.clock import now
from app.core.db import session
from app.core.people import User
from app.core.permissions import ROLES
from app.core.text import unpack
from channels.events import AccountTroubled
from channels.models import Account
from channels.reaching import ladder


def tell_administrators(event: AccountTroubled) -> None:
    """Once a day for each account and reason, to everybody who may mend it, by the ladder of alarms."""
    account = session().get(Account, event.account_id)
    if account is None or not account.active:
        return
    about = f"account-{account.id}-{now():%Y%m%d}-{hashlib.sha256(event.reason.encode()).hexdigest()[:8]}"
    for user in session().scalars(select(User).where(User.active, User.role.in_(_who_may_mend())).order_by(User.id)):
        ladder.reach("alarm", f"{about}-{user.id}", _words(account, event.reason), user=user, about=about, params={"number": account.slug}, is_auto=True)


def _who_may_mend() -> list[str]:
    return [role for role, (_label, permissions) in ROLES.items() if "channel.manage" in permissions]


def _words(account: Account, reason: str) -> dict[str, dict[str, str]]:
    link, why = f"{letters.signing()['site_url']}/admin/channels", unpack(reason)
    zh, en = f"渠道账号「{account.slug}」出了问题", f"Channel account “{account.slug}” needs attention"
    return {
        "zh": {"subject": zh, "text": f"{why}\n{link}", "short": f"{zh}：{why[:60]}"},
        "en": {"subject": en, "text": f"{why}\n{link}", "short": f"{en}: {why[:80]}"},
    }  # data
