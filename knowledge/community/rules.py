"""What waits for a moderator before everybody reads it."""

import re
from dataclasses import dataclass

from app.core.text import pack

_LINK = re.compile(r"https?://|www\.|[a-z0-9-]{2,}\.(?:com|cn|net|org|top|xyz|cc|vip|shop|site|info)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """`first_posts`: how many posts of a customer a moderator sees before the next ones are shown at once. `per_day`: how
    many posts of one person a day are taken. `waiting_days`: after how many days without an answer agents see a question."""

    first_posts: int = 1
    per_day: int = 20
    waiting_days: int = 2


_rules: list[Rules] = [Rules()]


def use_rules(first_posts: int, per_day: int, waiting_days: int) -> None:
    """Say once at start which rules hold."""
    _rules[:] = [Rules(first_posts, per_day, waiting_days)]


def rules() -> Rules:
    return _rules[0]


def held_for(text: str, *, side: str, shown_before: int, words: list[str]) -> str:
    """Why this text waits, as packed words for people; empty where it may be shown at once. `words` are the sensitive
    ones that were found in it: those hold everybody's texts."""
    if words:
        return pack("有敏感词：%(words)s", words="、".join(words[:5]))
    if side != "customer":
        return ""
    if shown_before < rules().first_posts:
        return "第一次发言"
    if _LINK.search(text):
        return "带有链接"
    return ""
