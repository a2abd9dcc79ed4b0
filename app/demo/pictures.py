"""The pictures that technicians took in the demo: drawn here, so that no picture of anybody's machine is in the house."""

import struct
import zlib
from functools import lru_cache

WIDTH, HEIGHT = 320, 200
# Which of the seven strokes a sign lights: top, upper left, upper right, middle, lower left, lower right, bottom.
STROKES = {
    "0": "1110111", "1": "0010010", "2": "1011101", "3": "1011011", "4": "0111010", "5": "1101011", "6": "1101111",
    "7": "1010010", "8": "1111111", "9": "1111011", "E": "1101101", "-": "0001000", " ": "0000000",
}  # fmt: skip


@lru_cache(maxsize=32)
def display(text: str) -> bytes:
    """A photograph, so to speak, of a panel that shows up to five signs; PNG."""
    rows = [bytearray(bytes((52 + y // 8, 56 + y // 8, 60 + y // 8)) * WIDTH) for y in range(HEIGHT)]
    _fill(rows, 24, 30, 296, 170, (196, 199, 196))
    _fill(rows, 44, 52, 276, 128, (16, 20, 22))
    for n, lit in enumerate((True, False, True)):
        _fill(rows, 52 + n * 34, 142, 72 + n * 34, 152, (60, 190, 96) if lit else (86, 88, 86))
    for n, sign in enumerate(text[:5]):
        _sign(rows, 58 + n * 43, 60, STROKES.get(sign, STROKES["-"]))
    return _png(rows)


@lru_cache(maxsize=32)
def signature(name: str) -> bytes:
    """A scribble, another one for each name; PNG."""
    rows = [bytearray(bytes((250, 250, 248)) * WIDTH) for _ in range(HEIGHT)]
    seed = zlib.crc32(name.encode())
    x, y = 40.0, 110.0
    for step in range(260):
        x += 0.9
        y += ((seed >> (step // 9 % 24)) & 3) - 1.5 + (1.1 if step % 40 < 20 else -1.1)
        y = min(max(y, 50.0), 160.0)
        _fill(rows, int(x), int(y), int(x) + 3, int(y) + 3, (28, 44, 96))
    return _png(rows)


def _sign(rows: list[bytearray], x: int, y: int, lit: str) -> None:
    red = (236, 64, 48)
    bars = ((4, 0, 28, 5), (0, 4, 5, 28), (27, 4, 32, 28), (4, 28, 28, 33), (0, 32, 5, 56), (27, 32, 32, 56), (4, 56, 28, 61))
    for (left, top, right, bottom), on in zip(bars, lit, strict=True):
        if on == "1":
            _fill(rows, x + left, y + top, x + right, y + bottom, red)


def _fill(rows: list[bytearray], left: int, top: int, right: int, bottom: int, colour: tuple[int, int, int]) -> None:
    strip = bytes(colour) * (right - left)
    for row in rows[top:bottom]:
        row[left * 3 : right * 3] = strip


def _png(rows: list[bytearray]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
