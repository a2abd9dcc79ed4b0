"""Words that the house itself wrote into a row, shown in the reader's language. The rows keep the words that they were
written with, so those of years ago read as well as those of today."""

import re

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.permissions import SYSTEM
from app.core.text import unpack

_NOTES = (
    (re.compile(r"恢复到修订 (?P<n>[0-9]{1,9})"), _l("恢复到修订 %(n)s")),
    (re.compile(r"导入 (?P<name>[^\n]+)"), _l("导入 %(name)s")),
    (re.compile(r"加上客户的问法"), _l("加上客户的问法")),  # data
    (re.compile(r"找不到图片：(?P<name>[^\n]+)"), _l("找不到图片：%(name)s")),
)


def name_of(name: str) -> str:
    """Who did it: a person by name, the house by its word."""
    return _("系统") if name == SYSTEM.name else name


def note_of(stored: str) -> str:
    """The note of a revision: what the house wrote is told in the reader's language, and what a person added to it, or
    wrote alone, stays as it is."""
    head, colon, rest = stored.partition("：") if stored.startswith("恢复到修订") else (stored, "", "")  # data
    for pattern, words in _NOTES:
        if found := pattern.fullmatch(head):
            said = str(words) % found.groupdict()
            return _("%(first)s：%(second)s", first=said, second=rest) if rest else said
    return unpack(stored, str)
