"""Words that say nothing about a problem yet: a greeting, a sound of waiting, the wish for a person.

Strict on purpose: one word more, and it is a request. Thanks are read by app.letters.only_thanks.
"""

import re
from collections.abc import Iterator

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
_WISH = re.compile(
    r"(?:(?:我|想|要|请|請|帮我|幫我|给我|給我|麻烦|麻煩|您|你|帮忙|直接|还是|可以|可不可以|能|能不能|可否|需要|希望|现在|马上|立刻|赶紧)\s?){0,6}"
    r"(?:(?:转|轉|转接|轉接|接|找|要|叫|换|換|联系|聯繫|和|跟|与)(?:一下|个|個|一个|一個|一位|位)?(?:你们|你們|您们)?(?:的)?)?"
    r"(?:人工|真人|活人)(?:服务|服務|客服|坐席|座席)?(?:说话|聊|谈|沟通|处理|来|解决)?(?:吧|吗|嗎|嘛|啊|呀|么|行吗|可以吗|好吗)?(?:[，, ]?谢谢)?"
    r"|(?:我|想|要|请|帮我|给我|麻烦|您|你|直接|可以|能|能不能|需要|希望){0,6}"
    r"(?:找|叫|换|联系|转|转接)(?:一下|个|一个|一位|位)?(?:你们|您们)?(?:的)?(?:客服|人|客服人员|工作人员|同事)(?:说话|聊|谈|沟通|处理|来)?(?:吧|吗|嘛|啊|呀|么)?(?:[，, ]?谢谢)?"
    r"|(?:i(?:'d| would)? (?:want|need|like|wish) to |can i |could i |may i |let me |please )?(?:(?:talk|speak|chat|connect me) (?:to|with) |get me |give me )?"
    r"(?:a |an |the )?(?:real |live |human )?(?:person|human|human being|agent|representative)(?:,? please)?"
)
"""A wish for a person as people word it: who wants, how, whom, and a particle; nothing else may stand in it."""


def only_greeting(text: str) -> bool:
    """Whether a message only says hello, calls out or announces a question."""
    return _made_of(text, _GREETINGS)


def asks_for_person(text: str) -> bool:
    """Whether a message asks for a person and says nothing else; a greeting may stand before it."""
    plain = _plain(text)
    if len(plain) > LONGEST + 20:
        return False
    if plain == "0" or _WISH.fullmatch(plain):
        return True
    return any(only_greeting(plain[: wish.start()]) for wish in _wishes(plain))


def _wishes(plain: str) -> Iterator[re.Match[str]]:
    """Where a wish stands at the end of the words: behind a sign, or from a place on where one begins."""
    for place in range(1, len(plain)):
        if _whole_before(plain, place) and (found := _WISH.fullmatch(plain, place)):
            yield found


def _whole_before(plain: str, place: int) -> bool:
    return not (plain[place - 1].isascii() and plain[place - 1].isalnum() and plain[place].isascii() and plain[place].isalnum())


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
