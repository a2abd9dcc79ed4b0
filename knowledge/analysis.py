"""One analysis for the index and for queries: what counts as the same text, and what its words are.

Folding makes full width, capitals and traditional characters equal. Han text is cut into jieba words and, beside them,
into overlapping pairs of characters: measured together they find clearly more than either alone. Codes keep every spelling.
"""

import hashlib
import logging
import re
import tempfile
import threading
import unicodedata
import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from app.core.text import clean
from knowledge.codes import CHUNK, LONGEST, index_forms, is_code, query_forms

VERSION = 1
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_RUNS = re.compile(f"([{HAN}]+)|([^{HAN}]+)")
_SPACED = re.compile(r"(?<![^\W_])([a-z]{1,4}) (\d{1,6})(?![^\W_]|\.\d)")  # "E 07", "ORA 600"
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_HERE = Path(__file__).parent
_lock = threading.RLock()
_tokenizer: Any = None


@dataclass(frozen=True)
class Tokens:
    """The tokens of a stored text, repetitions included: they are what is counted."""

    words: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    chars: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class QueryTokens:
    """The tokens of a query with their weights. `chars` is filled only by characters that stand alone."""

    words: dict[str, float]
    pairs: dict[str, float]
    chars: dict[str, float]

    def __bool__(self) -> bool:
        return bool(self.words or self.pairs or self.chars)


def _lines(name: str) -> list[str]:
    lines = (_HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def fold(text: str) -> str:
    """Text as it is compared: NFKC, lower case, one kind of dash, traditional characters as simplified ones."""
    text = unicodedata.normalize("NFKC", clean(text)).translate(_DASHES).lower()
    if text.isascii():
        return text
    simplified: str = _converter().convert(text)
    return simplified


class _Folding(dict[int, str]):
    """Character by character, so that places in the folded text are places in the original."""

    def __missing__(self, key: int) -> str:
        original = chr(key)
        folded = fold(original)
        self[key] = folded if len(folded) == 1 else original
        return self[key]


_folding = _Folding()


def fold_in_place(text: str) -> str:
    """Like `fold`, but of exactly the same length: for finding words in a text that is going to be shown."""
    return text.translate(_folding)


def _import_jieba() -> Any:
    with warnings.catch_warnings():
        # jieba 0.42.1 asks pkg_resources for its dictionary, and spells regular expressions as Python 3.12 does not like.
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated as an API")
        warnings.filterwarnings("ignore", message=r".*invalid escape sequence")
        import jieba
    jieba.setLogLevel(logging.WARNING)
    return jieba


def prepare(cache_dir: Path | None = None) -> None:
    """Load the dictionaries now (about a second; a tenth with the cache in `cache_dir`) rather than in the first request.

    Harmless to call again. Without a folder nothing is kept.
    """
    global _tokenizer
    with _lock:
        if _tokenizer is not None:
            return
        jieba = _import_jieba()
        tokenizer = jieba.Tokenizer()
        with tempfile.TemporaryDirectory(prefix="huiyin-") as passing:
            if cache_dir is not None:
                cache_dir.mkdir(parents=True, exist_ok=True)
            tokenizer.tmp_dir = jieba.dt.tmp_dir = str(cache_dir or passing)
            tokenizer.initialize()
        for term in _lines("dictionary.txt"):
            tokenizer.add_word(fold(term))
        _converter()
        _tokenizer = tokenizer


def _ready() -> Any:
    if _tokenizer is None:
        prepare()
    return _tokenizer


def add_terms(terms: Iterable[str]) -> None:
    """Teach the cutter more words (names of products, editors' terms). They hold for this process.

    Texts indexed before keep their old words until they are indexed again; pairs of characters find them meanwhile.
    """
    tokenizer = _ready()
    with _lock:
        for term in terms:
            for match in _RUNS.finditer(fold(term)):
                if match[1] and len(match[1]) > 1:
                    tokenizer.add_word(match[1])


@cache
def fingerprint() -> str:
    """Changes when the same text could be cut differently, so that an index can tell that it is outdated."""
    shipped = (_HERE / "dictionary.txt").read_bytes()
    return f"{VERSION}-{hashlib.sha256(shipped).hexdigest()[:12]}"


def _plain(word: str) -> str:
    """English plural and singular as one; everything else unchanged."""
    if len(word) > 3 and word.isascii() and word.isalpha() and word[-1] == "s" and word[-2] not in "su":
        if word.endswith(("xes", "ches", "shes", "sses")):
            return word[:-2]
        return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return word


def _cut(run: str) -> list[str]:
    words: list[str] = list(_ready().cut(run)) if len(run) > 1 else [run]
    return words


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


def tokens(text: str) -> Tokens:
    """Cut a text that is to be stored."""
    found = Tokens()
    for match in _RUNS.finditer(fold(text)):
        if run := match[1]:
            found.words.extend(_cut(run))
            found.pairs.extend(_pairs(run))
            found.chars.extend(run)
            continue
        for chunk in CHUNK.findall(match[2]):
            if is_code(chunk):
                found.words.extend(index_forms(chunk))
            elif len(chunk) <= LONGEST:
                found.words.append(_plain(chunk))
    return found


@cache
def _question_words() -> tuple[re.Pattern[str], frozenset[str]]:
    """Chinese phrases to cut out, and single tokens (English words, Han particles) to leave out."""
    phrases: list[str] = []
    particles: list[str] = []
    single: set[str] = set()
    for line in _lines("question_words.txt"):
        word = fold(line)
        if word.isascii():
            single.add(word)
        elif word.startswith("-"):
            particles.append(re.escape(word[1:]))
        elif word.startswith("="):
            single.add(word[1:])
        else:
            phrases.append(re.escape(word))
    phrases.sort(key=len, reverse=True)
    pattern = "|".join(phrases) + "|(?:" + "|".join(particles) + f")+(?![{HAN}])"
    return re.compile(pattern), frozenset(single)


def query_tokens(text: str) -> QueryTokens:
    """Cut a query: question words are left out unless nothing else was said."""
    folded = fold(text)
    phrases, single = _question_words()
    return _query_tokens(phrases.sub(" ", folded), single) or _query_tokens(folded, frozenset())


def _query_tokens(folded: str, left_out: frozenset[str]) -> QueryTokens:
    words: defaultdict[str, float] = defaultdict(float)
    pairs: defaultdict[str, float] = defaultdict(float)
    chars: defaultdict[str, float] = defaultdict(float)
    for match in _RUNS.finditer(folded):
        if run := match[1]:
            for word in _cut(run):
                if word not in left_out:
                    words[word] += 1
            for pair in _pairs(run):
                pairs[pair] += 1
            if len(run) == 1 and run not in left_out:
                chars[run] += 1
            continue
        for letters, number in _SPACED.findall(match[2]):
            words[letters + number] += 1
        for chunk in CHUNK.findall(match[2]):
            if is_code(chunk):
                for form in query_forms(chunk):
                    words[form.text] += form.weight
            elif chunk not in left_out and len(chunk) <= LONGEST:
                words[_plain(chunk)] += 1
    return QueryTokens(dict(words), dict(pairs), dict(chars))
