"""/requests: one's own by a mailed link, a client administrator's whole company, and nobody else's."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import letters, portal_letters
from app.core.clock import frozen, now
from app.core.db import session
from app.core.directory.merging import merge_contacts
from app.core.installed_base import Contract, Device, Site
from app.core.people import Contact, Identity, Organisation, User
from app.core.permissions import ROLES, SYSTEM
from app.core.uow import unit_of_work
from channels import email as mail_channel
from channels.accounts import add_account
from channels.base import Inbound, Sender
from channels.models import Account, Message
from channels.receiving import receive
from tests.conftest import FreshClient
from tests.web.knowledge_house import House
from workflows.engine import take
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET

MakeUser = Callable[..., User]
Drain = Callable[[], int]


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, app: Flask) -> Iterator[list[tuple[str, str]]]:
    """A mailbox to write from, and what it sent: (to, text)."""
    sent: list[tuple[str, str]] = []

    def hand_over(settings: Any, to: str, content: bytes) -> str:
        from email import message_from_bytes, policy

        sent.append((to, message_from_bytes(content, policy=policy.default).get_body(("plain",)).get_content()))  # type: ignore[union-attr]
        return "250 taken"

    monkeypatch.setattr(mail_channel, "_hand_over", hand_over)
    with unit_of_work():
        add_account(SYSTEM, "email", "support", {"address": "help@desk.example", "smtp_host": "nowhere.example"})
    yield sent


def mail(sender: str, subject: str, name: str = "") -> None:
    with unit_of_work() as s:
        account = s.scalars(select(Account).where(Account.kind == "email")).one()
        receive(account, Inbound(f"{sender}-{subject}", Sender("email", sender, name), subject, subject, subject))


def person(organisation: Organisation | None, name: str, **addresses: str) -> Contact:
    with unit_of_work() as s:
        contact = Contact(name=name, organisation_id=organisation.id if organisation else None)
        s.add(contact)
        s.flush()
        for kind, value in addresses.items():
            s.add(Identity(kind=kind, value=value, contact_id=contact.id))
    return contact


def ticket_of(contact: Contact | None, subject: str, **given: Any) -> Ticket:
    with unit_of_work() as s:
        return open_ticket(SYSTEM, subject=subject, channel="calls", contact=s.merge(contact) if contact else None, **given)


def link(letter: str) -> str:
    found = re.search(r"http://\S+(/requests/open/\S+)", letter)
    assert found
    return found[1]


def subjects(page: str) -> list[str]:
    return re.findall(r'<h2><a href="/r/[^"]+">([^<]+)</a></h2>', page)


def test_the_mailed_link_shows_the_own_requests_and_no_others(
    client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain
) -> None:
    for sender, subject in (("li@a.example", "网关离线"), ("wang@a.example", "别人的事"), ("li@a.example", "又一件")):
        mail(sender, subject)
    drain()
    assert subjects(client.get("/requests").text) == []
    answer = client.post("/requests", data={"who": " LI@a.example "})
    assert answer.status_code == 303
    assert "去看看邮箱" in client.get(answer.location).text
    drain()
    ((to, letter),) = post
    assert to == "li@a.example"
    opened = client.get(link(letter))
    assert opened.status_code == 303 and opened.location == "/requests", "the word leaves the address"
    assert subjects(client.get("/requests").text) == ["又一件", "网关离线"]
    client.post("/requests/leave")
    assert subjects(client.get("/requests").text) == []


def test_the_answer_tells_nobody_who_is_known(client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain) -> None:
    mail("li@a.example", "网关离线")
    drain()
    known, stranger = (client.post("/requests", data={"who": who}) for who in ("li@a.example", "nobody@a.example"))
    assert (known.status_code, known.location, known.text) == (stranger.status_code, stranger.location, stranger.text)
    drain()
    assert [to for to, _ in post] == ["li@a.example"]


def test_one_address_is_not_flooded_with_links(client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain) -> None:
    mail("li@a.example", "网关离线")
    for who in ("li@a.example", "LI@A.example", "li@a.example", " li@a.example", "li@a.example"):
        assert client.post("/requests", data={"who": who}).status_code == 303
    drain()
    assert len(post) == 3


def test_other_spellings_of_one_number_or_address_do_not_count_anew(
    client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain
) -> None:
    contact = person(None, "李", email="li@a.example")
    with unit_of_work() as s:
        s.add(Identity(kind="phone", value="+8613800138000", contact_id=contact.id))
    for who in ("13800138000", "138 0013 8000", "138-0013-8000", "+86 13800138000", "０１３８００１３８０００"[1:], "(138) 0013 8000"):
        client.post("/requests", data={"who": who})
    drain()
    assert len(post) == 3
    for who in ("li@a.example", "ｌｉ@a.example", "li@ａ.example", "li@a.example.", "LI@A.EXAMPLE"):
        client.post("/requests", data={"who": who})
    drain()
    assert len(post) == 6


def test_an_address_that_somebody_typed_opens_what_came_by_it_only(client: FreshClient, house: House) -> None:
    contact = person(None, "王建平", email="wang@c.example")
    ticket_of(contact, "王工的旧请求")
    with unit_of_work() as s:
        visitor = Contact(name="自称王工")
        s.add(visitor)
        s.flush()
        typed = Identity(kind="email", value="thief@evil.example", contact_id=visitor.id, suspect=True)
        s.add(typed)
    ticket_of(visitor, "会话里问的")
    with unit_of_work():
        merge_contacts(SYSTEM, contact.id, visitor.id)
    client.get(f"/requests/open/{portal_letters.sign_identity(typed.id)}")
    assert subjects(client.get("/requests").text) == ["会话里问的"]


@pytest.mark.parametrize("who", ["", "x", "a@", "@", "长" * 500, "\x00", "12", "a b@c.example", "<script>"])
def test_what_is_no_address_is_said_and_kept(client: FreshClient, house: House, who: str) -> None:
    answer = client.post("/requests", data={"who": who})
    assert answer.status_code == 422 and answer.mimetype == "text/html" and 'aria-invalid="true"' in answer.text and "<script>" not in answer.text.replace("<script src", "")


def test_a_telephone_number_opens_only_a_mailbox_known_to_be_theirs(
    client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain
) -> None:
    person(None, "李", phone="+8613800138000", email="li@a.example")
    with unit_of_work() as s:
        contact = Contact(name="王")
        s.add(contact)
        s.flush()
        s.add_all([
            Identity(kind="phone", value="+8613900139000", contact_id=contact.id),
            Identity(kind="email", value="thief@evil.example", contact_id=contact.id, suspect=True),
        ])  # fmt: skip
    for who in ("138 0013 8000", "13900139000"):
        client.post("/requests", data={"who": who})
    drain()
    assert [to for to, _ in post] == ["li@a.example"]


def test_a_link_ends_after_a_day_and_cannot_be_forged(client: FreshClient, house: House, post: list[tuple[str, str]]) -> None:
    contact = person(None, "李", email="li@a.example")
    ticket_of(contact, "网关离线")
    identity = session().scalars(select(Identity)).one().id
    signed = portal_letters.sign_identity(identity)
    for bad in (signed[:-2] + "xx", letters.sign_ticket(identity), "x", "%00", portal_letters.sign_identity(99999)):
        assert client.get(f"/requests/open/{bad}").location == "/requests"
        assert subjects(client.get("/requests").text) == []
    assert client.get(f"/r/{signed}").status_code == 404, "a word for one door opens no other"
    client.get(f"/requests/open/{signed}")
    assert subjects(client.get("/requests").text) == ["网关离线"]
    with frozen(now() + timedelta(days=20)):
        assert subjects(client.get("/requests").text) == [], "the browser forgets as well"


def test_a_shared_address_shows_what_came_by_it(client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain) -> None:
    mail("service@a.example", "从总机邮箱来的")
    drain()
    with unit_of_work() as s:
        identity = s.scalars(select(Identity)).one()
        identity.shared, identity.organisation_id = True, house.client.id
        contact = s.get_one(Contact, identity.contact_id)
    ticket_of(contact, "同一人从别处提的")
    client.get(f"/requests/open/{portal_letters.sign_identity(identity.id)}")
    assert subjects(client.get("/requests").text) == ["从总机邮箱来的"]


@pytest.fixture
def companies(house: House) -> dict[str, Any]:
    """Two companies with people, sites, machines and requests."""
    with unit_of_work() as s:
        sites = [Site(organisation_id=house.client.id, name=n) for n in ("一厂", "三厂")] + [Site(organisation_id=house.stranger.id, name="北岭厂")]
        s.add_all(sites)
        s.flush()
        first, third, foreign = sites
        devices = [
            Device(organisation_id=site.organisation_id, site_id=site.id, product_id=product.id, serial=serial, tag=f"tag-{serial}")
            for site, product, serial in ((first, house.drive, "D1"), (third, house.gateway, "G3"), (foreign, house.drive, "X9"))
        ]
        s.add_all(devices)
        s.add_all([
            Contract(number="CH-1", organisation_id=house.client.id, level="gold", starts_on=date(2026, 1, 1)),
            Contract(number="BL-1", organisation_id=house.stranger.id, level="basic", starts_on=date(2026, 1, 1)),
        ])  # fmt: skip
    wang, li, stranger = person(house.client, "王建平", email="w@c.example"), person(house.client, "李秀兰"), person(house.stranger, "外人")
    tickets = {
        "own": ticket_of(wang, "一厂变频器跳停", device_id=devices[0].id, product_id=house.drive.id),
        "third": ticket_of(li, "三厂网关离线", device_id=devices[1].id, product_id=house.gateway.id),
        "foreign": ticket_of(stranger, "北岭的事", device_id=devices[2].id, product_id=house.drive.id),
        "nobody": ticket_of(None, "不知道是谁的"),
    }
    return {"sites": [s.id for s in sites], "people": [wang.id, li.id, stranger.id], "tickets": tickets}


def test_the_administrator_sees_the_whole_company_and_nothing_else(
    client: FreshClient, house: House, companies: dict[str, Any], make_user: MakeUser
) -> None:
    client.log_in(make_user("client", organisation=house.client))
    page = client.get("/requests").text
    assert subjects(page) == ["三厂网关离线", "一厂变频器跳停"]
    assert "外人" not in page and "北岭" not in page and "不知道是谁的" not in page
    own, foreign = companies["sites"][0], companies["sites"][2]
    for query, found in {
        f"site={own}": ["一厂变频器跳停"],
        f"site={foreign}": [],
        f"person={companies['people'][1]}": ["三厂网关离线"],
        f"person={companies['people'][2]}": [],
        f"product={house.gateway.id}": ["三厂网关离线"],
        "q=变频器": ["一厂变频器跳停"],
        f"q=%23{companies['tickets']['third'].number}": ["三厂网关离线"],
        f"q={companies['tickets']['foreign'].number}": [],
        "q=%25": [],
        "state=executing": [],
        "state=nix": ["三厂网关离线", "一厂变频器跳停"],
        "show=done": [],
        "site=x&person=-1&product=99999999999&after=zz": ["三厂网关离线", "一厂变频器跳停"],
    }.items():  # fmt: skip
        assert subjects(client.get(f"/requests?{query}").text) == found, query


def test_a_long_list_has_pages_that_shift_nothing(client: FreshClient, house: House, companies: dict[str, Any], make_user: MakeUser) -> None:
    contact = session().get_one(Contact, companies["people"][0])
    for number in range(45):
        ticket_of(contact, f"第 {number} 件")
    client.log_in(make_user("client", organisation=house.client))
    seen, address = [], "/requests"
    while address:
        page = client.get(address).text
        seen += subjects(page)
        if len(seen) == 20:
            ticket_of(contact, "翻页时新来的")
        onward = re.search(r'href="([^"]+)"\s+[^>]*rel="next"', page)
        address = onward[1].replace("&amp;", "&") if onward else ""
    assert len(seen) == len(set(seen)) == 47 and "翻页时新来的" not in seen


def test_machines_and_contracts_of_the_company(client: FreshClient, house: House, companies: dict[str, Any], make_user: MakeUser) -> None:
    client.log_in(make_user("client", organisation=house.client))
    page = client.get("/requests/devices").text
    assert "D1" in page and "G3" in page and "CH-1" in page and "/ask?device=tag-D1" in page
    assert "X9" not in page and "BL-1" not in page and "北岭" not in page
    only = client.get(f"/requests/devices?site={companies['sites'][1]}&q=g3").text
    assert "G3" in only and "D1" not in only
    assert "tag-X9" not in client.get(f"/requests/devices?site={companies['sites'][2]}&q=X9").text


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"client"}))
def test_other_roles_see_no_company_here(
    client: FreshClient, house: House, companies: dict[str, Any], make_user: MakeUser, role: str
) -> None:
    client.log_in(house.user(make_user, role))
    assert subjects(client.get("/requests").text) == []
    assert client.get("/requests/devices").status_code in (403, 404)


def test_a_client_without_a_company_sees_nothing(client: FreshClient, house: House, companies: dict[str, Any], make_user: MakeUser) -> None:
    client.log_in(make_user("client"))
    assert subjects(client.get("/requests").text) == []
    assert "D1" not in client.get("/requests/devices").text


def test_the_administrator_urges_and_speaks_under_their_own_name(
    client: FreshClient, house: House, post: list[tuple[str, str]], drain: Drain, make_user: MakeUser
) -> None:
    person(house.client, "王建平", email="w@c.example")
    mail("w@c.example", "变频器跳停")
    drain()
    client.log_in(make_user("client", organisation=house.client, display_name="钱国栋"))
    page = client.get("/requests").text
    urge = re.search(r'action="(/r/[^"]+)/urge"', page)
    assert urge
    assert client.post(f"{urge[1]}/urge", data={"next": "/requests"}).location == "/requests"
    assert "已催办" in client.get("/requests").text
    assert client.post(f"{urge[1]}/urge", data={"next": "https://evil.example"}).location == urge[1]
    assert "分钟后可以再催" in client.get(urge[1]).text
    assert session().scalars(select(Ticket)).one().urged == 1
    client.post(f"{urge[1]}/reply", data={"text": "请先处理这台", "once": "a"})
    message = session().scalars(select(Message).order_by(Message.id.desc())).first()
    assert message is not None and message.author_name == "钱国栋"
    assert "钱国栋" in client.get(urge[1]).text
    assert session().scalars(select(Contact)).one().name == "王建平"
    client.log_in(make_user("client", organisation=house.stranger, display_name="别家的"))
    client.post(f"{urge[1]}/reply", data={"text": "路过", "once": "b"})
    message = session().scalars(select(Message).order_by(Message.id.desc())).first()
    assert message is not None and message.author_name == "王建平", "another company's login is only a holder of the link"


def test_done_requests_stand_apart(client: FreshClient, house: House, companies: dict[str, Any], make_user: MakeUser) -> None:
    with unit_of_work() as s:
        take(TICKET, s.get_one(Ticket, companies["tickets"]["own"].id), "cancel", SYSTEM, reason="撤")
        take(TICKET, s.get_one(Ticket, companies["tickets"]["third"].id), "merge", SYSTEM, into=str(companies["tickets"]["nobody"].number))
    client.log_in(make_user("client", organisation=house.client))
    assert subjects(client.get("/requests").text) == []
    page = client.get("/requests?show=done").text
    assert subjects(page) == ["三厂网关离线", "一厂变频器跳停"] and "一起处理" in page and "催一下" not in page


def test_pages_are_whole_in_english(client: FreshClient, house: House, companies: dict[str, Any], make_user: MakeUser) -> None:
    client.set_cookie("lang", "en")
    assert "Mail me the link" in client.get("/requests").text
    client.log_in(make_user("client", organisation=house.client))
    for address in ("/requests", "/requests?show=done", "/requests/devices"):
        page = client.get(address).text
        assert '<html lang="en"' in page and not re.search("进行中|全部|催一下|设备与合同", page)
