"""What somebody typed before we knew who they are. This browser brings it along through the login or the mailed link, and
to nobody else: words that a link carried could be put into the form of whoever is made to open it."""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from flask import redirect, request
from itsdangerous import BadSignature, TimestampSigner
from werkzeug.wrappers import Response

from app import viewer
from app.letters import signing

COOKIE, LIVES = "draft", timedelta(hours=24)
MOST = 3600
"""Bytes of the cookie, about 2,000 Chinese characters: browsers keep 4,096, and all cookies together must fit one header."""
_WAYS = re.compile(r"/community/(ask|[0-9]{1,9}#write)")


def onward(given: str | None) -> str:
    """Where a way through the login or the mailed link leads back to; empty for anywhere else."""
    return given if given and _WAYS.fullmatch(given) else ""


def ways(path: str) -> dict[str, str]:
    """The addresses by which somebody becomes known and comes back to `path`."""
    return {"login": f"/login?{urlencode({'next': path})}", "mail": f"/requests?{urlencode({'next': path})}"}


def take_along(path: str, words: Mapping[str, str], way: str = "login") -> Response | None:
    """To the login or the mailed link, with these words; None when they are too many to be brought along."""
    kept = {name: text for name, text in words.items() if text}
    response = redirect(ways(path)["mail" if way == "mail" else "login"], 303)
    if not kept:
        return response
    packed = zlib.compress(json.dumps([path, kept], ensure_ascii=False).encode("gb18030"), 9)
    signed = _signer().sign(base64.urlsafe_b64encode(packed)).decode("ascii")
    if len(signed) > MOST:
        return None
    secure = viewer.settings().https
    response.set_cookie(COOKIE, signed, max_age=int(LIVES.total_seconds()), samesite="Lax", secure=secure, httponly=True)
    return response


def brought(path: str) -> dict[str, str]:
    """What was typed on this page before; empty where nothing was."""
    try:
        packed = base64.urlsafe_b64decode(_signer().unsign(request.cookies.get(COOKIE, ""), max_age=int(LIVES.total_seconds())))
        where, words = json.loads(zlib.decompress(packed).decode("gb18030"))
    except (BadSignature, ValueError, zlib.error):
        return {}
    return words if where == path else {}


def forget(response: Response) -> Response:
    """It was sent, or whoever typed it leaves."""
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE, samesite="Lax", secure=viewer.settings().https, httponly=True)
    return response


def _signer() -> TimestampSigner:
    return TimestampSigner(signing()["key"], salt="draft")
