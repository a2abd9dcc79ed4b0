"""The one rule for text that enters: no lone surrogate, no NUL, no stray control characters."""

import re

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean(text: str) -> str:
    """Text that every database and every JSON reader accepts.

    A lone surrogate becomes U+FFFD so that its place stays visible; NUL and other control characters vanish;
    line ends become LF.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _FORBIDDEN.sub(lambda m: "\ufffd" if "\ud800" <= m.group() <= "\udfff" else "", text)
