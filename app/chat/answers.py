"""How the visitors' socket answers: always, in words, in the visitor's language; and how it says no."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_socketio import ConnectionRefusedError
from sqlalchemy.exc import OperationalError

from app.chat import words
from app.core.db import session
from app.core.errors import DeskError
from app.core.trace import begin_trace
from channels.models import Message

log = logging.getLogger("huiyin.visitors")
Answer = dict[str, Any]


def refused(code: str, message: str, **more: Any) -> Answer:
    """An acknowledgement that says no, in words that the page shows."""
    return {"ok": False, "code": code, "message": message, **more}


def accepted(message: Message) -> Answer:
    """The acknowledgement of a stored message."""
    return {"ok": True, "id": message.id, "created_at": words.stamp(message.created_at)}


def answering(handler: Callable[..., Answer]) -> Callable[..., Answer]:
    """Whatever a browser sends, it gets an answer: a handler that breaks says so and takes nothing down with it."""

    @wraps(handler)
    def run(self: Any, given: Any = None, *more: Any) -> Answer:
        begin_trace()
        chat = self.rooms.chats.get(sid_now())
        if chat is None:
            return refused("gone", "")
        with force_locale(chat.language):
            try:
                return handler(self, chat, given if isinstance(given, dict) else {})
            except DeskError as problem:
                session().rollback()
                return refused(problem.code, sentence(problem), field=next(iter(problem.errors), ""))
            except OperationalError:
                session().rollback()
                log.warning("chat message not stored", exc_info=True)
                return refused("busy", _("系统正忙，稍后会自动再发。"), retry_after=2)
            except Exception:
                session().rollback()
                log.exception("chat handler broke")
                return refused("error", _("没有完成。页面上的内容还在，请稍后再试。"), retry_after=5)

    return run


def sentence(problem: DeskError) -> str:
    """What the first wrong field says, else what is wrong at all."""
    field = next(iter(problem.errors), "")
    reason = (problem.errors.get(field) or [problem.message])[0]
    return str(_(reason) % problem.data if problem.data else _(reason))


def closed(code: str, message: str, wait: int = 0) -> ConnectionRefusedError:
    """The answer to a page that may not come in."""
    more = {"retry_after": wait} if wait else {}
    return ConnectionRefusedError(message, {"code": code, "message": message, **more})


def sid_now() -> str:
    """The socket that speaks."""
    sid: str = request.sid  # type: ignore[attr-defined]
    return sid
