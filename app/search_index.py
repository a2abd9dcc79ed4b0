"""The index of this installation, opened when it is first needed: commands that do not search load no dictionary."""

from flask import Flask, current_app

from app import reactions
from knowledge.index import Index
from knowledge.indexing import open_index


def init_app(flask: Flask) -> None:
    settings = flask.extensions["settings"]
    flask.extensions["open_index"] = lambda: open_index(settings)
    flask.extensions["index_health"] = lambda: _state(open_index(settings))
    reactions.use_index(flask.extensions["open_index"])


def current_index() -> Index:
    """The index that this request or command searches."""
    found: Index = current_app.extensions["open_index"]()
    return found


def _state(index: Index) -> str:
    health = index.health()
    return "ok" if health.usable else health.state
