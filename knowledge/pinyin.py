"""How Han text sounds, as people type it: `dayinji`, `dyj`, and what is easily taken for it.

Readings come character by character. A word with a character of several readings is known under each of them, which
costs less memory than a dictionary of phrases and never misses the one that was typed.
"""

import os
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import islice, product

MOST_READINGS = 3
MOST_KEYS = 8
_NEAR = (("zh", "z"), ("ch", "c"), ("sh", "s"))
_NEAR_ENDS = (("ang", "an"), ("eng", "en"), ("ing", "in"))


@cache
def _readings() -> dict[int, str]:
    # The phrases would take 45 MB in every process.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")
    from pypinyin.pinyin_dict import pinyin_dict

    table: dict[int, str] = pinyin_dict
    return table


@lru_cache(8192)
def readings(char: str) -> tuple[str, ...]:
    """The commonest readings of a character without tones, `ü` as v; none for what is not Han."""
    told = _readings().get(ord(char), "")
    return tuple(dict.fromkeys(_toneless(one) for one in told.split(",")[:MOST_READINGS] if one))


def _toneless(reading: str) -> str:
    apart = unicodedata.normalize("NFD", reading.replace("ü", "v"))
    apart = apart.replace("u\u0308", "v")
    return "".join(char for char in apart if char.isascii() and char.isalpha())


def spellings(word: str) -> list[tuple[str, ...]]:
    """The word as syllables, once for each way to read it (a few at most); empty where a character has no reading."""
    each = [readings(char) for char in word]
    return list(islice(product(*each), MOST_KEYS)) if all(each) else []


def full(word: str) -> set[str]:
    """`dayinji`"""
    return {"".join(syllables) for syllables in spellings(word)}


def initials(word: str) -> set[str]:
    """`dyj`"""
    return {"".join(syllable[0] for syllable in syllables) for syllables in spellings(word)}


def near(word: str) -> set[str]:
    """Spellings in which often confused sounds are the same: zh z, ch c, sh s, ang an, eng en, ing in, n l."""
    return near_of(spellings(word))


def near_of(spelled: Sequence[tuple[str, ...]]) -> set[str]:
    """As `near`, of what `spellings` gave."""
    return {"".join(_same(syllable) for syllable in syllables) for syllables in spelled}


@lru_cache(1024)
def _same(syllable: str) -> str:
    for written, kept in _NEAR:
        if syllable.startswith(written):
            syllable = kept + syllable[len(written) :]
    for written, kept in _NEAR_ENDS:
        if syllable.endswith(written):
            syllable = syllable[: -len(written)] + kept
    return "l" + syllable[1:] if syllable.startswith("n") and len(syllable) > 1 else syllable
