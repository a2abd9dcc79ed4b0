"""The directory's pages: found, changed, merged with a look before, taken apart again; and nobody else's."""

import re

import pytest
from sqlalchemy import event, select

from app.core.db import db, session
from app.core.directory import contacts, contracts, devices, organisations, products, sites
from app.core.directory.merging import kept, merge_contacts
from app.core.installed_base import Contract, Device, Site
from app.core.people import Contact, Identity, Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work


@pytest.fixture
def world(app):
    with unit_of_work():
        lake = organisations.create_organisation(SYSTEM, kind="client", name="澄湖轴承", short_name="澄湖")
        supplier = organisations.create_organisation(SYSTEM, kind="supplier", name="宏控自动化")
        product = products.create_product(SYSTEM, code="HK-V20", name="变频器", supplier_id=supplier.id)
        site = sites.create_site(SYSTEM, organisation_id=lake.id, name="一号厂区")
        device = devices.create_device(
            SYSTEM, organisation_id=lake.id, product_id=product.id, serial="V-1", site_id=site.id
        )
        wang = contacts.create_contact(
            SYSTEM, name="王工", organisation_id=lake.id, identities=[{"kind": "phone", "value": "13800138000"}]
        )
        double = contacts.create_contact(
            SYSTEM, name="王工", title="设备主管", identities=[{"kind": "email", "value": "wang@example.org"}]
        )
    return {
        "lake": lake.id,
        "supplier": supplier.id,
        "product": product.id,
        "device": device.id,
        "wang": wang.id,
        "double": double.id,
    }


@pytest.fixture
def agent(client, make_user):
    return client.log_in(make_user("agent"))


@pytest.fixture
def supervisor(client, make_user):
    return client.log_in(make_user("supervisor"))


def text_of(answer, status=200):
    assert answer.status_code == status, answer.get_data(as_text=True)[:500]
    return answer.get_data(as_text=True)


def test_lists_and_searches(agent, world):
    assert "澄湖轴承" in text_of(agent.get("/organisations"))
    assert "澄湖轴承" not in text_of(agent.get("/organisations?kind=supplier"))
    assert text_of(agent.get("/contacts?q=138 0013 8000")).count('href="/contacts/') >= 1
    assert "没有符合条件的联系人" in text_of(agent.get("/contacts?q=nobody"))
    assert "V-1" in text_of(agent.get(f"/devices?q=v-1&organisation={world['lake']}"))
    for path in ("/contacts", "/organisations", "/devices"):
        for odd in ("?cursor=x", "?cursor=99999999999", "?q=%00%ED%A0%80", "?organisation=%27"):
            assert agent.get(path + odd).status_code == 200


def test_pages_go_on_after_fifty(agent, app):
    with unit_of_work():
        for n in range(120):
            contacts.create_contact(SYSTEM, name=f"人 {n}")
            organisations.create_organisation(SYSTEM, kind="client", name=f"企业 {n % 7} {n}")
    for path in ("/contacts", "/organisations"):
        seen, url = [], path
        while url:
            page = text_of(agent.get(url))
            seen += re.findall(rf'class="main" href="{path}/(\d+)"', page)
            onward = re.search(rf'href="({path}\?[^"]*cursor=\d+)"[^>]*rel="next"', page) or re.search(
                r'rel="next"[^>]*href="([^"]+)"', page
            )
            url = onward.group(1).replace("&amp;", "&") if onward else None
        assert len(seen) == len(set(seen)) == 120


def test_a_contact_is_made_and_changed(agent, world):
    made = agent.post("/contacts", data={"name": "赵工", "organisation_id": world["lake"], "phone": "139 1234 5678"})
    assert made.status_code == 303
    assert "139 1234 5678" in text_of(agent.get(made.location))
    taken = text_of(agent.post("/contacts", data={"name": "x", "phone": "13912345678"}), 409)
    assert "已经属于别人" in taken and 'value="13912345678"' in taken
    assert "这个号码不对" in text_of(agent.post("/contacts", data={"phone": "99887766554433"}), 422)
    text_of(agent.post("/contacts", data={}), 422)
    text_of(agent.post("/contacts", data={"name": "x", "organisation_id": "drop"}), 422)
    path = made.location
    saved = agent.post(path, data={"name": "赵工", "title": "厂长", "organisation_id": "", "version": "2"})
    assert saved.status_code == 303
    assert "别人刚刚改过" in text_of(agent.post(path, data={"name": "钱工", "version": "1"}), 409)
    assert "厂长" in text_of(agent.get(path))


