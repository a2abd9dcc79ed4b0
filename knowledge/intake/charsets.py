"""Text files of unknown make: UTF-8 with or without a mark, UTF-16, and what Chinese Windows writes."""

from knowledge.intake.shapes import Unreadable

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def text_of(content: bytes) -> str:
    """The text of a file. Raises Unreadable for what is not text: zeros, or bytes that no charset explains."""
    for mark, charset in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(charset)
            except UnicodeDecodeError:
                break
    if b"\x00" in content[:4096]:
        raise Unreadable("这不是文本文件。")
    for charset in ("utf-8", "gb18030"):
        try:
            return content.decode(charset)
        except UnicodeDecodeError:
            continue
    raise Unreadable("认不出文字的编码，请另存为 UTF-8 再导入。")
