"""Files that a phone sends when none was chosen: made here, so that no media lie in the repository."""

import io
import math
import struct
import zlib
from functools import cache
from typing import Any


def _png(side: int) -> bytes:
    """A square with a diagonal, in two greys."""
    rows = b"".join(b"\x00" + bytes(60 if abs(x - y) < 4 else 200 for x in range(side)) for y in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = _png(96)


@cache
def beep(seconds: float = 2.0) -> bytes:
    """A tone as a phone records it: AMR, 8 kHz, one channel."""
    import av  # needed here only, and large
    from av.audio.frame import AudioFrame

    out, rate, size = io.BytesIO(), 8000, 160
    with av.open(out, mode="w", format="amr") as target:
        stream: Any = target.add_stream("libopencore_amrnb", rate=rate, layout="mono")
        stream.bit_rate = 12_200
        for start in range(0, int(seconds * rate), size):
            tone = (int(9000 * math.sin(2 * math.pi * 440 * (start + n) / rate)) for n in range(size))
            frame = AudioFrame(format="s16", layout="mono", samples=size)
            frame.planes[0].update(struct.pack(f"<{size}h", *tone))
            frame.sample_rate, frame.pts = rate, start
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()
