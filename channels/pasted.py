"""A talk of several people that somebody copied out of a group and pasted into one message: who said what.

The forms are those that chat programs put on the clipboard: WeChat and WeCom on a computer (`name date time` or `name:` on
a line of its own, the words below), QQ (`name(number) time`), DingTalk (`name time`) and Slack-like ones. A text counts
as a pasted talk only when at least two turns stand in one of these forms, with two speakers or with times: prose with a
colon does not.
"""

import re
from dataclasses import dataclass
from typing import Any

MOST_TURNS = 500
_NAME = r"[^\s:：,，。!！?？<>\[\]|/\\#*\"'“”][^\n:：<>|]{0,29}?"
_DATE = r"(?:\d{4}[-/.年])?\d{1,2}[-/.月]\d{1,2}日?"
_DAY = r"(?:昨天|前天|今天|星期[一二三四五六日天]|周[一二三四五六日])"
_CLOCK = r"(?:(?:上午|下午|凌晨|中午|晚上|早上)\s?)?\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?"
_WHEN = rf"(?:(?:{_DATE}|{_DAY})\s{{0,3}})?{_CLOCK}"
_TIMED = re.compile(rf"(?P<name>{_NAME})(?:\s?[(（]\d{{5,12}}[)）])?\s{{1,3}}(?P<when>{_WHEN})\s{{0,3}}[:：]?")
_TIMED_FIRST = re.compile(rf"\[?(?P<when>{_WHEN})\]?\s{{1,3}}(?P<name>{_NAME})\s{{0,2}}[:：]?")
_NAMED = re.compile(rf"(?P<name>{_NAME})\s{{0,2}}[:：]")
_MAIL_WORDS = frozenset("发件人 收件人 抄送 主题 日期 发送时间 寄件者 from to cc subject date sent 电话 手机 地址 型号 序列号 故障 时间 问题 备注 附件 品牌 tel".split())  # data


@dataclass(frozen=True)
class Turn:
    """What one person said; `when` as it stood there, with no zone and often no day."""

    speaker: str
    when: str
    text: str


def talk_in(text: str) -> dict[str, Any]:
    """What a message keeps of a pasted talk: its turns under `parts`, as those of a forwarded one; empty for other texts."""
    turns = turns_of(text)
    return {"parts": [{"speaker": t.speaker, "when": t.when, "kind": "text", "text": t.text} for t in turns]} if turns else {}


def turns_of(text: str) -> list[Turn]:
    """The turns of a pasted talk in their order; an empty list when the text is none. What stands before the first
    turn is not among them: the message keeps its whole text anyway."""
    if len(text) > 100_000:
        return []
    lines = text.replace("\r\n", "\n").split("\n")
    for pattern in (_TIMED, _TIMED_FIRST, _NAMED):
        found = _read(lines, pattern)
        timed = pattern is not _NAMED
        speakers = {turn.speaker for turn in found}
        if len(found) >= 2 and (timed or len(speakers) >= 2) and all(turn.text for turn in found):
            if not timed and (len(speakers) == len(found) or {s.lower() for s in speakers} & _MAIL_WORDS):
                continue  # a list of labels ("型号：", "故障：") has each once; in a talk somebody speaks again
            return found[:MOST_TURNS]
    return []


def _read(lines: list[str], pattern: re.Pattern[str]) -> list[Turn]:
    """Heads stand on a line of their own; what follows belongs to them until the next."""
    turns: list[tuple[str, str, list[str]]] = []
    for line in lines:
        stripped = line.strip()
        head = pattern.fullmatch(stripped) if len(stripped) <= 80 else None
        if head is not None:
            turns.append((head["name"].strip(), head.groupdict().get("when") or "", []))
        elif turns:
            turns[-1][2].append(line)
    return [Turn(name, when, "\n".join(said).strip()) for name, when, said in turns]
