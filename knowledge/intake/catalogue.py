"""What an export says of the products and companies that its articles name, so that an empty house can take it in.

It stands in the front matter under `catalogue`. Only what is missing is made, and only by somebody who may edit the
catalogue and the companies: everybody else is told who can.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, or_, select

from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import circle
from app.core.directory.organisations import create_organisation
from app.core.directory.products import create_product
from app.core.errors import Invalid
from app.core.people import Organisation
from app.core.permissions import Actor
from app.core.text import pack
from knowledge.models import Article

NAME = "catalogue"
PRODUCT, COMPANY = ("code", "name", "category", "supplier"), ("name", "short_name", "kind")


def described(article: Article) -> dict[str, Any]:
    """The products and companies that the article names, and the suppliers of those products; empty for neither."""
    products = [
        {"code": p.code, "name": p.name, "category": p.category, "supplier": p.supplier.name if p.supplier else ""}
        for p in article.products
    ]
    companies = {o.name: o for o in (*article.organisations, *(p.supplier for p in article.products if p.supplier))}
    told = [{"name": o.name, "short_name": o.short_name, "kind": o.kind} for o in companies.values()]
    return {name: rows for name, rows in (("products", products), ("organisations", told)) if rows}


def bring_in(actor: Actor, given: Mapping[str, Any]) -> list[str]:
    """Make what the block describes and this house does not have; the packed words for the report. Raises Invalid where
    something is missing that the actor may not make."""
    told = given.get(NAME)
    if not isinstance(told, Mapping) or circle(actor) == "supplier":  # whom else we know is not theirs to find out
        return []
    notes = []
    companies = {row["name"]: row for row in _rows(told.get("organisations"), COMPANY)}
    for name, row in companies.items():
        if _company(name) is None and row["kind"] != "platform":  # a house has its own
            _may(actor, "organisation.edit", "audience", "没有企业“%(name)s”。请管理员导入，企业会一起建好。", name)
            create_organisation(actor, kind=row["kind"], name=name, short_name=row["short_name"])
            notes.append(pack("新建了企业“%(name)s”。", name=name))
    for row in _rows(told.get("products"), PRODUCT):
        if _product(row["code"]) is None:
            _may(actor, "catalogue.edit", "products", "没有产品“%(name)s”。请管理员导入，产品会一起建好。", row["code"])
            create_product(actor, code=row["code"], name=row["name"], category=row["category"], supplier_id=_company(row["supplier"]))
            notes.append(pack("新建了产品“%(name)s”。", name=row["code"]))
    return notes


def _rows(given: Any, names: Sequence[str]) -> list[dict[str, str]]:
    """The rows with these names as text; what is not a row with a name of its own is left out."""
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list) else []
    return [{name: str(row.get(name) or "").strip() for name in names} for row in rows if str(row.get(names[0]) or "").strip()]


def _may(actor: Actor, permission: str, field: str, reason: str, name: str) -> None:
    if not actor.can(permission):
        raise Invalid.of(field, reason, name=name)


def _company(name: str) -> int | None:
    if not name:
        return None
    same = or_(Organisation.name == name, Organisation.short_name == name)
    return session().scalars(select(Organisation.id).where(same).order_by(Organisation.id)).first()


def _product(code: str) -> int | None:
    return session().scalars(select(Product.id).where(or_(func.lower(Product.code) == code.lower(), Product.name == code))).first()
