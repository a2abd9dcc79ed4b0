"""What the answer service did in a period: a line of its own, beside first-contact resolution and never in it."""

from dataclasses import dataclass

from sqlalchemy import case, func, select

from app.answering.models import AnswerTalk
from app.core.db import session
from app.core.permissions import Actor
from app.queries.report_terms import Wanted
from channels.models import Account


@dataclass(frozen=True)
class Answered:
    """Questions that it took up, those that it answered, and how these ended. `solved`: the customer said so, and nobody
    had to do anything. A question that is still open is in `questions` and `answered` alone."""

    questions: int
    answered: int
    solved: int
    handed: int
    silent: int


def answered(actor: Actor, wanted: Wanted) -> Answered | None:
    """The figures of a period; None for somebody who reads only some companies, since talk without a ticket is nobody's
    yet, and where nothing was taken up."""
    if not actor.can("ticket.read_all"):
        return None
    sent = AnswerTalk.answer_id.is_not(None)

    def of(state: str) -> object:
        return func.sum(case((sent & (AnswerTalk.state == state), 1), else_=0))

    rows = (
        select(func.count(), func.sum(case((sent, 1), else_=0)), of("solved"), of("handed"), of("silent"))  # type: ignore[call-overload]
        .select_from(AnswerTalk)
        .where(AnswerTalk.begun_at >= wanted.since, AnswerTalk.begun_at < wanted.until)
    )
    if wanted.channel:
        rows = rows.join(Account, Account.id == AnswerTalk.account_id).where(Account.kind == wanted.channel)
    counts = [int(n or 0) for n in session().execute(rows).one()]
    return Answered(*counts) if counts[0] else None
