"""A mail of the outside becomes a message once, a contact, a conversation and a ticket; nothing is lost."""

from email.message import EmailMessage

import pytest
from sqlalchemy import func, select

from app.core.db import session
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account
from channels.models import Conversation, Message, RawPayload
from channels.sending import queue_message
from workflows.engine import take
from workflows.models import Ticket
from workflows.tickets import TICKET


def mail(
    sender="王工 <wang@chenghu.example>", subject="变频器跳E07", text="夏天一到下午就停。", message_id="<a1@chenghu.example>", **headers
) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, "support@hengchuan.example", subject
    if message_id:
        made["Message-ID"] = message_id
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()


@pytest.fixture
def account(app) -> int:
    with unit_of_work():
        return add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"}).id


def count(model) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model))


def only(model):
    session().rollback()
    return session().scalars(select(model)).one()


def test_a_mail_becomes_contact_conversation_and_ticket(account, drain):
    assert receiving.accept(account, mail()).state == "imported"
    drain()
    ticket = only(Ticket)
    assert (ticket.subject, ticket.state, ticket.channel) == ("变频器跳E07", "created", "email")
    assert only(Contact).name == "王工" and ticket.contact_id == only(Contact).id
    assert only(Identity).value == "wang@chenghu.example"
    assert only(Conversation).token == str(ticket.number)


def test_a_second_import_adds_nothing(account, drain):
    receiving.accept(account, mail())
    assert receiving.accept(account, mail()).state == "duplicate"
    changed_on_the_way = b"Received: by relay\r\n" + mail()
    assert receiving.accept(account, changed_on_the_way).state == "duplicate"
    drain()
    assert (count(Message), count(Ticket)) == (1, 1)


def test_two_different_mails_under_one_id_are_both_kept(account, drain):
    receiving.accept(account, mail(text="第一封"))
    assert receiving.accept(account, mail(text="另一封，同一个编号")).state == "imported"
    assert receiving.accept(account, b"X-Hop: 2\r\n" + mail(text="另一封，同一个编号")).state == "duplicate"
    assert count(Message) == 2


def test_what_cannot_be_understood_waits_with_its_reason_and_can_be_replayed(account, monkeypatch):
    outcome = receiving.accept(account, b"   \n ")
    assert outcome.state == "failed"
    raw = only(RawPayload)
    assert (raw.state, bool(raw.reason)) == ("failed", True)
    assert receiving.replay(SYSTEM, raw.id).state == "failed"


def test_a_broken_parser_loses_nothing(account, monkeypatch):
    def broken(self, account, raw):
        raise RuntimeError("bug")

    with monkeypatch.context() as m:
        m.setattr("channels.email.EmailChannel.parse", broken)
        outcome = receiving.accept(account, mail())
    assert outcome.state == "failed" and "RuntimeError" in outcome.reason
    assert receiving.replay(SYSTEM, outcome.raw_id).state == "imported"
    assert count(Message) == 1


def test_an_answer_joins_by_our_id_then_by_references_then_by_subject_mark(account, drain, actor):
    receiving.accept(account, mail())
    drain()
    with unit_of_work():
        ours = queue_message(actor("agent"), only(Conversation), "请查风扇。").external_id
    token = only(Conversation).token
    for number, headers in enumerate(
        [
            {"In_Reply_To": f"<{ours}>"},
            {"References": f"<other@x.example> <{ours}>"},
            {"subject": f"Re: 变频器跳E07 [#{token}]"},
        ]
    ):
        receiving.accept(account, mail(text=f"还是停 {number}", message_id=f"<b{number}@chenghu.example>", **headers))
    placed = session().scalars(select(Message.placed).where(Message.direction == "in").order_by(Message.id)).all()
    assert placed == ["new", "in_reply_to", "references", "subject_token"]
    assert count(Conversation) == 1


def test_a_stranger_who_quotes_a_number_does_not_join(account, drain):
    receiving.accept(account, mail())
    drain()
    token = only(Conversation).token
    receiving.accept(
        account, mail(sender="x@stranger.example", subject=f"Re: [#{token}]", message_id="<s@stranger.example>")
    )
    assert count(Conversation) == 2
    assert "stranger_with_token" in session().scalars(select(Message.placed)).all()


def close(ticket, actor):
    with unit_of_work():
        ticket = session().get_one(Ticket, ticket.id)
        take(TICKET, ticket, "solve_now", actor, resolution="清理风道", wrap_up={"category": "hardware"})


@pytest.mark.parametrize(
    ("text", "headers", "state"),
    [
        ("谢谢，已解决！", {}, "closed"),
        ("还是会停，下午又跳了。", {}, "executing"),
        ("我在休假。", {"Auto_Submitted": "auto-replied"}, "following_up"),
    ],
)
def test_what_the_customer_answers_decides_how_it_goes_on(account, drain, actor, text, headers, state):
    receiving.accept(account, mail())
    drain()
    close(only(Ticket), actor("agent"))
    headers["In_Reply_To"] = "<a1@chenghu.example>"
    receiving.accept(account, mail(text=text, message_id="<c@chenghu.example>", **headers))
    drain()
    assert only(Ticket).state == state


def test_html_script_emoji_nul_and_surrogates_are_kept_harmless(account, drain):
    raw = mail(text="<script>alert(1)</script> 😀").replace(b"Subject: ", b"Subject: \xff\xfe\x00 ")
    assert receiving.accept(account, raw).state == "imported"
    drain()
    ticket = only(Ticket)
    assert "\x00" not in ticket.subject
    ticket.subject.encode()
    assert "<script>" in only(Message).text
