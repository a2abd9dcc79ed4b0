"""The first words to somebody who begins to follow the account."""

from app.core.db import session
from app.core.people import Identity
from app.core.permissions import SYSTEM
from channels import windows
from channels.models import Account, Conversation
from channels.sending import queue_message
from channels.threading import line_with


def greet(account_id: int, identity_id: int, *, scanned: bool) -> None:
    """Say the account's welcome, where it has one, within the caller's unit of work. A follow opens a right to write of
    its own, before the person has said anything."""
    account, identity = session().get(Account, account_id), session().get(Identity, identity_id)
    if account is None or identity is None or account.kind != "wechat" or not account.active:
        return
    welcome = str(account.settings.get("welcome") or "").strip()
    if not welcome or not account.settings.get("secret"):
        return
    line = line_with(account.id, identity.id)
    if line is None:
        contact = identity.contact
        line = Conversation(
            account_id=account.id,
            identity_id=identity.id,
            contact_id=contact.id if contact else None,
            organisation_id=(contact and contact.organisation_id) or identity.organisation_id,
        )
        session().add(line)
        session().flush()
        windows.opened(line, "scan" if scanned else "follow")
    queue_message(SYSTEM, line, welcome, is_auto=True)
