"""What a step of the law of calls to make changes besides the state. Called by `take()` only."""

from datetime import timedelta

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid
from app.core.people import User
from app.core.permissions import Actor
from workflows.call_models import RESULTS, CallAttempt, CallTask
from workflows.engine import Given, early, moment
from workflows.rules import RULES, UNREACHABLE_AFTER

LONGEST_DELAY = timedelta(days=30)
ENDING = {"reached": "done", "not_needed": "done", "wrong_number": "void"}


@early
def not_mine_yet(task: CallTask, actor: Actor, given: Given) -> str | None:
    """Nobody takes what they hold already."""
    return "已经在你手里。" if task.user_id is not None and task.user_id == actor.id else None


@early
def nothing_newer(task: CallTask, actor: Actor, given: Given) -> str | None:
    """There is one open call for one thing."""
    newer = session().scalar(select(CallTask.id).where(CallTask.open_key == task.key))
    return "同一件事已经有新的回电任务。" if newer is not None else None


def hold_it(task: CallTask, actor: Actor, given: Given) -> None:
    task.user = session().get(User, actor.id) if actor.kind == "user" and actor.id else None


def let_go(task: CallTask, actor: Actor, given: Given) -> None:
    task.user = None


def log_attempt(task: CallTask, actor: Actor, given: Given) -> str:
    """Write down how an attempt went. Reached, not needed and a wrong number end the task; nobody there puts it off and
    gives it back to the queue, the third time it ends unreached; a date that was agreed stays with whoever agreed it."""
    result = str(given["result"])
    if result not in RESULTS or result == "unreachable":
        raise Invalid.of("result", "选择结果。")
    until = None
    if result == "later":
        until = moment(given.get("until"), "until")
        if not now() < until <= now() + LONGEST_DELAY:
            raise Invalid.of("until", "时间要在现在之后、30 天之内。")
    by_user = actor.kind == "user"
    row = CallAttempt(
        user_id=actor.id if by_user else None, by=actor.name[:200], result=result,
        note=str(given.get("comment") or "").strip()[:500], until=until,
    )  # fmt: skip
    task.tries.append(row)
    task.attempts += 1
    if result in ENDING:
        hold_it(task, actor, given) if by_user else None
        return finish(task, result, ENDING[result])
    if until is not None:
        task.due_at = until
        if by_user:
            hold_it(task, actor, given)
        return "taken" if task.user_id or task.user else "open"
    if task.reason != "asked" and sum(t.result == "no_answer" for t in task.tries) >= UNREACHABLE_AFTER:
        return finish(task, "unreachable", "done")
    task.due_at = now() + RULES.call_retry
    task.user = None
    return "open"


def finish(task: CallTask, result: str, state: str) -> str:
    task.result, task.ended_at, task.open_key = result, now(), None
    return state


def settle(task: CallTask, actor: Actor, given: Given) -> None:
    finish(task, "reached", "done")


def void(task: CallTask, actor: Actor, given: Given) -> None:
    finish(task, "not_needed", "void")


def ask_again(task: CallTask, actor: Actor, given: Given) -> None:
    """The same person rang again: counted, and the due date stays that of the first time."""
    task.count += 1
    task.last_at = given.get("at") or now()


def reopen(task: CallTask, actor: Actor, given: Given) -> None:
    task.result = task.ended_at = None
    task.open_key = task.key
    task.user = None
