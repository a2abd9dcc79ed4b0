"""The demo's official account: whoever writes on the phone of the 演示台 is answered by the demo's agents."""

import secrets
from dataclasses import dataclass

from sqlalchemy import func, select

from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.contacts import create_contact
from app.core.directory.identities import add_identity
from app.core.errors import NotFound
from app.core.installed_base import Device
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.demo.world_rows import World
from app.simulator.demo_account import PHONES, SLUG, credentials
from channels.accounts import add_account, find_account
from workflows.models import Ticket
from workflows.tickets import TICKET

STORY = "HK-V20"
"""The product that the scene on the phone is about."""


@dataclass(frozen=True)
class Lent:
    """A phone that lies ready: its openid, whose it is, and the serial number of a machine of their company."""

    openid: str
    name: str
    serial: str


def set_up(rows: World) -> None:
    """The account, and the contacts whom the desk already knows by WeChat, where they are not there yet."""
    rows.accounts["wechat"] = find_account(SLUG) or add_account(SYSTEM, "wechat", SLUG, credentials())
    for openid, _name, unionid, contact in PHONES:
        if contact in rows.contacts:
            for kind, value in (("openid", openid), ("unionid", unionid)):
                add_identity(SYSTEM, rows.contacts[contact].id, kind=kind, value=value, verified=True)


COLLEAGUES = ("陈立群", "徐建华", "马晓东", "何志强", "高翔", "罗文彬", "梁宇")  # data


def lend() -> Lent:
    """A new phone for somebody whom the desk knows and who has nothing open, so that a scene begins the same each time
    it is played; whoever was lent the fewest comes first. When everybody has something open, a new colleague of theirs.
    Raises NotFound where there is no demo world."""
    under_work = Ticket.state.not_in(TICKET.ends)
    taken = select(Ticket.contact_id).where(under_work, Ticket.contact_id.is_not(None))
    broken = select(Ticket.device_id).where(under_work, Ticket.device_id.is_not(None))
    phones = select(func.count()).where(Identity.contact_id == Contact.id, Identity.kind == "openid").scalar_subquery()
    rows = (
        select(Contact, Device)
        .join(Device, Device.organisation_id == Contact.organisation_id)
        .join(Product, Product.id == Device.product_id)
        .where(Product.code == STORY, Contact.merged_into_id.is_(None), Contact.language == "zh")
        .where(Device.id.not_in(broken))
        .order_by(Contact.id.in_(taken), phones, Contact.id, Device.id)
    )
    found = session().execute(rows.limit(1)).first()
    if found is None:
        raise NotFound()
    contact, device = found
    if session().scalar(taken.where(Ticket.contact_id == contact.id).limit(1)) is not None:
        known = session().scalar(select(func.count()).where(Contact.organisation_id == device.organisation_id)) or 0
        contact = create_contact(SYSTEM, name=COLLEAGUES[known % len(COLLEAGUES)], organisation_id=device.organisation_id, language="zh")
    openid = "oDemo" + secrets.token_hex(11)
    add_identity(SYSTEM, contact.id, kind="openid", value=openid, verified=True)
    return Lent(openid, contact.label, device.serial)
