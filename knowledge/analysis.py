"""One analysis for the index and for queries: what counts as the same text, and what its words are.

Folding makes full width, capitals and traditional characters equal. Han text is cut into jieba words and, beside them,
into overlapping pairs of characters: measured together they find clearly more than either alone. Codes keep every spelling.
"""

import hashlib
import logging
import math
import re
import tempfile
import threading
import time
import unicodedata
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from app.core.text import clean
from knowledge.codes import CHUNK, LONGEST, index_forms, is_code, query_forms
from knowledge.synonyms import WEIGHT, Synonyms, synonyms_now, use_synonyms

VERSION = 2
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # data
HAN_WORD = re.compile(f"[{HAN}]+")
_RUNS = re.compile(f"([{HAN}]+)|([^{HAN}]+)")
_SPACED = re.compile(r"(?<![^\W_])([a-z]{1,4}) (\d{1,6})(?![^\W_]|\.\d)")  # "E 07", "ORA 600"
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_HERE = Path(__file__).parent
LOOK_EVERY = 1.0
"""Seconds after which a process asks again whether editors changed words."""
_lock = threading.RLock()
_tokenizer: Any = None
_frequencies: dict[str, int | None] = {}
_taught = 0
_watching: list[Callable[[], None]] = []
_looked_at = 0.0


@dataclass(frozen=True)
class Tokens:
    """The tokens of a stored text, repetitions included: they are what is counted."""

    words: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    chars: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class QueryTokens:
    """The tokens of a query with their weights. `chars` is filled only by characters that stand alone.

    `added` are the tokens that only synonyms brought: they find, but nobody asked for them, so that an article without
    them misses nothing.
    """

    words: dict[str, float]
    pairs: dict[str, float]
    chars: dict[str, float]
    added: frozenset[str] = frozenset()

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


@cache
def _back_converter() -> Any:
    import opencc

    return opencc.OpenCC("s2t")


def traditional(text: str) -> str:
    """Simplified characters as traditional ones: how a text may have been written that `fold` made simplified."""
    written: str = _back_converter().convert(text)
    return written


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


def use_terms(terms: Iterable[str]) -> None:
    """Teach the cutter exactly these words (names of products, editors' terms) beside the shipped ones, in this process.

    Words of an earlier call that are no longer named are forgotten. Texts indexed before keep their old words until
    they are indexed again; pairs of characters find them meanwhile.
    """
    global _taught
    tokenizer = _ready()
    wanted = {match[1] for term in terms for match in _RUNS.finditer(fold(term)) if match[1] and len(match[1]) > 1}
    with _lock:
        for word in wanted - _frequencies.keys():
            _frequencies[word] = tokenizer.FREQ.get(word)
            tokenizer.add_word(word)
        for word in _frequencies.keys() - wanted:
            before = _frequencies.pop(word)
            tokenizer.total += (before or 0) - tokenizer.FREQ.get(word, 0)
            tokenizer.FREQ[word] = before or 0
        _taught += 1


def watch_words(look: Callable[[], None] | None) -> None:
    """Have `look` called before queries, at most once a second, so that it can bring editors' newest words."""
    global _looked_at
    with _lock:
        _watching[:] = [look] if look else []
        _looked_at = 0.0


def look_for_words(now: bool = False) -> None:
    """Ask for editors' newest words if it is time, or `now` in any case: before texts are cut that will be kept."""
    global _looked_at
    if not _watching or (not now and time.monotonic() - _looked_at < LOOK_EVERY):
        return
    _looked_at = time.monotonic()
    for look in tuple(_watching):
        look()


def use_shipped_words() -> None:
    """Forget what editors taught: for measuring, which shall give the same figures everywhere."""
    watch_words(None)
    use_terms(())
    use_synonyms(Synonyms())


LEAST_RARITY = 0.1
_ASKING = frozenset("故障 毛病 报错 错误 提示 显示 处理 解决 原因 办法 方法 步骤 情况 现象 问题 东西 内容 时候 意思 老是 总是 经常 一直 出现".split())  # data
"""Words of asking for help: they say that something is wrong, and not what."""
_COMMON_TALK, _RARE_TALK = 5.5, 11.0
"""Logarithms of how many words are said for one of a kind: 说 and 年 at one end, 故障 and 提示 at the other."""


@cache
def fingerprint() -> str:
    """Changes when the same text could be cut differently, so that an index can tell that it is outdated."""
    shipped = (_HERE / "dictionary.txt").read_bytes()
    return f"{VERSION}-{hashlib.sha256(shipped).hexdigest()[:12]}"


def shipped_terms() -> list[str]:
    """The trade words that come with the house."""
    return _lines("dictionary.txt")


@cache
def _trade_words() -> frozenset[str]:
    return frozenset(map(fold, shipped_terms()))


def rarity_in_talk(word: str) -> float:
    """How seldom people say a word at all, from LEAST_RARITY to 1, whatever a knowledge base holds: 可以 and 一直 say little
    even where no article has them. Trade words, names and codes count whole."""
    if word in _ASKING:
        return LEAST_RARITY
    if not _RUNS.fullmatch(word) or word.isascii() or word in _trade_words() or word in _frequencies:
        return 1.0
    tokenizer = _ready()
    said = math.log(tokenizer.total / (tokenizer.FREQ.get(word, 0) + 1))
    return min(max((said - _COMMON_TALK) / (_RARE_TALK - _COMMON_TALK), LEAST_RARITY), 1.0)


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


def han_words(folded: str) -> list[tuple[int, str]]:
    """The Han words of a folded text, each with where it begins."""
    found = []
    for run in HAN_WORD.finditer(folded):
        at = run.start()
        for word in _cut(run.group()):
            found.append((at, word))
            at += len(word)
    return found


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
        for letters, number in _SPACED.findall(match[2]):
            found.words.extend(index_forms(letters + number))
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


def strip_question_words(folded: str) -> str:
    """A folded query with its question words blanked out, every other character in its place."""
    return _question_words()[0].sub(lambda match: " " * len(match.group()), folded)


def query_tokens(text: str) -> QueryTokens:
    """Cut a query: question words are left out unless nothing else was said; synonyms come beside, for less. The answer may
    be shared: never change it."""
    look_for_words()
    folded, said = _said(text, _taught)
    beside = synonyms_now().beside(folded)
    return _with_synonyms(said, beside) if said and beside else said


@lru_cache(maxsize=256)
def _said(text: str, taught: int) -> tuple[str, QueryTokens]:
    """One request asks for the same words several times. `taught` counts what the cutter was taught: what was cut before
    is not found any more after it."""
    folded = fold(text)
    phrases, single = _question_words()
    return folded, _query_tokens(phrases.sub(" ", folded), single) or _query_tokens(folded, frozenset())


def _with_synonyms(said: QueryTokens, beside: Iterable[str]) -> QueryTokens:
    words, pairs, chars = dict(said.words), dict(said.pairs), dict(said.chars)
    for synonym in beside:
        more = _query_tokens(synonym, frozenset())
        for into, tokens_of in ((words, more.words), (pairs, more.pairs), (chars, more.chars)):
            for text, weight in tokens_of.items():
                into.setdefault(text, WEIGHT * weight)
    added = (words.keys() - said.words.keys()) | (pairs.keys() - said.pairs.keys()) | (chars.keys() - said.chars.keys())
    return QueryTokens(words, pairs, chars, frozenset(added - said.words.keys() - said.pairs.keys()))


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
