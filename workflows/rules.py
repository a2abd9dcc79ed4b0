"""The numbers that the laws use, set once at start from the settings."""

from dataclasses import dataclass
from datetime import timedelta

MAX_HOLDS = 5
LONGEST_HOLD = timedelta(days=30)
URGE_PAUSE = timedelta(minutes=10)
BOUNCES_TO_LEADER = 3
UNREACHABLE_AFTER = 3
SAMPLE_EVERY = 5


@dataclass
class Rules:
    """`silence`: how long a delivered question may stay unanswered; `reopen`: how long after closing an answer reopens;
    `callback`: how soon a caller whom nobody took is called back; `call_retry`: when, if nobody was there, again."""

    silence: timedelta = timedelta(days=3)
    reopen: timedelta = timedelta(days=14)
    callback: timedelta = timedelta(minutes=30)
    call_retry: timedelta = timedelta(minutes=60)


RULES = Rules()


def use_rules(*, silence_days: int, reopen_days: int, callback_minutes: int, call_retry_minutes: int) -> None:
    RULES.silence, RULES.reopen = timedelta(days=silence_days), timedelta(days=reopen_days)
    RULES.callback, RULES.call_retry = timedelta(minutes=callback_minutes), timedelta(minutes=call_retry_minutes)
