"""Verdicts as they come about: mails, chats, steps and merges go in, stored verdicts come out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from app.commands.fcr import judge_all
from app.core import clock
from app.core.audit import AuditRow
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import db, session
from app.core.directory.merging import merge_contacts
from app.core.errors import Forbidden
from app.core.installed_base import Device
from app.core.people import Contact, Identity, Organisation, Team, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from app.queries import fcr_facts
from app.replies import reply
from channels.base import Inbound, Sender
from channels.models import Account, Conversation, Session
from channels.receiving import receive
from workflows import service as desk
from workflows.engine import take
from workflows.fcr_models import FcrVerdict
from workflows.fcr_verdicts import decide_repeat
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET

WRAP_UP = {"category": "usage", "cause": "设置"}
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class House:
    """One mailbox, one chat, two lines, one customer; `at(minutes)` moves the clock and does what is owed."""

    def __init__(self, make_user: Callable[..., User], drain: Callable[[], int]) -> None:
        self.drain, self.n = drain, 0
        self.user, self.second = make_user("agent", display_name="周小禾"), make_user("second_line", display_name="韩大勇")
        with unit_of_work() as s:
            s.add_all([Account(kind="email", slug="support", settings={"address": "support@desk.example"}), Account(kind="webchat", slug="chat", settings={})])
            one, two = Team(name="一线", line=1), Team(name="二线", line=2)
            one.members, two.members = [self.user], [self.second]
            s.add_all([one, two])
            firm = Organisation(kind="client", name="澄湖轴承")
            product = Product(code="HK-V20", name="变频器")
            s.add_all([firm, product])
            s.flush()
            self.one, self.two, self.firm, self.product = one.id, two.id, firm.id, product.id
            devices = [Device(organisation_id=firm.id, product_id=product.id, serial=f"SN{n}", tag=f"t{n}") for n in (1, 2)]
            s.add_all(devices)
            s.flush()
            self.device, self.other_device = devices[0].id, devices[1].id

    @property
    def agent(self) -> Actor:
        return session().get_one(User, self.user.id).actor("test")

    @property
    def expert(self) -> Actor:
        return session().get_one(User, self.second.id).actor("test")

    def after(self, **by: float) -> None:
        """Let time pass, and do what falls due in it."""
        clock.advance(timedelta(**by))
        self.drain()

    def hears(self, text: str, via: str = "support", who: str = "li@chenghu.example", answers: bool = False) -> Ticket:
        """A message of the customer comes in and is routed."""
        self.n += 1
        with unit_of_work() as s:
            account = s.scalars(select(Account).where(Account.slug == via)).one()
            kind = "email" if via == "support" else "visitor"
            message = receive(
                account,
                Inbound(
                    external_id=f"m{self.n}@chenghu.example", sender=Sender(kind, who, "李秀兰", verified=True), subject=text if kind == "email" else "",
                    text=text, visible_text=text, sent_at=now(), answers=(f"m{self.n - 1}@chenghu.example",) if answers else (), continues=kind != "email",
                ),
            )  # fmt: skip
            assert message is not None
            conversation = message.conversation_id
        self.drain()
        with unit_of_work() as s:
            ticket = desk.tickets_of_conversation(conversation)[0]
            if ticket.organisation_id is None:
                ticket.organisation_id = self.firm
        return ticket

    def says(self, ticket: Ticket, text: str, who: Actor | None = None) -> None:
        with unit_of_work() as s:
            conversation = s.scalars(select(Conversation).order_by(Conversation.id.desc())).first()
            assert conversation is not None
            reply(who or self.agent, session().get_one(Ticket, ticket.id), conversation, text)
        self.drain()

    def step(self, ticket: Ticket, name: str, who: Actor | None = None, **given: Any) -> None:
        with unit_of_work():
            take(TICKET, session().get_one(Ticket, ticket.id), name, who or self.agent, **given)
        self.drain()

    def solve(self, ticket: Ticket, who: Actor | None = None, **given: Any) -> None:
        self.step(ticket, "solve_now", who, resolution="改好了。", wrap_up=WRAP_UP, **given)

    def about(self, ticket: Ticket, **given: Any) -> None:
        known = {"kind": "consult", "impact": "none", "product_id": self.product, "device_id": None, **given}
        with unit_of_work():
            desk.classify(self.agent, session().get_one(Ticket, ticket.id), **known)
        self.drain()

    def verdict(self, ticket: Ticket) -> FcrVerdict | None:
        session().rollback()
        return session().get(FcrVerdict, ticket.id)

    def reasons(self, ticket: Ticket) -> list[str]:
        row = self.verdict(ticket)
        assert row is not None
        return [reason["code"] for reason in row.reasons]


@pytest.fixture
def house(app: Any, make_user: Callable[..., User], drain: Callable[[], int]) -> House:
    return House(make_user, drain)


def solved_by_mail(house: House, text: str = "怎样改站号？") -> Ticket:
    ticket = house.hears(text)
    house.after(minutes=10)
    house.says(ticket, "进参数 P00 改。")
    house.after(minutes=10)
    house.solve(ticket)
    return ticket


def test_one_answer_by_mail_is_pending_and_matures_by_itself(house: House) -> None:
    ticket = solved_by_mail(house)
    row = house.verdict(ticket)
    assert row is not None
    assert (row.verdict, row.reasons, row.channel, row.kind, row.seconds) == ("pending", [], "email", "consult", 1200)
    assert (row.user_id, row.team_id) == (house.user.id, house.one)
    house.after(days=7, seconds=-1)
    assert house.verdict(ticket).verdict == "pending"
    house.after(seconds=1)
    assert house.verdict(ticket).verdict == "solved"


def test_one_question_and_one_answer_by_mail_are_allowed_two_answers_are_not(house: House) -> None:
    asked = house.hears("变频器停机")
    house.says(asked, "面板上显示哪个代码？")
    house.after(minutes=5)
    house.hears("E07", answers=True)
    house.says(asked, "清理风道即可。")
    house.says(asked, "附上图。")  # the same turn
    house.solve(asked)
    assert house.reasons(asked) == []
    house.after(days=1)
    twice = house.hears("另一件事", who="wang@chenghu.example")
    house.says(twice, "请重启。")
    house.after(minutes=5)
    house.hears("还是不行", who="wang@chenghu.example", answers=True)
    house.says(twice, "请升级固件。")
    house.solve(twice)
    assert house.reasons(twice) == ["more_turns"]


def test_a_chat_solved_in_its_session_and_one_solved_the_next_day(house: House) -> None:
    quick = house.hears("密码忘了", via="chat", who="v1")
    house.says(quick, "在的。")
    house.after(minutes=3)
    house.hears("怎样改密码", via="chat", who="v1")
    house.says(quick, "点忘记密码。")
    house.solve(quick)
    assert house.reasons(quick) == []
    slow = house.hears("网关离线", via="chat", who="v2")
    house.says(slow, "我查一下。")
    house.after(days=1)
    house.solve(slow)
    assert house.reasons(slow) == ["later"]
    assert session().scalars(select(Session)).all()


def test_written_down_by_hand_is_one_contact_of_that_moment(house: House) -> None:
    with unit_of_work():
        ticket = open_ticket(house.agent, subject="来电：停机", channel="calls", organisation_id=house.firm)
    house.after(minutes=9)
    house.solve(ticket)
    row = house.verdict(ticket)
    assert (row.reasons, row.user_id, row.channel) == ([], house.user.id, "calls")
    with unit_of_work():
        late = open_ticket(house.agent, subject="来电：再问", channel="calls")
    house.after(hours=3)
    house.solve(late)
    assert house.reasons(late) == ["later"]


def test_only_a_change_of_tier_is_a_transfer(house: House, make_user: Callable[..., User]) -> None:
    colleague = make_user("agent")
    with unit_of_work() as s:
        team = s.get_one(Team, house.one)
        team.members.append(s.get_one(User, colleague.id))
    same = house.hears("一")
    house.step(same, "dispatch", assignee=house.user.id, team=house.one)
    house.says(same, "请稍等。")
    house.step(same, "transfer", assignee=colleague.id, team=house.one, reason="休息")
    house.solve(same, session().get_one(User, colleague.id).actor("test"))
    assert house.reasons(same) == []
    other = house.hears("二", who="wang@chenghu.example")
    house.step(other, "dispatch", assignee=house.user.id, team=house.one)
    house.says(other, "请稍等。")
    house.step(other, "transfer", assignee=house.second.id, team=house.two, reason="要看日志")
    house.solve(other, house.expert)
    row = house.verdict(other)
    assert house.reasons(other) == ["transferred"]
    assert (row.user_id, row.team_id) == (house.user.id, house.one)  # the first human, not the solver


def test_raising_and_reopening_break_it(house: House) -> None:
    raised = house.hears("一")
    house.step(raised, "raise", to="second_line", reason="急")
    house.solve(raised)
    assert house.reasons(raised)[:1] == ["raised"]
    again = solved_by_mail(house, "二")
    house.after(days=2)
    house.hears("还是不行", answers=True)
    assert house.reasons(again) == ["reopened"]
    row = house.verdict(again)
    assert (row.broken_after, row.reopened) == (2 * 86400, True)


def test_a_contact_about_the_same_machine_on_another_channel_is_a_repeat(house: House) -> None:
    first = solved_by_mail(house)
    house.about(first, device_id=house.device)
    house.after(days=3)
    with unit_of_work():
        call = open_ticket(house.agent, subject="又停机", channel="calls", organisation_id=house.firm, device_id=house.device)
    house.drain()
    row = house.verdict(first)
    assert [(r["code"], r["ticket"]) for r in row.reasons] == [("repeat", call.id)]


def test_a_repeat_exactly_when_the_window_ends_is_none(house: House) -> None:
    first = solved_by_mail(house)
    house.about(first, device_id=house.device)
    house.after(days=7)
    with unit_of_work():
        open_ticket(house.agent, subject="又停机", channel="calls", organisation_id=house.firm, device_id=house.device)
    house.drain()
    assert house.verdict(first).verdict == "solved"


def test_a_possible_repeat_waits_for_a_decision_that_is_on_record(house: House) -> None:
    first = solved_by_mail(house)
    house.about(first)
    house.after(days=1)
    second = house.hears("还有个问题")
    assert second.id != first.id
    assert house.verdict(first).possible == 1
    with unit_of_work():
        decide_repeat(house.agent, session().get_one(Ticket, first.id), same=True, later_ticket=session().get_one(Ticket, second.id))
    house.drain()
    assert (house.reasons(first), house.verdict(first).possible) == (["repeat"], 0)
    with unit_of_work():
        decide_repeat(house.agent, session().get_one(Ticket, first.id), same=False, later_ticket=session().get_one(Ticket, second.id))
    house.drain()
    assert house.reasons(first) == []
    trail = session().scalars(select(AuditRow).where(AuditRow.action == "ticket.repeat_decided").order_by(AuditRow.id)).all()
    assert [(a.before, a.after) for a in trail] == [(None, "same"), ("same", "other")]


def test_who_does_not_work_on_tickets_decides_nothing(house: House, actor: Callable[..., Actor]) -> None:
    first = solved_by_mail(house)
    with pytest.raises(Forbidden), unit_of_work():
        decide_repeat(actor("manager"), session().get_one(Ticket, first.id), same=True, later_session=1)


def test_merging_folds_and_unmerging_takes_apart(house: House) -> None:
    first = house.hears("一号机停")
    child = house.hears("一号机又停", who="li@chenghu.example")
    assert child.id != first.id
    house.solve(child)
    assert house.verdict(child) is not None
    house.step(child, "merge", into=first.number)
    assert house.verdict(child) is None
    folded = house.verdict(first)
    assert folded is not None  # the issue was first resolved when its child was
    assert folded.created_at == first.created_at
    house.step(child, "unmerge")
    assert house.verdict(child) is not None
    assert house.verdict(first) is None


def test_a_child_opened_after_the_resolution_is_a_repeat(house: House) -> None:
    first = solved_by_mail(house)
    house.after(days=1)
    child = house.hears("还是不行，另开一封")
    house.step(child, "merge", into=first.number)
    assert [(r["code"], r["ticket"]) for r in house.verdict(first).reasons] == [("repeat", child.id)]


def test_the_kind_of_then_counts_and_the_change_shows(house: House) -> None:
    ticket = solved_by_mail(house)
    house.about(ticket, kind="complaint")
    row = house.verdict(ticket)
    assert (row.kind, row.verdict, row.kind_changed) == ("consult", "pending", True)


def test_cancelled_own_people_and_outbound_are_not_counted(house: House) -> None:
    spam = house.hears("广告", who="spam@else.example")
    house.step(spam, "cancel", reason="垃圾")
    assert house.verdict(spam).excluded_as == "cancelled"
    with unit_of_work() as s:
        platform = Organisation(kind="platform", name="衡川")
        s.add(platform)
        s.flush()
        own = open_ticket(house.agent, subject="测试", channel="calls", organisation_id=platform.id)
    house.solve(own)
    assert house.verdict(own).excluded_as == "test"


def test_two_contacts_that_are_one_person_make_a_repeat(house: House) -> None:
    first = solved_by_mail(house)
    house.about(first)
    with unit_of_work() as s:
        firm = session().get_one(Ticket, first.id)
        firm.organisation_id = None
        other = Contact(name="李班长")
        s.add(other)
        s.flush()
        s.add(Identity(kind="phone", value="+8613800000000", contact_id=other.id))
    house.after(days=1)
    with unit_of_work() as s:
        call = open_ticket(house.agent, subject="再问", channel="calls", contact=s.get_one(Contact, other.id))
    house.solve(call)
    assert house.reasons(first) == []
    with unit_of_work():
        merge_contacts(house.agent, session().get_one(Ticket, first.id).contact_id, other.id)
    house.drain()
    assert house.reasons(first) == ["repeat"]


def test_judging_all_anew_gives_the_same_verdicts(house: House) -> None:
    tickets = [solved_by_mail(house), house.hears("二", who="b@chenghu.example")]
    house.solve(tickets[1])
    house.after(days=8)
    before = {row.ticket_id: (row.verdict, row.reasons, row.seconds, row.user_id) for row in session().scalars(select(FcrVerdict))}
    with unit_of_work() as s:
        for row in s.scalars(select(FcrVerdict)):
            s.delete(row)
    assert judge_all() == 2
    assert {row.ticket_id: (row.verdict, row.reasons, row.seconds, row.user_id) for row in session().scalars(select(FcrVerdict))} == before
    assert len(before) == 2


def test_facts_take_the_same_number_of_statements_for_one_and_for_many(house: House) -> None:
    ids = [solved_by_mail(house, f"第 {n} 件").id for n in range(4)]

    def statements(wanted: list[int]) -> int:
        session().rollback()
        session().expunge_all()
        seen: list[str] = []
        listener = lambda conn, cursor, text, *rest: seen.append(text)  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listener)
        try:
            assert len(fcr_facts.gather(wanted)) == len(wanted)
        finally:
            event.remove(db.engine, "before_cursor_execute", listener)
        return len(seen)

    assert statements(ids[:1]) == statements(ids)
    assert SYSTEM.can("report.read")
