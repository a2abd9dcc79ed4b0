"""The automatic answer to a first mail: once per address and period, never to machines, and never in a loop."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.audit import AuditRow
from app.core.db import session
from app.core.events import EventRow
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import auto_answers, receiving
from channels.accounts import access_account, add_account, set_account
from channels.models import Message
from tests.service.channels.test_receiving import mail
from tests.service.channels.test_sending import Server, smtp
from workflows.models import Ticket

__all__ = ["smtp"]
Come = Callable[..., None]


@pytest.fixture
def account(app: Flask, smtp: tuple[Server, int]) -> int:
    with unit_of_work():
        return add_account(SYSTEM, "email", "support", {
            "address": "support@hengchuan.example", "smtp_host": "127.0.0.1", "smtp_port": str(smtp[1]), "auto_reply": "yes",
        }).id  # fmt: skip


@pytest.fixture
def come(account: int, drain: Callable[[], None]) -> Come:
    """come(…) brings a mail and everything that follows from it."""
    numbers = iter(range(1000))

    def one(**given: str) -> None:
        receiving.accept(account, mail(**{"message_id": f"<n{next(numbers)}@chenghu.example>", **given}))
        drain()

    return one


def test_a_first_mail_is_answered_with_number_and_link_and_says_what_it_is(come: Come, smtp: tuple[Server, int]) -> None:
    come()
    ticket = session().scalars(select(Ticket)).one()
    [letter] = smtp[0].taken
    text = letter.get_body(("plain",)).get_content()
    assert f"#{ticket.number}" in text and "/r/" in text and "王工您好" in text
    assert "夏天一到下午就停" not in letter.as_string() and "夏天一到" not in text  # nobody has us mail their words to others
    assert (letter["Auto-Submitted"], letter["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    assert letter["In-Reply-To"] == "<n0@chenghu.example>" and f"[#{ticket.number}]" in letter["Subject"]
    stored = session().scalars(select(Message).where(Message.direction == "out")).one()
    assert stored.is_auto and stored.state == "sent"


def test_the_answer_is_in_the_language_of_the_mail_and_in_the_accounts_words(come: Come, smtp: tuple[Server, int]) -> None:
    with unit_of_work():
        set_account(SYSTEM, "support", {"auto_reply_text_en": "Dear {name}, no. {number}, {odd}", "auto_reply_text_zh": "{name}：编号 {number}"})
    come(sender="Li Wei <li@chenghu.example>", subject="Drive trips", text="Our drive trips every afternoon, please help us.")
    come(sender="http://evil.example/ <w@chenghu.example>", text="变频器坏了")
    number = session().scalars(select(Ticket.number).order_by(Ticket.id)).first()
    first, second = (one.get_body(("plain",)).get_content() for one in smtp[0].taken)
    assert first.strip() == f"Dear Li Wei, no. {number}, {{odd}}"
    assert second.startswith("：编号")  # a link is no name


def test_one_per_address_and_period(come: Come, smtp: tuple[Server, int]) -> None:
    come()
    come(sender="WANG+x@chenghu.example", subject="另一件事")
    come(sender="li@chenghu.example")
    assert len(smtp[0].taken) == 2
    with clock.frozen(clock.now() + timedelta(hours=25)):
        come(subject="第三件事")
    assert len(smtp[0].taken) == 3


def test_an_answer_to_a_thread_is_no_first_mail(come: Come, smtp: tuple[Server, int]) -> None:
    come()
    with clock.frozen(clock.now() + timedelta(hours=25)):
        come(In_Reply_To="<n0@chenghu.example>", text="补充一张照片")
    assert len(smtp[0].taken) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"Auto_Submitted": "auto-replied"}, {"Auto_Submitted": "auto-generated"}, {"Precedence": "bulk"}, {"X_Loop": "yes"},
        {"List_Unsubscribe": "<mailto:x@y.example>"}, {"List_Id": "<all.chenghu.example>"}, {"Return_Path": "<>"},
        {"subject": "自动回复：休假中"}, {"sender": "no-reply@chenghu.example"}, {"sender": "alerts-noreply@chenghu.example"},
        {"sender": "MAILER-DAEMON@chenghu.example"}, {"sender": "postmaster@chenghu.example"}, {"sender": "bounces+12@chenghu.example"},
        {"sender": "support@hengchuan.example"}, {"sender": "Support+x@Hengchuan.example"}, {"Reply_To": "do-not-reply@chenghu.example"},
        {"Reply_To": "support@hengchuan.example"}, {"X_Auto_Response_Suppress": "DR, All"}, {"sender": "owner-all@chenghu.example"},
    ],
    ids=lambda given: "-".join(f"{k}={v}"[:30] for k, v in given.items()),
)  # fmt: skip
def test_machines_lists_and_ourselves_get_none(come: Come, smtp: tuple[Server, int], given: dict[str, str]) -> None:
    come(**given)
    assert len(session().scalars(select(Message)).all()) >= 1 and smtp[0].taken == []


@pytest.mark.parametrize("address", ["wang@chenghu.example", "reply@chenghu.example", "daemonov@x.example", "notrepko@x.example", "service@x.example"])
def test_people_are_no_machines(address: str) -> None:
    assert not auto_answers.is_machine(address)


def test_it_is_off_unless_it_is_switched_on_and_something_can_leave(come: Come, smtp: tuple[Server, int]) -> None:
    with unit_of_work():
        set_account(SYSTEM, "support", {"auto_reply": ""})
    come()
    with unit_of_work():
        set_account(SYSTEM, "support", {"auto_reply": "yes", "smtp_host": ""})
    come(sender="li@chenghu.example")
    assert session().scalars(select(Message).where(Message.direction == "out")).all() == []


def test_two_machines_that_answer_each_other_are_stopped_and_the_administrator_is_told(account: int) -> None:
    with unit_of_work():
        set_account(SYSTEM, "support", {"auto_reply_most": "3"})
    gone = []
    for number in range(6):
        with unit_of_work():
            gone.append(auto_answers.exchange(access_account("support"), f"robot+{number}@chenghu.example"))
    assert gone == [True, True, True, False, False, False]
    with unit_of_work():
        assert auto_answers.exchange(access_account("support"), "wang@chenghu.example")
        assert not auto_answers.claim(access_account("support"), "robot@chenghu.example")
    assert [one.address for one in auto_answers.stopped(account)] == ["robot@chenghu.example"]
    told = session().scalars(select(EventRow.payload).where(EventRow.name == "AutoAnswersStopped")).all()
    assert [event["address"] for event in told] == ["robot@chenghu.example"]
    assert session().scalars(select(AuditRow).where(AuditRow.action == "account.auto_stopped")).one()
    with clock.frozen(clock.now() + timedelta(hours=24, seconds=1)), unit_of_work():
        assert auto_answers.stopped(account) == []
        assert auto_answers.exchange(access_account("support"), "robot@chenghu.example")


def test_an_hour_later_the_count_begins_anew(account: int) -> None:
    with unit_of_work():
        set_account(SYSTEM, "support", {"auto_reply_most": "1"})
        assert auto_answers.exchange(access_account("support"), "robot@chenghu.example")
    with clock.frozen(clock.now() + timedelta(hours=1)), unit_of_work():
        assert auto_answers.exchange(access_account("support"), "robot@chenghu.example")
