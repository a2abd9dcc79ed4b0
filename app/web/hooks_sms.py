"""/hooks/sms/<slug>: where SMS gateways report what arrived, and what people wrote back. The secret in the address (or
header) says who speaks; each item is kept before it is understood."""

import hmac

from flask import Blueprint, Flask, Response, jsonify, request

from app import viewer
from app.core.errors import NotFound
from app.core.sealing import CannotOpen
from app.web.security import csrf
from channels.accounts import find_account, opened
from channels.base import Unparseable
from channels.models import Account
from channels.receiving import accept
from channels.sms.reading import items_of

blueprint = Blueprint("hooks_sms", __name__, url_prefix="/hooks/sms")
LARGEST = 256 * 1024


def init_app(flask: Flask) -> None:
    csrf.exempt(blueprint)
    flask.register_blueprint(blueprint)


@blueprint.post("/<slug>")
@viewer.public
def pushed(slug: str) -> tuple[Response, int]:
    """Status reports and upstream messages, one or a list. The answer is what both great gateways take for success."""
    account = find_account(slug)
    if account is None or account.kind != "sms":
        raise NotFound()
    if not _known(account):
        return jsonify(code=403, msg="secret", result=403, errmsg="secret"), 403
    if (request.content_length or 0) > LARGEST:
        return jsonify(code=413, msg="too large", result=413, errmsg="too large"), 413
    body = request.stream.read(LARGEST + 1)
    if len(body) > LARGEST:
        return jsonify(code=413, msg="too large", result=413, errmsg="too large"), 413
    account_id, active = account.id, account.active
    try:
        items = items_of(body)
    except Unparseable:
        items = [body]
    for item in items if active else ():
        accept(account_id, item, source="hook")
    return jsonify(code=0, msg="OK", result=0, errmsg="OK"), 200


def _known(account: Account) -> bool:
    try:
        wanted = str(opened(account).get("hook_secret") or "")
    except CannotOpen:
        return False
    given = request.headers.get("X-Huiyin-Secret") or request.args.get("secret", "")
    return bool(wanted) and hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))
