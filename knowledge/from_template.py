"""Beginnings for articles by their kind: texts of our own that say what belongs where, in the writer's language."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from knowledge.markdown import split_front_matter

KINDS = ("howto", "fault", "faq", "release")
LANGUAGES = ("zh", "en")
_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Template:
    """A beginning: `name` and `about` for whoever chooses; `title` and `questions` show the pattern and are replaced."""

    kind: str
    language: str
    name: str
    about: str
    title: str
    questions: tuple[str, ...]
    safety: bool
    body: str


def templates(language: str) -> list[Template]:
    """All beginnings in a language, in the order in which they are offered."""
    wanted = language if language in LANGUAGES else "zh"
    return [_load(kind, wanted) for kind in KINDS]


def find_template(kind: str, language: str) -> Template | None:
    """The beginning of this kind; None where there is none."""
    return _load(kind, language if language in LANGUAGES else "zh") if kind in KINDS else None


def left_over(body: str, fewest: int = 3) -> int:
    """How many lines of a text still are those of a beginning; 0 below `fewest`, because some lines fit as they are."""
    lines = {line.strip() for line in body.splitlines()}
    most = max(len(lines & _samples(kind, language)) for kind in KINDS for language in LANGUAGES)
    return most if most >= fewest else 0


@cache
def _samples(kind: str, language: str) -> frozenset[str]:
    lines = (line.strip() for line in _load(kind, language).body.splitlines())
    return frozenset(line for line in lines if len(line) > 8 and not line.startswith((":::", "#", "| ---")))


@cache
def _load(kind: str, language: str) -> Template:
    head, body = split_front_matter((_FOLDER / f"{kind}.{language}.md").read_text(encoding="utf-8"))
    given = yaml.safe_load(head)
    return Template(
        kind=kind, language=language, name=given["name"], about=given["about"], title=given["title"],
        questions=tuple(given["questions"]), safety=bool(given.get("safety")), body=body,
    )  # fmt: skip
