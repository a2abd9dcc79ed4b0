"""/hooks/wechat/<slug>: where WeChat calls. Signed by the platform, so no login and no form token."""

from flask import Blueprint, Flask, Response, request

from app import viewer
from app.core.errors import NotFound
from channels.accounts import find_account
from channels.models import Account
from channels.wechat import hook
from channels.wechat.adapter import KIND

blueprint = Blueprint("hooks_wechat", __name__, url_prefix="/hooks/wechat")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/<slug>")
@viewer.public
def check(slug: str) -> Response:
    """The platform asks whether this address is ours, once, when an administrator saves it there."""
    try:
        return _plain(hook.echo(_account(slug), request.args))
    except hook.NotTheirs:
        return _plain("signature", 403)


@blueprint.post("/<slug>")
@viewer.public
def callback(slug: str) -> Response:
    """A message or an event. It is kept before `success` is said; the real answer is sent later, by the API."""
    account = _account(slug)
    if (request.content_length or 0) > hook.LARGEST:
        return _plain("too large", 413)
    body = request.stream.read(hook.LARGEST + 1)
    if len(body) > hook.LARGEST:
        return _plain("too large", 413)
    try:
        hook.take(account, request.args, body)
    except hook.NotTheirs:
        return _plain("signature", 403)
    return _plain("success")


def _account(slug: str) -> Account:
    account = find_account(slug)
    if account is None or account.kind != KIND or not account.active:
        raise NotFound()
    return account


def _plain(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")
