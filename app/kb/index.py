"""The index of this installation, opened when it is first needed: commands that do not search load no dictionary."""

import logging
import time
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app import answer_reactions, reactions
from app.config import Settings
from app.core.errors import DeskError
from app.kb import asked as asked_reactions
from app.kb import rebuilding, similar
from knowledge import lexicon, terms
from knowledge.analysis import watch_words
from knowledge.index import Index
from knowledge.indexing import open_index
from knowledge.learning.model import use_model_of

log = logging.getLogger("huiyin.search")
PAUSE = 0.02
"""Seconds between two stretches of titles, for the requests that are answered meanwhile."""


def init_app(flask: Flask) -> None:
    settings = flask.extensions["settings"]
    flask.extensions["open_index"] = lambda: open_index(settings)
    flask.extensions["open_ticket_index"] = lambda: similar.open_ticket_index(settings)
    similar.use_index(flask.extensions["open_ticket_index"])
    flask.extensions["index_health"] = lambda: _state(open_index(settings))
    reactions.use_index(flask.extensions["open_index"])
    rebuilding.use_house(flask.extensions["open_index"], flask.app_context)
    answer_reactions.use_index(flask.extensions["open_index"])
    asked_reactions.use_loop(flask.extensions["open_index"], settings.asked_per_article, settings.asked_length)

    use_model_of(learned_folder(settings) if settings.search_learned else None)

    def look() -> None:
        # A context of its own: what the request at hand has read stays as it is.
        with flask.app_context():
            terms.catch_up()

    watch_words(look)


def warm(flask: Flask) -> None:
    """Load the dictionaries and read the words of all titles, with pauses: a web process does it in a thread of its own, so
    that no question pays for it. What goes wrong here is met again, and told, by who searches."""
    try:
        flask.extensions["open_index"]()
        with flask.app_context():
            lexicon.read_all(lambda: time.sleep(PAUSE))
    except (DeskError, SQLAlchemyError) as problem:
        log.warning("the words of titles are read later", extra={"problem": type(problem).__name__})


def learned_folder(settings: Settings) -> Path:
    """Where learned weights are kept; every process of this machine follows them."""
    folder: Path = settings.data_dir.resolve() / "learned"
    return folder


def current_index() -> Index:
    """The index that this request or command searches."""
    found: Index = current_app.extensions["open_index"]()
    return found


def _state(index: Index) -> str:
    health = index.health()
    return "ok" if health.usable else health.state
