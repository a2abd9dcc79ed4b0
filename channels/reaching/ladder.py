"""The ladder: ways to tell somebody, one after the other, until one is known to have arrived.

Everything stands in rows before anything leaves: each way of a ladder has one row and is begun once; what it waits for is
an outbox row with its moment. So a process that dies in between loses no ladder and repeats no rung.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, Refused
from app.core.events import record
from app.core.people import Contact, User
from app.core.permissions import SYSTEM
from app.core.text import pack
from channels import models as mail
from channels.models import Conversation, Message
from channels.reaching.events import OutreachDue, OutreachMoved, RungDue
from channels.reaching.models import (
    DELIVERED,
    EXHAUSTED,
    FAILED,
    OPEN,
    REACHED,
    SKIPPED,
    TRIED,
    WITHDRAWN,
    Outreach,
    OutreachRung,
)
from channels.reaching.plans import LOUD, QUIET, plan_of, quiet_until, wish_of
from channels.reaching.ways import Target, find
from channels.sending import last_inbound, queue_message
from channels.sending import withdraw as take_back
from channels.visitors import visitor_of

TELLS_ARRIVAL = frozenset({"sms", "template"})
"""Ways whose platform reports the arrival; nothing else counts."""
SHOWS_SEEN = frozenset({"webchat", "app"})
"""Channels that tell when the person has looked, and nothing before."""
MENUS = frozenset({"wechat", "wecom"})
"""Channels where a question can be answered by a tap."""
JUST_NOW = timedelta(minutes=30)


def reach(
    purpose: str,
    key: str,
    words: Mapping[str, Mapping[str, str]],
    *,
    contact: Contact | None = None,
    user: User | None = None,
    conversation: Conversation | None = None,
    subject: tuple[str, int] | None = None,
    about: str = "",
    params: Mapping[str, str] | None = None,
    is_auto: bool = False,
    failed: Message | None = None,
) -> Outreach:
    """Begin to tell a person something, once per `key`, and take the first step at once; nothing leaves before the
    commit. `words`: by language {"subject", "text", "short"}, and "unsubscribe" where a POST to that address ends
    such messages. `failed`: a message that did not arrive; the ladder begins after it."""
    known = _by_key(key)
    if known is not None:
        return known
    outreach = Outreach(
        key=key[:120], about=(about or key)[:120], purpose=purpose, contact=contact, user=user, conversation=conversation,
        subject_kind=subject[0] if subject else "", subject_number=subject[1] if subject else None,
        words={language: dict(said) for language, said in words.items()}, params=dict(params or {}), is_auto=is_auto,
    )  # fmt: skip
    try:
        with session().begin_nested():
            session().add(outreach)
            session().flush()
    except IntegrityError:  # somebody else began it at the same moment
        return session().scalars(select(Outreach).where(Outreach.key == key[:120])).one()
    if failed is not None:
        _add(outreach, "line", _target_of(failed), FAILED, failed.error or "", message_id=failed.id)
    climb(outreach.id, outreach.rungs[-1].id if outreach.rungs else 0)
    return outreach


def climb(outreach_id: int, after: int) -> Outreach | None:
    """Take the next step of a ladder whose last rung is still `after`. In a unit of work. Returns it, if it moved."""
    outreach = session().scalar(
        select(Outreach).where(Outreach.id == outreach_id).with_for_update().execution_options(populate_existing=True)
    )
    if outreach is None or outreach.state != OPEN:
        return None
    session().refresh(outreach, ["rungs"])
    last = outreach.rungs[-1] if outreach.rungs else None
    if (last.id if last else 0) != after:
        return None
    if last is not None and last.state == TRIED and not _is_over(last):
        return outreach if outreach.state != OPEN else None
    outreach.next_at, outreach.waiting = None, ""
    for way, minutes in _ways(outreach):
        target = _look(way, outreach)
        if isinstance(target, str):
            _add(outreach, way, None, SKIPPED, target)
            continue
        if resumes := _rests(way, target, outreach):
            _wait(outreach, resumes)
            return outreach
        if _begin(outreach, way, target, minutes):
            return outreach
    _end(outreach, EXHAUSTED)
    return outreach


def _ways(outreach: Outreach) -> Sequence[tuple[str, int]]:
    """The ways that are left, the one that the person prefers first."""
    wish = _wish(outreach)
    used = {rung.way for rung in outreach.rungs}
    left = [one for one in plan_of(outreach.purpose, outreach.audience) if one[0] not in used]
    return sorted(left, key=lambda one: one[0] != wish.prefer) if wish and wish.prefer else left


def _wish(outreach: Outreach) -> Any:
    return wish_of(contact_id=outreach.contact_id if outreach.user_id is None else None, user_id=outreach.user_id)


def _look(way: str, outreach: Outreach) -> Target | str:
    wish = _wish(outreach)
    if wish is not None and way in wish.off:
        return "本人不要这种方式。"
    found = find(way, outreach)
    if isinstance(found, Target) and found.account is not None and way != "template":
        for rung in outreach.rungs:
            if rung.state != SKIPPED and (rung.account_id, rung.address) == (found.account.id, found.address):
                return "同一个地址已经试过。"
    return found


def _rests(way: str, target: Target, outreach: Outreach) -> datetime | None:
    """When this way may be used, if not now: nobody's phone rings at night, but for an alarm or while they talk with us."""
    loud = way in LOUD or (way == "line" and target.account is not None and target.account.kind in ("wechat", "wecom", "sms", "app", "weibo"))
    if not loud or outreach.purpose == "alarm":
        return None
    until = quiet_until(now())
    if until is None:
        return None
    last = last_inbound(target.conversation) if way == "line" and target.conversation else None
    return None if last is not None and now() - last.created_at < JUST_NOW else until


