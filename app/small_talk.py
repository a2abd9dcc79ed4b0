"""Words that say nothing about a problem yet: a greeting, a sound of waiting, the wish for a person.

Strict on purpose: one word more, and it is a request. Thanks are read by app.letters.only_thanks.
"""

from app.emoticons import SMILE, YES
from app.emoticons import plain as without_pictures

LONGEST = 30
_MARKS = frozenset(" \t\r\n,，.。!！?？~～、;；:：)(）（…\"'“”")
_PICTURES = SMILE + YES
_GREETINGS = frozenset(
    """你好 您好 你们好 您们好 大家好 哈喽 哈啰 嗨 喂 在吗 在不在 在么 在嘛 有人吗 有人在吗 有人么 有客服吗 早 早上好 上午好 中午好 下午好 晚上好 早安 晚安 打扰了 打扰一下 打扰
    请问 请问一下 请问在吗 请教一下 咨询 咨询一下 我想咨询 我想咨询一下 想咨询一下 我想问一下 我想问 想问一下 想问下 问一下 问下 有个问题 我有个问题 我有问题 有问题 老师 老师好 师傅 师傅好 客服 客服好 亲 啊 呀 哦 嗯 呢 了 吗
    妳好 您好啊 在嗎 有人嗎 請問 請問一下 早安 午安 👋 🙂 😊 🙋""".split()
) | frozenset(
    ["hi", "hello", "hey", "hello there", "hi there", "good morning", "good afternoon", "good evening", "anyone there", "anybody there", "is anyone there",
     "are you there", "i have a question", "i have a problem", "can you help", "can you help me", "help", "excuse me"]
)  # fmt: skip
_PERSON = frozenset(
    """转人工 转人工服务 转人工客服 转接人工 接人工 人工 人工服务 人工客服 找人工 要人工 我要人工 我要转人工 我要人工客服 我要人工服务 真人 找真人 真人客服 找客服 找人 叫人 轉人工 人工客服
    请转人工 请转人工客服 帮我转人工 麻烦转人工 0""".split()
) | frozenset(["agent", "human", "a human", "real person", "a real person", "talk to a human", "talk to a person", "talk to an agent", "speak to an agent", "representative"])


def only_greeting(text: str) -> bool:
    """Whether a message only says hello, calls out or announces a question."""
    return _made_of(text, _GREETINGS)


def asks_for_person(text: str) -> bool:
    """Whether a message asks for a person and says nothing else; a greeting may stand before it."""
    plain = _plain(text)
    return plain in _PERSON or any(plain.endswith(word) and only_greeting(plain[: -len(word)]) for word in _PERSON if len(word) > 1)


def _plain(text: str) -> str:
    return without_pictures(text).strip("".join(_MARKS) + _PICTURES).lower()


def _made_of(text: str, words: frozenset[str]) -> bool:
    """How far the text is made up of such words: each place is looked at once, whatever somebody wrote."""
    text = without_pictures(text).replace(YES, SMILE).strip().lower()
    if len(text) > LONGEST or not any(sign not in _MARKS for sign in text):
        return False
    reached = {0}
    for place in range(len(text)):
        if place in reached:
            reached.update(place + len(word) for word in words if text.startswith(word, place) and _whole(text, place, len(word)))
            if text[place] in _MARKS:
                reached.add(place + 1)
    return len(text) in reached


def _whole(text: str, place: int, length: int) -> bool:
    """Latin words are taken whole only: "hi" is not in "history"."""
    end = place + length
    first, last = text[place], text[end - 1]
    return not (last.isascii() and last.isalpha() and end < len(text) and text[end].isascii() and text[end].isalnum()) and not (
        first.isascii() and first.isalpha() and place > 0 and text[place - 1].isascii() and text[place - 1].isalnum()
    )
