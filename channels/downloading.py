"""The body of an answer of a platform, read piece by piece: neither a huge file nor one that drips in for hours may hold
up the house."""

import time

import requests

from channels.base import SendFailed

SECONDS = 180.0
_PIECE = 64 * 1024


def body_of(answer: requests.Response, most: int, seconds: float = SECONDS) -> bytes:
    """Read a streamed answer to its end, and close it. Raises SendFailed beyond `most` bytes or `seconds`, and when the
    line breaks."""
    content, until = bytearray(), time.monotonic() + seconds
    try:
        for piece in answer.iter_content(_PIECE):
            content += piece
            if len(content) > most:
                raise SendFailed("文件太大（超过 %(n)s MB），没有下载。", final=True, n=most // 1024 // 1024)
            if time.monotonic() > until:
                raise SendFailed("下载文件太慢，稍后自动重试。", final=False)
    except requests.RequestException:
        raise SendFailed("下载文件时断线，稍后自动重试。", final=False) from None
    finally:
        answer.close()
    return bytes(content)
