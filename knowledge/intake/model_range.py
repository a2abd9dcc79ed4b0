"""Which product a table of fault codes is about, by the models that it names: `HK-V20~V22`, `HK-V20/V21`, `HK-V2x系列`.

Pure: products come as their known names (code, name, models of installed machines, words that editors call the same).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_SEPARATOR = re.compile(r"\s*(?:[、,;/|&\n]|(?<![A-Z])AND(?![A-Z])|(?<![A-Z])OR(?![A-Z])|以及|[及和与或])\s*")
_RANGE = re.compile(r"\s*(?:~|〜|∼|—+|–|-{2,}|\.{3}|至|到)\s*|\s+-\s+|(?<=\d)-(?=[A-Z]{1,6}-[A-Z]+\d)")
_JOINTS = re.compile(r"[\s\-_.·]+")
_SERIES = re.compile(r"(?:全?系列|全系|SERIES)(?:.*)$")
_WILD = re.compile(r"(?:(?<=\d)X{1,4}|[*?□■○●×#…]+)$")
_NUMBERED = re.compile(r"(.*?)(\d{1,9})([^\d]*)$")
_CODE = re.compile(r"[A-Z0-9]+(?:[-_.][A-Z0-9]+)*")
# data: says nothing about which
_ANY = re.compile(r"(?:以[上下]|.{0,4}通用|全部|所有.{0,6}|各.{0,4}|ALL|全?系列(?:通用)?|-+|/|无|N/?A)[。.]?$")
_HAN = re.compile(r"[\u3400-\u9fff]")
MOST = 300
"""Models that are looked at; a longer list says nothing about one product."""
SAME, PART, BEGIN = 3, 2, 1
"""How well a name fits: the same or within the range; the model goes on where the name ends; the name goes on."""


@dataclass(frozen=True)
class Model:
    """One model as written; `low` to `high` behind `head` for a range; `open` where it is the beginning of a series."""

    text: str
    open: bool = False
    head: str = ""
    low: int = 0
    high: int = -1


@dataclass(frozen=True)
class Found:
    """The ids of the products that the models name, best ones only, and the models that name none."""

    products: tuple[int, ...]
    unknown: tuple[str, ...]
    named: tuple[str, ...]


def models_of(texts: Iterable[str]) -> list[Model]:
    """The models of some cells, each once. A piece without its maker's letters takes them from the piece before."""
    found: dict[Model, None] = {}
    for text in texts:
        before = ""
        for piece in _SEPARATOR.split(_folded(text)):
            read = _read(piece.strip(" ()[]。.:"), before)
            found |= dict.fromkeys(model for model, _full in read)
            before = read[-1][1] if read else before
            if len(found) >= MOST:
                return list(found)
    return list(found)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).upper().replace("，", ",").replace("；", ";")


def _read(piece: str, before: str) -> list[tuple[Model, str]]:
    """The models of a piece, each with what a shorter one after it is read after."""
    if not re.search(r"[^\W_]", piece) or _ANY.fullmatch(piece):
        return []
    ends = [end.strip() for end in _RANGE.split(piece) if end.strip()]
    if len(ends) == 2:
        low = _whole(ends[0], before)
        high = _whole(_SERIES.sub("", ends[1]), low)
        first, last = _NUMBERED.fullmatch(low), _NUMBERED.fullmatch(high)
        if first and last and _key(first[1]) == _key(last[1]) and int(first[2]) <= int(last[2]):
            return [(Model(f"{low}~{high}", head=_key(first[1]), low=int(first[2]), high=int(last[2])), low)]
        return [(one, low) for one in (_single(low), _single(high))]
    full = _whole(piece, before)
    return [(_single(full), full)]


def _single(text: str) -> Model:
    short = _SERIES.sub("", text).strip()
    wild = _WILD.sub("", short)
    return Model(wild, open=True) if wild != text and wild else Model(text)


