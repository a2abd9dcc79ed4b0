"""The catalogue: products and their releases."""

from datetime import date
from typing import Any

from sqlalchemy import select

from app.core import audit
from app.core.catalogue import Product, Release
from app.core.db import session
from app.core.directory.access import access_product
from app.core.directory.changes import change, check_version, cleaned, note_changed, save, touch
from app.core.directory.events import ProductChanged
from app.core.errors import Conflict, Invalid, NotFound
from app.core.events import record
from app.core.people import Organisation
from app.core.permissions import Actor, require

_TAKEN = "已经有这个代号的产品。"
_RELEASE_TAKEN = "这个产品已经有同名的版本。"


def create_product(
    actor: Actor,
    *,
    code: str,
    name: str,
    category: str = "",
    supplier_id: int | None = None,
    active: bool = True,
) -> Product:
    """A new product. `code` is how people name it, and unique; without a supplier it is the platform's own."""
    require(actor, "catalogue.edit")
    given = {"code": code, "name": name, "category": category, "supplier_id": supplier_id, "active": active}
    values = _checked(given, 0)
    product = Product(**values)
    save(product, _TAKEN, "code")
    audit.note(actor, "product.created", product)
    _record(product)
    return product


def update_product(actor: Actor, product_id: int, *, version: int | None = None, **changes: Any) -> Product:
    """Change columns of a product. With `version`, raises Stale when it moved on."""
    require(actor, "catalogue.edit")
    product = access_product(actor, product_id)
    check_version(product, version)
    if changed := change(product, _checked(changes, product.id)):
        save(product, _TAKEN, "code")
        note_changed(actor, "product.edited", product, changed)
        _record(product)
    return product


def add_release(
    actor: Actor, product_id: int, *, name: str, released_on: date | None = None, supported_until: date | None = None
) -> Release:
    """A new version of a product."""
    require(actor, "catalogue.edit")
    product = access_product(actor, product_id)
    given = {"name": name, "released_on": released_on, "supported_until": supported_until}
    release = Release(product_id=product.id, **_checked_release(product.id, given, 0))
    save(release, _RELEASE_TAKEN, "name")
    _release_changed(actor, "release.added", product, release)
    return release


def update_release(actor: Actor, release_id: int, **changes: Any) -> Release:
    """Change name, released_on or supported_until of a version."""
    require(actor, "catalogue.edit")
    release = access_release(actor, release_id)
    given = {"released_on": release.released_on, "supported_until": release.supported_until} | changes
    if changed := change(release, _checked_release(release.product_id, given, release.id)):
        save(release, _RELEASE_TAKEN, "name")
        _release_changed(actor, "release.edited", release.product, release, changed=changed)
    return release


def access_release(actor: Actor, release_id: int) -> Release:
    """The version of a product that the actor may see; raises NotFound."""
    release = session().get(Release, release_id) if 0 < release_id < 2**31 else None
    if release is None:
        raise NotFound()
    access_product(actor, release.product_id)
    return release


def _checked(given: dict[str, Any], own_id: int) -> dict[str, Any]:
    values = cleaned(Product, given, required=("code", "name"))
    if "code" in values:
        if any(c.isspace() for c in values["code"]):
            raise Invalid.of("code", "中间不能有空格。")
        if session().scalar(select(Product.id).where(Product.code == values["code"], Product.id != own_id)) is not None:
            raise Conflict(_TAKEN, errors={"code": [_TAKEN]})
    if values.get("supplier_id") is not None:
        supplier = session().get(Organisation, values["supplier_id"])
        if supplier is None or supplier.kind == "client":
            raise Invalid.of("supplier_id", "没有这家供应商。")
    return values


def _checked_release(product_id: int, given: dict[str, Any], own_id: int) -> dict[str, Any]:
    values = cleaned(Release, given, required=("name",))
    since, until = values.get("released_on"), values.get("supported_until")
    if since is not None and until is not None and until < since:
        raise Invalid.of("supported_until", "结束日期早于开始日期。")
    if "name" in values:
        same = select(Release.id).where(
            Release.product_id == product_id, Release.name == values["name"], Release.id != own_id
        )
        if session().scalar(same) is not None:
            raise Conflict(_RELEASE_TAKEN, errors={"name": [_RELEASE_TAKEN]})
    return values


def _release_changed(actor: Actor, action: str, product: Product, release: Release, **details: Any) -> None:
    session().expire(product, ["releases"])
    touch(product)
    session().flush()
    audit.note(actor, action, product, release=release.name, **details)
    _record(product)


def _record(product: Product) -> None:
    record(ProductChanged(product_id=product.id, version=product.version))
