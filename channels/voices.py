"""Voice messages made playable: browsers know no AMR, so what a phone recorded is kept and an MP3 is put beside it."""

import io
from dataclasses import dataclass
from typing import Any

LONGEST_SECONDS = 600
LARGEST = 8 * 1024 * 1024
PLAYABLE = frozenset({"audio/mpeg", "audio/mp4", "audio/wav", "audio/x-wav", "audio/ogg", "audio/webm"})
_RATE = 16_000


class NotPlayable(ValueError):
    """The sound cannot be read; the original stays as a download."""


@dataclass(frozen=True)
class Sound:
    """An MP3 and how long it plays."""

    content: bytes
    seconds: float


def as_mp3(content: bytes) -> Sound:
    """Any sound that can be read, as MP3 of one channel. Raises NotPlayable. No file of the machine is touched."""
    if not content or len(content) > LARGEST:
        raise NotPlayable
    import av  # 40 MB of libraries that only the worker needs, and only when somebody spoke
    from av.audio.resampler import AudioResampler

    out, samples = io.BytesIO(), 0
    try:
        with av.open(io.BytesIO(content), mode="r", timeout=10) as source, av.open(out, mode="w", format="mp3") as target:
            if not source.streams.audio:
                raise NotPlayable
            stream: Any = target.add_stream("libmp3lame", rate=_RATE, layout="mono")
            resample = AudioResampler(format="s16p", layout="mono", rate=_RATE)
            for frame in source.decode(audio=0):
                for piece in resample.resample(frame):
                    samples += piece.samples
                    if samples > LONGEST_SECONDS * _RATE:
                        raise NotPlayable
                    target.mux(stream.encode(piece))
            for piece in resample.resample(None):
                samples += piece.samples
                target.mux(stream.encode(piece))
            target.mux(stream.encode(None))
    except (av.FFmpegError, OSError, ValueError) as problem:
        raise NotPlayable from problem
    if not samples:
        raise NotPlayable
    return Sound(out.getvalue(), round(samples / _RATE, 1))
