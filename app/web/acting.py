"""What a button on a page does: in one unit of work, and said on the page that follows."""

from collections.abc import Callable

from flask import flash, redirect
from werkzeug.wrappers import Response

from app.core.db import session
from app.core.errors import DeskError, NotFound
from app.core.uow import unit_of_work
from app.web.errors import words_of


def act_and_show(page: str, do: Callable[[], str], why: Callable[[DeskError], str] = words_of) -> Response:
    """Do it, and say what `do` gives (nothing where that is empty), or `why` it was refused; `page` shows how things stand
    now. What is not there stays NotFound."""
    try:
        with unit_of_work():
            said = do()
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        flash(why(problem), "bad")
    else:
        if said:
            flash(said, "good")
    return redirect(page, 303)
