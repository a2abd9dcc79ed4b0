"""The queue: who sees which tickets in which view, filters, paging, searching, and how many statements it costs."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from app.core.catalogue import Product
from app.core.clock import now
from app.core.people import Organisation, Team, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from tests.conftest import FreshClient
from tests.web.desk.conftest import HTMX, statements
from workflows.engine import take
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET

Mail = Callable[..., Ticket]
Browser = Callable[..., FreshClient]


def listed(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'id="row-(\d+)"', page)]


def count_of(page: str, view: str) -> int:
    found = re.search(rf'href="/desk\?view={view}".*?class="count[^>]*>(?:<svg.*?</svg>)?(\d*)<', page, re.DOTALL)
    assert found, view
    return int(found[1] or 0)


def step(ticket: Ticket, name: str, who: User, **given: object) -> None:
    with unit_of_work():
        take(TICKET, ticket, name, who.actor("test"), **given)


@pytest.fixture
def tickets(mail: Mail, agent: User, make_user: Callable[..., User], team: Callable[..., Team]) -> dict[str, Ticket]:
    """One ticket for each view; `agent` is in a team with a colleague."""
    colleague = make_user("agent", display_name="吴桐")
    team(agent, colleague)
    found = {}
    for place, name in enumerate(("free", "mine", "team", "held", "overdue", "following", "ended")):
        found[name] = mail(f"第 {place} 件事", sender=f"p{place}@client.example", subject=f"事情 {place}")
    for name in ("mine", "held", "following", "ended"):
        step(found[name], "dispatch", agent, assignee=agent.id)
        step(found[name], "start", agent)
    step(found["team"], "dispatch", agent, assignee=colleague.id)
    step(found["held"], "hold", agent, party="customer", reason="等照片", until=(now() + timedelta(days=1)).isoformat())
    with unit_of_work():
        found["overdue"].due_at = now() - timedelta(hours=3)
    for name in ("following", "ended"):
        step(found[name], "resolve", agent, resolution="好了", wrap_up={"category": "usage"})
    step(found["ended"], "close", colleague, rating=5)
    return found


@pytest.mark.parametrize(
    ("view", "names"),
    [
        ("mine", "mine held following"),
        ("team", "mine team held following"),
        ("free", "free overdue"),
        ("executing", "mine"),
        ("following", "following"),
        ("held", "held"),
        ("overdue", "overdue"),
        ("open", "free mine team held overdue following"),
        ("ended", "ended"),
    ],
)
def test_views(view: str, names: str, tickets: dict[str, Ticket], desk: FreshClient) -> None:
    page = desk.get(f"/desk?view={view}").text
    assert set(listed(page)) == {tickets[name].number for name in names.split()}
    if view != "ended":
        assert count_of(page, view) == len(names.split())


def test_what_was_raised_has_a_view_until_it_ends(mail: Mail, desk: FreshClient, agent: User) -> None:
    found = mail()
    assert listed(desk.get("/desk?view=raised").text) == []
    step(found, "raise", agent, to="supervisor", reason="客户停线")
    page = desk.get("/desk?view=raised").text
    assert listed(page) == [found.number] and count_of(page, "raised") == 1
    step(found, "cancel", agent, reason="重复登记")
    assert listed(desk.get("/desk?view=raised").text) == []


def test_without_a_view_the_first_with_work(mail: Mail, desk: FreshClient, agent: User) -> None:
    found = mail()
    assert listed(desk.get("/desk").text) == [found.number], "nothing of mine: what nobody has"
    step(found, "dispatch", agent, assignee=agent.id)
    assert 'aria-current="page"><span class="cut">我的<' in desk.get("/desk").text


def test_the_most_urgent_stands_first_and_what_waits_last(tickets: dict[str, Ticket], desk: FreshClient) -> None:
    order = listed(desk.get("/desk?view=open").text)
    assert order[0] == tickets["overdue"].number
    assert set(order[-2:]) == {tickets["held"].number, tickets["following"].number}
    newest = listed(desk.get("/desk?view=open&sort=new").text)
    assert newest == sorted(newest, reverse=True)


def test_what_the_customer_said_last_waits_for_us(mail: Mail, desk: FreshClient) -> None:
    found = mail("还没有好，什么时候来？")
    page = desk.get("/desk?view=open").text
    assert f'class="ticketrow unread" id="row-{found.number}"' in page
    assert "还没有好，什么时候来？" in page
    desk.post(f"/desk/tickets/{found.number}/messages", data={"text": "今天下午到。"})
    assert f'class="ticketrow" id="row-{found.number}"' in desk.get("/desk?view=open").text


def test_roles_see_what_is_theirs(
    mail: Mail, browser: Browser, company: Callable[..., Organisation], make_user: Callable[..., User]
) -> None:
    manager = make_user("manager")
    lake, supplier = company("澄湖", manager_id=manager.id), company("拓联", "supplier")
    one, two, three = mail(sender="a@x.example"), mail(sender="b@x.example"), mail(sender="c@x.example")
    with unit_of_work() as s:
        product = Product(code="TL-G300", name="网关", supplier_id=supplier.id)
        s.add(product)
        s.flush()
        one.organisation_id, two.product_id = lake.id, product.id
    everything = {one.number, two.number, three.number}
    for role in ("agent", "leader", "supervisor", "administrator", "editor"):
        assert set(listed(browser(role).get("/desk?view=open").text)) == everything, role
    resident = browser("resident", organisation=supplier)
    assert listed(resident.get("/desk?view=open").text) == [two.number]
    assert count_of(resident.get("/desk?view=open").text, "free") == 1
    theirs = browser(manager)
    page = theirs.get("/desk").text
    assert listed(page) == [one.number] and "我的团队" not in page and ">登记工单<" not in page
    for client, number in ((resident, one.number), (theirs, two.number), (resident, 99999), (theirs, 20000)):
        for part in ("", "/stepper", "/timeline", "/context", "/answers"):
            assert client.get(f"/desk/tickets/{number}{part}").status_code == 404
    assert resident.post(f"/desk/tickets/{one.number}/messages", data={"text": "x"}).status_code == 404
    assert resident.post(f"/desk/tickets/{one.number}/steps/urge").status_code == 404
    for role in ("client", "dispatcher", "technician", "author"):
        assert browser(role, organisation=supplier).get("/desk").status_code == 403, role


def test_filters_and_words(mail: Mail, desk: FreshClient, company: Callable[..., Organisation]) -> None:
    lake = company("澄湖轴承", email_domains=["lake.example"])
    one = mail(sender="li@lake.example", subject="变频器跳 E07", name="李秀兰")
    two = mail(sender="sun@hill.example", subject="100%_报错\\", name="孙德海")
    with unit_of_work() as s:
        product = Product(code="HK-V20", name="变频器")
        s.add(product)
        s.flush()
        one.product_id, one.kind = product.id, "fault"
    assert one.organisation_id == lake.id

    def found(**given: object) -> list[int]:
        return listed(desk.get("/desk", query_string={"view": "open", **given}).text)

    assert found(kind="fault") == found(product=product.id) == [one.number]
    assert found(q="e07") == found(q="李秀兰") == found(q="li@lake") == found(q="澄湖") == [one.number]
    assert found(q="100%_") == found(q="报错\\") == [two.number]
    assert found(q="%") == [two.number] and found(q="澄湖 报错") == []
    assert found(q=str(one.number)) == [one.number]
    assert "没有符合条件的工单" in desk.get("/desk?view=open&q=zzz").text
    for nonsense in ("view=moon", "kind=x", "product=x", "product=9999999999", "cursor=1~x~2", "cursor=-1", "sort=%00", "q=%00%ff"):
        assert desk.get(f"/desk?{nonsense}").status_code == 200, nonsense


def many(count: int, *people: User) -> None:
    with unit_of_work():
        for place in range(count):
            found = open_ticket(SYSTEM, subject=f"批量 {place}", channel="email")
            found.due_at += timedelta(minutes=place % 7)
            if people and place % 2:
                found.assignee_id = people[place % len(people)].id


def test_paging_shows_each_ticket_once(desk: FreshClient) -> None:
    many(75)
    for sort in ("due", "new"):
        seen: list[int] = []
        url: str | None = f"/desk?view=open&sort={sort}"
        while url:
            page = desk.get(url).text
            seen += listed(page)
            following = re.search(r'href="([^"]+cursor=[^"]+)" [^>]*rel="next"|rel="next"[^>]*href="([^"]+)"', page)
            url = (following[1] or following[2]).replace("&amp;", "&") if following else None
            assert len(seen) <= 75
        assert len(seen) == len(set(seen)) == 75


def test_the_queue_costs_twelve_statements_at_most(
    mail: Mail, desk: FreshClient, make_user: Callable[..., User], agent: User
) -> None:
    for place in range(12):
        mail(sender=f"s{place}@x.example", subject=f"信 {place}")
    many(200, agent, make_user("agent"))
    desk.get("/desk?view=open")
    for url in ("/desk?view=open", "/desk?view=mine", "/desk?view=open&q=批量&sort=new", "/desk/rows?view=open"):
        with statements() as sent:
            page = desk.get(url)
        assert page.status_code == 200
        assert len(sent) <= 12, "\n".join(sent)


def test_a_search_jumps_to_a_number_or_finds_all_kinds(mail: Mail, desk: FreshClient, agent: User) -> None:
    found = mail(subject="触摸屏白屏", name="罗静")
    for typed in (str(found.number), f"#{found.number}", f" 工单 {found.number} ", f"＃{found.number}"):
        answer = desk.get("/desk/search", query_string={"q": typed})
        assert (answer.status_code, answer.location) == (303, f"/desk/tickets/{found.number}"), typed
    page = desk.get("/desk/search?q=白屏").text
    assert f"/desk/tickets/{found.number}" in page
    page = desk.get("/desk/search?q=罗静").text
    assert "联系人" in page and f"/desk/tickets/{found.number}" in page
    for typed in ("29999", "", "<script>alert(1)</script>", "\ud800%00", "9" * 400):
        answer = desk.get("/desk/search", query_string={"q": typed.encode("utf-8", "surrogatepass")})
        assert answer.status_code == 200 and "<script>alert" not in answer.text


def test_the_list_alone_for_its_refresh(mail: Mail, desk: FreshClient) -> None:
    found = mail()
    piece = desk.get(f"/desk/rows?view=open&here={found.number}", headers=HTMX).text
    assert "<html" not in piece and 'aria-current="true"' in piece
    assert desk.get("/desk/rows?here=99999", headers=HTMX).status_code == 404


def test_only_channels_that_this_version_speaks_can_be_chosen(desk: FreshClient) -> None:
    page = desk.get("/desk?view=open").text
    offered = re.search(r'<select[^>]*name="channel".*?</select>', page, re.S)
    assert offered and "邮件" in offered[0] and "网页聊天" in offered[0] and "电话" in offered[0]
    assert "微信" in offered[0] and "短信" in offered[0] and "机器人" not in offered[0]
