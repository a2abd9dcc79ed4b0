"""HTML (saved pages, exports of other systems, what Word became) as Markdown: the text, not the site around it."""

import re
from pathlib import PurePosixPath
from typing import Any

import lxml.etree
import lxml.html
import nh3
from markdownify import MarkdownConverter

from app.core.text import clean, pack
from knowledge.intake.charsets import text_of
from knowledge.intake.pictures import Gathered, Lookup
from knowledge.intake.shapes import FILE_MARK, Entry, Limits, Unreadable

_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
_TAGS = frozenset(
    "a b blockquote br caption code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s section span strong sub sup "
    "table tbody td tfoot th thead tr u ul article main figure figcaption".split()
)
_NOISE = ("script", "style", "nav", "footer", "form", "noscript", "iframe", "object", "svg", "template", "button", "input")
_WARNING = re.compile(r"^[>\s*_]*(?:⚠️?\s*)?(危险|警告|当心|DANGER|WARNING)[*_]*\s*[:：!！]\s*[*_]*", re.IGNORECASE)
_DEEPEST, _MOST_ELEMENTS = 200, 100_000
_CHARSETS = frozenset(
    "utf-8 gb18030 gbk gb2312 big5 big5-hkscs us-ascii iso-8859-1 iso-8859-15 windows-1252 shift_jis euc-jp euc-kr".split()
)
"""What a page may say of itself. Python knows more, among them some that take hours, or are no charsets (punycode)."""


def read_html(content: bytes, path: str, limits: Limits, lookup: Lookup | None = None) -> Entry:
    """The article of a page. The title is its first heading, else what the page calls itself, else the file's name."""
    root = _parsed(_decoded(content))
    title_element = root.find(".//title")
    said = " ".join((title_element.text_content() if title_element is not None else "").split())
    gathered = Gathered(limits, lookup)
    body, heading = to_markdown(_main(root), gathered)
    if not body.strip():
        raise Unreadable("页面里没有正文。")
    title = heading or said or PurePosixPath(path).stem
    body, safety = mark_safety(body)
    return Entry(
        "",
        title[:200],
        body,
        {"safety": True} if safety else {},
        None,
        tuple(gathered.files),
        warnings=tuple(pack("找不到图片：%(name)s", name=name) for name in gathered.lost),
    )


def _decoded(content: bytes) -> str:
    found = _CHARSET.search(content[:4096])
    if found and not content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        charset = found[1].decode("ascii").lower()
        try:
            if charset in _CHARSETS:
                return content.decode("gb18030" if charset in ("gb2312", "gbk") else charset)
        except UnicodeDecodeError:
            pass
    return text_of(content)


def _parsed(text: str) -> Any:
    parser = lxml.html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", clean(text))
    try:
        root = lxml.html.document_fromstring(text.encode(), parser=parser)
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        raise Unreadable("页面是空的，或者不是 HTML。") from None
    if _too_deep(root):
        raise Unreadable("页面的结构嵌套太深，读不了。")
    return root


def _too_deep(root: Any) -> bool:
    depth = count = 0
    for event, _element in lxml.etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += 1
        if count > 2 * _MOST_ELEMENTS:  # minutes of the worker
            raise Unreadable("文件太复杂或已损坏，读的时候停下了。请另存一份再试。")
        if depth > _DEEPEST:
            return True
    return False


def _main(root: Any) -> Any:
    for path in (".//main", ".//article", ".//*[@role='main']", ".//*[@id='content']", ".//body"):
        found = root.findall(path)
        if len(found) == 1 and len(found[0].text_content().strip()) > 20:
            return found[0]
    body = root.find(".//body")
    return body if body is not None else root


def from_fragment(html: str, gathered: Gathered) -> tuple[str, str]:
    """(Markdown, first heading) of a piece of HTML made by ourselves."""
    return to_markdown(_main(_parsed(f"<html><body>{html}</body></html>")), gathered)


def to_markdown(element: Any, gathered: Gathered) -> tuple[str, str]:
    """(Markdown, first heading) of an element. A first heading at the very beginning is taken out: it is the title."""
    lxml.etree.strip_elements(element, *_NOISE, with_tail=False)
    for header in element.findall(".//header"):
        if header.find(".//h1") is None:
            header.drop_tree()
    for image in element.findall(".//img"):
        address = image.get("data-src") or image.get("src") or ""
        if address.startswith(FILE_MARK):
            continue
        new = gathered.link(address, picture=True)
        if new:
            image.set("src", new)
        elif new == "" or not address.lower().startswith(("http://", "https://")):
            image.drop_tree()
    for link in element.findall(".//a"):
        address = link.get("href") or ""
        new = gathered.link(address, picture=False)
        if new:
            link.set("href", new)
        elif not address.lower().startswith(("http://", "https://", "mailto:", "tel:")):
            link.drop_tag()
    heading = ""
    first = element.find(".//h1")
    if first is not None:
        heading = " ".join(first.text_content().split())
        if len(element.findall(".//h1")) == 1 and heading:
            first.drop_tree()
    html = lxml.html.tostring(element, encoding="unicode", with_tail=False)
    html = nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={"a": {"href"}, "img": {"src", "alt"}, "td": {"colspan"}, "th": {"colspan"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto", "tel", FILE_MARK.rstrip(":")},
        link_rel=None,
    )
    made = MarkdownConverter(heading_style="ATX", bullets="-", strip=["u", "span"], escape_misc=False, table_infer_header=True)
    return tidy(made.convert(html)), heading


def tidy(text: str) -> str:
    """Markdown without the blank space that layouts leave behind."""
    text = text.replace("\u00a0", " ").replace("\u200b", "")
    text = re.sub(r"[ \t]+\n", lambda m: "  \n" if m[0].startswith("  \n") else "\n", text)
    text = re.sub(r"^(#{1,6}) +(?=\n|$)", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def mark_safety(body: str) -> tuple[str, bool]:
    """Paragraphs that begin with 警告, 危险 … become safety blocks; says whether there was one."""
    found = False
    parts = re.split(r"\n\n+", body)
    for number, part in enumerate(parts):
        mark = _WARNING.match(part)
        if mark and not part.lstrip().startswith(("#", "|", "-", ":::")):
            words = re.sub(r"^>\s?", "", part, flags=re.MULTILINE)
            words = _WARNING.sub("", words, count=1).rstrip("* _")
            if words.strip():
                kind = "danger" if mark[1].lower() in ("危险", "danger") else "warning"
                parts[number] = f"::: {kind}\n{words.strip()}\n:::"
                found = True
    return "\n\n".join(parts), found
