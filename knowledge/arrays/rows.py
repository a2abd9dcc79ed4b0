"""A document as the rows that are scored: each kind of row answers one question about the article."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knowledge import ranking
from knowledge.analysis import Tokens, tokens
from knowledge.index import IndexDocument

PASSAGE, WHOLE, TITLE, QUESTION, ASKED = range(5)
KINDS = 5
_CUTS = re.compile(r"(?<=[。！？；!?;\n])")
_MOST_ASKED = 50


@dataclass(frozen=True)
class Row:
    """One scored text. A passage says where it stands: in which stored passage, from and to which character."""

    kind: int
    tokens: Tokens
    place: tuple[int, int, int] = (0, 0, 0)

    @property
    def length(self) -> int:
        return len(self.tokens.words) + len(self.tokens.pairs)


def stretches(text: str, longest: int) -> Iterator[tuple[int, int]]:
    """Where to cut a text into stretches of about `longest` characters: at ends of sentences where there are some."""
    if len(text) <= longest * 3 // 2:
        yield 0, len(text)
        return
    begin = end = 0
    for sentence in _sentences(text, longest):
        if end > begin and end - begin + sentence > longest:
            yield begin, end
            begin = end
        end += sentence
    if end > begin:
        yield begin, end


def _sentences(text: str, longest: int) -> Iterator[int]:
    for sentence in _CUTS.split(text):
        left = len(sentence)
        while left > longest:
            yield longest
            left -= longest
        if left:
            yield left


def rows(document: IndexDocument) -> list[Row]:
    """All rows of a document, passages first. There is always a passage, be it empty, and a title."""
    title = tokens(document.title)
    found: list[Row] = []
    for number, passage in enumerate(document.passages):
        heading = tokens(passage.heading)
        for begin, end in stretches(passage.text, ranking.PASSAGE):
            found.append(Row(PASSAGE, _joined((heading, tokens(passage.text[begin:end]))), (number, begin, end)))
    if not found:
        found.append(Row(PASSAGE, Tokens()))
    whole = _joined((title, *(row.tokens for row in found)))
    # The title is read together with each passage, which seldom says again what it is about: on judged sets nothing
    # else helped long articles as much.
    found = [Row(PASSAGE, _joined((title, row.tokens)), row.place) for row in found]
    if len(found) > 1:
        # Of one passage alone, the whole is that passage, and is not kept twice.
        found.append(Row(WHOLE, Tokens(whole.words, whole.pairs)))
    found.append(Row(TITLE, title))
    found += [Row(QUESTION, tokens(text)) for text in document.questions]
    found += [Row(ASKED, tokens(text)) for text in document.asked[-_MOST_ASKED:]]
    return found


def _joined(parts: Iterable[Tokens]) -> Tokens:
    joined = Tokens()
    for part in parts:
        joined.words.extend(part.words)
        joined.pairs.extend(part.pairs)
        joined.chars.extend(part.chars)
    return joined
