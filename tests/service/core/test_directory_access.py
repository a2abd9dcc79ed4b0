"""The gatekeepers, per role: what is somebody else's looks as if it were not there."""

from datetime import date

import pytest
from sqlalchemy import select

from app.core.db import session
from app.core.directory import access, contacts, contracts, devices, organisations, products, sites
from app.core.errors import NotFound
from app.core.people import Organisation
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work

KINDS = ("organisation", "contact", "device", "site", "contract")


@pytest.fixture
def world(app, make_user):
    manager = make_user("manager", name="the-manager")
    rows = {}
    with unit_of_work():
        for name in ("tuolian", "hongkong"):
            rows[name] = organisations.create_organisation(SYSTEM, kind="supplier", name=name)
            rows[f"{name}.product"] = products.create_product(SYSTEM, code=name, name=name, supplier_id=rows[name].id)
            rows[f"{name}.contact"] = contacts.create_contact(SYSTEM, name=name, organisation_id=rows[name].id)
        rows["platform"] = organisations.create_organisation(SYSTEM, kind="platform", name="平台")
        for name, supplier in (("lake", "tuolian"), ("hill", "hongkong"), ("both", "tuolian")):
            care = manager.id if name == "hill" else None
            company = organisations.create_organisation(SYSTEM, kind="client", name=name, manager_id=care)
            rows[f"{name}.organisation"] = company
            rows[f"{name}.contact"] = contacts.create_contact(SYSTEM, name=name, organisation_id=company.id)
            rows[f"{name}.site"] = sites.create_site(SYSTEM, organisation_id=company.id, name="厂区")
            rows[f"{name}.device"] = devices.create_device(
                SYSTEM, organisation_id=company.id, product_id=rows[f"{supplier}.product"].id, serial=name,
                site_id=rows[f"{name}.site"].id,
            )  # fmt: skip
            rows[f"{name}.contract"] = contracts.create_contract(
                SYSTEM, number=name, organisation_id=company.id, level="gold", starts_on=date(2026, 1, 1),
                product_id=rows[f"{supplier}.product"].id,
            )  # fmt: skip
        company = rows["both.organisation"]
        rows["both.other"] = devices.create_device(
            SYSTEM, organisation_id=company.id, product_id=rows["hongkong.product"].id, serial="other"
        )
        rows["nobody.contact"] = contacts.create_contact(SYSTEM, name="无企业")
    rows["manager"] = manager
    return rows


def sees(who: Actor, kind: str) -> set[str]:
    """Names of the rows of a kind that the actor's list shows; each one also opens, and no other one does."""
    readable, one = getattr(access, f"readable_{kind}s"), getattr(access, f"access_{kind}")
    found = {row.id: row for row in session().scalars(readable(who))}
    for row in session().scalars(readable(SYSTEM)):
        if row.id in found:
            assert one(who, row.id) is row
        else:
            with pytest.raises(NotFound):
                one(who, row.id)
    field = {"device": "serial", "contract": "number", "site": "organisation_id"}.get(kind, "name")
    if kind == "site":
        return {session().get_one(Organisation, row.organisation_id).name for row in found.values()}
    return {getattr(row, field) for row in found.values()}


def company(world, name):
    return world[name]


@pytest.mark.parametrize("role", ["agent", "second_line", "leader", "supervisor", "administrator"])
def test_staff_see_all(world, actor, role):
    who = actor(role)
    assert sees(who, "contact") == {"lake", "hill", "both", "tuolian", "hongkong", "无企业"}
    assert sees(who, "organisation") == {"lake", "hill", "both", "tuolian", "hongkong", "平台"}
    assert sees(who, "device") == {"lake", "hill", "both", "other"}
    assert sees(who, "site") == sees(who, "contract") == {"lake", "hill", "both"}


def test_staff_of_the_platforms_own_company_are_staff(world, actor):
    assert len(sees(actor("agent", organisation=world["platform"]), "contact")) == 6


def test_a_resident_sees_the_clients_of_own_products(world, actor):
    who = actor("resident", organisation=world["tuolian"])
    assert sees(who, "organisation") == {"tuolian", "lake", "both"}
    assert sees(who, "contact") == {"tuolian", "lake", "both"}
    assert sees(who, "device") == {"lake", "both"}, "the other supplier's device at the same client is hidden"
    assert sees(who, "site") == {"lake", "both"}
    assert sees(who, "contract") == {"lake", "both"}


def test_an_agent_whose_company_is_a_supplier_is_limited_all_the_same(world, actor):
    assert sees(actor("agent", organisation=world["hongkong"]), "device") == {"hill", "other"}


@pytest.mark.parametrize("role", ["dispatcher", "technician", "author"])
def test_suppliers_other_people_see_no_directory(world, actor, role):
    who = actor(role, organisation=world["tuolian"])
    assert all(sees(who, kind) == set() for kind in KINDS)


def test_an_account_manager_sees_the_companies_in_their_care(world):
    who = world["manager"].actor("test")
    for kind in KINDS:
        assert sees(who, kind) == {"hill"}


def test_a_client_administrator_sees_the_own_company(world, actor):
    who = actor("client", organisation=world["lake.organisation"])
    for kind in KINDS:
        assert sees(who, kind) == {"lake"}


def test_a_contact_sees_itself_and_the_own_companys_devices(world):
    own = world["lake.contact"]
    who = Actor(kind="contact", id=own.id, name="王工", organisation_id=own.organisation_id)
    assert sees(who, "contact") == sees(who, "device") == sees(who, "site") == {"lake"}
    assert sees(who, "contract") == set()
    lonely = Actor(kind="contact", id=world["nobody.contact"].id, name="x")
    assert sees(lonely, "contact") == {"无企业"} and sees(lonely, "device") == set() == sees(lonely, "organisation")


@pytest.mark.parametrize("role", ["client", "resident", "dispatcher", "technician", "author", "editor"])
def test_who_has_no_company_or_no_permission_sees_nothing(world, actor, role):
    who = actor(role)
    assert all(sees(who, kind) == set() for kind in KINDS)
    assert all(sees(NOBODY, kind) == set() for kind in KINDS)


def test_a_token_without_the_permission_sees_nothing(world, make_user):
    who = make_user("agent").actor("api", frozenset({"ticket.read"}))
    assert all(sees(who, kind) == set() for kind in KINDS)


def test_ids_that_cannot_be_are_not_found(world, actor):
    for wrong in (0, -1, 2**31, 10**30):
        with pytest.raises(NotFound):
            access.access_contact(SYSTEM, wrong)


def test_the_catalogue_is_open(world):
    assert len(session().scalars(access.readable_products(NOBODY)).all()) == 2
    assert session().scalar(select(Organisation.id)) is not None
