"""HTML to text the way a reader sees it, with the quote and signature containers of mail programs marked.

Quotes become lines that start with `> `, so that one set of rules cuts them in plain mails and in HTML.
"""

import re
from collections.abc import Callable

import lxml.etree
import lxml.html

from channels.mail.charset import clean

MAX_HTML = 2_000_000  # characters; nobody reads further, and the parser's time stays bounded
MAX_TAGS = 150_000  # a long thread of Outlook has ten thousand
MAX_DEPTH = 300  # open elements; mails of long threads reach a hundred
CUT = "\ue0f0"  # stands where a client's marker says: all after this is the old mail
SIGNATURE = "\ue0f1"  # stands before a container that the client made for the signature
_SKIP = {"script", "style", "head", "title", "template", "noscript", "meta", "link", "base", "object", "iframe"}
_BLOCK = {
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "tbody", "tfoot", "thead", "tr", "ul", "caption"}
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre", "blockquote"}
_TAG = re.compile(r"<(/?)([a-z][a-z0-9:_-]{0,20})", re.I)
_TAG_WHOLE = re.compile(r"</?[a-z][^<>]{0,2000}>", re.I)
_INVISIBLE = re.compile(r"<(script|style|title)\b[^<>]{0,500}>[^<]{0,100000}", re.I)
# Elements that close by themselves or hold nothing do not nest, however often their end tag is missing.
_FLAT = {"p", "li", "td", "th", "tr", "dd", "dt", "option", "br", "hr", "img", "input", "meta", "link", "col", "base", "wbr"}
_PRIVATE = re.compile(f"[{CUT}{SIGNATURE}]")

Mark = Callable[[lxml.html.HtmlElement], str]


def parse_html(html: str) -> lxml.html.HtmlElement | None:
    """The document as a tree, or None when it holds nothing."""
    source = bounded(html)
    if not source.strip():
        return None
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml.html.document_fromstring(source.encode("utf-8"), parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError, ValueError, AssertionError):
        return None
    return root if isinstance(root, lxml.html.HtmlElement) else None


def bounded(html: str) -> str:
    """The document, cut to MAX_HTML, and without its mark-up when that nests so deeply that parsers crawl."""
    source = clean(html[:MAX_HTML])
    depth = 0
    for count, match in enumerate(_TAG.finditer(source)):
        if count > MAX_TAGS:
            return _flattened(source)
        if match.group(2).lower() in _FLAT:
            continue
        depth = max(0, depth - 1) if match.group(1) else depth + 1
        if depth > MAX_DEPTH:
            return _flattened(source)
    return source


def _flattened(source: str) -> str:
    return _TAG_WHOLE.sub("\n", _INVISIBLE.sub("\n", source))


def html_to_text(html: str, mark: Mark | None = None) -> str:
    """The text of a document. `mark` names an element's role: `quote`, `signature`, `cut`, or empty for none."""
    root = parse_html(html)
    if root is None:
        return ""
    writer = _Writer()
    # Explicit stack instead of recursion: mails nest deeper than Python does.
    stack: list[tuple[lxml.html.HtmlElement, bool]] = [(root, False)]
    while stack:
        element, leaving = stack.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        role = mark(element) if mark and tag else ""
        if leaving:
            writer.leave(tag, role)
            if element is not root:
                writer.text(element.tail)
            continue
        if not tag or tag in _SKIP:
            writer.text(element.tail)
            continue
        if role == "cut":
            writer.cut()
            break
        writer.enter(tag, role)
        if tag == "img":
            writer.text(element.get("alt") if len(element.get("alt") or "") < 3 else "")
        writer.text(element.text)
        stack.append((element, True))
        stack.extend((child, False) for child in reversed(element))
    return writer.result()


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.pre = 0

    def enter(self, tag: str, role: str) -> None:
        if tag == "br":
            self.newline(force=True)
            return
        if tag in _BLOCK or role:
            self.newline(blank=tag in _SPACED)
        if tag in ("td", "th") and self.line:
            self.line.append(" ")
        if role == "quote":
            self.quotes += 1
        if role == "signature":
            self.line.append(SIGNATURE)
            self.newline()
        self.pre += tag == "pre"

    def leave(self, tag: str, role: str) -> None:
        if tag in _BLOCK or role:
            self.newline(blank=tag in _SPACED)
        if role == "quote":
            self.quotes -= 1
        self.pre -= tag == "pre"

    def text(self, text: str | None) -> None:
        if not text:
            return
        text = _PRIVATE.sub("", text)
        if self.pre:
            first, *more = text.split("\n")
            self.line.append(first)
            for line in more:
                self.newline(force=True)
                self.line.append(line)
            return
        self.line.append(re.sub(r"[ \t\r\n\f]+", " ", text))

    def newline(self, *, force: bool = False, blank: bool = False) -> None:
        content = "".join(self.line)
        content = content if self.pre else re.sub(r" {2,}", " ", content).strip(" ")
        if content.strip() or force:
            self.lines.append(self._prefixed(content))
        self.line = []
        if blank and self.lines and self.lines[-1].strip("> "):
            self.lines.append(self._prefixed(""))

    def _prefixed(self, content: str) -> str:
        return ("> " * self.quotes + content).rstrip() if self.quotes else content

    def cut(self) -> None:
        self.newline()
        self.lines.append(CUT)

    def result(self) -> str:
        self.newline()
        text = "\n".join(self.lines).replace("\xa0", " ")
        return re.sub(r"\n[ \t]*(?:\n[ \t]*){2,}", "\n\n", text).strip("\n")
