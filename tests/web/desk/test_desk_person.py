"""One person, one history: all channels together, shared addresses, devices, and what each reader may see of it."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.contacts import create_contact
from app.core.directory.merging import merge_contacts, unmerge_contacts
from app.core.errors import Invalid
from app.core.installed_base import Device
from app.core.people import Contact, Identity, Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.queries import history
from channels.models import Account, Conversation, Message
from tests.conftest import FreshClient
from tests.web.desk.conftest import HTMX, fresh, statements
from workflows.engine import take
from workflows.models import Ticket, TicketConversation
from workflows.opening import open_ticket
from workflows.tickets import TICKET

Mail = Callable[..., Ticket]
Browser = Callable[..., FreshClient]


def url(ticket: Ticket, rest: str = "") -> str:
    return f"/desk/tickets/{ticket.number}{rest}"


def person_of(ticket: Ticket) -> Contact:
    found = fresh(ticket).contact
    assert found is not None
    return found


def say(conversation: Conversation, text: str, at: Any, direction: str = "in") -> None:
    session().add(
        Message(
            conversation_id=conversation.id, account_id=conversation.account_id, external_id=text, direction=direction,
            author_kind="contact", author_name="王工", text=text, visible_text=text, state="received", created_at=at,
        )  # fmt: skip
    )


@pytest.fixture
def chatty(mail: Mail, app: Any) -> Callable[..., Contact]:
    """chatty(5) wrote one mail, five chat messages at one and the same moment, and called twice."""

    def make(chats: int, calls: int = 2) -> Contact:
        person = person_of(mail("第一封信", subject="第一封"))
        with unit_of_work() as s:
            account = Account(kind="webchat", slug="site", settings={})
            s.add(account)
            s.flush()
            talk = Conversation(account_id=account.id, contact_id=person.id, subject="聊天")
            s.add(talk)
            s.flush()
            moment = now()
            for place in range(chats):
                say(talk, f"聊天 {place}", moment)
            for place in range(calls):
                open_ticket(SYSTEM, subject=f"来电 {place}", channel="calls", contact=person)
        return person

    return make


def test_everything_with_a_person_stands_on_one_page(chatty: Callable[..., Contact], desk: FreshClient) -> None:
    person = chatty(3)
    page = desk.get(f"/contacts/{person.id}").text
    for word in ("第一封信", "聊天 0", "聊天 2", "来电 1", "邮件", "网页聊天", "电话"):
        assert word in page, word
    only = desk.get(f"/contacts/{person.id}?channel=webchat").text
    assert "聊天 1" in only and "第一封信" not in only.partition('id="history"')[2].partition("</ol>")[0]
    assert "来电 1" in desk.get(f"/contacts/{person.id}?channel=calls").text
    assert desk.get(f"/contacts/{person.id}?channel=nonsense&before=~~").status_code == 200


def test_pages_of_a_history_leave_nothing_out_and_repeat_nothing(chatty: Callable[..., Contact], actor: Any) -> None:
    person, seen, before = chatty(47), [], ""
    while True:
        found = history.history_of(SYSTEM, person, before=before, limit=10)
        seen += [h.place for h in found.happenings]
        if found.earlier is None:
            break
        before = found.earlier
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 1 + 47 + 1 + 2  # a mail with its ticket, the chat, two calls


def test_a_history_costs_the_same_for_any_length(chatty: Callable[..., Contact], mail: Mail, desk: FreshClient) -> None:
    person = chatty(2, calls=1)
    desk.get(f"/contacts/{person.id}")
    with statements() as few:
        desk.get(f"/contacts/{person.id}")
    with unit_of_work() as s:
        talk = s.scalars(select(Conversation).where(Conversation.subject == "聊天")).one()
        for place in range(58):
            say(talk, f"更多 {place}", now() + timedelta(seconds=place))
            open_ticket(SYSTEM, subject=f"又来电 {place}", channel="calls", contact=s.get_one(Contact, person.id))
    with statements() as many:
        desk.get(f"/contacts/{person.id}")
    assert len(many) == len(few), "\n".join(many)


def test_merged_people_share_their_history_until_they_are_taken_apart(mail: Mail, desk: FreshClient) -> None:
    one, two = mail("从公司写的", sender="a@x.example"), mail("从家里写的", sender="a@home.example", name="王师傅")
    keep, gone = person_of(one).id, person_of(two).id
    with unit_of_work():
        merge = merge_contacts(SYSTEM, keep, gone)
        merge_id = merge.id
    assert "从家里写的" in desk.get(f"/contacts/{keep}").text
    assert "从家里写的" in desk.get(url(one, "/said?all=1")).text
    with unit_of_work():
        unmerge_contacts(SYSTEM, merge_id)
    assert "从家里写的" not in desk.get(url(one, "/said?all=1")).text


def test_the_ticket_switches_between_this_request_and_everything(mail: Mail, desk: FreshClient) -> None:
    first, second = mail("上个月的事", subject="旧事"), mail("今天的事", subject="新事")
    assert "上个月的事" not in desk.get(url(second, "/said")).text
    both = desk.get(url(second, "/said?all=1")).text
    assert "上个月的事" in both and "今天的事" in both and f"#{first.number}" in both and "本单" in both
    whole = desk.get(url(second) + "?all=1").text
    assert 'name="seen"' in whole and "上个月的事" in whole
    panel = desk.get(url(second, "/context")).text
    assert "上个月的事" in panel  # last contacts


def test_a_resident_sees_only_the_history_of_their_own_products(
    mail: Mail, browser: Browser, company: Callable[..., Organisation], make_user: Callable[..., User]
) -> None:
    link, other = company("拓联", kind="supplier"), company("宏控", kind="supplier")
    ours, theirs = mail("网关的事", subject="网关"), mail("变频器的事", subject="变频器")
    with unit_of_work() as s:
        for ticket, supplier, code in ((ours, link, "TL"), (theirs, other, "HK")):
            product = Product(code=code, name=code, supplier_id=supplier.id)
            s.add(product)
            s.flush()
            s.get_one(Ticket, ticket.id).product_id = product.id
    resident = browser("resident", organisation=link)
    page = resident.get(url(ours, "/said?all=1")).text
    assert "网关的事" in page and "变频器的事" not in page and f"#{theirs.number}" not in page


@pytest.fixture
def shared(mail: Mail, company: Callable[..., Organisation], app: Any) -> tuple[Ticket, Organisation, Contact]:
    """A ticket from service@ of a company, and one of its people."""
    lake = company("澄湖")
    with unit_of_work() as s:
        s.add(Identity(kind="email", value="service@lake.example", shared=True, organisation_id=lake.id))
        person = create_contact(SYSTEM, name="李秀兰", organisation_id=lake.id)
    return mail("离线了", sender="service@lake.example", name=""), lake, person


def conversation_of(ticket: Ticket) -> Conversation:
    session().rollback()
    rows = select(Conversation).join(TicketConversation, TicketConversation.conversation_id == Conversation.id)
    return session().scalars(rows.where(TicketConversation.ticket_id == ticket.id)).one()


def test_who_wrote_from_a_shared_address_is_chosen_and_taken_back(
    shared: tuple[Ticket, Organisation, Contact], desk: FreshClient
) -> None:
    ticket, _lake, person = shared
    page = desk.get(url(ticket)).text
    assert "还不知道是谁" in page and "service@lake.example" in page and "李秀兰" in page
    answer = desk.post(url(ticket, "/contact"), data={"contact": person.id}, headers=HTMX)
    assert answer.status_code == 204 and "undo" in answer.headers["HX-Trigger"]
    assert fresh(ticket).contact_id == person.id == conversation_of(ticket).contact_id
    assert "离线了" in desk.get(f"/contacts/{person.id}").text

    back = re.search(r'"undo": "([^"]+)"', answer.headers["HX-Trigger"])
    assert back and desk.post(back[1], headers=HTMX).status_code == 204
    assert fresh(ticket).contact_id is None and conversation_of(ticket).contact_id is None
    actions = list(session().scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert actions.count("ticket.contact_set") == 2 and actions.count("conversation.contact_set") == 2


def test_a_new_person_is_added_by_name_alone(shared: tuple[Ticket, Organisation, Contact], desk: FreshClient) -> None:
    ticket, lake, _person = shared
    found = desk.get(url(ticket, "/people"), query_string={"name": "赵敏"}).text
    assert "新联系人「赵敏」" in found and "李秀兰" not in found
    assert desk.post(url(ticket, "/contact"), data={"name": "赵敏 <b>"}, headers=HTMX).status_code == 204
    made = person_of(ticket)
    assert (made.name, made.organisation_id) == ("赵敏 <b>", lake.id)
    assert "赵敏 &lt;b&gt;" in desk.get(url(ticket, "/context")).text


def test_somebody_of_another_company_cannot_be_chosen(
    shared: tuple[Ticket, Organisation, Contact], desk: FreshClient, company: Callable[..., Organisation]
) -> None:
    ticket, _lake, _person = shared
    elsewhere = company("别家")
    with unit_of_work():
        stranger = create_contact(SYSTEM, name="路人", organisation_id=elsewhere.id)
    answer = desk.post(url(ticket, "/contact"), data={"contact": stranger.id}, headers=HTMX)
    assert answer.status_code == 422 and fresh(ticket).contact_id is None
    from app import askers

    with pytest.raises(Invalid), unit_of_work():
        askers.set_asker(SYSTEM, session().get_one(Ticket, ticket.id), session().get_one(Contact, stranger.id))


def test_an_address_is_shared_and_unshared_from_the_ticket(
    mail: Mail, desk: FreshClient, company: Callable[..., Organisation], browser: Browser
) -> None:
    ticket = mail(sender="total@lake.example")
    lake = company("澄湖")
    with unit_of_work() as s:
        s.get_one(Contact, person_of(ticket).id).organisation_id = lake.id
        s.get_one(Ticket, ticket.id).organisation_id = lake.id
    identity = session().scalars(select(Identity).where(Identity.value == "total@lake.example")).one()
    way = url(ticket, f"/identities/{identity.id}/share")
    assert desk.post(way, data={"shared": "1"}, headers=HTMX).status_code == 204
    again = mail("又一封", sender="total@lake.example", subject="另一件")
    assert fresh(again).contact_id is None and fresh(again).organisation_id == lake.id
    assert desk.post(way, data={"shared": "0"}, headers=HTMX).status_code == 204
    third = mail("第三封", sender="total@lake.example", subject="第三件")
    assert fresh(third).contact_id == fresh(ticket).contact_id
    other = mail(sender="x@elsewhere.example", subject="别人")
    assert desk.post(url(other, f"/identities/{identity.id}/share"), data={"shared": "1"}).status_code == 404


def test_the_device_is_set_beside_the_ticket_and_brings_its_product(
    mail: Mail, desk: FreshClient, company: Callable[..., Organisation]
) -> None:
    ticket, lake = mail(), company("澄湖")
    with unit_of_work() as s:
        product = Product(code="HK-V20", name="变频器", supplier_id=lake.id)
        s.add(product)
        s.flush()
        device = Device(serial="SN-1", product_id=product.id, organisation_id=lake.id)
        s.add(device)
    answer = desk.post(url(ticket, "/device"), data={"device": device.id}, headers=HTMX)
    assert answer.status_code == 204
    assert (fresh(ticket).device_id, fresh(ticket).product_id) == (device.id, product.id)
    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]
    assert desk.post(undo, headers=HTMX).status_code == 204 and (fresh(ticket).device_id, fresh(ticket).product_id) == (None, None)
    assert desk.post(url(ticket, "/device"), data={"device": device.id}, headers=HTMX).status_code == 204
    assert desk.post(url(ticket, "/device"), data={"device": "9999"}).status_code == 404
    assert desk.post(url(ticket, "/device"), data={"product": "9999"}).status_code == 404
    assert desk.post(url(ticket, "/device"), data={"device": ""}, headers=HTMX).status_code == 204
    assert (fresh(ticket).device_id, fresh(ticket).product_id) == (None, product.id)


def test_steps_of_an_order_stand_in_the_ticket_for_those_who_may_read_it(
    mail: Mail, desk: FreshClient, agent: User, browser: Browser, company: Callable[..., Organisation]
) -> None:
    ticket, maker = mail(), company("宏控", kind="supplier")
    with unit_of_work() as s:
        product = Product(code="HK", name="HK", supplier_id=maker.id)
        s.add(product)
        s.flush()
        row = s.get_one(Ticket, ticket.id)
        take(TICKET, row, "dispatch", agent.actor("page"), assignee=agent.id)
        take(TICKET, row, "start", agent.actor("page"))
        take(TICKET, row, "escalate", agent.actor("page"), reason="请上门看风扇", product=product.id)
    page = desk.get(url(ticket, "/timeline")).text
    assert re.search(r'<a href="/orders/\d+">订单 #\d+：开立订单</a>', page)
    assert "开立订单" not in browser("editor").get(url(ticket, "/timeline")).text
