"""/hooks/wecom/<slug>: WeCom's doorbell. What was said is fetched afterwards; here is only verified, noted, answered."""

from flask import Blueprint, Flask, Response, abort, request

from app import viewer
from app.core.sealing import CannotOpen
from app.core.uow import unit_of_work
from channels.accounts import find_account, opened
from channels.models import Account
from channels.receiving import accept
from channels.wechat.body import BodyRefused, leaf, read_body
from channels.wechat.crypto import Crypto, CryptoRefused
from channels.wecom import syncing

blueprint = Blueprint("hooks_wecom", __name__)
LONGEST = 64 * 1024


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/hooks/wecom/<slug>")
@viewer.public
def verify(slug: str) -> Response:
    """Prove to the platform that this address is ours: the decrypted echostr."""
    _account, crypto = _known(slug)
    sealed = request.args.get("echostr", "")
    _check(crypto, sealed)
    try:
        return _plain(crypto.decrypt(sealed).decode("utf-8", "replace"))
    except CryptoRefused:
        abort(403)


@blueprint.post("/hooks/wecom/<slug>")
@viewer.public
def ring(slug: str) -> Response:
    """Somebody wrote to a customer-service account. Any other call is kept raw, so that nothing vanishes."""
    if (request.content_length or 0) > LONGEST:
        abort(413)
    raw = request.stream.read(LONGEST + 1)
    if len(raw) > LONGEST:
        abort(413)
    account, crypto = _known(slug)
    try:
        sealed = leaf(read_body(raw), "Encrypt")
    except BodyRefused:
        abort(403)
    _check(crypto, sealed)
    if not account.active:
        return _plain("success")
    try:
        plain = crypto.decrypt(sealed)
    except CryptoRefused:  # signed by somebody who knows our token: kept until somebody has looked why
        accept(account.id, raw, source="hook")
        return _plain("success")
    try:
        fields = read_body(plain)
    except BodyRefused:
        fields = {}
    if leaf(fields, "Event") == "kf_msg_or_event":
        with unit_of_work():
            rung = syncing.ring(account, leaf(fields, "OpenKfId"), leaf(fields, "Token"))
        if rung is not None:
            return _plain("success")
    accept(account.id, plain, source="hook")
    return _plain("success")


def _known(slug: str) -> tuple[Account, Crypto]:
    account = find_account(slug)
    if account is None or account.kind != "wecom":
        abort(404)
    try:
        settings = {name: str(value) for name, value in opened(account).items()}
        return account, Crypto(
            settings.get("token", ""), settings.get("aes_key", ""), settings.get("corpid", ""), settings.get("previous_aes_key", "")
        )
    except (CannotOpen, CryptoRefused):
        abort(403)


def _check(crypto: Crypto, sealed: str) -> None:
    """Whoever does not know our token is turned away."""
    given = request.args
    try:
        crypto.check(given.get("msg_signature", ""), given.get("timestamp", ""), given.get("nonce", ""), sealed)
    except CryptoRefused:
        abort(403)


def _plain(text: str) -> Response:
    return Response(text, content_type="text/plain; charset=utf-8")
