"""The one place that commits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.core.db import IMMEDIATE, session
from app.core.errors import Stale

# PostgreSQL ends one of two transactions that wait for each other; its work is undone whole and may be tried again.
LOST_RACES = ("40P01", "40001")
_DEPTH = "huiyin_depth"
_AFTER = "huiyin_after_commit"
_listeners: list[Callable[[], None]] = []


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """All or nothing. Use it at the edges (a request, a command, a reaction), never inside a service.

    It begins afresh, so that guards see the newest rows; rows read before are read again. An inner block joins the
    outer one. Raises Stale when somebody else changed a row that this block changes, or won the race for it. No
    network, no jieba and no rendering inside: on SQLite the block holds the only write lock.
    """
    current = session()
    depth = current.info.get(_DEPTH, 0)
    if depth:
        yield current
        return
    if current.new or current.dirty or current.deleted:
        raise RuntimeError("rows were changed outside unit_of_work()")
    current.rollback()
    current.connection(execution_options={IMMEDIATE: True})
    current.info[_DEPTH] = 1
    current.info[_AFTER] = []
    try:
        yield current
        current.commit()
    except StaleDataError:
        current.rollback()
        raise Stale() from None
    except OperationalError as problem:
        current.rollback()
        if getattr(problem.orig, "sqlstate", None) in LOST_RACES:
            raise Stale() from None
        raise
    except BaseException:
        current.rollback()
        raise
    finally:
        current.info[_DEPTH] = 0
    for call in [*current.info.pop(_AFTER), *_listeners]:
        call()


def in_unit_of_work() -> bool:
    """Whether a block is open here; the outside world must not be called then."""
    return bool(session().info.get(_DEPTH, 0))


def after_commit(call: Callable[[], None]) -> None:
    """Run `call` once when this block has committed. It may be lost with the process: for hints only, never for work."""
    session().info[_AFTER].append(call)


def on_every_commit(call: Callable[[], None]) -> None:
    """Run `call` after each commit of this process; for waking those who look at the outbox."""
    if call not in _listeners:
        _listeners.append(call)
