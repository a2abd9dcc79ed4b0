"""Mail in from a real Dovecot: each mail once, whatever breaks, and every failure in words."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.events import EventRow
from app.core.files import get_bytes
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from channels import fetching, receiving
from channels.accounts import set_account, shown
from channels.models import Message, RawPayload
from tests.channels_live.conftest import row, the_account
from tests.service.channels.test_receiving import mail
from workflows.models import Ticket


def count(model) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model))


def soon() -> "clock.frozen":
    return clock.frozen(row().due_at)


def test_a_delivered_mail_becomes_a_ticket(mailbox, account, visit, drain):
    account()
    mailbox.deliver(mail())
    found = visit()
    drain()
    assert (found.error, found.last_uid, count(Ticket)) == (None, 1, 1)
    raw = session().scalars(select(RawPayload)).one()
    assert raw.state == "parsed" and raw.source == f"imap:INBOX/{found.uidvalidity}/1"
    assert mail().replace(b"\n", b"\r\n") in get_bytes(raw.sha256)  # as it came, with what LMTP put before it
    assert mailbox.count() == 1 and "Seen" not in mailbox.flags()


def test_the_next_visit_takes_only_what_is_new(mailbox, account, visit):
    account()
    mailbox.deliver(mail())
    visit()
    assert fetching.due_folders() == []  # not before its time
    mailbox.deliver(mail(message_id="<b@chenghu.example>", text="还是停。"))
    with soon():
        assert visit().last_uid == 2
    with soon():
        visit()
    assert (count(RawPayload), count(Message)) == (2, 2)


def test_seen_mails_are_taken_too(mailbox, account, visit):
    account()
    mailbox.deliver(mail())
    with mailbox.client() as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", "\\Seen")
    visit()
    assert count(Message) == 1


def test_what_was_taken_is_put_away(mailbox, account, visit):
    account(imap_processed_folder="已处理")
    for number in range(3):
        mailbox.deliver(mail(message_id=f"<{number}@chenghu.example>", text=f"第 {number} 封"))
    mailbox.deliver(b"no mail at all")
    assert visit().error is None
    assert (mailbox.count(), mailbox.count("&XfJZBHQG-"), count(RawPayload)) == (0, 4, 4)


def test_numbers_made_anew_bring_nothing_twice(mailbox, account, visit):
    with mailbox.client() as client:
        client.create("Support")
    account(imap_folder="Support")
    mailbox.append(mail(), "Support")
    first = visit().uidvalidity
    with mailbox.client() as client:
        client.delete("Support")
        client.create("Support")
    mailbox.append(mail(message_id="<new@chenghu.example>", text="新的一封"), "Support")
    mailbox.append(mail(), "Support")
    with soon():
        found = visit()
    assert found.uidvalidity != first and found.last_uid == 2
    assert (count(Message), count(RawPayload)) == (2, 2)


def test_only_what_comes_from_now_on(mailbox, account, visit):
    mailbox.deliver(mail())
    account(imap_start="new")
    assert visit().last_uid == 1 and count(RawPayload) == 0
    mailbox.deliver(mail(message_id="<later@chenghu.example>"))
    with soon():
        visit()
    assert count(Message) == 1


@pytest.mark.parametrize("after", [60, 400, 900, 3_000, 20_000])
def test_a_line_that_breaks_loses_and_doubles_nothing(mailbox, account, visit, wire, after):
    for number in range(4):
        mailbox.deliver(mail(message_id=f"<{number}@chenghu.example>", text=f"第 {number} 封 " + "长" * 2000))
    account(imap_port=str(wire(after).port), imap_processed_folder="Processed")
    found = visit()
    assert found.error is not None and found.failures == 1 and found.holder is None
    assert count(Message) < 4
    with unit_of_work():
        set_account(SYSTEM, "support", {"imap_port": mailbox.settings()["imap_port"]})
    assert visit().error is None
    texts = session().scalars(select(Message.text)).all()
    assert sorted(t[:5] for t in texts) == [f"第 {n} 封" for n in range(4)]
    assert (mailbox.count(), mailbox.count("Processed")) == (0, 4)


def test_a_crash_between_storing_and_the_cursor(mailbox, account, visit, monkeypatch):
    account()
    for number in range(3):
        mailbox.deliver(mail(message_id=f"<{number}@chenghu.example>", text=f"第 {number} 封"))

    class Killed(BaseException):
        pass

    def die(*given: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        real = fetching._advance
        calls = iter([real, die])
        patch.setattr(fetching, "_advance", lambda *given: next(calls)(*given))
        visit()
    assert (count(Message), row().last_uid) == (3, 0)
    assert fetching.due_folders() == []  # its lease stands until it ends, or a worker of this machine starts
    assert fetching.release_vanished() == 1
    assert visit().last_uid == 3
    assert (count(Message), count(RawPayload)) == (3, 3)


def test_only_one_visits_at_a_time(mailbox, account, visit, monkeypatch):
    account()
    mailbox.deliver(mail())
    fetching.due_folders()
    folder = fetching.due_folders()[0]
    seen = []

    def meanwhile(plan, validity, uid):
        seen.append(fetching.fetch(folder, max_bytes=10**6))
        real(plan, validity, uid)

    real = fetching._advance
    monkeypatch.setattr(fetching, "_advance", meanwhile)
    assert fetching.fetch(folder, max_bytes=10**6) == 1
    assert seen and set(seen) == {None}


def test_whoever_lost_the_lease_moves_no_cursor(mailbox, account, visit, monkeypatch):
    account()
    mailbox.deliver(mail())
    fetching.due_folders()
    folder = fetching.due_folders()[0]

    def slept(account_id, content, **given):
        with clock.frozen(clock.now() + fetching.LEASE + timedelta(seconds=1)):
            assert fetching._lease(folder) is not None
        return receiving.accept(account_id, content, **given)

    monkeypatch.setattr(fetching, "accept", slept)
    fetching.fetch(folder, max_bytes=10**6)
    assert (count(Message), row().last_uid) == (1, 0) and row().holder is not None


def test_five_megabytes_and_one_too_many(mailbox, account, visit, drain):
    account()
    big = mail(message_id="<big@chenghu.example>", subject="整段录像", text=("录像 " * 100 + "\n") * 6_000)
    assert len(big) > 4_000_000
    mailbox.deliver(big)
    mailbox.deliver(mail(message_id="<small@chenghu.example>"))
    visit(max_bytes=6_000_000)
    assert count(Message) == 2
    mailbox.deliver(mail(message_id="<huge@chenghu.example>", subject="更大的", text=("录像 " * 100 + "\n") * 9_000))
    with soon():
        assert visit(max_bytes=6_000_000).error is None
    kept = session().scalars(select(RawPayload).where(RawPayload.state == "failed")).one()
    assert "超过上限 6 MB" in unpack(kept.reason) and kept.size < 5_000
    assert b"huge@chenghu.example" in get_bytes(kept.sha256)
    assert receiving.replay(SYSTEM, kept.id).state == receiving.FAILED  # no empty mail for an agent
    assert (count(Message), row().last_uid) == (2, 3)


def test_a_broken_mail_does_not_stop_the_others(mailbox, account, visit, drain):
    account()
    mailbox.deliver(b"\x00\xff\xfe no header \x00")
    mailbox.deliver(b"From: \xb2\xe2\xca\xd4 <x@chenghu.example>\nContent-Type: multipart/mixed; boundary=\n\n--\n\x81")
    mailbox.deliver(mail())
    assert visit().error is None
    drain()
    assert row().last_uid == 3 and count(RawPayload) == 3
    assert "变频器跳E07" in session().scalars(select(Ticket.subject)).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"imap_password": "wrong"}, "不接受账号或密码"),
        ({"imap_host": "no-such-host.invalid"}, "找不到邮件服务器"),
        ({"imap_port": "1"}, "连不上邮件服务器"),
        ({"imap_security": "tls"}, "加密连接"),
        ({"imap_security": "starttls"}, "邮件服务器答复"),
        ({"imap_folder": "没有"}, "打不开文件夹"),
    ],
)
def test_failures_are_said_in_words_and_waited_for(mailbox, account, visit, change, said):
    account()
    visit()
    with unit_of_work():
        set_account(SYSTEM, "support", change)
    found = visit()
    assert said in unpack(found.error) and (found.failures, found.holder) == (1, None)
    assert found.due_at > clock.now() + timedelta(seconds=30)
    with soon():
        assert visit().due_at - clock.now() > timedelta(seconds=75)
    with unit_of_work():
        set_account(SYSTEM, "support", {"imap_folder": "", **mailbox.settings()})
    found = visit()
    assert (found.error, found.failures) == (None, 0) and found.fetched_at is not None
    told = session().scalars(select(EventRow.payload).where(EventRow.name == "MailboxChanged").order_by(EventRow.id))
    assert [event["well"] for event in told] == ([False, True] if "imap_folder" not in change else [False])


def test_a_change_outruns_a_visit_with_the_old_settings(mailbox, account, visit, monkeypatch):
    account(imap_password="wrong")
    fetching.due_folders()
    folder, real = fetching.due_folders()[0], fetching._ended

    def meanwhile(*given: object, **more: object) -> None:
        with unit_of_work():
            set_account(SYSTEM, "support", mailbox.settings())
        real(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_ended", meanwhile)
        fetching.fetch(folder, max_bytes=10**6)
    assert row().error is None and fetching.due_folders() == [folder]
    assert visit().fetched_at is not None


def test_the_password_is_nowhere_in_plain(mailbox, account, settings):
    account(smtp_password="another-secret")
    kept = the_account().settings
    assert all(kept[name].startswith("sealed:") for name in ("imap_password", "smtp_password"))
    assert {shown(the_account())["settings"][n] for n in ("imap_password", "smtp_password")} == {"••••"}


def test_the_button_says_that_it_works(mailbox, account, client, make_user):
    account(imap_processed_folder="Processed")
    mailbox.deliver(mail())
    page = client.log_in(make_user("administrator")).post("/admin/channels/mail/support/test").text
    assert "已登录，文件夹「INBOX」里有 1 封信；「Processed」还没有，会自动新建。" in page
    assert mailbox.count() == 1 and count(RawPayload) == 0
