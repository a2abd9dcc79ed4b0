"""What the database says afterwards, held against what was accepted and what arrived outside."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, or_, select

from app.core.clock import now
from app.core.db import session
from app.core.events import DEAD, DUE, LEASED, UNDECIDED, OutboxRow
from bench.chaos.outside import MARK, Reached
from bench.chaos.senders import Answered, Said
from channels.models import Account, Conversation, MailFolder, Message, RawPayload, Session
from workflows.models import Ticket, TicketConversation
from workflows.tickets import TICKET

CUSTOMERS_MARK = re.compile(r"[WEVC]-\d{6}")


@dataclass
class Verdict:
    """`broken` holds one sentence for each thing that must not be; `figures` what was counted."""

    broken: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def expect(self, true: bool, sentence: str) -> None:
        if not true:
            self.broken.append(sentence)


def left(wanted_mails: int) -> int:
    """How much the house still has to do: rows due or to be tried again, mails not fetched, payloads not read. The clocks
    (silence, an answer that nobody saw) are not waited for."""
    session().rollback()
    waiting = session().scalar(
        select(func.count()).select_from(OutboxRow).where(
            or_(
                OutboxRow.state == LEASED,
                and_(OutboxRow.state == DUE, or_(OutboxRow.due_at <= now(), OutboxRow.attempts > 0)),
            )
        )
    )
    new = session().scalar(select(func.count()).select_from(RawPayload).where(RawPayload.state == "new"))
    mails = session().scalar(
        select(func.count()).select_from(Message).join(Account, Account.id == Message.account_id)
        .where(Account.kind == "email", Message.direction == "in")
    )  # fmt: skip
    session().rollback()
    return (waiting or 0) + (new or 0) + max(0, wanted_mails - (mails or 0))


def judge(said: Said, answered: Answered, reached: Reached) -> Verdict:
    verdict = Verdict()
    _each_message_once(verdict, said)
    _each_answer_once(verdict, answered, reached)
    _nothing_impossible(verdict)
    return verdict


def _each_message_once(verdict: Verdict, said: Said) -> None:
    rows = session().execute(
        select(Account.kind, Message.text, Message.external_id).join(Account, Account.id == Message.account_id).where(Message.direction == "in")
    ).all()
    stored: dict[str, Counter[str]] = {channel: Counter() for channel in said.accepted}
    for kind, text, external_id in rows:
        found = CUSTOMERS_MARK.search(text) or CUSTOMERS_MARK.search(external_id)
        if found is not None and kind in stored:
            stored[kind][found.group()] += 1
    for channel, accepted in said.accepted.items():
        lost = accepted - set(stored[channel])
        doubled = [mark for mark, count in stored[channel].items() if count > 1]
        invented = set(stored[channel]) - accepted
        verdict.expect(not lost, f"{channel}: {len(lost)} accepted messages are not there, e.g. {sorted(lost)[:3]}")
        verdict.expect(not doubled, f"{channel}: {len(doubled)} messages are there twice, e.g. {sorted(doubled)[:3]}")
        verdict.expect(not invented, f"{channel}: {len(invented)} messages are there that nobody was told were taken")
        verdict.figures[f"{channel} accepted"] = len(accepted)
    unread = session().execute(select(RawPayload.state, func.count()).group_by(RawPayload.state)).all()
    verdict.figures["raw payloads"] = dict(unread)  # type: ignore[arg-type]
    verdict.expect(not {"new", "failed"} & {state for state, _ in unread}, f"payloads are left unread: {dict(unread)}")  # type: ignore[arg-type]


def _each_answer_once(verdict: Verdict, answered: Answered, reached: Reached) -> None:
    rows = session().execute(
        select(Message.text, Message.state, Account.kind).join(Account, Account.id == Message.account_id)
        .where(Message.direction == "out", Message.author_kind == "user")
    ).all()  # fmt: skip
    written: Counter[str] = Counter()
    states: Counter[str] = Counter()
    arrived = {"email": reached.mail, "wechat": reached.wechat, "webchat": reached.webchat}
    for text, state, kind in rows:
        mark = MARK.findall(text)[0]
        written[mark] += 1
        states[f"{kind} {state}"] += 1
        times = arrived[kind][mark]
        verdict.expect(times <= 1, f"{mark} arrived {times} times by {kind}")
        if state == "sent" and kind != "webchat":
            verdict.expect(times == 1, f"{mark} is shown as sent by {kind} and arrived {times} times")
        if state in ("queued", "failed", "held"):
            verdict.expect(times == 0, f"{mark} is {state} and arrived all the same by {kind}")
        verdict.expect(state != "sending", f"{mark} stands at sending for ever")
    doubled = [mark for mark, count in written.items() if count > 1]
    lost = set(answered.taken) - set(written)
    verdict.expect(not doubled, f"{len(doubled)} answers were written twice, e.g. {doubled[:3]}")
    verdict.expect(not lost, f"{len(lost)} answers that were taken are not there, e.g. {sorted(lost)[:3]}")
    verdict.figures["answers taken"] = len(answered.taken)
    verdict.figures["answers by state"] = dict(sorted(states.items()))


def _nothing_impossible(verdict: Verdict) -> None:
    tickets = session().execute(select(Ticket.id, Ticket.state)).all()
    unknown = {state for _id, state in tickets} - set(TICKET.states)
    verdict.expect(not unknown, f"tickets stand in states that no law knows: {unknown}")
    verdict.figures["tickets"] = len(tickets)
    spoken = set(
        session().scalars(
            select(Message.conversation_id).join(Account, Account.id == Message.account_id)
            .where(Message.direction == "in", Account.kind != "calls")
        )
    )  # fmt: skip
    linked = set(session().scalars(select(TicketConversation.conversation_id)))
    verdict.expect(spoken <= linked, f"{len(spoken - linked)} conversations have no ticket")
    lines = session().execute(
        select(Conversation.account_id, Conversation.identity_id, func.count())
        .join(Account, Account.id == Conversation.account_id)
        .where(Account.kind.in_(("wechat", "webchat", "calls")), Conversation.identity_id.is_not(None))
        .group_by(Conversation.account_id, Conversation.identity_id)
        .having(func.count() > 1)
    ).all()
    verdict.expect(not lines, f"{len(lines)} people have two conversations on one line")
    open_twice = session().execute(
        select(Session.conversation_id).where(Session.ended_at.is_(None)).group_by(Session.conversation_id).having(func.count() > 1)
    ).all()
    verdict.expect(not open_twice, f"{len(open_twice)} conversations have two open sessions")
    outbox = dict(session().execute(select(OutboxRow.state, func.count()).group_by(OutboxRow.state)).all())  # type: ignore[arg-type]
    verdict.figures["outbox"] = outbox
    verdict.expect(not outbox.get(DEAD) and not outbox.get(LEASED), f"outbox rows are dead or in nobody's hands: {outbox}")
    verdict.figures["undecided"] = outbox.get(UNDECIDED, 0)
    reasons = session().execute(
        select(OutboxRow.error, OutboxRow.attempts, func.count()).where(OutboxRow.state == UNDECIDED).group_by(OutboxRow.error, OutboxRow.attempts)
    ).all()
    verdict.figures["undecided because"] = {f"{why} ({attempts})": count for why, attempts, count in reasons}
    folders = session().scalars(select(MailFolder.error)).all()
    verdict.expect(not any(folders), f"a mailbox is not well: {folders}")