def _wait(outreach: Outreach, until: datetime) -> None:
    outreach.next_at, outreach.waiting = until, "静默时段，到时间再继续。"
    session().flush()
    record(OutreachDue(outreach_id=outreach.id, after=outreach.rungs[-1].id if outreach.rungs else 0), due_at=until)
    record(OutreachMoved(outreach_id=outreach.id))


def _begin(outreach: Outreach, way: str, target: Target, minutes: int) -> OutreachRung | None:
    """Write what goes this way, to leave after the commit. None where it cannot be written: the next way is looked at."""
    until = now() + timedelta(minutes=minutes)
    if way == "call" or target.direct:
        rung = _add(outreach, way, target, TRIED, "", until=until)
        rung.sending = "due"
        if way != "call":
            record(RungDue(rung_id=rung.id))
    else:
        try:
            message = _write(outreach, way, target)
        except (Refused, Invalid) as problem:
            _add(outreach, way, target, FAILED, pack(problem.message, **problem.data) if problem.data else problem.message)
            return None
        rung = _add(outreach, way, target, TRIED, "", message_id=message.id, until=until)
        if message.state == mail.SENT:
            rung.sent_at = message.sent_at
        if message.conversation.account.kind == "portal" and "@" not in (message.to_address or ""):
            rung.until, rung.reason = now(), "只写在请求的页面上，没有人会被提醒。"
    session().flush()
    if way == "call":
        # A person takes over; what they find out is written into the task.
        outreach.state = EXHAUSTED
    else:
        outreach.next_at = rung.until
        record(OutreachDue(outreach_id=outreach.id, after=rung.id), due_at=rung.until)
    record(OutreachMoved(outreach_id=outreach.id))
    return rung


