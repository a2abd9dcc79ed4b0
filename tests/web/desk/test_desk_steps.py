"""Steps as forms and buttons: every form, what is missing, what moved on meanwhile, and tickets made by hand."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.clock import now
from app.core.db import session
from app.core.people import Contact, Identity, Organisation, Team, User
from app.core.uow import unit_of_work
from app.web import desk_words
from app.web.desk_forms import FORMS
from app.web.desk_show import DIRECT, ICONS
from channels.models import Message
from tests.conftest import FreshClient
from tests.web.desk.conftest import HTMX, fresh, messages
from workflows.engine import take
from workflows.models import Ticket, TicketMark, TicketNote
from workflows.tickets import TICKET

Mail = Callable[..., Ticket]
Browser = Callable[..., FreshClient]
NASTY = "<script>alert(1)</script>\U0001f527\x00\ud83d'\""
LOCAL = "2099-01-01T09:00"


def url(ticket: Ticket, part: str = "") -> str:
    return f"/desk/tickets/{ticket.number}{part}"


def bring(ticket: Ticket, state: str, who: User) -> Ticket:
    actor = who.actor("test")
    with unit_of_work():
        if state != "created":
            take(TICKET, ticket, "dispatch", actor, assignee=who.id)
        if state in ("executing", "following_up"):
            take(TICKET, ticket, "start", actor)
        if state == "following_up":
            take(TICKET, ticket, "resolve", actor, resolution="好了", wrap_up={"category": "usage"})
    return fresh(ticket)


def toast(answer: Any) -> str:
    return str(json.loads(answer.headers["HX-Trigger"])["toast"]["text"])


def soon(hours: int = 5) -> str:
    return (now() + timedelta(hours=8 + hours)).strftime("%Y-%m-%dT%H:%M")  # the house's zone is UTC+8


def test_every_step_has_a_form_or_a_button() -> None:
    assert set(FORMS) | DIRECT == TICKET.by_name.keys()
    assert not set(FORMS) & DIRECT


def test_every_icon_is_drawn() -> None:
    drawn = (Path(__file__).parents[3] / "app/web/icons.txt").read_text(encoding="utf-8").split()
    assert set(ICONS.values()) | {icon for icon, _words in desk_words._STEPS.values()} <= set(drawn) | {"point"}


def test_claim_is_one_button(mail: Mail, desk: FreshClient, agent: User) -> None:
    found = mail()
    answer = desk.post(url(found, "/claim"), data={"version": found.version}, headers=HTMX)
    assert answer.status_code == 204
    found = fresh(found)
    assert (found.state, found.assignee_id) == ("executing", agent.id)
    trail = list(session().scalars(select(AuditRow.action).where(AuditRow.subject == "ticket").order_by(AuditRow.id)))
    assert trail[-2:] == ["ticket.dispatch", "ticket.start"]
    late = desk.post(url(found, "/claim"), headers=HTMX)
    assert late.status_code == 409 and "处理中" in toast(late) and "周小禾" in toast(late)


FILLED: dict[str, tuple[str, dict[str, Any]]] = {
    "dispatch": ("created", {}),
    "solve_now": ("created", {"resolution": "改了 APN", "kind": "consult", "category": "usage", "cause": "换卡"}),
    "resolve": ("executing", {"resolution": "改了 APN", "kind": "fault", "category": "hardware"}),
    "transfer": ("executing", {"why": "other_team", "reason": "归二线"}),
    "return": ("executing", {"why": "unclear", "reason": "没有型号"}),
    "raise": ("executing", {"to": "second_line", "reason": "要看固件"}),
    "supervise": ("executing", {"reason": "客户催", "until": LOCAL}),
    "extend": ("executing", {"reason": "等备件", "until": LOCAL}),
    "hold": ("executing", {"party": "customer", "reason": "等照片"}),
    "close": ("following_up", {"result": "answered", "rating": "4", "comment": "快"}),
    "reopen": ("following_up", {"reason": "又离线"}),
    "cancel": ("executing", {"reason": "重复"}),
    "merge": ("executing", {}),
    "split": ("executing", {"subject": "第二个问题"}),
}


def test_every_form_is_shown_and_takes_its_step(
    mail: Mail, browser: Browser, make_user: Callable[..., User], team: Callable[..., Team]
) -> None:
    worker, chief = make_user("agent"), make_user("leader")
    team(worker, chief)
    leader = browser(chief)
    other = mail(sender="other@client.example")
    for place, (step, (state, more)) in enumerate(FILLED.items()):
        found = bring(mail(sender=f"f{place}@client.example"), state, worker)
        given = dict(more)
        if step in ("dispatch", "transfer"):
            given["assignee"] = str(chief.id)
        elif step == "merge":
            given["into"] = f"#{other.number}"
        elif step == "hold":
            given["until"] = soon()
        form = leader.get(url(found, f"/steps/{step}"), headers=HTMX)
        assert form.status_code == 200 and "<html" not in form.text and f'value="{found.version}"' in form.text, step
        for name in given:
            assert f'name="{name}"' in form.text, (step, name)
        answer = leader.post(url(found, f"/steps/{step}"), data=given | {"version": found.version}, headers=HTMX)
        assert answer.status_code == 204, (step, answer.text)
        trail = select(AuditRow).where(AuditRow.subject_id == found.id, AuditRow.subject == "ticket").order_by(AuditRow.id.desc())
        session().rollback()
        last = session().scalars(trail.limit(1)).one()
        assert last.action == f"ticket.{step}"
        if step in ("transfer", "return"):
            assert last.reason and last.reason.startswith(("不归本组：", "信息不全："))
        assert leader.get(url(found)).status_code == 200
    direct = bring(mail(sender="d@client.example"), "dispatched", chief)
    assert leader.post(url(direct, "/steps/start"), headers=HTMX).status_code == 204
    assert leader.post(url(direct, "/steps/urge"), headers=HTMX).status_code == 204
    assert leader.post(url(direct, "/steps/resume"), headers=HTMX).status_code == 409
    assert leader.post(url(direct, "/steps/explode"), headers=HTMX).status_code == 404
    assert leader.get(url(direct, "/steps/explode")).status_code == 404
    assert leader.get(url(direct, "/steps/start")).status_code == 404


def test_the_local_time_is_the_viewers(mail: Mail, desk: FreshClient, agent: User) -> None:
    with unit_of_work() as s:
        s.get_one(User, agent.id).time_zone = "America/New_York"
    found = bring(mail(), "executing", agent)
    wished = now() + timedelta(days=2)
    answer = desk.post(url(found, "/steps/hold"), headers=HTMX, data={
        "party": "part", "reason": "等", "until": (wished - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M")})  # fmt: skip
    assert answer.status_code == 204
    kept = fresh(found).hold_until
    assert kept is not None and abs((kept - wished).total_seconds()) <= 3660, "five hours, or four in summer"


def test_what_is_missing_is_said_and_nothing_typed_is_lost(mail: Mail, desk: FreshClient, agent: User) -> None:
    found = bring(mail(), "executing", agent)
    before = found.version
    for step in FILLED:
        if TICKET.by_name[step].needs and "executing" in TICKET.by_name[step].sources and step != "supervise":
            answer = desk.post(url(found, f"/steps/{step}"), data={"version": before}, headers=HTMX)
            assert answer.status_code == 422 and 'class="wrong"' in answer.text, step
            assert "<html" in desk.post(url(found, f"/steps/{step}"), data={}).text, "a whole page without scripts"
    answer = desk.post(url(found, "/steps/resolve"), data={"resolution": NASTY.encode("utf-8", "surrogatepass"), "cause": "风扇"}, headers=HTMX)
    assert "填写小结" in answer.text or "选择分类" in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text and 'value="风扇"' in answer.text and "<script>alert" not in answer.text
    for until in ("", "tomorrow", "2020-01-01T09:00", "2099-01-01T09:00"):
        answer = desk.post(url(found, "/steps/hold"), data={"party": "customer", "reason": "等", "until": until}, headers=HTMX)
        assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text, until
    long = desk.post(url(found, "/steps/cancel"), data={"reason": "长" * 501}, headers=HTMX)
    assert long.status_code == 422 and "太长了" in long.text
    assert fresh(found).version == before


def test_texts_of_people_are_shown_as_typed(mail: Mail, desk: FreshClient, agent: User, browser: Browser) -> None:
    found = bring(mail(), "executing", agent)
    nasty = NASTY.encode("utf-8", "surrogatepass")
    fields: list[tuple[str, dict[str, Any]]] = [
        ("raise", {"to": "supervisor", "reason": nasty}),
        ("extend", {"until": soon(24 * 5), "reason": nasty}),
        ("hold", {"party": "part", "until": soon(), "reason": nasty}),
        ("split", {"subject": nasty}),
        ("resolve", {"resolution": nasty, "category": "usage", "kind": "fault", "cause": nasty}),
        ("reopen", {"reason": nasty}),
        ("cancel", {"reason": nasty}),
    ]
    leader = browser("leader")
    for step, given in fields:
        answer = desk.post(url(found, f"/steps/{step}"), data=given, headers=HTMX)
        assert answer.status_code == 204, (step, answer.text)
        if step == "hold":
            assert "&lt;script&gt;alert(1)" in desk.get(url(found, "/stepper")).text
            desk.post(url(found, "/steps/resume"), headers=HTMX)
        for client in (desk, leader):
            assert "<script>alert" not in client.get(url(found)).text, step
    assert "<script>alert" not in desk.get("/desk?view=open").text


def test_a_form_that_is_behind_says_what_stands_now(mail: Mail, desk: FreshClient, agent: User, browser: Browser) -> None:
    found = bring(mail(), "executing", agent)
    seen = found.version
    assert browser("leader").post(url(found, "/steps/urge"), headers=HTMX).status_code == 204
    typed = {"version": seen, "resolution": "改了 APN", "category": "usage", "kind": "fault"}
    answer = desk.post(url(found, "/steps/resolve"), data=typed, headers=HTMX)
    assert answer.status_code == 412
    assert "别人刚刚改过" in answer.text and "处理中" in answer.text and "改了 APN" in answer.text
    shown = re.search(r'name="version" value="(\d+)"', answer.text)
    assert shown and int(shown[1]) == fresh(found).version
    assert desk.post(url(found, "/steps/resolve"), data=typed | {"version": shown[1]}, headers=HTMX).status_code == 204
    stale = desk.post(url(found, "/steps/urge"), data={"version": seen}, headers=HTMX)
    assert stale.status_code == 412 and "别人刚刚改过" in toast(stale)


def test_a_step_that_is_not_possible_says_why(mail: Mail, desk: FreshClient, agent: User, browser: Browser) -> None:
    found = bring(mail(), "following_up", agent)
    page = desk.get(url(found)).text
    assert "等客户答复，或请同事回访" in page
    form = desk.get(url(found, "/steps/resolve"), headers=HTMX).text
    assert "不适用于状态「待回访」" in form and 'type="submit"' not in form
    answer = desk.post(url(found, "/steps/close"), data={"result": "answered"}, headers=HTMX)
    assert answer.status_code == 409 and "请同事回访" in answer.text
    assert browser("resident").post(url(found, "/steps/cancel"), data={"reason": "x"}, headers=HTMX).status_code == 404
    with unit_of_work() as s:
        from app.core.catalogue import Product

        supplier = Organisation(kind="supplier", name="拓联")
        s.add(supplier)
        s.flush()
        product = Product(code="TL", name="网关", supplier_id=supplier.id)
        s.add(product)
        s.flush()
        s.get_one(Ticket, found.id).product_id = product.id
    resident = browser("resident", organisation=supplier)
    assert resident.get(url(found)).status_code == 200
    assert resident.post(url(found, "/steps/cancel"), data={"reason": "x"}, headers=HTMX).status_code == 403


def test_answer_and_solve_in_one_go(mail: Mail, desk: FreshClient, agent: User, drain: Callable[[], int]) -> None:
    found = bring(mail(), "executing", agent)
    seen = desk.get(url(found)).text
    conversation = re.search(r'name="conversation" value="(\d+)"', seen)
    assert conversation and "发送并解决" in seen
    typed = {"text": "APN 已改好。", "conversation": conversation[1]}
    form = desk.post(url(found, "/steps/resolve/with-reply"), data=typed, headers=HTMX).text
    assert "APN 已改好。</textarea>" in form and "回复会一并发出" in form
    hidden = {"reply_text": "APN 已改好。", "conversation": conversation[1], "version": str(found.version)}
    wrong = desk.post(url(found, "/steps/resolve"), data=hidden | {"resolution": "改好"}, headers=HTMX)
    assert wrong.status_code == 422 and messages(found) == [] and 'value="APN 已改好。"' in wrong.text
    late = desk.post(url(found, "/steps/resolve"), data=hidden | {"version": "1", "resolution": "x", "category": "usage"}, headers=HTMX)
    assert late.status_code == 412 and messages(found) == []
    done = desk.post(url(found, "/steps/resolve"), data=hidden | {"resolution": "改好", "category": "usage", "kind": "fault"}, headers=HTMX)
    assert done.status_code == 204 and "sent" in json.loads(done.headers["HX-Trigger"])
    assert [m.text for m in messages(found)] == ["APN 已改好。"] and fresh(found).state == "following_up"
    open_one = bring(mail(sender="b@x.example"), "executing", agent)
    assert "先写下给客户的回复" in desk.post(url(open_one, "/steps/resolve/with-reply"), data={"text": " "}, headers=HTMX).text
    assert desk.post(url(found, "/steps/cancel/with-reply"), data=typed).status_code == 404


def test_extensions_wait_for_a_word(mail: Mail, desk: FreshClient, agent: User, browser: Browser) -> None:
    found = bring(mail(), "executing", agent)
    desk.post(url(found, "/steps/extend"), data={"until": LOCAL, "reason": "等备件"}, headers=HTMX)
    mark = session().scalars(select(TicketMark)).one()
    assert "申请延期到 2099-01-01 09:00" in desk.get(url(found)).text
    assert f"/extensions/{mark.id}/approve" not in desk.get(url(found)).text
    assert desk.post(url(found, f"/extensions/{mark.id}/approve"), headers=HTMX).status_code == 403
    leader = browser("leader")
    assert f"/extensions/{mark.id}/approve" in leader.get(url(found, "/stepper")).text
    assert leader.post(url(found, f"/extensions/{mark.id}/perhaps"), headers=HTMX).status_code == 404
    assert leader.post(url(found, f"/extensions/{mark.id}/approve"), headers=HTMX).status_code == 204
    assert fresh(found).due_at.year == 2099
    assert leader.post(url(found, f"/extensions/{mark.id}/refuse"), headers=HTMX).status_code == 409


def test_calls_that_reach_nobody(mail: Mail, desk: FreshClient, agent: User, browser: Browser) -> None:
    found = bring(mail(), "following_up", agent)
    leader = browser("leader")
    for place in (1, 2, 3):
        answer = leader.post(url(found, "/attempts"), headers=HTMX)
        assert answer.status_code == 204 and str(place) in toast(answer)
    assert 'value="unreachable"' in leader.get(url(found, "/steps/close"), headers=HTMX).text
    assert leader.post(url(found, "/steps/close"), data={"result": "unreachable"}, headers=HTMX).status_code == 204
    assert leader.post(url(found, "/attempts"), headers=HTMX).status_code == 409


def test_kind_impact_and_product(mail: Mail, desk: FreshClient) -> None:
    found = mail()
    form = desk.get(url(found, "/classify"), headers=HTMX).text
    assert 'name="impact"' in form and "停线" in form
    given = {"kind": "fault", "impact": "line_down", "version": str(found.version)}
    assert desk.post(url(found, "/classify"), data=given, headers=HTMX).status_code == 204
    found = fresh(found)
    assert (found.kind, found.priority) == ("fault", "P1")
    assert desk.post(url(found, "/classify"), data=given, headers=HTMX).status_code == 412
    for wrong in ({"kind": "x", "impact": "none"}, {"kind": "fault", "impact": ""}, {"kind": "fault", "impact": "none", "product": "999"}):
        assert desk.post(url(found, "/classify"), data=wrong, headers=HTMX).status_code == 422, wrong
    assert desk.post(url(found, "/classify"), data={"kind": "fault", "impact": "none", "device": "9"}, headers=HTMX).status_code == 404


def test_a_call_is_written_down_in_one_form(desk: FreshClient, agent: User, company: Callable[..., Organisation]) -> None:
    lake = company()
    assert desk.get("/desk/tickets/new").status_code == 200
    given = {"contact": "new", "name": "李秀兰", "phone": "138 0512 7741", "organisation": str(lake.id), "subject": "变频器停了",
             "text": "车间打来，3 号线停着", "channel": "calls", "kind": "fault", "impact": "line_down", "claim": "1"}  # fmt: skip
    answer = desk.post("/desk/tickets/new", data=given)
    assert answer.status_code == 303
    session().rollback()
    found = session().scalars(select(Ticket)).one()
    assert answer.location == url(found)
    assert (found.state, found.assignee_id, found.channel, found.priority) == ("executing", agent.id, "calls", "P1")
    assert found.contact is not None and found.contact.name == "李秀兰" and found.organisation_id == lake.id
    said = session().scalars(select(Message)).one()
    assert (said.direction, said.visible_text, said.placed, said.author_name) == ("in", "车间打来，3 号线停着", "desk", "李秀兰")
    assert found.first_response_at is not None and session().scalars(select(TicketNote)).all() == []
    page = desk.get(answer.location).text
    assert "没有可以回复的会话" not in page and "车间打来" in page and "同事按客户的话记下" in page
    assert desk.post("/desk/tickets/new", data=given).location == answer.location, "sent twice is one ticket"
    again = desk.post("/desk/tickets/new", data=given | {"name": "", "subject": "又来电", "claim": ""})
    session().rollback()
    assert again.status_code == 303 and session().query(Contact).count() == 1, "the number is known"
    assert session().scalars(select(Ticket).order_by(Ticket.id.desc())).first().state == "created"  # type: ignore[union-attr]


def test_a_resident_reaches_nobody_by_typing_a_foreign_number(browser: Browser, company: Callable[..., Organisation], make_user: Any) -> None:
    supplier, lake = company("拓联通信", "supplier"), company()
    with unit_of_work() as s:
        person = Contact(name="李秀兰", organisation_id=lake.id)
        s.add(person)
        s.flush()
        s.add(Identity(kind="email", value="li@chenghu.example", contact_id=person.id))
    resident = browser(make_user("resident", organisation=supplier))
    answer = resident.post(
        "/desk/tickets/new",
        data={"contact": "new", "email": "li@chenghu.example", "subject": "x", "kind": "consult", "impact": "none"},
    )
    assert answer.status_code == 422 and "不在你能看到的范围里" in answer.text and "李秀兰" not in answer.text
    session().rollback()
    assert session().scalars(select(Ticket)).all() == []


def test_a_known_person_is_chosen(desk: FreshClient, company: Callable[..., Organisation]) -> None:
    lake = company()
    with unit_of_work() as s:
        person = Contact(name="李秀兰", organisation_id=lake.id)
        s.add(person)
        s.flush()
        s.add(Identity(kind="phone", value="+8613805127741", shown="138 0512 7741", contact_id=person.id))
    for typed in ("李秀", "12774", "澄湖"):
        assert "李秀兰" in desk.get(f"/desk/tickets/new/people?who={typed}", headers=HTMX).text, typed
    assert "没有找到" in desk.get("/desk/tickets/new/people?who=zzzz", headers=HTMX).text
    assert desk.get("/desk/tickets/new/machines?contact=x", headers=HTMX).status_code == 200
    assert "checked" in desk.get(f"/desk/tickets/new?contact={person.id}").text
    answer = desk.post("/desk/tickets/new", data={"contact": str(person.id), "subject": "问一下", "kind": "consult", "impact": "none"})
    assert answer.status_code == 303
    session().rollback()
    assert session().scalars(select(Ticket)).one().contact_id == person.id


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"subject": "x"}, "选一位联系人"),
        ({"contact": "new", "name": "李", "subject": " ", "text": "  "}, "写一句发生了什么"),
        ({"contact": "99", "subject": "x"}, "没有这位联系人"),
        ({"contact": "new", "phone": "12", "subject": "x"}, "电话"),
        ({"contact": "new", "email": "not-a-mail", "subject": "x"}, "name@example.com"),
        ({"contact": "new", "name": "李", "organisation": "77", "subject": "x"}, "没有这家企业"),
        ({"contact": "new", "name": "李", "subject": "x", "kind": "moon"}, "没有这个类别"),
    ],
)
def test_a_new_ticket_that_lacks_something_keeps_what_was_typed(given: dict[str, str], said: str, desk: FreshClient) -> None:
    answer = desk.post("/desk/tickets/new", data={"text": "原话在此", **given})
    assert answer.status_code == 422 and said in answer.text and (given.get("text") or "原话在此") in answer.text
    session().rollback()
    assert session().query(Ticket).count() == 0 and session().query(Contact).count() == 0
