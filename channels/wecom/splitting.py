"""Long answers in pieces that WeCom takes: counted in bytes, cut where a sentence ends."""

import unicodedata

LONGEST = 2048
"""Bytes of one text message, about 680 Chinese characters."""
_ENDS = ("\n", "。！？!?…", "；;", "，,、 ")
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


def split_text(text: str, limit: int = LONGEST) -> list[str]:
    """The text in pieces of at most `limit` bytes each, without the white space at the cuts. An emoji or an accented
    letter is not torn apart as long as there is another place to cut."""
    pieces, rest = [], text.strip()
    while len(rest.encode()) > limit:
        cut = _cut(rest, limit)
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    pieces.append(rest)
    return [piece for piece in pieces if piece]


def _cut(text: str, limit: int) -> int:
    """How many characters go into the first piece: at least one, at most what fits."""
    size = fits = 0
    for position, sign in enumerate(text):
        size += len(sign.encode())
        if size > limit:
            break
        fits = position + 1
    least = max(1, fits // 3)
    for signs in _ENDS:
        found = max(text.rfind(sign, least, fits) for sign in signs)
        if found >= 0:
            return found + 1
    whole = fits
    while whole > least and _joined(text, whole):
        whole -= 1
    return max(1, whole if whole > least else fits)


def _joined(text: str, at: int) -> bool:
    """Whether the characters on both sides of this place make one sign together."""
    here, before = text[at] if at < len(text) else " ", text[at - 1]
    flags = 0x1F1E6 <= ord(here) <= 0x1F1FF and 0x1F1E6 <= ord(before) <= 0x1F1FF
    skin = 0x1F3FB <= ord(here) <= 0x1F3FF
    return here in _JOINERS or before == "\u200d" or unicodedata.combining(here) != 0 or flags or skin
