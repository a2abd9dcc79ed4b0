"""Joins the words that parts of the house keep beside their own pages: app/web/words.py offers them as one table."""

from typing import Any

from app.web import answer_words, community_words, editing_words, intake_words, knowledge_words, loop_words, term_words

PARTS: tuple[Any, ...] = (answer_words, intake_words, knowledge_words, loop_words, term_words, editing_words, community_words)


def joined(table: str) -> dict[str, Any]:
    """The entries that the parts add to the table of this name (ACTIONS, EVENTS, REACTIONS, SUBJECTS)."""
    return {name: words for part in PARTS for name, words in getattr(part, table, {}).items()}
