"""In whose hands a person's session is, kept such that the API may answer."""

from collections.abc import Iterable

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.uow import unit_of_work
from channels.base import SendFailed, WindowShut
from channels.models import Account
from channels.wecom import api
from channels.wecom.models import KfSession

NEW, OURS, POOL, HUMAN, ENDED = range(5)
WORDS = {
    POOL: "会话正在企业微信的接待池里排队，由接待人员接入后才能处理，这里暂时不能回复。",
    HUMAN: "会话正由企业微信里的接待人员接待，这里暂时不能回复。",
}


def known_state(account_id: int, kfid: str, user: str) -> int | None:
    """The state as we last heard; None when we never did."""
    rows = select(KfSession.state).where(KfSession.account_id == account_id, KfSession.open_kfid == kfid)
    return session().scalar(rows.where(KfSession.external_userid == user))


def note_state(account_id: int, kfid: str, user: str, state: int) -> None:
    """Write down what we heard, within the caller's unit of work."""
    rows = select(KfSession).where(KfSession.account_id == account_id, KfSession.open_kfid == kfid)
    row = session().scalar(rows.where(KfSession.external_userid == user).with_for_update())
    if row is None:
        row = KfSession(account_id=account_id, open_kfid=kfid, external_userid=user)
        session().add(row)
    row.state, row.changed_at = state, now()
    session().flush()


def take_over(account: Account, kfid: str, users: Iterable[str]) -> None:
    """Put new sessions into our own hands, so that nobody's pool takes them. Asks the platform; what it refuses is
    met again when we answer. Raises SendFailed when it does not answer at all."""
    if account.settings.get("keep_session") == "no":
        return
    for user in dict.fromkeys(users):
        if known_state(account.id, kfid, user) == OURS:
            continue
        session().rollback()
        try:
            state = present_state(account, kfid, user)
            if state == NEW:
                move(account, kfid, user, OURS)
                state = OURS
        except api.KfRefused:
            continue
        with unit_of_work():
            note_state(account.id, kfid, user, state)


def present_state(account: Account, kfid: str, user: str) -> int:
    """What the platform says. Raises KfRefused or SendFailed."""
    found = api.call(account, "kf/service_state/get", {"open_kfid": kfid, "external_userid": user})
    state = found.get("service_state")
    return state if isinstance(state, int) and NEW <= state <= ENDED else NEW


def move(account: Account, kfid: str, user: str, state: int) -> str:
    """Change the state; returns the code with which one message may follow, if any. Raises KfRefused or SendFailed."""
    body = {"open_kfid": kfid, "external_userid": user, "service_state": state}
    return str(api.call(account, "kf/service_state/trans", body).get("msg_code") or "")


def mend(account: Account, kfid: str, user: str) -> None:
    """We were told that the session's state forbids to send: take it if it is free. Raises what that means for our
    message otherwise."""
    try:
        state = present_state(account, kfid, user)
        if state == NEW:
            move(account, kfid, user, OURS)
            state = OURS
    except api.KfRefused as problem:
        raise api.as_failure(problem) from None
    with unit_of_work():
        note_state(account.id, kfid, user, state)
    if state == ENDED:
        raise WindowShut("会话已经结束，等客户再发一句才能回复。", spent=True)
    if state in WORDS:
        raise SendFailed(WORDS[state], final=True)
