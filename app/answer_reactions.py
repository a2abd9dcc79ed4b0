"""What follows on a question that the answer service took up: the search, without a transaction, and the clock."""

from collections.abc import Callable

from app.answering import talks
from app.answering.events import AnswerSilent, AnswerWanted
from app.answering.finding import Finding, look_up
from app.core.db import session
from app.core.outbox import Job, outside
from app.routing import rules as routing
from knowledge.index import Index, IndexUnavailable

_open_index: list[Callable[[], Index]] = []


def use_index(open_index: Callable[[], Index]) -> None:
    """Say once at start where answers are looked up."""
    _open_index[:] = [open_index]


@outside
def answer_question(event: AnswerWanted, job: Job) -> None:
    """Answer, ask which product is meant, or give the question to a person: in one transaction, so once."""
    question = talks.question_of(event.talk_id, event.search)
    session().rollback()
    found = Finding("over")
    if question is not None:
        try:
            found = look_up(_open_index[0](), question)
        except IndexUnavailable:
            found = Finding("index")
        except Exception:
            if not job.last:
                raise
            found = Finding("broken")  # nobody waits for a machine that cannot: a person has it now
    with job.done():
        routing.hand_over(talks.write(event.talk_id, event.search, found))


def raise_silent(event: AnswerSilent) -> None:
    """Nobody said whether it is solved: the question stands before the agents."""
    routing.hand_over(talks.overdue(event.talk_id))
