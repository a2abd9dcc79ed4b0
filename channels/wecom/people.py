"""Names of those who write: the platform tells them apart from their messages, and once is enough."""

from collections.abc import Sequence

from sqlalchemy import select

from app.core.db import session
from app.core.directory.events import ContactChanged
from app.core.directory.identities import find_identity
from app.core.directory.merging import kept, merge_contacts
from app.core.events import record
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.text import clean
from app.core.uow import unit_of_work
from channels.models import Account
from channels.wecom import api

AT_ONCE = 100


def learn(account: Account, users: Sequence[str]) -> int:
    """Ask who these people are, as far as they have no name yet. Returns how many got one. Raises KfRefused or SendFailed."""
    nameless = [user for user in users if _is_nameless(user)][:AT_ONCE]
    session().rollback()
    if not nameless:
        return 0
    found = api.call(account, "kf/customer/batchget", {"external_userid_list": nameless})
    named = 0
    for one in found.get("customer_list") or []:
        if isinstance(one, dict) and isinstance(one.get("external_userid"), str):
            with unit_of_work():
                named += _name(one["external_userid"], str(one.get("nickname") or ""), str(one.get("unionid") or ""))
    return named


def _is_nameless(user: str) -> bool:
    rows = select(Contact.name).join(Identity, Identity.contact_id == Contact.id)
    return session().scalar(rows.where(Identity.kind == "wecom", Identity.value == user)) == ""


def _name(user: str, nickname: str, unionid: str) -> int:
    identity = find_identity("wecom", user)
    if identity is None or identity.contact is None:
        return 0
    _join(identity, unionid)
    contact = kept(identity.contact)
    name = " ".join(clean(nickname).split())[:120]
    if not name or contact.name:
        return 0
    contact.name, identity.shown = name, name
    session().flush()
    record(ContactChanged(contact_id=contact.id, version=contact.version))
    return 1


def _join(identity: Identity, unionid: str) -> None:
    """One person has one unionid on all of a company's WeChat entrances: whoever has it already is this person."""
    if not unionid or len(unionid) > 128 or " " in unionid:
        return
    known = find_identity("unionid", unionid)
    if known is None:
        session().add(Identity(kind="unionid", value=unionid, shown=unionid, contact_id=identity.contact_id, verified=True))
        session().flush()
        return
    if known.contact is None or identity.contact is None or known.shared:
        return
    there, here = kept(known.contact), kept(identity.contact)
    if there.id != here.id:
        merge_contacts(SYSTEM, there.id, here.id)
