"""Companies, products, sites, devices, contracts: what is refused, what is noted, and that nothing is overwritten unseen."""

from datetime import date

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.db import session
from app.core.directory import contacts, contracts, devices, organisations, products, sites
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from app.core.events import Event, EventRow
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work


@pytest.fixture
def lake(app):
    with unit_of_work():
        return organisations.create_organisation(
            SYSTEM, kind="client", name="澄湖轴承", email_domains=["@ChengHu.example.com"]
        )


@pytest.fixture
def drive(app):
    with unit_of_work():
        return products.create_product(SYSTEM, code="HK-V20", name="变频器")


def refused(call, error=Invalid, /, **given):
    with pytest.raises(error) as problem, unit_of_work():
        call(SYSTEM, **given)
    return list(problem.value.errors)


def test_organisations(lake, make_user):
    assert lake.email_domains == ["chenghu.example.com"]
    make = organisations.create_organisation
    assert refused(make, Conflict, kind="client", name=" 澄湖轴承 ") == ["name"]
    assert refused(make, Conflict, kind="client", name="x", email_domains=["chenghu.example.com"]) == ["email_domains"]
    assert refused(make, kind="friend", name="x") == ["kind"]
    assert refused(make, kind="client", name=" ") == ["name"]
    assert refused(make, kind="client", name="x" * 201, short_name="y" * 61) == ["name", "short_name"]
    assert refused(make, kind="client", name="x", manager_id=999) == ["manager_id"]
    assert refused(make, kind="client", name="x", email_domains=["no domain"]) == ["email_domains"]
    with unit_of_work():
        organisations.update_organisation(
            SYSTEM, lake.id, email_domains=["chenghu.example.com", "chenghu.example.com"], note="重要"
        )
    assert lake.email_domains == ["chenghu.example.com"]


def test_an_update_says_what_changed_and_nothing_where_nothing_did(lake, actor):
    agent = actor("supervisor")
    with unit_of_work():
        organisations.update_organisation(agent, lake.id, name="澄湖轴承", short_name="澄湖", note="x" * 5000)
    version = lake.version
    with unit_of_work():
        organisations.update_organisation(agent, lake.id, short_name="澄湖")
    assert lake.version == version
    row = session().scalars(select(AuditRow).where(AuditRow.action == "organisation.edited")).one()
    assert row.details["changed"] == {"short_name": ["", "澄湖"], "note": []} and row.actor_id == agent.id
    names = session().scalars(select(EventRow.name).where(EventRow.subject_id == lake.id)).all()
    assert names.count("OrganisationChanged") == 2


def test_nothing_is_overwritten_unseen(lake):
    with unit_of_work():
        organisations.update_organisation(SYSTEM, lake.id, version=lake.version, short_name="一")
    with pytest.raises(Stale), unit_of_work():
        organisations.update_organisation(SYSTEM, lake.id, version=1, short_name="二")


def test_products_and_releases(drive):
    assert refused(products.create_product, Conflict, code="HK-V20", name="x") == ["code"]
    assert refused(products.create_product, code="HK V20", name="x") == ["code"]
    assert refused(products.create_product, code="X", name="x", supplier_id=999) == ["supplier_id"]
    with unit_of_work():
        release = products.add_release(SYSTEM, drive.id, name="2.1", released_on=date(2026, 1, 1))
    assert drive.version == 2 and [r.name for r in drive.releases] == ["2.1"]
    with pytest.raises(Conflict), unit_of_work():
        products.add_release(SYSTEM, drive.id, name="2.1")
    with pytest.raises(Invalid), unit_of_work():
        products.update_release(SYSTEM, release.id, supported_until=date(2025, 1, 1))
    with pytest.raises(NotFound), unit_of_work():
        products.update_release(SYSTEM, 999, name="x")


def test_a_client_is_no_supplier(lake):
    assert refused(products.create_product, code="X", name="x", supplier_id=lake.id) == ["supplier_id"]


def test_sites(lake):
    with unit_of_work():
        site = sites.create_site(SYSTEM, organisation_id=lake.id, name="一号厂区", time_zone="Asia/Urumqi")
    assert refused(sites.create_site, Conflict, organisation_id=lake.id, name="一号厂区") == ["name"]
    assert refused(sites.create_site, organisation_id=999, name="x") == ["organisation_id"]
    assert refused(sites.create_site, organisation_id=lake.id, name="x", time_zone="../etc/passwd") == ["time_zone"]
    with pytest.raises(Invalid), unit_of_work():
        sites.update_site(SYSTEM, site.id, organisation_id=lake.id + 1)