def test_identities_on_the_page(agent, world):
    path = f"/contacts/{world['wang']}"
    assert (
        agent.post(f"{path}/identities", data={"kind": "email", "value": "Service@ChengHu.example.com"}).status_code
        == 303
    )
    number = session().scalars(select(Identity.id).where(Identity.value == "service@chenghu.example.com")).one()
    agent.post(f"{path}/identities/{number}/share", data={"shared": "1"})
    assert "共用" in text_of(agent.get(path))
    agent.post(f"{path}/identities/{number}/share", data={"shared": "0"})
    session().rollback()
    assert not session().get(Identity, number).shared
    assert agent.post(f"/contacts/{world['double']}/identities/{number}/remove").status_code == 404
    agent.post(f"{path}/identities/{number}/remove")
    session().rollback()
    assert session().get(Identity, number) is None
    text_of(agent.post(f"{path}/identities", data={"kind": "email", "value": "wang@example.org"}), 409)


def test_two_people_are_compared_merged_and_taken_apart(agent, world):
    path = f"/contacts/{world['wang']}"
    assert f"{path}?merge={world['double']}" in text_of(agent.get(path)), "the same name is suggested"
    assert "wang@example.org" in text_of(agent.get(f"{path}?merge_q=wang@example"))
    preview = text_of(agent.get(f"{path}?merge={world['double']}"))
    assert "合并前先看一眼" in preview and "设备主管" in preview
    assert agent.post(f"{path}/merge", data={"keep": world["wang"], "merge": world["double"]}).location == path
    page = text_of(agent.get(path))
    assert "设备主管" in page and "wang@example.org" in page and "合并过的" in page
    assert agent.get(f"/contacts/{world['double']}").location == path
    undo = re.search(rf'action="({path}/merges/\d+/undo)"', page).group(1)
    agent.post(undo)
    session().rollback()
    assert kept(session().get_one(Contact, world["double"])).id == world["double"]
    assert session().get_one(Contact, world["wang"]).title == ""
    assert "已经撤销" in text_of(agent.post(undo, follow_redirects=True))
    agent.post(f"{path}/merge", data={"keep": "1", "merge": "x"})
    agent.post(f"{path}/merge", data={"keep": world["wang"], "merge": world["wang"]})
    assert agent.get(f"{path}?merge=999").status_code == 404


def test_a_company_gets_sites_contracts_and_devices(supervisor, world):
    path = f"/organisations/{world['lake']}"
    assert "一号厂区" in text_of(supervisor.get(path))
    assert supervisor.post(f"{path}/sites", data={"name": "二号厂区", "address": "湖州"}).status_code == 303
    assert "已经有同名的现场" in text_of(supervisor.post(f"{path}/sites", data={"name": "二号厂区"}), 409)
    contract = {"number": "HT-2026-1", "level": "gold", "starts_on": "2026-01-01", "ends_on": ""}
    assert supervisor.post(f"{path}/contracts", data=contract).status_code == 303
    assert "早于开始" in text_of(
        supervisor.post(f"{path}/contracts", data={**contract, "number": "2", "ends_on": "2025-01-01"}), 422
    )
    text_of(supervisor.post(f"{path}/contracts", data={**contract, "starts_on": "soon"}), 422)
    device = {"product_id": world["product"], "serial": "V-2"}
    assert supervisor.post(f"{path}/devices", data=device).status_code == 303
    text_of(supervisor.post(f"{path}/devices", data={"serial": "V-3"}), 422)
    session().rollback()
    assert session().scalars(select(Site.name)).all() == ["一号厂区", "二号厂区"]
    assert session().scalars(select(Contract.number)).all() == ["HT-2026-1"]
    assert session().scalars(select(Device.serial)).all() == ["V-1", "V-2"]
    page = text_of(supervisor.get(path))
    assert "HT-2026-1" in page and "金牌" in page and "V-2" in page
    assert "金牌" in text_of(supervisor.get("/organisations"))