def _write(outreach: Outreach, way: str, target: Target) -> Message:
    """The message, in the conversation that there is with this address, or in a new one about the subject."""
    words = said(outreach)
    conversation = target.conversation
    if conversation is None:
        assert target.account is not None and target.identity is not None
        number = outreach.params.get("number") or outreach.subject_number
        conversation = Conversation(
            account_id=target.account.id, identity_id=target.identity.id, contact_id=outreach.contact_id,
            organisation_id=outreach.contact.organisation_id if outreach.contact else None,
            subject=words.get("subject", "")[:300], token=str(number) if number else None,
        )  # fmt: skip
        session().add(conversation)
        session().flush()
    meta: dict[str, Any] = {"purpose": outreach.purpose, "params": dict(outreach.params), **way_out(words)}
    kind, text = "text", words["text"]
    if way == "template":
        kind, text = "template", words.get("short") or text
        meta |= template_meta(outreach, str(target.account.settings.get(f"template_{outreach.purpose}") or "") if target.account else "")
    elif conversation.account.kind == "sms":
        text = words.get("short") or text
    elif conversation.account.kind in ("email", "portal"):
        text = words.get("mail") or text
    elif conversation.account.kind in MENUS and words.get("menu"):
        kind, text = "menu", words["menu_head"]
        meta |= menu_meta(words)
    message = queue_message(SYSTEM, conversation, text, is_auto=outreach.is_auto, kind=kind, meta=meta)
    if message.subject == "" or target.conversation is None:
        message.subject = words.get("subject", "")[:1000]
    return message


def way_out(words: Mapping[str, str]) -> dict[str, str]:
    """What a mail's header needs where its reader may end such messages."""
    return {"unsubscribe": words["unsubscribe"]} if words.get("unsubscribe") else {}


def menu_meta(words: Mapping[str, str]) -> dict[str, Any]:
    """The words of a menu as a channel takes them; in "menu" a line is an item, its id first."""
    items = [{"id": key, "text": text} for key, _sign, text in (line.partition(" ") for line in words["menu"].splitlines())]
    return {"head": words.get("menu_head", ""), "items": items, "tail": words.get("menu_tail", "")}


def template_meta(outreach: Outreach, template_id: str) -> dict[str, Any]:
    """What a template message needs: its id, the address it opens, and the values of its fields."""
    template, *fields = template_id.replace(",", " ").split() or [""]
    values = {**{k: str(v) for k, v in outreach.params.items()}, "text": said(outreach).get("short", "")}
    named = [(name, what or name) for name, _sign, what in (field.partition("=") for field in fields or values)]
    return {"template_id": template, "url": values.get("link", ""), "data": {k: {"value": values.get(what, "")} for k, what in named}}


def said(outreach: Outreach) -> dict[str, str]:
    """The words in the person's language."""
    person = outreach.user or outreach.contact
    language = (person.language if person else None) or "zh"
    found = outreach.words.get(language) or outreach.words.get("zh") or next(iter(outreach.words.values()))
    return {str(k): str(v) for k, v in found.items()}


def _is_over(rung: OutreachRung) -> bool:
    """Whether a rung has had its time. What was taken and did not come back for a while has then arrived, on a channel
    that tells no more than that."""
    outreach, message = rung.outreach, session().get(Message, rung.message_id) if rung.message_id else None
    taken = rung.sent_at is not None and (message.state == mail.SENT if message else rung.sending == "sent")
    if taken and rung.sent_at is not None and silence_is_arrival(rung):
        settled = rung.sent_at + QUIET.settle
        if now() >= settled:
            rung.state, rung.reason = DELIVERED, "已送出，没有退回。"
            _end(outreach, REACHED)
            return False
        again(rung, settled)
        return False
    if _is_mailed(rung):
        rung.state, rung.reason = DELIVERED, "在网页会话里没看到，已转成邮件发出。"
        _end(outreach, REACHED)
        return False
    if rung.until is not None and now() < rung.until:
        again(rung, rung.until)
        return False
    rung.reason = rung.reason or ("到时间还没有送达的消息。" if taken else "到时间还没有发出去。")
    return True