def test_devices(lake, drive):
    with unit_of_work():
        hill = organisations.create_organisation(SYSTEM, kind="client", name="北岭水泥")
        site = sites.create_site(SYSTEM, organisation_id=hill.id, name="厂区")
        other = products.create_product(SYSTEM, code="X", name="x")
        release = products.add_release(SYSTEM, other.id, name="1")
        device = devices.create_device(SYSTEM, organisation_id=lake.id, product_id=drive.id, serial="V-1")
    given = {"organisation_id": lake.id, "product_id": drive.id, "serial": "V-2"}
    make = devices.create_device
    assert refused(make, Conflict, **{**given, "serial": " V-1 "}) == ["serial"]
    assert refused(make, **given, site_id=site.id) == ["site_id"]
    assert refused(make, **given, release_id=release.id) == ["release_id"]
    assert refused(make, **{**given, "organisation_id": 999}) == ["organisation_id"]
    assert refused(make, **{**given, "product_id": 999}) == ["product_id"]
    assert refused(make, **given, installed_on=date(2026, 1, 2), warranty_until=date(2026, 1, 1)) == ["warranty_until"]
    assert devices.device_by_tag(device.tag).id == device.id
    old = device.tag
    with unit_of_work():
        devices.renew_tag(SYSTEM, device.id)
    assert devices.device_by_tag(old) is None and devices.device_by_tag(device.tag).id == device.id
    with unit_of_work():
        devices.update_device(SYSTEM, device.id, organisation_id=hill.id, site_id=site.id)
    assert device.organisation.name == "北岭水泥" and device.site.name == "厂区"
    events = session().scalars(select(EventRow).where(EventRow.name == "DeviceChanged")).all()
    assert events[-1].payload == {"device_id": device.id, "version": device.version, "organisation_id": hill.id}


def test_contracts(lake, drive):
    given = {"number": "HT-1", "organisation_id": lake.id, "level": "gold", "starts_on": date(2026, 1, 1)}
    with unit_of_work():
        contract = contracts.create_contract(SYSTEM, **given)
    make = contracts.create_contract
    assert refused(make, Conflict, **given) == ["number"]
    assert refused(make, **{**given, "number": "2", "level": "wood"}) == ["level"]
    assert refused(make, **{**given, "number": "2"}, ends_on=date(2025, 1, 1)) == ["ends_on"]
    assert refused(make, **{**given, "number": "2"}, supplier_id=lake.id) == ["supplier_id"]
    with pytest.raises(Invalid), unit_of_work():
        contracts.update_contract(SYSTEM, contract.id, ends_on=date(2025, 12, 31))
    with unit_of_work():
        contracts.update_contract(SYSTEM, contract.id, ends_on=date(2026, 12, 31), level="silver")
    assert contract.level == "silver" and contract.version == 2


def test_contacts(lake):
    assert refused(contacts.create_contact) == ["name"]
    assert refused(contacts.create_contact, name="x", language="fr") == ["language"]
    assert refused(contacts.create_contact, name="x", organisation_id=999) == ["organisation_id"]
    with unit_of_work():
        contact = contacts.create_contact(SYSTEM, name=" 王工\x00 ", organisation_id=lake.id)
    assert contact.name == "王工"
    with pytest.raises(Invalid), unit_of_work():
        contacts.update_contact(SYSTEM, contact.id, name="")
    with pytest.raises(KeyError), unit_of_work():
        contacts.update_contact(SYSTEM, contact.id, nickname="x")


@pytest.mark.parametrize("role", ["resident", "manager", "editor", "author", "client", "technician"])
def test_who_may_not_write(lake, drive, actor, role):
    who = actor(role)
    for call in (
        lambda: organisations.create_organisation(who, kind="client", name="x"),
        lambda: organisations.update_organisation(who, lake.id, name="x"),
        lambda: contacts.create_contact(who, name="x"),
        lambda: products.create_product(who, code="x", name="x"),
        lambda: products.add_release(who, drive.id, name="x"),
        lambda: sites.create_site(who, organisation_id=lake.id, name="x"),
        lambda: devices.create_device(who, organisation_id=lake.id, product_id=drive.id, serial="x"),
        lambda: contracts.create_contract(
            who, number="x", organisation_id=lake.id, level="gold", starts_on=date(2026, 1, 1)
        ),
    ):
        with pytest.raises(Forbidden), unit_of_work():
            call()


def test_every_event_of_the_directory_is_told_and_described():
    for name in ("ContactChanged", "ContactsMerged", "ContactsUnmerged", "OrganisationChanged", "ProductChanged",
                 "DeviceChanged", "SiteChanged", "ContractChanged"):  # fmt: skip
        event = Event.registry[name]
        assert event.__doc__ and event.subject