def test_a_company_is_made_and_changed(supervisor, world):
    new = {"kind": "client", "name": "远洲纺织", "email_domains": "yuanzhou.example.com, yz.example.com"}
    made = supervisor.post("/organisations", data=new)
    assert made.status_code == 303
    assert "同名的企业" in text_of(supervisor.post("/organisations", data=new), 409)
    assert "公共邮箱" in text_of(
        supervisor.post("/organisations", data={**new, "name": "x", "email_domains": "qq.com"}), 422
    )
    saved = supervisor.post(made.location, data={**new, "short_name": "远洲", "version": "1"})
    assert saved.status_code == 303
    session().rollback()
    row = session().scalars(select(Organisation).where(Organisation.name == "远洲纺织")).one()
    assert row.short_name == "远洲" and row.email_domains == ["yuanzhou.example.com", "yz.example.com"]


def test_a_device_is_shown_and_changed(agent, world):
    path = f"/devices/{world['device']}"
    with unit_of_work():
        contracts.create_contract(
            SYSTEM, number="HT-9", organisation_id=world["lake"], level="silver", starts_on=contracts.date(2020, 1, 1)
        )
    page = text_of(agent.get(path))
    assert "V-1" in page and "HT-9" in page and "银牌" in page
    edit = {
        "product_id": world["product"],
        "serial": "V-1",
        "firmware": "2.1",
        "warranty_until": "2031-01-01",
        "version": "1",
    }
    assert agent.post(path, data=edit).status_code == 303
    assert "保内" in text_of(agent.get(path))
    assert "别人刚刚改过" in text_of(agent.post(path, data=edit), 409)


def test_what_is_somebody_elses_is_not_there(client, make_user, world):
    with unit_of_work():
        other = organisations.create_organisation(SYSTEM, kind="supplier", name="另一家")
    client.log_in(make_user("resident", organisation=other))
    for path in (f"/contacts/{world['wang']}", f"/organisations/{world['lake']}", f"/devices/{world['device']}"):
        assert client.get(path).status_code == 404
    for path in ("/contacts", "/organisations", "/devices"):
        assert "澄湖" not in text_of(client.get(path))
    client.log_in(make_user("resident", organisation=session().get_one(Organisation, world["supplier"])))
    page = text_of(client.get(f"/contacts/{world['wang']}"))
    assert "data-open" not in page.split("<main", 1)[-1].split("合并", 1)[0] or "edit-contact" not in page
    assert client.post(f"/contacts/{world['wang']}", data={"name": "x"}).status_code == 403


def test_a_merged_contact_of_another_company_stays_readable(client, make_user, world):
    with unit_of_work():
        hill = organisations.create_organisation(SYSTEM, kind="client", name="北岭水泥")
        far = contacts.create_contact(SYSTEM, name="远", organisation_id=hill.id)
        merge_contacts(SYSTEM, far.id, world["wang"])
    client.log_in(make_user("resident", organisation=session().get_one(Organisation, world["supplier"])))
    assert client.get(f"/contacts/{world['wang']}").status_code == 200


@pytest.mark.parametrize("path", ["/contacts", "/organisations", "/devices"])
def test_no_query_per_row(supervisor, world, path):
    def queries() -> int:
        count = []
        listener = lambda *given: count.append(1)  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listener)
        try:
            text_of(supervisor.get(path))
        finally:
            event.remove(db.engine, "before_cursor_execute", listener)
        return len(count)

    text_of(supervisor.get(path))
    before = queries()
    with unit_of_work():
        for n in range(20):
            company = organisations.create_organisation(SYSTEM, kind="client", name=f"企业 {n}")
            contacts.create_contact(
                SYSTEM,
                name=f"人 {n}",
                organisation_id=company.id,
                identities=[{"kind": "email", "value": f"p{n}@x.example.com"}],
            )
            devices.create_device(SYSTEM, organisation_id=company.id, product_id=world["product"], serial=f"S-{n}")
    assert queries() <= before + 1


def test_in_english_too(agent, world):
    for path in (
        "/contacts",
        "/organisations",
        "/devices",
        f"/contacts/{world['wang']}",
        f"/organisations/{world['lake']}",
    ):
        text_of(agent.get(path, headers={"Accept-Language": "en"}))
