"""What the answer service says, in the customer's language, in as much room as the channel gives."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.catalogue import Product
from channels.models import Conversation
from knowledge.models import Article

ROOM: Mapping[str, int] = {"wecom": 1000, "wechat": 1800, "webchat": 2400}
"""Bytes of UTF-8 that the head of a menu may have; WeCom cuts at 1024."""
Menu = tuple[str, dict[str, Any]]
_LONELY = re.compile(r"\n(?:【[^\n]*】|…)\Z")
"""A heading with nothing under it, or a mark of what is left out where another one follows."""


def answer(conversation: Conversation, article: Article, passage: str, talk_id: int, url: str, asked: str) -> Menu:
    """The passage with title, product and link, and the two ways on."""
    english = speaks_english(conversation, asked)
    product = ", ".join(p.code for p in article.products[:2])
    title = f"{article.title} ({product})" if product and product.lower() not in article.title.lower() else article.title
    if english:
        begin, end = f"This may be your answer: {title}", f"Full article: {url}\n\nAnswered automatically from our articles. Is it solved?"
        solved, person, tail = "Solved", "Talk to a person", "Or write what is still missing, and a colleague takes over."
    else:
        begin, end = f"这可能是您要的答案：{title}", f"全文：{url}\n\n以上由机器人按知识库答复，解决了吗？"  # data
        solved, person, tail = "解决了", "转人工", "也可以直接写还差什么，同事接着处理。"  # data
    room = ROOM.get(conversation.account.kind, 1000) - len(f"{begin}\n\n\n\n{end}".encode())
    head = "\n\n".join(part for part in (begin, fitted(passage, room), end) if part)
    items = [{"id": f"answer:{talk_id}:solved", "text": solved}, {"id": f"answer:{talk_id}:person", "text": person}]
    return _menu(head, items, tail)


def which_product(conversation: Conversation, products: Sequence[Product], talk_id: int, asked: str) -> Menu:
    """The question which product is meant."""
    english = speaks_english(conversation, asked)
    head = "This code means different things on different products. Which one is yours?" if english else "这个代码在不同产品上意思不一样，您的是哪一种？"  # data
    person, tail = ("Something else, talk to a person", "Or answer with the number.") if english else ("都不是，转人工", "也可以直接回复前面的数字。")  # data
    items = [{"id": f"answer:{talk_id}:product:{p.id}", "text": f"{n}. {p.label}"[:60]} for n, p in enumerate(products, 1)]
    return _menu(head, [*items, {"id": f"answer:{talk_id}:person", "text": f"0. {person}"}], tail)


def noted(conversation: Conversation, asked: str) -> str:
    """What is said to somebody whose question is solved."""
    return "Good, that is noted. If it comes back, just write here." if speaks_english(conversation, asked) else "好的，记下了。再有问题，直接在这里说。"  # data


def passed_on(conversation: Conversation, asked: str) -> str:
    """What is said to somebody who told the product, where a person must answer after all."""
    english = speaks_english(conversation, asked)
    return "Thank you. A colleague will answer you here." if english else "好的，这个由同事来答，已经转给同事，会在这里答复您。"  # data


def _menu(head: str, items: list[dict[str, str]], tail: str) -> Menu:
    text = "\n".join([head, *(item["text"] for item in items), tail])
    return text, {"head": head, "items": items, "tail": tail}


def fitted(text: str, room: int) -> str:
    """As many whole lines, or else sentences, as the bytes allow."""
    text = text.strip()
    if len(text.encode()) <= room:
        return text
    if room < 30:
        return ""
    cut = text.encode()[: room - 3].decode(errors="ignore")
    line = cut.rfind("\n") + 1
    best = line if line > len(cut) // 2 else max(cut.rfind(sign) + 1 for sign in ("\n", "。", "；", ". "))
    kept = _LONELY.sub("", (cut[:best] if best > len(cut) // 3 else cut).rstrip())
    return f"{kept}…"


def speaks_english(conversation: Conversation, asked: str) -> bool:
    """The language of the person, or of what they asked; a code alone is of none."""
    if conversation.contact is not None and conversation.contact.language:
        return conversation.contact.language == "en"
    return asked.isascii() and len(re.findall("[A-Za-z]{2,}", asked)) > 2
