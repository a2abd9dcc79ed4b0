"""The ways by which the person of a ticket can be reached now, the best first: an open channel, a mail, a text, a call."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.core.db import session
from app.core.directory.merging import family_ids
from app.core.people import Identity
from channels import windows
from channels.accounts import mailbox_that_sends
from channels.models import Account, Conversation
from channels.registry import CHANNELS
from channels.windows import Left
from workflows.models import Ticket, TicketConversation

CARRIED_BY = {"email": "email", "phone": "sms", "openid": "wechat", "wecom": "wecom", "weibo": "weibo", "visitor": "webchat", "app": "app"}
"""Which kind of account writes to which kind of identity."""

WRITTEN_FIRST = frozenset({"email", "sms"})
"""Channels on which we may begin; on the others the person must have written before."""

CALL = "call"
_RANK = {kind: place for place, kind in enumerate(("wechat", "wecom", "app", "email", "sms", "weibo", "webchat", CALL))}


@dataclass(frozen=True)
class Way:
    """How to reach somebody. `channel` is a kind of account, or "call": then `value` is the number to dial. `left` is
    what the platform still allows. `here`: a conversation of this ticket already."""

    channel: str
    identity: Identity
    account: Account | None = None
    conversation: Conversation | None = None
    here: bool = False
    left: Left | None = None

    @property
    def open(self) -> bool:
        """Whether something could be sent now."""
        return self.left is None or self.left.messages > 0


def ways_of(ticket: Ticket, but: int | None = None) -> list[Way]:
    """All ways to the person of a ticket except the conversation `but`, those that are open now first."""
    identities = _identities(ticket)
    lines = _lines([one.id for one in identities])
    mine = set(
        session().scalars(select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id))
    )
    texting = session().scalar(
        select(Account).where(Account.kind == "sms", Account.active.is_(True)).order_by(Account.id).limit(1)
    )
    found: list[Way] = []
    for identity in identities:
        kind = CARRIED_BY.get(identity.kind)
        spoken = [line for line in lines if line.identity_id == identity.id and line.account.kind == kind]
        here = next((line for line in spoken if line.id in mine), None)
        line = here or next(iter(spoken), None)
        if kind is not None and kind in CHANNELS and identity.reachable and not (line is not None and line.id == but):
            account = line.account if line else mailbox_that_sends() if kind == "email" else texting if kind == "sms" else None
            if account is not None:
                keeps = line if here is not None or kind not in WRITTEN_FIRST else None
                limit = windows.left(line) if line is not None else None
                found.append(Way(kind, identity, account, keeps, here is not None, limit))
        if identity.kind == "phone":
            found.append(Way(CALL, identity))
    return sorted(found, key=lambda way: (not way.open, _RANK.get(way.channel, 9), way.identity.suspect, way.identity.id))


def _identities(ticket: Ticket) -> Sequence[Identity]:
    """The addresses of the ticket's person, or of its conversations where nobody is known yet."""
    if ticket.contact is not None:
        rows = select(Identity).where(Identity.contact_id.in_(family_ids(ticket.contact)))
    else:
        own = select(Conversation.identity_id).join(
            TicketConversation, TicketConversation.conversation_id == Conversation.id
        )
        rows = select(Identity).where(Identity.id.in_(own.where(TicketConversation.ticket_id == ticket.id)))
    return session().scalars(rows.order_by(Identity.id).limit(20)).all()


def _lines(identities: Sequence[int]) -> Sequence[Conversation]:
    """Conversations with these addresses on accounts that work, those spoken in last first."""
    rows = (
        select(Conversation)
        .join(Account, Account.id == Conversation.account_id)
        .where(Conversation.identity_id.in_(identities), Account.active.is_(True))
        .options(joinedload(Conversation.account), joinedload(Conversation.identity))
        .order_by(Conversation.last_message_at.desc(), Conversation.id.desc())
    )
    return session().scalars(rows.limit(100)).all()
