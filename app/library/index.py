"""The index of this installation, opened when it is first needed: commands that do not search load no dictionary."""

from pathlib import Path

from flask import Flask, current_app

from app import answer_reactions, reactions
from app.config import Settings
from app.library import asked as asked_reactions
from app.library import similar
from knowledge import terms
from knowledge.analysis import watch_words
from knowledge.index import Index
from knowledge.indexing import open_index
from knowledge.learning.model import use_model_of


def init_app(flask: Flask) -> None:
    settings = flask.extensions["settings"]
    flask.extensions["open_index"] = lambda: open_index(settings)
    flask.extensions["open_ticket_index"] = lambda: similar.open_ticket_index(settings)
    similar.use_index(flask.extensions["open_ticket_index"])
    flask.extensions["index_health"] = lambda: _state(open_index(settings))
    reactions.use_index(flask.extensions["open_index"])
    answer_reactions.use_index(flask.extensions["open_index"])
    asked_reactions.use_loop(flask.extensions["open_index"], settings.asked_per_article, settings.asked_length)

    use_model_of(learned_folder(settings) if settings.search_learned else None)

    def look() -> None:
        # A context of its own: what the request at hand has read stays as it is.
        with flask.app_context():
            terms.catch_up()

    watch_words(look)


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
