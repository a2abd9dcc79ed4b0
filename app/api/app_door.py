"""The door of the mobile-app API: the bearer is a person of the app, vouched for by a JWT of the app's own server.

Nobody of the desk comes in here, and nobody from here comes in anywhere else: the routes are open to the gate and ask
for the person themselves.
"""

from typing import Any

from flask import request
from werkzeug.exceptions import Unauthorized

from app.api.base import Resource
from app.core.errors import NotFound
from channels.accounts import find_account
from channels.app import KIND
from channels.app_users import AppUser, NotVouchedFor, read_token
from channels.models import Account
from channels.webchat_files import LARGEST

SECURITY = "appUser"
SCHEME = {
    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
    "description": "an HS256 JWT of the app's user, made by the app's own server: sub, exp; optional name, email, phone, language",
}  # fmt: skip


class AppResource(Resource):
    """Routes under /api/v1/app/<slug>, documented with their own kind of bearer."""

    def __init__(self, name: str, description: str, **given: Any) -> None:
        super().__init__(name, description, **given)
        self._prepare_doc_cbks.append(_document)


def _document(doc: Any, doc_info: Any, *, method: str, **rest: Any) -> Any:
    """The person comes by JWT; nothing here has a version."""
    doc["security"] = [{SECURITY: []}]
    doc["parameters"] = [p for p in doc.get("parameters", []) if not (isinstance(p, dict) and p.get("name") in ("If-Match", "If-None-Match"))]
    answers = doc.get("responses", {})
    for status in (304, 412):
        answers.pop(status, None)
    answers.setdefault(401, "UNAUTHORIZED")
    return doc


api = AppResource(
    "app",
    "The mobile-app API: a company's own app speaks with the desk for its users.",
    max_body=LARGEST + 64 * 1024,
)


def enter(slug: str) -> tuple[Account, AppUser]:
    """The account and the person of this request. Raises NotFound without such an account, Unauthorized without proof."""
    account = find_account(slug)
    if account is None or account.kind != KIND or not account.active:
        raise NotFound()
    kind, _space, given = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise Unauthorized()
    try:
        return account, read_token(account, given.strip())
    except NotVouchedFor:
        raise Unauthorized() from None
