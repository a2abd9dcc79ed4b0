"""The filter of sensitive words: full width, traditional characters and signs between the letters hide nothing."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from sqlalchemy import select

from app.core.audit import note
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.permissions import Actor, require
from app.core.text import clean
from app.core.turns import in_turn
from knowledge.analysis import fold
from knowledge.community_models import SensitiveWord

LONGEST = 40
_BETWEEN = re.compile(r"[\W_]+")
_LIST = Path(__file__).parent / "words.txt"


def squeezed(text: str) -> str:
    """The text as it is searched for words: folded, and without anything that is no letter or digit."""
    return _BETWEEN.sub("", fold(text))


@cache
def shipped() -> tuple[str, ...]:
    """The words that come with the house."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def in_force() -> tuple[str, ...]:
    """The shipped words without those that editors allowed, and the words that they added."""
    rows = session().execute(select(SensitiveWord.word, SensitiveWord.folded, SensitiveWord.allowed).order_by(SensitiveWord.id))
    own = [(str(word), str(folded), bool(free)) for word, folded, free in rows]
    allowed = {folded for _word, folded, free in own if free}
    words = (*(w for w in shipped() if squeezed(w) not in allowed), *(word for word, _folded, free in own if not free))
    return tuple({squeezed(word): word for word in words}.values())


def found_in(text: str, words: Iterable[str]) -> list[str]:
    """Which of the words the text holds, in their order. A Latin word counts as a whole word only, with whatever signs
    between its letters: `f.u-c k` is found, `casinopolis` is not."""
    folded, tight = fold(text), squeezed(text)
    return [word for word in words if _holds(folded, tight, squeezed(word))]


def _holds(folded: str, tight: str, word: str) -> bool:
    if not word or word not in tight:
        return False
    return not word.isascii() or bool(_latin(word).search(folded))


@cache
def _latin(word: str) -> re.Pattern[str]:
    return re.compile(r"(?<![a-z0-9])" + r"[\W_]*".join(map(re.escape, word)) + r"(?![a-z0-9])")


def add_word(actor: Actor, word: str) -> SensitiveWord:
    """Hold texts with this word from now on. Raises Invalid for one that is empty, too long, or a single sign."""
    require(actor, "community.moderate")
    return _set(actor, word, allowed=False)


def remove_word(actor: Actor, word: str) -> None:
    """Let this word pass from now on: an added one is taken out, a shipped one is marked as allowed."""
    require(actor, "community.moderate")
    folded = squeezed(word)
    row = session().scalar(select(SensitiveWord).where(SensitiveWord.folded == folded))
    if folded in {squeezed(one) for one in shipped()}:
        _set(actor, word, allowed=True)
    elif row is None:
        raise NotFound()
    else:
        note(actor, "community.word_removed", after=word)
        session().delete(row)
        session().flush()


def _set(actor: Actor, word: str, *, allowed: bool) -> SensitiveWord:
    word = clean(word).strip()
    folded = squeezed(word)
    if len(folded) < 2 or len(word) > LONGEST:
        raise Invalid.of("word", "写一个 2 到 40 个字的词。")
    in_turn(actor)
    row = session().scalar(select(SensitiveWord).where(SensitiveWord.folded == folded))
    if row is None:
        row = SensitiveWord(word=word, folded=folded)
        session().add(row)
    row.word, row.allowed, row.created_by = word, allowed, actor.name[:80]
    session().flush()
    note(actor, "community.word_removed" if allowed else "community.word_added", after=word)
    return row
