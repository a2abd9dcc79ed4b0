"""Ways to reach a person, found in a text that everybody is going to read."""

import re

from app.core.text import clean
from knowledge.analysis import fold_in_place

_GAP = r"[\s\-‐-―_.·*]{0,2}"
_PATTERNS = (
    # a mainland mobile number, with or without country code and with signs between its digits
    re.compile(rf"(?<![0-9])(?:\+?86{_GAP})?1{_GAP}[3-9](?:{_GAP}[0-9]){{9}}(?![0-9])"),
    # a line of a house: area code and number
    re.compile(rf"(?<![0-9])(?:\+?86{_GAP}|\(?0)[1-9][0-9]{{1,2}}\)?{_GAP}[2-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?![0-9])"),
    re.compile(r"[a-z0-9._%+-]{1,64}\s?(?:@|\(at\)|#at#)\s?[a-z0-9-]{1,60}(?:\.[a-z0-9-]{1,60}){1,4}", re.IGNORECASE),
    re.compile(r"(?:微信|weixin|wechat|vx|v信|wx)(?:号|id)?\s?[:是为]?\s?[a-z][a-z0-9_-]{5,19}", re.IGNORECASE),
    re.compile(r"(?:微信|qq|扣扣)(?:号|群)?\s?[:是为]?\s?[0-9]{5,12}(?![0-9])", re.IGNORECASE),
    # an identity number
    re.compile(r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])[0-9]{3}[0-9x](?![0-9a-z])", re.IGNORECASE),
)
MASK = "▇▇▇"


def contacts_in(text: str) -> list[str]:
    """Telephone numbers, addresses, account names and identity numbers, as they stand in the text."""
    return [text[start:end] for start, end in _places(text)]


def masked(text: str) -> str:
    """The text with each of them covered."""
    for start, end in reversed(_places(text)):
        text = text[:start] + MASK + text[end:]
    return text


def _places(text: str) -> list[tuple[int, int]]:
    """Where they stand, in order and without overlaps. Full-width digits and letters are read like others."""
    folded = fold_in_place(clean(text))
    if len(folded) != len(text):  # control characters would shift the places; whoever writes them is not shown as is
        folded = fold_in_place(text)
    found = sorted({match.span() for pattern in _PATTERNS for match in pattern.finditer(folded)})
    kept: list[tuple[int, int]] = []
    for start, end in found:
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return kept
