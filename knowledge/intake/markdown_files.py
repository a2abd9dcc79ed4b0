"""Markdown files: the block at the head, the text, and the pictures and files that lie beside it."""

import re
from pathlib import PurePosixPath

from app.core.text import clean, pack
from knowledge.intake import front_matter
from knowledge.intake.pictures import Gathered, Lookup
from knowledge.intake.shapes import FILE_MARK, Entry, Limits, Unreadable
from knowledge.markdown import first_heading, split_front_matter

_LINK = re.compile(r"(!?)\[([^\[\]\n]*)\]\(\s*(?:<([^>\n]+)>|([^\s()]+(?:\([^\s()]*\)[^\s()]*)*))(\s+\"[^\"\n]*\")?\s*\)")
# One tag, then what is in it: no place of a text is looked at more than twice, whatever somebody wrote.
_TAG = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)
_SRC = re.compile(r"\bsrc\s{0,9}=\s{0,9}[\"']([^\"'>]+)[\"']", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=\s*[\"']([^\"'>]*)[\"']", re.IGNORECASE)
_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")


def read_markdown(text: str, path: str, limits: Limits, lookup: Lookup | None = None) -> Entry:
    """The article of a file. The title is that of the block, else the first heading, else the file's name."""
    head, body = split_front_matter(clean(text))
    given = front_matter.parse(head)
    heading, rest = first_heading(body)
    title = str(given.get("title") or heading or "").strip()
    if heading and heading.strip() == title:
        body = rest  # the page shows the title already
    if len(body) > limits.body:
        raise Unreadable("正文有 %(n)s 字，一篇最多 %(most)s 字。", n=len(body), most=limits.body)
    gathered = Gathered(limits, lookup)
    body = rewrite_links(body, gathered)
    listed = given.get("attachments")
    if isinstance(listed, list):
        kept = (gathered.link(str(address), picture=False) for address in listed)
        given["attachments"] = [address.removeprefix(FILE_MARK) for address in kept if address]
    lost = tuple(pack("找不到图片：%(name)s", name=name) for name in gathered.lost)
    asked = front_matter.questions_of(given)
    return Entry(
        "",
        title or PurePosixPath(path).stem,
        body,
        {name: value for name, value in given.items() if name not in ("title", "questions", "draft")},
        asked,
        tuple(gathered.files),
        draft=given.get("draft") is True,
        warnings=lost,
    )


def rewrite_links(body: str, gathered: Gathered) -> str:
    """The text with its own pictures and files under the addresses of what was kept; code stays as it is."""
    lines, fence = [], ""
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
        elif "](" in line or "<img" in line.lower():
            line = _LINK.sub(lambda found: _linked(found, gathered), _TAG.sub(_picture, line))
        lines.append(line)
    return "\n".join(lines)


def _picture(found: re.Match[str]) -> str:
    source, alt = _SRC.search(found[0]), _ALT.search(found[0])
    return f"![{alt[1] if alt else ''}](<{source[1]}>)" if source else found[0]


def _linked(found: re.Match[str], gathered: Gathered) -> str:
    sign, words, address, title = found[1], found[2], found[3] or found[4], found[5] or ""
    new = gathered.link(address, picture=bool(sign))
    if new is None:
        return found[0]
    return f"{sign}[{words}]({new}{title})" if new else words
