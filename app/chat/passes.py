"""Whoever is logged in on the portal is known in the portal's chat: the house vouches for its own people.

The chat's page carries a signed word, which is exchanged for a visitor token like a site's JWT.
"""

from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.core.db import session
from app.core.people import User
from app.letters import signing
from channels.webchat_proof import Proof

LIVES = 12 * 3600
"""Seconds for which the word of a page that stays open can be exchanged."""


def sign_pass(user: User, slug: str) -> str:
    """The word for somebody who asks us things; empty for the house's own staff and for suppliers."""
    if user.role != "client" and user.contact_id is None:
        return ""
    return _serializer().dumps([user.id, slug])


def read_pass(word: str, slug: str) -> Proof | None:
    """Who holds such a word; None when it is not ours, of another chat, too old, or its user is stopped."""
    try:
        found = _serializer().loads(word, max_age=LIVES)
    except BadSignature:
        return None
    if not isinstance(found, list) or len(found) != 2 or found[1] != slug:
        return None
    user = session().get(User, found[0])
    if user is None or not user.active:
        return None
    return Proof(f"user:{user.id}", user.label[:60], (user.email or "").lower(), "", user.contact_id, user.organisation_id)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(signing()["key"], salt="chat-pass")
