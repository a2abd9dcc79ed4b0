"""What of an article answers a question in one message: the sections that say most of what this question has of its own, steps for
who must do something, and never more than a phone shows."""

import math
import re
from collections.abc import Sequence

from app.kb.article_words import body_of
from knowledge.analysis import fold, query_tokens
from knowledge.models import Article
from knowledge.sections import ROW, TEXT, Line, Section, sections

ROOM = 320
"""Characters that are read on a phone without scrolling far; the article is a tap away."""
_HEADING = 1.5
"""A word in a heading says what the section is about."""
_STEPS, _ANY = 0.4, 0.1
"""What steps are worth to who must do something, as a share of all that the question says here, and where it says nothing."""
_LEAST = 0.25
"""Of the question's own words, what a section must hold to be better than the beginning."""
_AGAIN = 0.3
"""What the beginning says already is what the whole article is about: in a heading it counts a little, elsewhere not."""
_ASIDE, _ELSE = 0.3, 0.3
"""A section beside the point, and one that answers another kind of question: 还能找回吗 for who must do something."""
_CHAR = 0.25
"""A single character is a weak sign (起不来 and 没起来); in a text without any of the words it is none."""
_FACT = re.compile(
    "多少|多久|多长|多大|几[个天年次台小分点]|什么时候|何时|能不能|能否|可以.{0,8}[吗么]|会不会|会.{0,8}[吗么]|要不要|是不是|是否|有没有|有.{0,6}[吗么]"
    "|哪里(?!不对|错|出|有问题|坏)|哪儿|在哪|哪个|哪些|收费|计费|怎么[算收看查]|多贵|价格|什么意思|啥意思|是什么|是啥|什么是|含义|区别|不同|为什么|为何|为啥|原因|谁|什么(?:位置|地方|时间|样|颜色)"
    r"|\b(?:what|when|where|why|which|who|how (?:much|many|long|often)|can|does|is|are|do)\b",
    re.IGNORECASE,
)
"""Who asks this wants to know something; anybody else wants to know what to do."""
_DO = re.compile(r"怎么(?!回事|算|收|看|查)|如何|怎样|咋|步骤|处理|解决|办法|\bhow (?:to|do|can|should)\b|\bfix\b", re.IGNORECASE)
_CONTACT = re.compile("联系我们|报修|找我们|找谁|contact|call us", re.IGNORECASE)
_ASIDES = re.compile("不是|不要|容易混|混淆|区分|相近|相关|以后|预防|避免|今后|例外|see also|related", re.IGNORECASE)
_ORDERED = re.compile(r"(?:第[一二三四五六七八九十]+步|[A-H1-9][.、:：)）]|step \d)", re.IGNORECASE)


_KINDS = (
    (
        re.compile(r"多少钱|价格|价钱|费用|收费|要钱|多贵|报价|\b(?:price|cost|fee)s?\b", re.IGNORECASE),
        re.compile(r"元|[¥￥$]|费|价|\b(?:price|cost|fee|free)", re.IGNORECASE),
    ),
    (
        re.compile(r"多久|多少|多长时间|几[天个次台年点]|什么时候|何时|\bhow (?:much|many|long|often)\b|\bwhen\b", re.IGNORECASE),
        re.compile(r"[\d一二三四五六七八九十两半每]|随时|立即|当天|马上|留空|不限|免费"),
    ),
)
"""Who asks for money or a number is answered by nothing that names none."""


def is_of_the_kind(question: str, passage: str) -> bool:
    """Whether a passage can be the answer to this kind of question at all."""
    return all(told.search(passage) for asked, told in _KINDS if asked.search(question))


def answer_of(article: Article, question: str) -> str:
    """Empty where the article has no words."""
    return chosen(sections(body_of(article)), question)


def chosen(parts: Sequence[Section], question: str) -> str:
    """The beginning where it helps, and the section that answers, in whole lines."""
    lead, rest = _apart(parts)
    if lead is None and not rest:
        return ""
    if not rest:
        return _fitted(lead.lines if lead else [], ROOM)
    parts = [lead, *rest] if lead else rest
    worth = _worth(parts, question)
    own = _held(lead, worth) if lead else 0.0
    wants_steps = not _FACT.search(question) or _DO.search(question) is not None
    total = sum(worth.values())
    weights = [_weigh(part, _not_said(worth, lead, part) if wants_steps else worth, total, question) for part in rest]
    best = max(range(len(rest)), key=lambda number: weights[number])
    by_lead = not weights[best] or (lead is not None and not wants_steps and own >= _held(rest[best], worth))
    if by_lead:  # what it is, and then what comes first
        best = next((n for n, part in enumerate(rest) if part.has_steps and not _is_aside(part)), 0)
    begin = _begin(lead, by_lead) if lead and (by_lead or wants_steps or own > 0 or not rest[best].heading) else []
    told = _said(rest, best, worth, ROOM - sum(len(text) + 1 for text in begin))
    return "\n".join([*begin, *told])


