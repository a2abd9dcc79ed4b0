"""What a client is entitled to: level, products and time."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from app.core import audit
from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import access_contract, access_organisation
from app.core.directory.changes import change, check_version, cleaned, note_changed, save
from app.core.directory.events import ContractChanged
from app.core.errors import Conflict, Invalid, NotFound
from app.core.events import record
from app.core.installed_base import CONTRACT_LEVELS, Contract
from app.core.people import Organisation
from app.core.permissions import Actor, require

_TAKEN = "已经有这个编号的合同。"


def create_contract(
    actor: Actor,
    *,
    number: str,
    organisation_id: int,
    level: str,
    starts_on: date,
    ends_on: date | None = None,
    product_id: int | None = None,
    supplier_id: int | None = None,
) -> Contract:
    """A new contract of a client: for one product or, without `product_id`, for all; `supplier_id` says who delivers."""
    require(actor, "organisation.edit")
    given = {
        "number": number, "organisation_id": organisation_id, "level": level, "starts_on": starts_on,
        "ends_on": ends_on, "product_id": product_id, "supplier_id": supplier_id,
    }  # fmt: skip
    values = cleaned(Contract, given, required=("number", "level", "starts_on"))
    try:
        access_organisation(actor, organisation_id)
    except NotFound:
        raise Invalid.of("organisation_id", "没有这家企业。") from None
    _check(values, None)
    contract = Contract(**values)
    save(contract, _TAKEN, "number")
    audit.note(actor, "contract.created", contract)
    _record(contract)
    return contract


def update_contract(actor: Actor, contract_id: int, *, version: int | None = None, **changes: Any) -> Contract:
    """Change columns of a contract; it does not change its company. With `version`, raises Stale when it moved on."""
    require(actor, "organisation.edit")
    contract = access_contract(actor, contract_id)
    check_version(contract, version)
    if changes.pop("organisation_id", contract.organisation_id) != contract.organisation_id:
        raise Invalid.of("organisation_id", "合同不能换到另一家企业。")
    values = cleaned(Contract, changes, required=("number", "level", "starts_on"))
    _check(values, contract)
    if changed := change(contract, values):
        save(contract, _TAKEN, "number")
        note_changed(actor, "contract.edited", contract, changed)
        _record(contract)
    return contract


def _check(values: Mapping[str, Any], contract: Contract | None) -> None:
    if values.get("level", "basic") not in CONTRACT_LEVELS:
        raise Invalid.of("level", "没有这个合同级别。")
    since = values.get("starts_on") or (contract.starts_on if contract else None)
    until = values.get("ends_on", contract.ends_on if contract else None)
    if since is not None and until is not None and until < since:
        raise Invalid.of("ends_on", "结束日期早于开始日期。")
    if values.get("product_id") is not None and session().get(Product, values["product_id"]) is None:
        raise Invalid.of("product_id", "没有这个产品。")
    if values.get("supplier_id") is not None:
        supplier = session().get(Organisation, values["supplier_id"])
        if supplier is None or supplier.kind == "client":
            raise Invalid.of("supplier_id", "没有这家供应商。")
    if "number" in values:
        same = select(Contract.id).where(
            Contract.number == values["number"], Contract.id != (contract.id if contract else 0)
        )
        if session().scalar(same) is not None:
            raise Conflict(_TAKEN, errors={"number": [_TAKEN]})


def _record(contract: Contract) -> None:
    record(ContractChanged(contract_id=contract.id, version=contract.version, organisation_id=contract.organisation_id))
