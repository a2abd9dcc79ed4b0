"""A long document as several articles: one for each heading of its highest level."""

import re
from dataclasses import replace

from knowledge.intake.shapes import FILE_MARK, Entry

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^(#{1,3})\s+(.+?)\s*#*\s*$")
SHORTEST = 2


def split_entry(entry: Entry) -> list[Entry]:
    """The parts, each with the pictures that it shows; the entry itself where there is nothing to split. What stands
    before the first heading becomes a part of its own when it says something."""
    lines = entry.body.split("\n")
    marks: list[tuple[int, int, str]] = []
    fence = ""
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence and (found := _HEADING.match(line)):
            marks.append((number, len(found[1]), found[2]))
    if not marks:
        return [entry]
    level = min(depth for _n, depth, _w in marks)
    starts = [(number, words) for number, depth, words in marks if depth == level]
    if len(starts) < SHORTEST:
        return [entry]
    made: list[Entry] = []
    before = "\n".join(lines[: starts[0][0]]).strip()
    if len(before) > 40:
        made.append(_part(entry, entry.title, before, "0"))
    seen: dict[str, int] = {}
    for place, (number, words) in enumerate(starts):
        end = starts[place + 1][0] if place + 1 < len(starts) else len(lines)
        body = "\n".join(lines[number + 1 : end]).strip()
        if not body:
            continue
        seen[words] = seen.get(words, 0) + 1
        key = words if seen[words] == 1 else f"{words} {seen[words]}"
        made.append(_part(entry, f"{entry.title}：{words}"[:200], body, key[:120]))
    return made or [entry]


def _part(entry: Entry, title: str, body: str, key: str) -> Entry:
    files = tuple(file for file in entry.files if FILE_MARK + file.name in body)
    given = {name: value for name, value in entry.given.items() if name not in ("slug", "safety")}
    if "::: warning" in body or "::: danger" in body:
        given["safety"] = True
    return replace(entry, key=key, title=title, body=body + "\n", files=files, given=given)