def _apart(parts: Sequence[Section]) -> tuple[Section | None, list[Section]]:
    """The first paragraphs, which say what it is, and all that follows: a list or table under them is a section of its own."""
    if not parts or parts[0].heading or parts[0].lines[0].kind != TEXT:
        return None, list(parts)
    lines = parts[0].lines
    end = next((number for number, line in enumerate(lines) if line.kind != TEXT), len(lines))
    more = [Section("", lines[end:])] if end < len(lines) else []
    return Section("", lines[:end]), [*more, *parts[1:]]


def _worth(parts: Sequence[Section], question: str) -> dict[str, float]:
    """What of the question tells these sections apart: a word that stands in all of them says nothing here."""
    cut = query_tokens(question)
    folded = [fold(part.text) for part in parts]
    found = {}
    for term in (*cut.words, *cut.pairs, *dict.fromkeys("".join(cut.pairs))):
        count = sum(term in text for text in folded)
        if count:
            found[term] = math.log((len(parts) + 1) / count) * (1.0 if len(term) > 1 else _CHAR)
    return found


def _not_said(worth: dict[str, float], lead: Section | None, part: Section) -> dict[str, float]:
    """What the question is worth to a section under this beginning."""
    said, heading = fold(lead.text) if lead else "", fold(part.heading)
    return {term: value if term not in said else value * _AGAIN for term, value in worth.items() if term not in said or term in heading}


def _held(part: Section, worth: dict[str, float]) -> float:
    heading, text = fold(part.heading), fold("\n".join(line.text for line in part.lines))
    words = sum(value * (_HEADING if term in heading else 1.0) for term, value in worth.items() if len(term) > 1 and (term in heading or term in text))
    signs = sum(value * (_HEADING if term in heading else 1.0) for term, value in worth.items() if len(term) == 1 and term in (text + heading if words else heading))
    return words + signs


def _weigh(part: Section, worth: dict[str, float], total: float, question: str) -> float:
    """How well a section answers; steps count for more where somebody must do something."""
    held = _held(part, worth)
    if _CONTACT.search(part.heading):
        return held if _CONTACT.search(question) else 0.0
    if _ASIDES.search(part.heading) and not _ASIDES.search(question):
        held *= _ASIDE
    if not _FACT.search(question) or _DO.search(question):
        steps = part.has_steps or _ORDERED.match(part.heading) is not None or _DO.search(part.heading) is not None
        if steps:
            return held + total * _STEPS + _ANY
        return held * (_ELSE if _FACT.search(part.heading) or part.heading.endswith("吗") else 1.0)
    return held if held >= total * _LEAST else 0.0


def _is_aside(part: Section) -> bool:
    return bool(_CONTACT.search(part.heading) or _ASIDES.search(part.heading))


def _begin(lead: Section, is_answer: bool) -> list[str]:
    """What an article says first: what it is, and what to do at once. Of a long beginning the first sentences."""
    taken: list[str] = []
    left = ROOM * 2 // 3 if is_answer else ROOM // 2
    for line in lead.lines:
        if len(line.text) > left:
            return taken or [_sentences(line.text, left)]
        taken.append(line.text)
        left -= len(line.text) + 1
    return taken


def _sentences(text: str, room: int) -> str:
    """Whole sentences from the beginning; a single one that is longer stands whole."""
    ends = [match.end() for match in re.finditer(r"[。！？!?]|\. ", text)]
    fitting = [end for end in ends if end <= room] or ends[:1]
    return text[: fitting[-1]].strip() if fitting else text


def _said(rest: Sequence[Section], best: int, worth: dict[str, float], room: int) -> list[str]:
    """The section under its heading, and the steps that follow it as far as there is room."""
    found: list[str] = []
    for number in range(best, len(rest)):
        part = rest[number]
        if number > best and not (_ORDERED.match(part.heading) and _ORDERED.match(rest[best].heading)):
            break
        left = room - sum(len(text) + 1 for text in found)
        lines = _fitted(_rows(part.lines, worth, left), left - len(part.heading) - 3)
        if number > best and (not lines or lines.endswith("…")):
            break
        found += ([f"【{part.heading}】"] if part.heading else []) + ([lines] if lines else [])
    return found


def _rows(lines: Sequence[Line], worth: dict[str, float], room: int) -> list[Line]:
    """Of a table that is too long, the rows that the question is about, where it is about some of them."""
    if sum(len(line.text) + 1 for line in lines) <= room:
        return list(lines)
    rows = [line for line in lines if line.kind == ROW]
    about = [row for row in rows if any(term in fold(row.text) for term in worth)]
    return [line for line in lines if line.kind != ROW or line in about] if about and len(about) < len(rows) else list(lines)


def _fitted(lines: Sequence[Line], room: int) -> str:
    """As many whole lines as there is room for; what is left out shows as an ellipsis. The first line always stands."""
    taken: list[str] = []
    for line in lines:
        if taken and sum(len(text) + 1 for text in taken) + len(line.text) > room:
            return "\n".join([*_closed(taken), "…"])
        taken.append(line.text)
    return "\n".join(taken)


def _closed(taken: list[str]) -> list[str]:
    """Without a last line that only announces what is left out."""
    return taken[:-1] if len(taken) > 1 and taken[-1].endswith(("：", ":")) else taken


