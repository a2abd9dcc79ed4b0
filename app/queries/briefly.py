"""Keeps the answer to a question that every page asks and that hardly ever changes."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app

Question = TypeVar("Question", bound=Callable[[], Any])
SECONDS = 1.0


def briefly(question: Question) -> Question:
    """Ask again after a second only, in each process. The answer must be a plain value, no row. Tests always ask."""
    name = f"{question.__module__}.{question.__qualname__}"

    @wraps(question)
    def ask() -> Any:
        if current_app.testing:
            return question()
        kept: dict[str, tuple[float, Any]] = current_app.extensions.setdefault("briefly", {})
        found = kept.get(name)
        if found is None or found[0] < time.monotonic():
            found = kept[name] = (time.monotonic() + SECONDS, question())
        return found[1]

    return cast(Question, ask)
