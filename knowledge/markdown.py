"""Markdown of articles: as safe HTML for pages, and as passages for the index. Both know the same heading anchors."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin

from knowledge.analysis import fold
from knowledge.index import Passage

LABELS: Mapping[str, str] = {"warning": "安全警示", "danger": "危险", "tip": "小提示", "note": "补充说明"}
LONGEST_PASSAGE = 400
OTHER_ARTICLE, PORTAL = "article:", "/articles/"
_TAGS = frozenset(
    "a blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr img li ol p pre s strong sub sup table tbody td th "
    "thead tr ul".split()
)
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    **{f"h{level}": {"id"} for level in range(1, 7)},
}
_CLASSES: dict[str, set[str]] = {
    "div": {"callout", *(f"callout-{kind}" for kind in LABELS)},
    "p": {"callout-label"},
    "td": {"left", "center", "right"},
    "th": {"left", "center", "right"},
}
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)


def split_front_matter(text: str) -> tuple[str, str]:
    """The YAML block at the very beginning (may be empty) and the rest."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    found = _FRONT.match(text)
    return (found[1], text[found.end() :].lstrip("\n")) if found else ("", text)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    for kind in LABELS:
        container_plugin(parser, kind, render=_open_callout(kind))
    return parser


def _open_callout(kind: str) -> Any:
    def render(renderer: Any, tokens: Sequence[Token], number: int, options: Any, env: Any) -> str:
        if tokens[number].nesting != 1:
            return "</div>\n"
        said = tokens[number].info.strip()[len(kind) :].strip()
        label = nh3.clean_text(said or env.get("labels", LABELS).get(kind, LABELS[kind]))
        return f'<div class="callout callout-{kind}">\n<p class="callout-label">{label}</p>\n'

    return render


def parsed(text: str) -> list[Token]:
    """Tokens whose headings carry their anchor: `s-` and the folded words, numbered where they repeat."""
    tokens = _parser().parse(text, {})
    used: dict[str, int] = {}
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            words = re.sub(r"[^\w]+", "-", fold(words_of(tokens[number + 1]))).strip("-")[:60]
            used[words] = used.get(words, 0) + 1
            token.attrSet("id", f"s-{words or 'part'}" + (f"-{used[words]}" if used[words] > 1 else ""))
        if token.type in ("td_open", "th_open") and (style := token.attrGet("style")):
            # The strict CSP of the pages allows no inline styles.
            token.attrs.pop("style")
            token.attrSet("class", str(style).rpartition(":")[2])
        if token.type == "inline":
            _lead_to_articles(token)
    return tokens


def _lead_to_articles(token: Token) -> None:
    """`article:slug` is how an editor names another article; for a browser it is an address of the portal."""
    for child in token.children or ():
        if child.type == "link_open" and str(child.attrGet("href") or "").startswith(OTHER_ARTICLE):
            child.attrSet("href", PORTAL + str(child.attrGet("href"))[len(OTHER_ARTICLE) :])


def linked(text: str) -> tuple[str, ...]:
    """The addresses of the links of a text, each once, in their order; `article:slug` as the address it leads to."""
    children = (child for token in parsed(text) if token.type == "inline" for child in token.children or ())
    return tuple(dict.fromkeys(str(child.attrGet("href")) for child in children if child.type == "link_open"))


def warns(text: str) -> bool:
    """Whether a text has a safety block: a warning or a danger."""
    return any(token.type in ("container_warning_open", "container_danger_open") for token in _parser().parse(text, {}))


def render(text: str, labels: Mapping[str, str] | None = None) -> str:
    """Safe HTML: no scripts, no styles, no raw HTML of the author. `labels` translates the names of the callouts."""
    parser = _parser()
    html: str = parser.renderer.render(parsed(text), parser.options, {"labels": labels or LABELS})
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer",
    )


def words_of(token: Token) -> str:
    """The words of an inline token, as a reader sees them."""
    parts = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type == "image":
            parts.append(words_of(child) or child.content)
        elif child.type in ("text", "code_inline"):
            parts.append(child.content)
    return "".join(parts)


def _blocks(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """(kind, text) of heading, paragraph, row and code, in order. The anchor of a heading comes as `anchor`."""
    heading = ""
    row: list[str] | None = None
    for token in tokens:
        if token.type == "heading_open":
            heading = str(token.attrGet("id"))
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            yield "text", " | ".join(cell for cell in row if cell)
            row = None
        elif token.type == "inline" and heading:
            yield "anchor", heading
            yield "heading", words_of(token)
            heading = ""
        elif token.type == "inline" and row is not None:
            row.append(words_of(token))
        elif token.type == "inline":
            yield "text", words_of(token)
        elif token.type in ("fence", "code_block"):
            yield "text", token.content.strip()


def passages(text: str, longest: int = LONGEST_PASSAGE) -> tuple[Passage, ...]:
    """The text in stretches of up to about `longest` characters that never cross a heading."""
    found: list[Passage] = []
    heading = anchor = ""
    waiting: list[str] = []

    def flush() -> None:
        if waiting:
            found.append(Passage("\n".join(waiting), heading, anchor))
            waiting.clear()

    for kind, words in _blocks(parsed(text)):
        if kind == "anchor":
            flush()
            anchor = words
        elif kind == "heading":
            heading = words
        elif words.strip():
            if waiting and sum(map(len, waiting)) + len(words) > longest:
                flush()
            waiting.append(words.strip())
    flush()
    return tuple(found)


def first_heading(text: str) -> tuple[str, str]:
    """The words of a level-one heading at the very beginning and the text after it; ("", text) without one."""
    tokens = _parser().parse(text, {})
    if len(tokens) > 2 and tokens[0].type == "heading_open" and tokens[0].tag == "h1" and tokens[0].map:
        lines = text.split("\n")
        return words_of(tokens[1]), "\n".join(lines[tokens[0].map[1] :]).lstrip("\n")
    return "", text


def plain(text: str) -> str:
    """The words alone, for a message on a channel without formatting."""
    return "\n".join(words for kind, words in _blocks(parsed(text)) if kind != "anchor")
