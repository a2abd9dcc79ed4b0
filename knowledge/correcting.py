"""「你是不是想找」: another spelling of a query, offered only where it finds more than what was typed.

Homophones (登陆 for 登录), easily confused sounds, one wrong character, pinyin instead of characters, one wrong letter in
an English word. Codes are never corrected: E07 and E08 are different things.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from knowledge.analysis import HAN_WORD, fold, han_words, rarity_in_talk, strip_question_words, tokens
from knowledge.index import Hits, Index, Query
from knowledge.lexicon import Lexicon, lexicon_now
from knowledge.scarcity import Exchange, Hope, Scarcity
from knowledge.word_rights import stands_for

GOOD = 0.75
"""A first hit that holds this much of the question needs no other spelling."""
BETTER = 0.15
MOST_TRIED = 3
SAID_SELDOM = 0.6
"""Words that people say more often than this (哪, 地方, 职业) are missing from many articles, and seldom misspelled."""
MOST_GUESSES = 60
"""Exchanges of a question that are looked at, the likeliest first."""
_LETTERS = re.compile(r"(?<![a-z0-9])[a-z]{2,}(?:[ '][a-z]{2,}|[ '][a-z](?![a-z0-9]))*(?![a-z0-9-])")


def did_you_mean(index: Index, query: Query, hits: Hits) -> tuple[str, Hits] | None:
    """A spelling with which the same reader finds more, and what it finds; None where there is none.

    Each word it brings in has itself been found for this reader, so that it tells nothing of what they may not read.
    """
    first = hits.items[0] if hits.items else None
    if query.offset or (first is not None and (first.coverage >= GOOD or not 0 < first.coverage)):
        return None
    lexicon, scarcity = lexicon_now(), Scarcity(index)
    known = first.coverage if first else 0.0
    hope: Hope | None = None
    best: tuple[float, str] | None = None
    lacked = frozenset(first.lacks) if first else None
    for text, brought in islice(_spellings(fold(query.text).strip(), lexicon, scarcity, lacked), MOST_TRIED):
        hope = hope or Hope(scarcity, query.text, known)
        if hits.total and not hope.reaches(text, known + BETTER):
            continue
        # Only whether it would be better is asked here: no passages, no counts, and rights of words last.
        found = index.search(replace(query, text=text, limit=1, passages=False, facets=False))
        if not found.items:
            continue
        reached = found.items[0].coverage
        better = (not hits.total or reached >= known + BETTER) and (best is None or reached > best[0])
        if better and all(stands_for(index, word, query.reader, query.product_id) for word in brought):
            best = (reached, text)
    return (best[1], index.search(replace(query, text=best[1]))) if best else None


def _spellings(
    folded: str, lexicon: Lexicon, scarcity: Scarcity | None = None, lacked: frozenset[str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Other spellings, the likeliest first, each with the words that it brings in. With `scarcity` only those that exchange
    what is scarce for what is common; with `lacked` only those that touch a word which the first hit lacks."""
    yield from _spoken(folded, lexicon)
    yield from _written(folded, lexicon, scarcity, lacked)
    yield from _one_letter(folded, lexicon)


def _spoken(folded: str, lexicon: Lexicon) -> Iterator[tuple[str, list[str]]]:
    """Stretches of letters that nobody writes in our articles, read as pinyin."""
    for rank in range(2):
        brought: list[str] = []

        def read(match: re.Match[str], rank: int = rank, brought: list[str] = brought) -> str:
            words = re.split(r"[ ']", match.group())
            if all(word in lexicon.latin for word in words):
                return match.group()
            each = [lexicon.spoken(word) for word in words]
            # Word by word as it was typed; where one means nothing alone (zenme ban), all together.
            choices = [" ".join(found[0] for found in each)] if all(each) else []
            choices += lexicon.spoken("".join(words))
            if not choices:
                return match.group()
            text = choices[min(rank, len(choices) - 1)]
            # Question words are worth showing, and tell nothing.
            brought += tokens(strip_question_words(text)).words
            return text

        text = _LETTERS.sub(read, folded)
        if text != folded and brought:
            yield text, brought


def _written(
    folded: str, lexicon: Lexicon, scarcity: Scarcity | None, lacked: frozenset[str] | None
) -> Iterator[tuple[str, list[str]]]:
    """Han stretches in which unknown words are exchanged for known ones that sound or look alike."""
    said = strip_question_words(folded)
    words = han_words(said)
    # What stands in the article that was found is not misspelled: three of four questions end here, before any search.
    doubtful = None if lacked is None else [(at, at + len(word)) for at, word in words if word in lacked and rarity_in_talk(word) >= SAID_SELDOM]
    if doubtful == []:
        return
    choices = sorted(_exchanges(said, lexicon, doubtful), key=lambda choice: -choice.worth)[:MOST_GUESSES]
    if choices and scarcity is not None:
        choices = scarcity.mistaken(folded, words, choices)
    seen: set[str] = set()
    for first in choices[:MOST_TRIED]:
        taken: list[Exchange] = []
        for one in [first, *choices]:
            if all(one.end <= other.start or one.start >= other.end for other in taken):
                taken.append(one)
        text = folded
        for one in sorted(taken, key=lambda exchange: -exchange.start):
            text = one.within(text)
        for tried, brought in ((text, [one.other for one in taken]), (first.within(folded), [first.other])):
            if tried not in seen:
                seen.add(tried)
                yield tried, brought


def _exchanges(said: str, lexicon: Lexicon, doubtful: list[tuple[int, int]] | None) -> Iterator[Exchange]:
    """`doubtful` stretches from where to where, of which each exchange touches one; None: all of `said` is."""
    for run in HAN_WORD.finditer(said):
        text, base = run.group(), run.start()
        for length in range(min(6, len(text)), 1, -1):
            for start in range(len(text) - length + 1):
                part, at = text[start : start + length], base + start
                if doubtful is not None and not any(at < end and begin < at + length for begin, end in doubtful):
                    continue
                if part in lexicon.words:
                    continue
                # Two characters are too few to guess more than a homophone.
                for other, cost in lexicon.alike(part, sound_only=length == 2):
                    worth = length - 2 * cost - (0.3 if _known_pieces(part, lexicon) else 0)
                    yield Exchange(worth, at, at + length, other)


def _known_pieces(part: str, lexicon: Lexicon) -> bool:
    return any(part[:cut] in lexicon.words and part[cut:] in lexicon.words for cut in range(1, len(part)))


def _one_letter(folded: str, lexicon: Lexicon) -> Iterator[tuple[str, list[str]]]:
    for match in re.finditer(r"(?<![a-z0-9-])[a-z]{4,}(?![a-z0-9-])", folded):
        if match.group() not in lexicon.latin:
            for other in lexicon.latin_alike(match.group())[:2]:
                yield folded[: match.start()] + other + folded[match.end() :], [other]
