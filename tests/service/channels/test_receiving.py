"""A mail of the outside becomes a message once, a contact, a conversation and a ticket; nothing is lost."""

from datetime import timedelta
from email.message import EmailMessage

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import Invalid
from app.core.events import DEAD, OutboxRow, record
from app.core.people import Contact, Identity, Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving
from channels.accounts import add_account
from channels.events import MessageSent
from channels.models import Conversation, Message, RawPayload
from channels.sending import queue_message
from workflows.engine import take
from workflows.models import FollowUp, Ticket
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


def test_what_was_stored_but_never_read_is_picked_up(account, monkeypatch):
    def killed(raw_id):
        raise SystemExit

    with monkeypatch.context() as m, pytest.raises(SystemExit):
        m.setattr(receiving, "understand", killed)
        receiving.accept(account, mail())
    assert (receiving.pick_up(), count(Message)) == (0, 0), "it may still be in somebody's hands"
    with clock.frozen(clock.now() + timedelta(minutes=2)):
        assert receiving.pick_up() == 1
    assert (count(Message), only(RawPayload).state, receiving.pick_up()) == (1, "parsed", 0)


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
        ("我在休假。", {"subject": "自动回复: 变频器跳E07"}, "following_up"),
        ("I am away.", {"subject": "Automatic reply: drive E07"}, "following_up"),
        ("自动回复怎么设？", {"subject": "自动回复的设置"}, "executing"),
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


def answered_by(account, drain, actor, **headers) -> str:
    """A closed-to-be ticket, and a mail of a stranger who has our question before them; returns its state then."""
    receiving.accept(account, mail())
    drain()
    close(only(Ticket), actor("agent"))
    drain()
    ours = session().scalars(select(Message.external_id).where(Message.direction == "out")).one()
    headers = {"sender": "eve@stranger.example", "message_id": "<e@stranger.example>", "In_Reply_To": f"<{ours}>", **headers}
    receiving.accept(account, mail(**headers))
    drain()
    return only(Ticket).state


def test_a_stranger_who_has_our_mail_joins_marked_and_turns_no_answer_round(account, drain, actor):
    assert answered_by(account, drain, actor, text="把方案发给我。", Reply_To="evil@elsewhere.example") == "executing"
    session().rollback()
    said = session().scalars(select(Message).where(Message.external_id == "e@stranger.example")).one()
    assert (said.placed, said.to_address) == ("stranger_in_thread", None)
    with unit_of_work():
        assert queue_message(actor("agent"), only(Conversation), "方案如下。").to_address == "wang@chenghu.example"
    steps = select(AuditRow.actor_name).where(AuditRow.action == "ticket.reopen")
    assert session().scalars(steps).one() == "eve@stranger.example"


def test_thanks_of_a_stranger_do_not_close(account, drain, actor):
    assert answered_by(account, drain, actor, text="谢谢！") == "following_up"


def test_a_colleague_joins_unmarked(account, drain, actor):
    with unit_of_work() as s:
        s.add(Organisation(kind="client", name="澄湖", email_domains=["chenghu.example"]))
    assert answered_by(account, drain, actor, sender="li@chenghu.example", text="谢谢，已解决", Reply_To="li2@chenghu.example") == "closed"
    assert session().scalars(select(Message.placed).where(Message.external_id == "e@stranger.example")).one() == "in_reply_to"


def bounce(returned: str) -> bytes:
    return (
        "From: MAILER-DAEMON@relay.example\nMessage-ID: <b@relay.example>\nSubject: failed\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nno such user\n"
        "--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay\n\nFinal-Recipient: rfc822; wang@chenghu.example\n"
        f"Action: failed\nStatus: 5.1.1\n\n--x\nContent-Type: message/rfc822\n\nMessage-ID: <{returned}>\nSubject: x\n\nwords\n--x--\n"
    ).encode()


def test_a_forged_bounce_does_not_fail_a_message_of_the_customer(account, drain):
    receiving.accept(account, mail())
    assert receiving.accept(account, bounce("a1@chenghu.example")).state == "imported"
    drain()
    assert session().scalars(select(Message.state).where(Message.external_id == "a1@chenghu.example")).one() == "received"


def test_silence_after_a_question_that_came_back_closes_nothing(account, drain, actor):
    receiving.accept(account, mail())
    drain()
    close(only(Ticket), actor("agent"))
    drain()
    ours = session().scalars(select(Message).where(Message.direction == "out")).one()
    with unit_of_work():  # as if it had been sent
        message = session().get_one(Message, ours.id)
        message.state, message.error = "sent", None
        record(MessageSent(conversation_id=message.conversation_id, version=1, message_id=message.id))
    drain()
    assert only(FollowUp).state == "asked"
    assert receiving.accept(account, bounce(ours.external_id)).state == "imported"
    drain()
    question = only(FollowUp)
    assert (question.state, question.delivered_at) == ("asking", None)
    with clock.frozen(clock.now() + timedelta(days=30)):
        drain()
    assert only(Ticket).state == "following_up"
    assert not session().scalars(select(OutboxRow).where(OutboxRow.state == DEAD, OutboxRow.reaction == "close_silent")).all()


def test_a_question_sent_again_has_a_new_clock(account, drain, actor):
    receiving.accept(account, mail())
    drain()
    close(only(Ticket), actor("agent"))
    drain()
    ours = session().scalars(select(Message.id).where(Message.direction == "out")).one()
    begin = clock.now()
    for days in (0, 2):
        with clock.frozen(begin + timedelta(days=days)), unit_of_work():
            message = session().get_one(Message, ours)
            message.state = "sent"
            record(MessageSent(conversation_id=message.conversation_id, version=1, message_id=ours))
        with clock.frozen(begin + timedelta(days=days)):
            drain()
    with clock.frozen(begin + timedelta(days=3, minutes=1)):
        drain()
    assert only(Ticket).state == "following_up"
    assert not session().scalars(select(OutboxRow).where(OutboxRow.reaction == "close_silent", OutboxRow.error.is_not(None))).all()
    with clock.frozen(begin + timedelta(days=5, minutes=1)):
        drain()
    assert only(Ticket).state == "closed"


def test_a_storm_of_bounces_of_forged_mails_is_one_ticket(account, drain, actor):
    for number in range(5):
        raw = bounce(f"{number}@not-ours.example").replace(b"<b@relay", b"<b%d@relay" % number).replace(b"DAEMON@relay", b"DAEMON@r%d" % number)
        assert receiving.accept(account, raw).state == "imported"
        drain()
    assert (count(Message), count(Ticket)) == (5, 1)
    close(only(Ticket), actor("agent"))
    session().rollback()
    with unit_of_work():
        take(TICKET, only(Ticket), "close", actor("leader"), rating=5)
    for number in (6, 7):
        receiving.accept(account, bounce(f"{number}@not-ours.example").replace(b"<b@relay", b"<b%d@relay" % number))
        drain()
    assert count(Ticket) == 2 and count(Conversation) == 1


def test_every_wrong_setting_is_named_at_once(app: Flask) -> None:
    with pytest.raises(Invalid) as refused, unit_of_work():
        add_account(SYSTEM, "wechat", "gzh", {"token": "?", "appid": "!", "secret": "x" * 32, "nonsense": "1"})
    assert set(refused.value.errors) == {"token", "appid", "nonsense"}