def _whole(piece: str, before: str) -> str:
    """`V21` and `21` after `HK-V20` are `HK-V21`."""
    if not before:
        return piece
    if re.match(r"\d", piece) and (found := _NUMBERED.fullmatch(_WILD.sub("", before))) and found[1]:
        return found[1] + piece
    letters = re.match(r"[A-Z]+(?=\d)", piece)
    if letters:
        for place in re.finditer(r"(?<=[-_. ])[A-Z]+(?=\d)", before):
            if place[0] == letters[0]:
                return before[: place.start()] + piece
    return piece


def _key(text: str) -> str:
    """Without joints, but for those between two digits: `HK-V20-400` is no `HK-V20400`."""
    parts = [part for part in _JOINTS.split(text) if part]
    made = ""
    for part in parts:
        made += ("-" if made[-1:].isdigit() and part[0].isdigit() else "") + part
    return made


def _parts_ways(text: str, rest: str) -> bool:
    """Whether what goes on is another part and not more of the same number or word."""
    return not rest or not ((text[-1].isdigit() and rest[0].isdigit()) or (text[-1].isalpha() and rest[0].isalpha() and rest[0].isascii()))


def _fits(model: Model, name: str) -> int:
    if model.high >= 0:
        if not name.startswith(model.head):
            return 0
        number = re.match(r"\d{1,9}(?![A-Z\d])", name[len(model.head) :])  # HK-V20S is another one
        return SAME if number and model.low <= int(number[0]) <= model.high else 0
    said = _key(model.text)
    if not said or not name:
        return 0
    if said == name:
        return PART if model.open else SAME
    if said.startswith(name) and _parts_ways(name, said[len(name) :]):
        return PART
    if name.startswith(said) and (model.open or (len(said) > 2 and _parts_ways(said, name[len(said) :]))):
        return PART if model.open else BEGIN
    return 0


def names_of(code: str, name: str, more: Iterable[str] = ()) -> tuple[str, ...]:
    """Under which names a product is known: its code, the end of it (`V20` of `HK-V20`), codes in its name, the name."""
    code, name = _folded(code), _folded(name)
    ends = [code[match.end() :] for match in re.finditer(r"[-_. ]", code)]
    ends = [end for end in ends if len(end) > 1 and re.search(r"\d", end) and re.search(r"[A-Z]", end)]
    codes = [found for found in _CODE.findall(name) if len(found) > 2 and re.search(r"\d", found) and re.search(r"[A-Z]", found)]
    words = [_folded(word) for word in more]
    return tuple(dict.fromkeys(key for key in map(_key, (code, name, *ends, *codes, *words)) if len(key) > 1))


def products_for(texts: Sequence[str], products: Mapping[int, Sequence[str]]) -> Found:
    """Which of these products (id: names) the models name. For each model the best fit counts, of equal ones the longest
    name: `HK-V20S-7R5` is of `HK-V20S`, not of `HK-V20`."""
    found: dict[int, None] = {}
    unknown: list[str] = []
    models = models_of(texts)
    for model in models:
        best = max((_best(model, names) for names in products.values()), default=(0, 0))
        if best[0]:
            found.update((number, None) for number, names in products.items() if _best(model, names) == best)
        else:
            unknown.append(model.text)
    return Found(tuple(found), tuple(unknown), tuple(model.text for model in models))


def _best(model: Model, names: Sequence[str]) -> tuple[int, int]:
    tried = [model]
    if _HAN.search(model.text) and model.high < 0:  # 变频器 HK-V20, HK-V20 及以上
        tried += [Model(code, model.open) for code in _CODE.findall(model.text) if re.search(r"\d", code) and re.search(r"[A-Z]", code)]
    fits = ((_fits(one, name), len(name) if not one.open and one.high < 0 else 0) for one in tried for name in names)
    return max((fit if fit[0] != BEGIN else (BEGIN, 0) for fit in fits), default=(0, 0))
