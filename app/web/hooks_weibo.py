"""/hooks/weibo/<slug>: Weibo's callback. Kept at once, answered with nothing: what we say goes by the reply API."""

import hmac

from flask import Blueprint, Flask, Response, abort, request
from sqlalchemy.exc import IntegrityError

from app import viewer
from app.core.db import session
from app.core.sealing import CannotOpen
from channels.accounts import find_account, opened
from channels.models import Account
from channels.receiving import accept
from channels.wechat.crypto import signature

blueprint = Blueprint("hooks_weibo", __name__)
LONGEST = 64 * 1024


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/hooks/weibo/<slug>")
@viewer.public
def verify(slug: str) -> Response:
    """Prove to the platform that this address is ours."""
    _known(slug)
    return Response(request.args.get("echostr", ""), content_type="text/plain; charset=utf-8")


@blueprint.post("/hooks/weibo/<slug>")
@viewer.public
def take(slug: str) -> Response:
    """A message or an event. An empty answer is a yes: the platform then does not send it again."""
    if (request.content_length or 0) > LONGEST:
        abort(413)
    raw = request.stream.read(LONGEST + 1)
    if len(raw) > LONGEST:
        abort(413)
    account = _known(slug)
    if account.active:
        account_id = account.id
        try:
            accept(account_id, raw, source="hook")
        except IntegrityError:  # the same call came twice at the same moment
            session().rollback()
            accept(account_id, raw, source="hook")
    return Response("", content_type="text/plain; charset=utf-8")


def _known(slug: str) -> Account:
    """The account that this call is signed for: SHA-1 over its secret, the time and the nonce."""
    account = find_account(slug)
    if account is None or account.kind != "weibo":
        abort(404)
    try:
        secret = str(opened(account).get("app_secret") or "")
    except CannotOpen:
        abort(403)
    wanted = signature(secret, request.args.get("timestamp", ""), request.args.get("nonce", ""))
    if not secret or not hmac.compare_digest(wanted.encode(), request.args.get("signature", "").encode("utf-8", "replace")):
        abort(403)
    return account
