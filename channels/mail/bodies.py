"""Chooses what of a mail is shown as its text and its HTML, and makes the HTML safe."""

import re
from dataclasses import dataclass

import nh3

from channels.mail.charset import clean, codec_of, decode
from channels.mail.html_text import bounded, html_to_text
from channels.mail.mime import Part

MAX_TEXT = 5_000_000  # characters of all displayed parts together
_TAGS = {
    "a", "abbr", "address", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col",
    "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "small",
    "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var",
    "wbr"}
_ATTRIBUTES = {
    "*": {"dir", "lang", "align", "valign", "style", "title"},
    "a": {"href"}, "img": {"src", "alt", "width", "height"}, "font": {"color", "size"},
    "table": {"border", "cellpadding", "cellspacing", "width"}, "td": {"colspan", "rowspan", "width"},
    "th": {"colspan", "rowspan", "width"}, "ol": {"start", "type"}, "li": {"value"}, "blockquote": {"type"}}
_STYLES = {"color", "background-color", "font-weight", "font-style", "text-decoration", "text-align"}
_DANGEROUS = re.compile(r"^(?:javascript|vbscript|data:text/html)", re.I)


def displayed(part: Part) -> bool:
    """True for the parts that are read as the mail itself: plain text or HTML without a file name."""
    return (part.mime in ("text/plain", "text/html")
            and part.disposition.value != "attachment"
            and not (part.disposition.params.get("filename") or part.ctype.params.get("name")))


@dataclass(frozen=True)
class Bodies:
    """The whole text of a mail and its HTML not yet sanitised (None when it has none).

    `plain` is False when the text had to be made from the HTML.
    """

    text: str
    html: str | None
    plain: bool


def read_bodies(root: Part) -> Bodies:
    """The displayed parts of a mail, decoded and in order."""
    plain: list[str] = []
    pages: list[str] = []
    room = MAX_TEXT
    for part in root.leaves():
        if displayed(part) and room > 0:
            text = _decoded(part)[:room]
            room -= len(text)
            (pages if part.mime == "text/html" else plain).append(text)
    html = "\n".join(pages) if pages else None
    text = "\n".join(plain)
    if not text.strip() and html is not None:
        return Bodies(html_to_text(html), html, False)
    return Bodies(text, html, True)


def body_charset(root: Part) -> str | None:
    """The charset that the displayed parts state; it is the best hint for raw 8-bit headers."""
    return next((part.charset for part in root.leaves() if codec_of(part.charset) is not None), None)


def _decoded(part: Part) -> str:
    data = part.content()
    label = part.charset
    if part.mime == "text/html" and codec_of(label) is None:
        meta = re.search(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?([\w-]+)", data[:4096], re.I)
        label = meta.group(1).decode("ascii") if meta and not data.isascii() else label
    return clean(re.sub(r"\r\n?", "\n", decode(data, label)))


def sanitised(html: str) -> str:
    """The HTML with only what formats text: no scripts, frames, forms, foreign styles or executable addresses."""
    return clean(nh3.clean(
        bounded(html), tags=_TAGS, attributes=_ATTRIBUTES, clean_content_tags={"script", "style", "title", "template"},
        url_schemes={"http", "https", "mailto", "tel", "cid"}, attribute_filter=_harmless,
        filter_style_properties=_STYLES, strip_comments=True, link_rel="noopener noreferrer nofollow"))


def _harmless(_tag: str, _name: str, value: str) -> str | None:
    return None if _DANGEROUS.match(re.sub(r"[\x00-\x20]+", "", value)) else value