def _is_mailed(rung: OutreachRung) -> bool:
    """Whether the web chat has mailed what the visitor did not look at: another mail would say it twice."""
    if rung.account is None or rung.account.kind != "webchat" or rung.message_id is None:
        return False
    visitor = visitor_of(session().get_one(Message, rung.message_id).conversation)
    return visitor is not None and visitor.mailed_id >= rung.message_id


def again(rung: OutreachRung, at: datetime) -> None:
    rung.outreach.next_at = at
    record(OutreachDue(outreach_id=rung.outreach_id, after=rung.id), due_at=at)


def silence_is_arrival(rung: OutreachRung) -> bool:
    if rung.way in TELLS_ARRIVAL or rung.account is None:
        return False
    return not (rung.account.kind in SHOWS_SEEN or rung.account.kind in TELLS_ARRIVAL or _is_only_a_page(rung))


def _is_only_a_page(rung: OutreachRung) -> bool:
    return rung.account is not None and rung.account.kind == "portal" and "@" not in rung.address


def _add(
    outreach: Outreach, way: str, target: Target | None, state: str, reason: str, *, message_id: int | None = None, until: datetime | None = None
) -> OutreachRung:
    rung = OutreachRung(
        outreach_id=outreach.id, position=len(outreach.rungs) + 1, way=way, state=state, reason=reason[:600],
        account_id=target.account.id if target and target.account else None,
        identity_id=target.identity.id if target and target.identity else None,
        address=target.address[:320] if target else "", message_id=message_id, until=until,
    )  # fmt: skip
    outreach.rungs.append(rung)
    session().flush()
    return rung


def _target_of(message: Message) -> Target:
    conversation = message.conversation
    return Target(conversation.account, message.to_address or "", conversation.identity, conversation)


def _end(outreach: Outreach, state: str) -> None:
    outreach.state, outreach.next_at, outreach.waiting = state, None, ""
    if state == REACHED:
        outreach.reached_at = now()
    session().flush()
    record(OutreachMoved(outreach_id=outreach.id))


def arrived(rung: OutreachRung, why: str) -> None:
    """A rung is known to have arrived: the ladder ends here, whatever was tried after it."""
    if rung.state not in (TRIED, FAILED):
        return
    rung.state, rung.reason = DELIVERED, why
    if rung.outreach.state in (OPEN, EXHAUSTED):
        _end(rung.outreach, REACHED)
    session().flush()


def failed(rung: OutreachRung, why: str) -> None:
    """A rung is known not to have arrived, also where that is heard late: the ladder goes on."""
    outreach = rung.outreach
    if rung.state == FAILED:
        return
    rung.state, rung.reason = FAILED, why[:600]
    if outreach.state == REACHED and not any(one.state == DELIVERED for one in outreach.rungs):
        outreach.state, outreach.reached_at = OPEN, None
    session().flush()
    last = outreach.rungs[-1]
    if outreach.state != OPEN:
        return
    if last is rung or last.state != TRIED:
        climb(outreach.id, last.id)
    else:
        again(last, max(now(), last.until or now()))


def drop(outreach: Outreach) -> None:
    """It need not be told any more: what still waits to leave is taken back."""
    if outreach.state not in (OPEN, EXHAUSTED):
        return
    for rung in outreach.rungs:
        message = session().get(Message, rung.message_id) if rung.message_id else None
        if rung.state == TRIED and message is not None and message.state in (mail.QUEUED, mail.HELD):
            take_back(SYSTEM, message.id)
            rung.state, rung.reason = SKIPPED, "不用再告知，已撤回。"
        elif rung.sending == "due" or (rung.way == "call" and rung.state == TRIED):
            rung.sending, rung.state, rung.reason = "", SKIPPED, "不用再告知，已撤回。"
    _end(outreach, WITHDRAWN)


def _by_key(key: str) -> Outreach | None:
    return session().scalar(select(Outreach).where(Outreach.key == key[:120]))
