"""A passage of an article as words of a message: whole paragraphs, tables as sentences, safety warnings named."""

import re

from knowledge.index import Hit
from knowledge.markdown import passages, plain
from knowledge.models import Article
from knowledge.sections import marked

ENOUGH, OPENING = 2, 400
"""Characters of a passage that must be what was asked for, and of the beginning that stands in for it."""
_SAFETY = re.compile(r"^:::\s*(?:warning|danger)[^\n]*\n(.*?)^:::\s*$", re.DOTALL | re.MULTILINE)


def body_of(article: Article) -> str:
    return article.current.body if article.current else ""


def warnings_of(article: Article) -> list[str]:
    """What the article warns of, each as plain words."""
    return [said for found in _SAFETY.findall(body_of(article)) if (said := plain(found).strip())]


def is_dangerous(article: Article) -> bool:
    """Whether it is marked as a matter of safety, or warns of something in its text."""
    return article.safety or bool(warnings_of(article))


def passage_of(article: Article, hit: Hit) -> str:
    """The passage that was found; where the words stand in title and questions alone, how the article begins."""
    if sum(len(piece.text) for piece in hit.passage if piece.hit) >= ENOUGH:
        return hit.passage_text
    return opening(article) or hit.passage_text


def opening(article: Article) -> str:
    """The first passages of an article, as many as make up a short message; never none where it has words."""
    taken: list[str] = []
    for stretch in passages(body_of(article)):
        if taken and sum(map(len, taken)) + len(stretch.text) > OPENING:
            break
        taken.append(stretch.text)
    return "\n".join(taken)


def readable(article: Article, passage: str) -> str:
    """The paragraphs and steps of the article that the passage shows a part of: steps with their numbers, points with their
    marks, rows of tables as sentences."""
    body = body_of(article)
    return as_message(body, whole_lines(body, passage))


def as_message(body: str, words: str) -> str:
    """These words of a text as they may stand in a message."""
    return "\n".join(as_sentence(line) for line in marked(body, words)).strip()


def whole_lines(body: str, passage: str) -> str:
    """Half a sentence is no instruction: the whole lines around what was found."""
    shown = passage.strip().strip("…").strip()
    for stretch in passages(body):
        begin = stretch.text.find(shown) if shown else -1
        if begin >= 0:
            end = stretch.text.find("\n", begin + len(shown))
            return stretch.text[stretch.text.rfind("\n", 0, begin) + 1 : end if end >= 0 else None]
    return passage


def as_sentence(line: str) -> str:
    """A row of a table, whose cells the passage joins with bars, as somebody can read it in a message."""
    head, bar, rest = line.partition(" | ")
    return f"{head}：{rest.replace(' | ', '；')}" if bar else line  # data
