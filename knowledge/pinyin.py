"""How Han text sounds, as people type it: `dayinji`, `dyj`, and what is easily taken for it.

Readings come character by character. A word with a character of several readings is known under each of them, which
costs less memory than a dictionary of phrases and never misses the one that was typed.
"""

import importlib.util
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice, product
from pathlib import Path

MOST_READINGS = 3
MOST_KEYS = 8
_NEAR = (("zh", "z"), ("ch", "c"), ("sh", "s"))
_NEAR_ENDS = (("ang", "an"), ("eng", "en"), ("ing", "in"))


_FIRST, _LAST = 0x3400, 0xA000
"""The plane in which nearly all characters stand that anybody writes."""


class _Readings:
    """The commonest readings of each character without tones. Forty thousand characters share five thousand sets of
    readings, so that arrays of small numbers say it: one megabyte instead of nine."""

    def __init__(self, told: Mapping[int, str]) -> None:
        sets: dict[tuple[str, ...], int] = {(): 0}
        toneless = cache(_toneless)
        self._near = array("H", bytes(2 * (_LAST - _FIRST)))
        self._far, self._far_sets = array("I"), array("H")
        for code, readings in sorted(told.items()):
            each = tuple(dict.fromkeys(toneless(one) for one in readings.split(",")[:MOST_READINGS] if one))
            number = sets.setdefault(each, len(sets))
            if _FIRST <= code < _LAST:
                self._near[code - _FIRST] = number
            else:
                self._far.append(code)
                self._far_sets.append(number)
        self._sets = list(sets)

    def of(self, char: str) -> tuple[str, ...]:
        code = ord(char)
        if _FIRST <= code < _LAST:
            return self._sets[self._near[code - _FIRST]]
        at = bisect_left(self._far, code)
        return self._sets[self._far_sets[at]] if at < len(self._far) and self._far[at] == code else ()


@cache
def _readings() -> _Readings:
    # Its table of characters alone: the package itself keeps it twice, and phrases beside it.
    package = importlib.util.find_spec("pypinyin")
    assert package is not None and package.origin is not None
    told = importlib.util.spec_from_file_location("pinyin_dict", Path(package.origin).with_name("pinyin_dict.py"))
    assert told is not None and told.loader is not None
    module = importlib.util.module_from_spec(told)
    told.loader.exec_module(module)
    found = _Readings(module.pinyin_dict)
    vars(module).clear()  # it refers to itself: the whole table would stay until the collector comes
    return found


@lru_cache(2048)
def readings(char: str) -> tuple[str, ...]:
    """The commonest readings of a character without tones, `ü` as v; none for what is not Han."""
    return _readings().of(char)


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
