"""Meeting somebody on a platform that tells more about them: one question per identity, asked of the platform once.

What it answers may say that two identities are one person (WeChat's unionid): they are joined as a person would join
two contacts, so it can be taken back, and it is not done again after that.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, session
from app.core.directory.identities import add_identity, find_identity, find_or_create_contact
from app.core.directory.merging import kept, merge_contacts
from app.core.events import record
from app.core.people import Contact, Identity
from app.core.permissions import Actor
from channels.events import PersonMet
from channels.models import Account, Conversation, Message

ASKED_OF = {"wechat": "openid"}
"""The kinds of account whose platform is asked, and the kind of identity that it knows."""


class Meeting(Base):
    """That a platform was asked about an identity: `answered_at` None while it has not answered. `unionid` as it said."""

    __tablename__ = "meeting"
    identity_id: Mapped[int] = mapped_column(ForeignKey("identity.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    unionid: Mapped[str | None] = mapped_column(CleanText(120))
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


def introduce(account: Account, identity: Identity | None) -> None:
    """Ask about somebody who is new here, within the caller's unit of work. Whoever writes can be reached again."""
    if identity is None or ASKED_OF.get(account.kind) != identity.kind:
        return
    identity.reachable = True
    if session().get(Meeting, identity.id) is not None or not account.settings.get("secret"):
        return
    session().add(Meeting(identity_id=identity.id, account_id=account.id))
    session().flush()
    record(PersonMet(account_id=account.id, identity_id=identity.id))


def answered(actor: Actor, identity_id: int, *, unionid: str, name: str) -> None:
    """Write down what the platform said, and join the contacts of one unionid: the one that we know longer is kept."""
    meeting = session().get(Meeting, identity_id)
    identity = session().get(Identity, identity_id)
    if meeting is None or identity is None or meeting.answered_at is not None:
        return
    meeting.answered_at, meeting.unionid = now(), unionid[:120] or None
    if name:
        find_or_create_contact(actor, identity.kind, identity.value, name=name)
        _call_by_name(identity, name)
    if not unionid or identity.shared or identity.contact_id is None:
        session().flush()
        return
    mine = kept(session().get_one(Contact, identity.contact_id))
    common = find_identity("unionid", unionid)
    if common is None or common.contact_id is None:
        add_identity(actor, mine.id, kind="unionid", value=unionid, verified=True)
        return
    other = kept(session().get_one(Contact, common.contact_id))
    if other.id != mine.id and not common.shared:
        merge_contacts(actor, min(mine.id, other.id), max(mine.id, other.id))


def _call_by_name(identity: Identity, name: str) -> None:
    """What they wrote before we knew their name bears it from now on."""
    lines = select(Conversation.id).where(Conversation.identity_id == identity.id)
    session().execute(
        update(Message)
        .where(Message.conversation_id.in_(lines), Message.direction == "in", Message.author_name == identity.value)
        .values(author_name=name[:200])
        .execution_options(synchronize_session=False)
    )
