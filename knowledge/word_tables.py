"""Tables from a spelling to the words that have it, small enough for every process: as arrays out of a file, or grown in
memory, or both.

A table of the file is a list of keys in order (UTF-8, one after the other), the numbers of the words of each, and slots:
place `crc32(key) % slots` holds the number of a key counted from 1 (24 bits) under the first 8 bits of its sum, a place taken
by another means the next one, 0 ends the looking. A key that is not there, as nearly all that are asked for, costs half a
microsecond; at 96,000 articles the four tables take 4 MB instead of 36 MB as dictionaries.
"""

import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, overload

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
Parts = Mapping[str, memoryview]
"""The arrays of a file by name; numbers as `I`, text as bytes."""
_NUMBER = (1 << 24) - 1


def packed_words(words: Mapping[str, int], name: str) -> Arrays:
    """Words in the order in which they were met, and how often."""
    return {f"{name}_text": _bytes("\n".join(words)), f"{name}_times": np.fromiter(words.values(), np.uint32, len(words))}


def unpacked_words(parts: Parts, name: str) -> dict[str, int]:
    text = str(parts[f"{name}_text"], "utf-8")
    return dict(zip(text.split("\n") if text else (), parts[f"{name}_times"], strict=True))


def packed_table(table: Mapping[str, Sequence[int]], name: str) -> Arrays:
    """A table of the file: numbers of words by key."""
    keys = sorted(table)
    coded = [key.encode() for key in keys]
    slots = np.zeros(1 << (2 * len(keys)).bit_length(), np.uint32)
    for number, key in enumerate(coded, start=1):
        crc = zlib.crc32(key)
        at = crc % len(slots)
        while slots[at]:
            at = (at + 1) % len(slots)
        slots[at] = crc >> 24 << 24 | number
    return {
        f"{name}_slots": slots,
        f"{name}_keys": _bytes("".join(keys)),
        f"{name}_key_ends": _ends([len(key) for key in coded]),
        f"{name}_words": np.fromiter((n for key in keys for n in table[key]), np.uint32),
        f"{name}_ends": _ends([len(table[key]) for key in keys]),
    }


def _bytes(text: str) -> npt.NDArray[Any]:
    return np.frombuffer(text.encode(), np.uint8)


def _ends(sizes: list[int]) -> npt.NDArray[Any]:
    return np.cumsum([0, *sizes], dtype=np.int64).astype(np.uint32)


class _Keys(Sequence[bytes]):
    """The keys of a table of a file, in order."""

    def __init__(self, parts: Parts, name: str) -> None:
        self._text, self._ends = parts[f"{name}_keys"], parts[f"{name}_key_ends"]

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, number: int) -> bytes: ...
    @overload
    def __getitem__(self, number: slice) -> list[bytes]: ...
    def __getitem__(self, number: int | slice) -> bytes | list[bytes]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        return bytes(self._text[self._ends[number] : self._ends[number + 1]])

    def beginning(self, start: bytes, most: int) -> list[str]:
        first = bisect_left(self, start)
        found = takewhile(lambda key: key.startswith(start), (self[n] for n in range(first, min(first + most, len(self)))))
        return [key.decode() for key in found]


class Table:
    """Numbers of words by spelling: those of a file, if there is one, and what came since."""

    def __init__(self, name: str, parts: Parts | None = None) -> None:
        self.name = name
        self._grown: defaultdict[str, list[int]] = defaultdict(list)
        self._ordered: list[str] | None = None
        self._keys: _Keys | None = None
        if parts is not None:
            self._keys, self._slots = _Keys(parts, name), parts[f"{name}_slots"]
            self._words, self._ends = parts[f"{name}_words"], parts[f"{name}_ends"]
            self._most = len(self._slots) - 1

    def add(self, key: str, number: int) -> None:
        self._grown[key].append(number)
        self._ordered = None

    def get(self, key: str) -> Sequence[int]:
        """The words of a key in the order in which they were met."""
        grown = self._grown.get(key, ()) if self._grown else ()
        if self._keys is None:
            return grown
        coded = key.encode()
        crc = zlib.crc32(coded)
        at, tag, slots = crc & self._most, crc >> 24, self._slots
        while slot := slots[at]:
            if slot >> 24 == tag and self._keys[number := (slot & _NUMBER) - 1] == coded:
                kept = self._words[self._ends[number] : self._ends[number + 1]]
                return [*kept, *grown] if grown else kept
            at = (at + 1) & self._most
        return grown

    def beginning(self, start: str, most: int) -> list[str]:
        """The first keys that begin so, in order."""
        ordered = self._ordered  # another thread may add meanwhile
        if ordered is None:
            self._ordered = ordered = sorted(self._grown)
        at = bisect_left(ordered, start)
        found = ordered[at : bisect_left(ordered, start + "\U0010ffff", at)][:most]
        if self._keys is None:
            return found
        kept = self._keys.beginning(start.encode(), most)
        return sorted({*kept, *found})[:most] if found else kept

    def packed(self) -> Arrays:
        """What came in memory, as arrays for a file. Of a table that grew out of a file use that file."""
        return packed_table(self._grown, self.name)
