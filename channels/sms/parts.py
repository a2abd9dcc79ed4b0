"""How many messages a text costs: a phone takes 70 characters at once, or parts of 67 that it puts together again."""

SINGLE, PART = 70, 67


def units(text: str) -> int:
    """The length as networks count it: in UTF-16, where an emoji is two."""
    return len(text.encode("utf-16-le", "replace")) // 2


def count_parts(text: str) -> int:
    """Messages that a text is sent as; 0 for an empty one."""
    length = units(text)
    return (1 if length else 0) if length <= SINGLE else -(-length // PART)


def signed(sign_name: str, text: str) -> str:
    """The text as it arrives: operators in China want the sender's registered name before it, in 【】, once."""
    mark = f"【{sign_name.strip('【】 ')}】" if sign_name.strip("【】 ") else ""  # data
    return text if not mark or text.startswith(mark) else mark + text
