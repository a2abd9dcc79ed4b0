"""Bytes to text for mails whose charset label is missing, wrong or unknown.

Mails of Chinese customers say `gb2312` and hold GBK, say nothing and hold GB18030, or say ASCII and hold UTF-8.
Every function here returns clean text: no lone surrogate, no NUL, and never an exception for any bytes.
"""

import codecs
import re

from charset_normalizer import from_bytes

# A label names a family; the largest member of the family decodes everything the label promises, and more.
_ALIASES = {
    "gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "936": "gb18030", "xgbk": "gb18030",
    "isogb2312": "gb18030", "gb231280": "gb18030", "csgb2312": "gb18030", "euccn": "gb18030", "xeuccn": "gb18030",
    "gb180302000": "gb18030", "windows936": "gb18030", "chinese": "gb18030",
    "big5": "big5hkscs", "cp950": "big5hkscs", "xbig5": "big5hkscs", "cnbig5": "big5hkscs", "big5hkscs": "big5hkscs",
    "ksc56011987": "cp949", "ksc5601": "cp949", "euckr": "cp949", "ksx1001": "cp949", "windows949": "cp949",
    "shiftjis": "cp932", "sjis": "cp932", "xsjis": "cp932", "windows31j": "cp932", "mskanji": "cp932",
    "iso88591": "cp1252", "latin1": "cp1252", "l1": "cp1252", "windows1252": "cp1252", "ansi": "cp1252",
    "iso88598i": "iso8859-8", "iso88598e": "iso8859-8", "iso88596i": "iso8859-6", "iso88596e": "iso8859-6",
    "iso885911": "cp874", "tis620": "cp874", "iso88599": "cp1254",
    "iso2022jp": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext", "iso2022jp1": "iso2022_jp_ext",
    "unicode11utf7": "utf-7", "unicode": "utf-16", "utf8mb4": "utf-8", "utf8": "utf-8", "cputf8": "utf-8",
    "xmaccyrillic": "mac_cyrillic", "xmacroman": "mac_roman", "macintosh": "mac_roman",
}
_NO_LABEL = {"", "ascii", "usascii", "ansix341968", "iso646us", "xunknown", "unknown8bit", "unknown", "8bit", "default",
             "none", "binary", "userdefined", "xuserdefined", "defaultcharset"}
_BAD = re.compile("[\ud800-\udfff]")
_JIS = re.compile(rb"\x1b\$[@B]|\x1b\$\(")


def clean(text: str) -> str:
    """The text without NUL and with U+FFFD for every lone surrogate, so that databases and JSON take it."""
    return _BAD.sub("�", text).replace("\x00", "")


