"""/hooks/calls/<slug>: an exchange or a provider tells of calls: that one rings, was taken, was hung up, and its record.

What comes is kept as it came and answered at once; what cannot be understood waits in the inbox of raw payloads.
"""

import hmac
import ipaddress
import json

from flask import Blueprint, Flask, Response, abort, jsonify, request

from app import viewer
from app.core.sealing import CannotOpen
from channels.accounts import find_account, opened
from channels.calls.adapter import MAPPED, enclose
from channels.calls.formats import FORMATS
from channels.calls.providers import PROVIDERS
from channels.calls.settings import networks
from channels.models import Account
from channels.receiving import accept

blueprint = Blueprint("hooks_calls", __name__)
LONGEST = 1_000_000
_OURS = frozenset({"secret", "format", "timezone"})
KNOWN = frozenset({*FORMATS, *PROVIDERS, MAPPED})


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.route("/hooks/calls/<slug>", methods=["GET", "POST"])
@viewer.public
def report(slug: str) -> tuple[Response, int]:
    """Take a report in: 202, also for one that came before. `?format=` names a format that does not show by itself.
    Some providers report by GET, with the fields in the address."""
    if (request.content_length or 0) > LONGEST:
        abort(413)
    raw = request.stream.read(LONGEST + 1)
    if len(raw) > LONGEST:
        abort(413)
    account = _known(slug)
    form, zone = request.args.get("format", ""), request.args.get("timezone", "")
    if form and form not in KNOWN:
        abort(400)
    kind = request.mimetype
    if request.method == "GET":
        given = {name: value for name, value in request.args.items() if name not in _OURS}
        raw, kind = json.dumps(given).encode() if given else b"", ""
    if raw.strip():
        told = kind if kind == "application/x-www-form-urlencoded" else ""
        accept(account.id, enclose(raw, form=form, zone=zone, content_type=told), source="hook")
    return jsonify(ok=True), 202


def _known(slug: str) -> Account:
    """The account, when whoever asks comes from an allowed address and knows its secret."""
    account = find_account(slug)
    if account is None or account.kind != "calls":
        abort(404)
    if not account.active or not _allowed(str(account.settings.get("allowed_ips", ""))):
        abort(403)
    try:
        secret = str(opened(account).get("secret", ""))
    except CannotOpen:
        abort(403)
    given = request.headers.get("X-Huiyin-Secret") or request.args.get("secret", "")
    if not secret or not hmac.compare_digest(secret.encode(), given.encode("utf-8", "replace")):
        abort(403)
    return account


def _allowed(text: str) -> bool:
    if not text.strip():
        return True
    try:
        here = ipaddress.ip_address(request.remote_addr or "")
        return any(here in network for network in networks(text))
    except ValueError:
        return False
