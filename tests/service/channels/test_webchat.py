"""Web chat below the socket: raw first, one conversation a visitor, settings, files, and who a visitor is said to be."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock, presence
from app.core.db import session
from app.core.directory.merging import merge_contacts
from app.core.errors import Invalid
from app.core.events import EventRow
from app.core.files import StoredFile, put_bytes, store_file
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving, visitors
from channels.accounts import add_account, set_account
from channels.base import Outbound, Unparseable
from channels.models import SENT, Account, Conversation, Message, RawPayload
from channels.sending import queue_message
from channels.visitors import Visitor
from channels.webchat import WebChatChannel, external_id, packed
from channels.webchat_files import kind_of
from channels.webchat_hours import hours, is_open
from workflows.models import Ticket, TicketConversation

CHANNEL = WebChatChannel()


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "portal", {"title": "在线客服"})


@pytest.fixture
def visitor(account: Account) -> Visitor:
    with unit_of_work():
        return visitors.meet(account, "zh")[0]


def say(account: Account, visitor: Visitor, text: str, number: str = "m1", **given: Any) -> receiving.Outcome:
    account_id, key = account.id, visitor.key
    raw = packed(key, number, text, name=visitor.shown_name, **given)
    return receiving.accept_now(account_id, raw, source=f"webchat:{key}", dedup_key=external_id(key, number))


def test_a_message_is_kept_raw_and_opens_a_ticket_named_by_its_first_line(account: Any, visitor: Any, drain: Any) -> None:
    outcome = say(account, visitor, "触摸屏黑屏了\n型号 HK-H7")
    raw = session().get_one(RawPayload, outcome.raw_id)
    assert (outcome.state, raw.state) == ("imported", "parsed")
    drain()
    ticket = session().scalars(select(Ticket)).one()
    assert (ticket.subject, ticket.channel) == ("触摸屏黑屏了", "webchat")


def test_the_same_id_is_stored_once_and_two_visitors_may_choose_the_same(account: Any, visitor: Any) -> None:
    with unit_of_work():
        other = visitors.meet(account, "zh")[0]
    assert say(account, visitor, "一").state == "imported"
    assert say(account, visitor, "别的话").state == "duplicate"
    assert say(account, other, "二").state == "imported"
    assert session().scalar(select(func.count(Message.id))) == 2
    assert session().scalar(select(func.count(Conversation.id))) == 2


def test_a_visitor_has_one_conversation(account: Any, visitor: Any, drain: Any) -> None:
    for number, text in enumerate(("一", "二", "三")):
        say(account, visitor, text, f"m{number}")
    conversation = visitors.conversation_of(visitor)
    assert conversation is not None and session().scalar(select(func.count(Conversation.id))) == 1
    assert [m.text for m in visitors.heard_by_visitor(conversation.id)] == ["一", "二", "三"]
    drain()
    assert session().scalar(select(func.count(TicketConversation.ticket_id))) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"no json", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000,
        json.dumps({"visitor": 1, "client_msg_id": "a", "text": "x"}).encode(),
        json.dumps({"visitor": "v", "client_msg_id": "a", "text": ["x"]}).encode(),
        json.dumps({"visitor": "v", "client_msg_id": "a", "text": "x", "files": [{"sha256": "../../etc/passwd", "name": "a", "mime": "b"}]}).encode(),
        json.dumps({"visitor": "v", "client_msg_id": "a", "text": "x", "files": "abc"}).encode(),
        json.dumps({"visitor": "v", "client_msg_id": "a", "text": "  "}).encode(),
        json.dumps({"visitor": "v", "client_msg_id": "a", "text": "x" * 10_001}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_message_of_ours_is_unparseable_and_nothing_else(account: Account, raw: bytes) -> None:
    with pytest.raises(Unparseable):
        CHANNEL.parse(account, raw)


def test_what_cannot_be_stored_now_is_kept_raw_all_the_same(account: Any, visitor: Any) -> None:
    outcome = receiving.accept_now(account.id, b"{}", dedup_key="x")
    raw = session().get_one(RawPayload, outcome.raw_id)
    assert (outcome.state, raw.state) == ("failed", "failed") and raw.reason
    assert receiving.accept_now(account.id, b"{}", dedup_key="x").state == "failed"
    long = packed(visitor.key, "m1", "x", name="长" * 500)
    kept = receiving.accept_now(account.id, long, dedup_key="y")
    assert session().get_one(RawPayload, kept.raw_id).state in ("parsed", "failed")


def test_files_come_along(account: Any, visitor: Any) -> None:
    digest = put_bytes(b"\x89PNG\r\n\x1a\n....")
    say(account, visitor, "", files=[{"sha256": digest, "name": "屏.png", "mime": "image/png"}])
    row = session().scalars(select(StoredFile).where(StoredFile.owner == "message")).one()
    assert (row.name, row.mime, row.sha256) == ("屏.png", "image/png", digest)


def test_an_answer_is_sent_when_it_is_stored(account: Any, visitor: Any, actor: Any, drain: Any) -> None:
    say(account, visitor, "触摸屏黑屏了")
    drain()
    agent = actor("agent")
    with unit_of_work():
        conversation = visitors.conversation_of(visitor)
        assert conversation is not None
        message = queue_message(agent, conversation, "在的")
    assert message.state == SENT and message.sent_at is not None
    names = session().scalars(select(EventRow.name)).all()
    assert names.count("MessageSent") == 1 and "MessageQueued" not in names
    assert [m.text for m in visitors.heard_by_visitor(message.conversation_id)] == ["触摸屏黑屏了", "在的"]


def test_an_answer_that_may_still_be_taken_back_is_not_seen_before_it_goes(
    account: Any, visitor: Any, actor: Any, drain: Any
) -> None:
    say(account, visitor, "触摸屏黑屏了")
    agent = actor("agent")
    with unit_of_work():
        conversation = visitors.conversation_of(visitor)
        assert conversation is not None
        message = queue_message(agent, conversation, "在的", after=timedelta(seconds=15))
    assert [m.text for m in visitors.heard_by_visitor(message.conversation_id)] == ["触摸屏黑屏了"]
    with clock.frozen(clock.now() + timedelta(seconds=20)):
        drain()
    session().refresh(message)
    assert message.state == SENT


def test_sending_speaks_to_nobody(account: Account) -> None:
    assert CHANNEL.send(account, Outbound("a", "b", "v-1", "", "", "text")) is None


def test_seen_goes_forward_only_and_never_over_what_is_there(account: Any, visitor: Any, actor: Any) -> None:
    say(account, visitor, "触摸屏黑屏了")
    agent = actor("agent")
    with unit_of_work():
        conversation = visitors.conversation_of(visitor)
        assert conversation is not None
        first = queue_message(agent, conversation, "一")
        second = queue_message(agent, conversation, "二")
    with unit_of_work():
        assert visitors.visitor_saw(visitor, conversation, first.id)
        assert not visitors.visitor_saw(visitor, conversation, first.id)
    session().refresh(first)
    session().refresh(second)
    assert first.seen_at is not None and second.seen_at is None
    with unit_of_work():
        assert visitors.visitor_saw(visitor, conversation, 2_000_000_000)
        assert not visitors.visitor_saw(visitor, conversation, second.id)
        assert visitors.desk_saw(visitor, conversation, 2_000_000_000)
    assert visitor.seen_id == second.id and visitor.desk_seen_id < first.id


# ---- who they say they are


def test_what_a_visitor_says_of_themselves_is_kept_as_unproved(account: Any, visitor: Any) -> None:
    say(account, visitor, "触摸屏黑屏了")
    with unit_of_work():
        visitor.name, visitor.email, visitor.phone = "王工", "wang@chenghu.example", ""
        assert visitors.introduce(visitor)
    found = session().scalars(select(Identity).where(Identity.kind == "email")).one()
    assert found.suspect and not found.verified and found.contact is not None
    assert (found.contact.name, found.contact.organisation_id) == ("王工", None)


def test_what_a_merged_visitor_claims_hangs_on_the_visitor_not_on_the_person(account: Any, visitor: Any) -> None:
    say(account, visitor, "我是王建平")
    with unit_of_work() as s:
        person = Contact(name="王建平")
        s.add(person)
        s.flush()
        own = s.scalars(select(Identity).where(Identity.kind == "visitor")).one().contact_id
        merge_contacts(SYSTEM, person.id, own)
        visitor.email = "thief@evil.example"
    with unit_of_work():
        assert visitors.introduce(visitor)
    typed = session().scalars(select(Identity).where(Identity.kind == "email")).one()
    assert (typed.contact_id, typed.suspect) == (own, True)


def test_somebody_elses_address_stays_theirs(account: Any, visitor: Any) -> None:
    with unit_of_work() as s:
        owner = Contact(name="真的王工")
        s.add(owner)
        s.flush()
        s.add(Identity(kind="email", value="wang@chenghu.example", contact_id=owner.id, verified=True))
    say(account, visitor, "我是王工")
    with unit_of_work():
        visitor.email = "wang@chenghu.example"
        visitors.introduce(visitor)
    found = session().scalars(select(Identity).where(Identity.kind == "email")).one()
    conversation = visitors.conversation_of(visitor)
    assert conversation is not None and found.contact_id == owner.id != conversation.contact_id


@pytest.mark.parametrize(
    ("given", "field"),
    [(("x" * 61, "", ""), "name"), (("", "no address", ""), "email"), (("", "", "call me"), "phone"), (("", "a@b@c.example", ""), "email")],
)
def test_a_wrong_claim_names_its_field(given: tuple[str, str, str], field: str) -> None:
    with pytest.raises(Invalid) as problem:
        visitors.claim_of(*given)
    assert field in problem.value.errors


# ---- tokens and files


def test_a_token_opens_one_visitor_on_one_account_and_is_kept_nowhere(account: Any) -> None:
    with unit_of_work():
        other = add_account(SYSTEM, "webchat", "other", {})
        visitor, token = visitors.meet(account, "zh")
    assert visitors.find_visitor(account.id, token) is visitor
    assert visitors.find_visitor(other.id, token) is None
    for forged in ("", "x", token[:-1] + ("a" if token[-1] != "a" else "b"), token + "a", visitor.token_hash, "\ud800" * 30):
        assert visitors.find_visitor(account.id, forged) is None
    assert token not in str(session().execute(select(Visitor.__table__)).all())


def test_a_file_opens_for_its_own_visitor_only(account: Any, visitor: Any) -> None:
    with unit_of_work():
        stranger = visitors.meet(account, "zh")[0]
        loose = store_file(b"%PDF-1.7", "a.pdf", "application/pdf", owner="visitor", owner_id=visitor.id)
        inside = store_file(b"%PDF-1.7", "b.pdf", "application/pdf", owner="order", owner_id=1)
    say(account, visitor, "看附件", files=[{"sha256": loose.sha256, "name": "a.pdf", "mime": "application/pdf"}])
    sent = session().scalars(select(StoredFile).where(StoredFile.owner == "message")).one()
    for row in (loose, sent):
        assert visitors.access_visitor_file(visitor, row.id) is row
        assert visitors.access_visitor_file(stranger, row.id) is None
    assert visitors.access_visitor_file(visitor, inside.id) is None
    assert visitors.access_visitor_file(visitor, 2**40) is None and visitors.access_visitor_file(visitor, -1) is None


def test_browsers_that_do_not_come_back_are_forgotten(account: Any, visitor: Any) -> None:
    with unit_of_work():
        visitors.meet(account, "zh")
        store_file(b"%PDF-1.7", "a.pdf", "application/pdf", owner="visitor", owner_id=visitor.id)
    say(account, visitor, "触摸屏黑屏了")
    with unit_of_work():
        assert visitors.forget_visitors() == 0
    with clock.frozen(clock.now() + timedelta(days=8)), unit_of_work():
        assert visitors.forget_visitors() == 1, "the one that never spoke"
    assert session().scalar(select(func.count(StoredFile.id)).where(StoredFile.owner == "visitor")) == 0
    with clock.frozen(clock.now() + timedelta(days=181)), unit_of_work():
        assert visitors.forget_visitors() == 1
    assert session().scalar(select(func.count(Message.id))) == 1, "what was said stays"


def office(folder: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(f"{folder}document.xml", "<x/>")
    return out.getvalue()


def test_files_are_known_by_their_content() -> None:
    taken = {
        b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff\xe0": "image/jpeg", b"GIF89a": "image/gif",
        b"RIFF....WEBP": "image/webp", b"%PDF-1.4": "application/pdf", "温度,25".encode(): "text/plain",
        "温度,25".encode("gb18030"): "text/plain", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/x-ole-storage",
    }  # fmt: skip
    assert {content: kind_of(content) for content in taken} == taken
    assert "wordprocessing" in (kind_of(office("word/")) or "") and "spreadsheet" in (kind_of(office("xl/")) or "")
    refused = [b"", b"MZ\x90\x00\x03", b"\x7fELF\x02", b"PK\x03\x04broken", office("classes/"), b"\x00\x01\x02", b"RIFF\x01\x00..AVI "]
    assert [kind_of(content) for content in refused] == [None] * len(refused)


# ---- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "red"), ("colour", "#fff;x"), ("ask", "maybe"), ("hours", "9-17"), ("hours", "1-5 18:00-09:00"),
        ("hours", "8 09:00-18:00"), ("hours", "1 09:00-25:00"), ("allowed_sites", "example.com"), ("time_zone", "Mars/Base"),
        ("allowed_sites", "https://a.example; script-src *"), ("allowed_sites", "https://a.example/path"),
        ("title", "长" * 41), ("welcome", "长" * 501), ("smtp_host", "x"), ("title", "a\nb"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_by_name(account: Any, name: str, value: str) -> None:
    with pytest.raises(Invalid) as problem, unit_of_work():
        set_account(SYSTEM, "portal", {name: value})
    assert name in problem.value.errors


def test_right_settings_are_taken(account: Any) -> None:
    given = {
        "hours": "1-5 09:00-18:00; 6 10:00-24:00", "allowed_sites": "https://a.example https://*.b.example:8443 http://127.0.0.1:8000",
        "colour": "#0B6480", "ask": "require", "time_zone": "Europe/Berlin", "welcome": "一\n二",
    }  # fmt: skip
    with unit_of_work():
        set_account(SYSTEM, "portal", given)
    assert len(hours(given["hours"])) == 2


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 11, 23, 1, 0, tzinfo=UTC), True),  # Monday 09:00 in Shanghai
        (datetime(2026, 11, 23, 0, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 10, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 22, 4, 0, tzinfo=UTC), False),  # Sunday
        (datetime(2026, 11, 21, 15, 59, tzinfo=UTC), True),  # Saturday 23:59
    ],
)
def test_opening_hours_hold_in_the_accounts_zone(moment: datetime, expected: bool) -> None:
    assert is_open({"hours": "1-5 09:00-18:00; 6 10:00-24:00"}, moment) is expected
    assert is_open({}, moment)


# ---- presence


def test_somebody_is_there_for_a_minute_after_their_last_sign_of_life(app: Flask, make_user: Any) -> None:
    agent, technician, resident = make_user("agent"), make_user("technician"), make_user("resident")
    with unit_of_work():
        presence.seen_now([technician.id, resident.id])
    assert not presence.anybody_there(), "neither answers a stranger"
    with unit_of_work():
        presence.seen_now([agent.id])
        presence.seen_now([agent.id])
    assert presence.anybody_there()
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        assert not presence.anybody_there()
    with unit_of_work():
        agent.active = False
    assert not presence.anybody_there()
