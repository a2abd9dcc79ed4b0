"""Pictures without what cameras write into them: place, serial number, owner, previews.

The picture itself is not decoded and not made anew: its blocks are walked, and only those that are needed to show it are
kept. How it must be turned is kept as a block that says nothing else.
"""

import struct
import zlib
from collections.abc import Iterator

_TURN = 0x0112
"""The tag of EXIF that says how a picture is to be turned (1: not at all, up to 8)."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(b"gAMA cHRM sRGB iCCP sBIT bKGD hIST tRNS pHYs sPLT acTL fcTL fdAT cICP mDCV cLLI".split())
_WEBP_KEPT = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"])
_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_ALONE = frozenset([0x01, *range(0xD0, 0xD8)])
"""Markers of a JPEG that have no length."""


class _Broken(Exception):
    """The blocks end in the middle, or are none."""


def without_traces(content: bytes) -> bytes:
    """The bytes of a PNG, JPEG, GIF or WebP without its metadata. Everything else, and what is broken beyond being walked,
    comes back as it is."""
    try:
        if content.startswith(b"\xff\xd8\xff"):
            return _jpeg(content)
        if content.startswith(_PNG):
            return _png(content)
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return _webp(content)
        if content.startswith((b"GIF87a", b"GIF89a")):
            return _gif(content)
    except (_Broken, struct.error, IndexError):
        return content
    return content


def _part(content: bytes, start: int, size: int) -> bytes:
    if size < 0 or start + size > len(content):
        raise _Broken
    return content[start : start + size]


def _turned(tiff: bytes) -> int:
    """How an EXIF block (from its byte order on) says that the picture is to be turned; 1 where it says nothing."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 14:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (number,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(min(number, 200)):
            tag, kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * entry)
            if tag == _TURN and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1


def _only_turn(turn: int) -> bytes:
    """An EXIF block that says nothing but how to turn the picture."""
    return b"MM\x00\x2a" + struct.pack(">IHHHIHHI", 8, 1, _TURN, 3, 1, turn, 0, 0)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and bytes of each part of a JPEG, from after its beginning to its end; the drawn lines belong to the scan's
    header before them. What follows the end (previews, films) is no part of it."""
    place = 2
    while True:
        if _part(content, place, 1) != b"\xff":
            raise _Broken
        while _part(content, place + 1, 1) == b"\xff":  # fill bytes
            place += 1
        marker = content[place + 1]
        if marker == 0xD9:
            yield marker, b"\xff\xd9"
            return
        if marker in _ALONE:
            yield marker, content[place : place + 2]
            place += 2
            continue
        (size,) = struct.unpack(">H", _part(content, place + 2, 2))
        end = place + 2 + size
        _part(content, place, 2 + size)
        if marker == 0xDA:
            end = _after_lines(content, end)
        yield marker, content[place:end]
        place = end


def _after_lines(content: bytes, place: int) -> int:
    """Where the next marker stands after drawn lines."""
    while (place := content.find(b"\xff", place)) >= 0:
        following = content[place + 1]
        if following != 0 and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return place
        place += 1 if following == 0xFF else 2
    raise _Broken


def _jpeg(content: bytes) -> bytes:
    first, rest, turn = [b"\xff\xd8"], [], 1
    for marker, part in _segments(content):
        data = part[4:]
        if marker == 0xE1 and data.startswith(b"Exif\x00\x00") and turn == 1:
            turn = _turned(data[6:])
        elif marker == 0xE0 and data.startswith(b"JFIF\x00"):
            first.append(_without_preview(part))
        elif not 0xE0 <= marker <= 0xEF and marker != 0xFE:
            rest.append(part)
        elif (marker == 0xE2 and data.startswith(b"ICC_PROFILE\x00")) or (marker == 0xEE and data.startswith(b"Adobe")):
            rest.append(part)
    if turn != 1:
        block = b"Exif\x00\x00" + _only_turn(turn)
        first.append(b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block)
    return b"".join([*first, *rest])


def _without_preview(part: bytes) -> bytes:
    """A JFIF header without the small picture that it may hold."""
    return b"\xff\xe0" + struct.pack(">H", 16) + _part(part, 4, 12) + b"\x00\x00"


def _png(content: bytes) -> bytes:
    kept, place, turn = [_PNG], len(_PNG), 1
    while True:
        size, name = struct.unpack(">I4s", _part(content, place, 8))
        chunk = _part(content, place, 12 + size)
        place += 12 + size
        if name == b"eXIf":
            turn = _turned(chunk[8:-4])
        elif name in (b"IDAT", b"IEND") and turn != 1:
            kept += [_chunk(b"eXIf", _only_turn(turn)), chunk]
            turn = 1
        elif not name[0] & 0x20 or name in _PNG_KEPT:
            kept.append(chunk)
        if name == b"IEND":
            return b"".join(kept)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _webp(content: bytes) -> bytes:
    (whole,) = struct.unpack("<I", _part(content, 4, 4))
    kept, place, turn = list[bytes](), 12, 1
    while place < min(8 + whole, len(content)):
        name, size = struct.unpack("<4sI", _part(content, place, 8))
        chunk = _part(content, place, 8 + size) + (b"\x00" if size % 2 else b"")
        place += len(chunk)
        if name == b"EXIF":
            turn = _turned(chunk[8:].removeprefix(b"Exif\x00\x00"))
        elif name in _WEBP_KEPT:
            kept.append(chunk)
    if not kept:
        raise _Broken
    if kept[0].startswith(b"VP8X"):
        flags = kept[0][8] & ~0x0C | (0x08 if turn != 1 else 0)  # no EXIF, no XMP
        kept[0] = kept[0][:8] + bytes([flags]) + kept[0][9:]
        if turn != 1:
            block = _only_turn(turn)
            kept.append(b"EXIF" + struct.pack("<I", len(block)) + block)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _gif(content: bytes) -> bytes:
    place = 13 + _table(_part(content, 10, 1)[0])
    kept = [_part(content, 0, place)]
    while True:
        kind, start = _part(content, place, 1), place
        if kind == b";":
            return b"".join([*kept, kind])
        if kind == b"!":
            label = _part(content, place + 1, 1)[0]
            place = _after_blocks(content, place + 2)
            named = label == 0xFF and content[start + 3 : start + 14] in _GIF_KEPT
            if label in (0xF9, 0x01) or named:
                kept.append(content[start:place])
        elif kind == b",":
            place = _after_blocks(content, place + 10 + _table(_part(content, place + 9, 1)[0]) + 1)
            kept.append(content[start:place])
        else:
            raise _Broken


def _table(flags: int) -> int:
    """The bytes of a table of colours."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(content: bytes, place: int) -> int:
    while size := _part(content, place, 1)[0]:
        place += 1 + size
    return place + 1
