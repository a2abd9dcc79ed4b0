"""Texts of articles as pages show them: rendered once per revision and language, the first warning taken out."""

import re
from dataclasses import dataclass
from functools import lru_cache

from flask_babel import get_locale
from flask_babel import gettext as _

from knowledge.markdown import plain, render
from knowledge.models import Article

_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_WARNING = re.compile(
    r'<div class="callout callout-(?:warning|danger)">\s*<p class="callout-label">.*?</p>((?:(?!<div).)*?)</div>\s*', re.DOTALL
)
LEAD = 150
SHORT = 20_000
"""Characters of a text of which hundreds are kept rendered; a thick manual takes megabytes, and few of them are kept."""


@dataclass(frozen=True)
class Sheet:
    """`whole` is all of the text as safe HTML; `rest` is the same without its first warning, which is `safety`.
    `contents` are (anchor, words) of the main headings; `lead` the first words, for lists and robots."""

    whole: str
    rest: str
    safety: str
    contents: tuple[tuple[str, str], ...]
    characters: int
    lead: str


def sheet_of(body: str) -> Sheet:
    """The rendered text in the reader's language."""
    kept = _kept if len(body) <= SHORT else _kept_long
    return kept(body, str(get_locale()), _labels())


def sheet_once(body: str) -> Sheet:
    """The same for a text that is still being written: it comes once, and keeping each of its states would fill memory."""
    return _sheet(body, str(get_locale()), _labels())


def _labels() -> tuple[tuple[str, str], ...]:
    return (("warning", _("安全警示")), ("danger", _("危险")), ("tip", _("提示")), ("note", _("说明")))


def _sheet(body: str, locale: str, labels: tuple[tuple[str, str], ...]) -> Sheet:
    html, words = render(body, dict(labels)), plain(body)
    found = _WARNING.search(html)
    return Sheet(
        whole=html,
        rest=html[: found.start()] + html[found.end() :] if found else html,
        safety=found[1].strip() if found else "",
        contents=tuple((anchor, _TAG.sub("", title)) for anchor, title in _HEADING.findall(html)),
        characters=len(words),
        lead=" ".join(words.split())[:LEAD],
    )


_kept, _kept_long = lru_cache(maxsize=512)(_sheet), lru_cache(maxsize=16)(_sheet)


def lead(article: Article) -> str:
    """The first words of what readers see of an article."""
    return sheet_of(article.current.body).lead if article.current else ""