def codec_of(label: str | None) -> str | None:
    """The Python codec for a charset label of a mail, or None when the label says nothing that can be used."""
    bare = re.sub(r"[^a-z0-9]", "", (label or "").lower().split("*")[0])
    if bare in _NO_LABEL:
        return None
    name = _ALIASES.get(bare)
    if name is None:
        name = re.sub(r"[^A-Za-z0-9_.-]", "", (label or "").split("*")[0])
        if re.fullmatch(r"cp\d+|windows-?\d+", name, re.I):
            name = "cp" + re.sub(r"\D", "", name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # `hex`, `zip` and the like are codecs of Python but no charsets.
    if not getattr(info, "_is_text_encoding", True) or info.name in ("idna", "punycode", "unicode_escape",
                                                                     "raw_unicode_escape", "undefined"):
        return None
    return "gb18030" if info.name in ("gb2312", "gbk") else info.name


def decode(data: bytes, label: str | None = None, hint: str | None = None) -> str:
    """Text of `data`: by its label, or guessed when the label is absent, unknown or contradicted by the bytes.

    `hint` is a second label that is tried after UTF-8 while guessing (the charset of the body, for raw headers).
    """
    codec = codec_of(label)
    if codec is None:
        return guess(data, hint)
    if codec == "iso2022_jp_ext":
        return _japanese(data)
    text = _strict(data, codec)
    if text is not None:
        return clean(text)
    if codec == "utf-8":
        return guess(data, hint)
    if codec == "cp1252":
        return clean("".join(chr(b) if c == "�" else c
                             for b, c in zip(data, data.decode("cp1252", "replace"), strict=True)))
    other = _strict(data, "utf-8")
    return clean(other if other is not None else data.decode(codec, "replace"))


def guess(data: bytes, hint: str | None = None) -> str:
    """Text of bytes that no usable label speaks for: ASCII, JIS, UTF-8, the hint, GB18030, Latin, then statistics."""
    if data.isascii():
        return _japanese(data) if _JIS.search(data) else clean(data.decode("ascii"))
    text = _strict(data, "utf-8")
    if text is not None:
        return clean(text)
    loose = data.decode("utf-8", "replace")
    good = sum(1 for c in loose if c > "\x7f" and c != "�")
    if good > 4 * loose.count("�"):
        return clean(loose)
    codec = codec_of(hint)
    # A Western hint accepts any bytes and so proves nothing: a spam filter wraps a Chinese mail in a Latin-1 one.
    if codec == "cp1252" and _looks_gb(data) and not _looks_latin(data):
        codec = "gb18030"
    if codec not in (None, "utf-8", "ascii"):
        text = _strict(data, str(codec))
        if text is not None:
            return clean(text)
    if _looks_gb(data):
        return clean(data.decode("gb18030", "replace"))
    if _looks_latin(data):
        return clean(data.decode("cp1252", "replace"))
    best = from_bytes(data[:20_000]).best()
    if best is not None:
        return clean(data.decode(best.encoding, "replace"))
    return clean(data.decode("gb18030", "replace"))


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError):
        return None


def _japanese(data: bytes) -> str:
    """ISO-2022-JP as Windows writes it: the NEC and IBM rows of CP932 included, which Python's codec refuses."""
    for codec in ("iso2022_jp", "iso2022_jp_ext"):
        text = _strict(data, codec)
        if text is not None:
            return clean(text)
    out: list[str] = []
    double = False
    for piece in re.split(rb"(\x1b\$[@B]|\x1b\([BJI])", data):
        if piece.startswith(b"\x1b"):
            double = piece[1:2] == b"$"
        elif double:
            out.append(_jis_to_sjis(piece).decode("cp932", "replace"))
        else:
            out.append(decode(piece, "cp932"))
    return clean("".join(out))


def _jis_to_sjis(data: bytes) -> bytes:
    out = bytearray()
    for i in range(0, len(data) - 1, 2):
        row, cell = data[i] - 0x21, data[i + 1] - 0x21
        if not (0 <= row < 94 and 0 <= cell < 94):
            out += b"?"
            continue
        lead = row // 2 + (0x81 if row < 62 else 0xC1)
        trail = cell + 0x9F if row % 2 else cell + 0x40 + (cell >= 63)
        out += bytes((lead, trail))
    return bytes(out)


def _looks_gb(data: bytes) -> bool:
    """True when most double bytes are punctuation or the common first-level characters of GB 2312.

    GB18030 accepts nearly any bytes, so that they decode proves nothing: Western words, Cyrillic and Big5 do, too.
    """
    if _strict(data, "gb18030") is None and _strict(data[:-1], "gb18030") is None:
        return False
    pairs = common = 0
    i, end = 0, min(len(data), 50_000)
    while i < end - 1:
        if data[i] < 0x81:
            i += 1
            continue
        pairs += 1
        lead, trail = data[i], data[i + 1]
        common += trail >= 0xA1 and (0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xD7)
        i += 2
    return pairs > 0 and common >= 0.75 * pairs


def _looks_latin(data: bytes) -> bool:
    """True when high bytes stand alone among ASCII letters, as accents do."""
    runs = re.findall(rb"[\x80-\xff]+", data[:50_000])
    alone = [run for run in runs if len(run) <= 2 and min(run) >= 0x85]
    return len(alone) >= 0.8 * len(runs)
