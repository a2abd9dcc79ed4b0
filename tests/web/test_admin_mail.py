"""/admin/channels/…: a mailbox is added, changed, tried out and stopped by hand; passwords never come back."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app import doctor
from app.core import clock, sealing
from app.core.audit import AuditRow
from app.core.db import session
from app.core.people import Team, User
from app.core.permissions import SYSTEM
from app.core.text import pack
from app.core.uow import unit_of_work
from channels import auto_answers, receiving
from channels.accounts import add_account, opened, reseal_accounts
from channels.models import Account, MailFolder, RawPayload
from tests.conftest import FreshClient

FORM = {
    "slug": "support", "address": "help@desk.example", "imap_host": "127.0.0.1", "imap_port": "1", "imap_security": "plain",
    "imap_password": "s3cret-in", "smtp_host": "127.0.0.1", "smtp_port": "1", "smtp_password": "s3cret-out ",
}  # fmt: skip


@pytest.fixture
def admin(client: FreshClient, make_user: Callable[..., User]) -> FreshClient:
    return client.log_in(make_user("administrator"))


def the_account() -> Account:
    session().rollback()
    return session().scalars(select(Account)).one()


def test_a_mailbox_is_added_and_its_passwords_never_come_back(admin: FreshClient) -> None:
    assert admin.get("/admin/channels/new-mail").status_code == 200
    answer = admin.post("/admin/channels/new-mail", data=FORM, follow_redirects=True)
    assert answer.status_code == 200 and "已保存，留空不变" in answer.text
    assert "s3cret" not in answer.text and "s3cret" not in str(the_account().settings)
    assert opened(the_account())["smtp_password"] == "s3cret-out "  # as typed
    page = admin.get("/admin/channels").text
    assert "/admin/channels/mail/support" in page and "s3cret" not in page


def test_an_empty_password_field_keeps_it_and_a_new_one_replaces_it(admin: FreshClient) -> None:
    admin.post("/admin/channels/new-mail", data=FORM)
    form = {**FORM, "imap_password": "", "smtp_password": "neu", "name": "服务台", "version": str(the_account().version)}
    assert admin.post("/admin/channels/mail/support", data=form).status_code == 303
    found = opened(the_account())
    assert (found["imap_password"], found["smtp_password"], found["name"]) == ("s3cret-in", "neu", "服务台")
    trail = session().scalars(select(AuditRow).where(AuditRow.action == "account.changed")).one()
    assert "smtp_password" in str(trail.details) and "neu" not in str(trail.details)


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(admin: FreshClient) -> None:
    answer = admin.post("/admin/channels/new-mail", data={**FORM, "imap_port": "99999", "name": "<b>服务</b>"})
    assert answer.status_code == 422 and "端口是 1 到 65535 的数。" in answer.text
    assert "&lt;b&gt;服务" in answer.text and "<b>服务" not in answer.text and "s3cret" not in answer.text
    for change in ({"address": ""}, {"slug": "Größe"}, {"imap_poll_seconds": "1"}, {"imap_host": "a b"}):
        assert admin.post("/admin/channels/new-mail", data={**FORM, **change}).status_code == 422
    assert session().scalars(select(Account)).all() == []
    admin.post("/admin/channels/new-mail", data=FORM)
    assert admin.post("/admin/channels/new-mail", data=FORM).status_code == 409
    assert admin.post("/admin/channels/mail/support", data={**FORM, "address": "x", "version": "1"}).status_code == 422


def test_of_two_who_change_it_the_second_is_told(admin: FreshClient) -> None:
    admin.post("/admin/channels/new-mail", data=FORM)
    version = str(the_account().version)
    assert admin.post("/admin/channels/mail/support", data={**FORM, "name": "甲", "version": version}).status_code == 303
    answer = admin.post("/admin/channels/mail/support", data={**FORM, "name": "乙", "version": version})
    assert answer.status_code == 409 and 'value="乙"' in answer.text and the_account().settings["name"] == "甲"


def test_the_test_says_in_words_what_is_wrong(admin: FreshClient) -> None:
    answer = admin.post("/admin/channels/new-mail", data={**FORM, "then": "test"}, follow_redirects=True)
    assert answer.status_code == 200
    assert answer.text.count("连不上邮件服务器 127.0.0.1:1") == 2
    with unit_of_work():
        add_account(SYSTEM, "email", "bare", {"address": "bare@desk.example"})
    page = admin.post("/admin/channels/mail/bare/test").text
    assert "没有收信服务器" in page and "没有发信服务器" in page


def test_stopped_and_started_again(admin: FreshClient) -> None:
    admin.post("/admin/channels/new-mail", data=FORM)
    admin.post("/admin/channels/mail/support/active", data={"active": "0"})
    assert not the_account().active and "已停用" in admin.get("/admin/channels/mail/support").text
    admin.post("/admin/channels/mail/support/active", data={"active": "1"})
    assert the_account().active


def test_another_kind_or_none_is_not_found(admin: FreshClient) -> None:
    with unit_of_work():
        add_account(SYSTEM, "webchat", "site", {})
    for slug in ("site", "nobody", "%00", "x" * 500):
        assert admin.get(f"/admin/channels/mail/{slug}").status_code == 404


def test_an_error_of_the_mailbox_is_seen_everywhere(app: Flask, admin: FreshClient) -> None:
    admin.post("/admin/channels/new-mail", data=FORM)
    said = pack("找不到邮件服务器 %(host)s。", host="imap.nowhere.example")
    with unit_of_work() as s:
        row = MailFolder(account_id=the_account().id, folder="INBOX", fetched_at=clock.now(), failures=3, failing_since=clock.now())
        row.error = said
        s.add(row)
    assert "收不到信" in admin.get("/admin/channels").text
    assert "找不到邮件服务器 imap.nowhere.example。" in admin.get("/admin/channels/mail/support").text
    check = next(c for c in doctor.examine(app) if c["name"] == "mail in")
    assert not check["ok"] and not check["required"] and "找不到邮件服务器 imap.nowhere.example。" in check["detail"]


def test_under_another_key_nothing_opens_and_the_old_key_mends_it(app: Flask, admin: FreshClient) -> None:
    admin.post("/admin/channels/new-mail", data=FORM)
    sealing.use_key("another house key")
    try:
        assert "密钥换过了" in admin.post("/admin/channels/mail/support/test").text
        assert not next(c for c in doctor.examine(app) if c["name"] == "sealed passwords")["ok"]
        with unit_of_work():
            assert reseal_accounts(SYSTEM) == (0, ["support"])
        with unit_of_work():
            assert reseal_accounts(SYSTEM, "test-key") == (1, [])
        assert opened(the_account())["imap_password"] == "s3cret-in"
    finally:
        sealing.use_key("test-key")


def test_passwords_of_an_older_release_read_and_are_sealed(app: Flask) -> None:
    with unit_of_work() as s:
        s.add(Account(kind="email", slug="old", settings={"address": "o@desk.example", "smtp_password": "in plain"}))
    assert opened(the_account())["smtp_password"] == "in plain"
    with unit_of_work():
        assert reseal_accounts(SYSTEM) == (1, [])
    assert "in plain" not in str(the_account().settings) and opened(the_account())["smtp_password"] == "in plain"
    with unit_of_work():
        assert reseal_accounts(SYSTEM) == (0, [])


def test_a_great_replay_is_left_to_the_worker(app: Flask, admin: FreshClient, drain: Callable[[], int], monkeypatch) -> None:
    with unit_of_work():
        account = add_account(SYSTEM, "email", "support", {"address": "help@desk.example"}).id
    with monkeypatch.context() as patch:
        patch.setattr("channels.email.EmailChannel.parse", lambda *given: 1 / 0)
        for n in range(51):
            receiving.accept(account, f"From: a@b.example\r\nMessage-ID: <{n}@b.example>\r\n\r\n{n}\r\n".encode())
        receiving.accept(account, b"")
    patch_chunk = 20
    monkeypatch.setattr(receiving, "REPLAY_CHUNK", patch_chunk)
    assert "已交给后台重放" in admin.post("/admin/raw/replay", follow_redirects=True).text
    drain()
    session().rollback()
    states = list(session().scalars(select(RawPayload.state).order_by(RawPayload.id)))
    assert states == ["parsed"] * 51 + ["failed"]
    assert session().scalars(select(AuditRow).where(AuditRow.action == "raw.replay_asked")).one().actor_kind == "user"


def test_a_team_signs_its_mails(admin: FreshClient) -> None:
    with unit_of_work() as s:
        team = Team(name="二线组")
        s.add(team)
        s.flush()
        number = team.id
    assert "二线组" in admin.get("/admin/channels/signatures").text
    assert admin.post(f"/admin/channels/signatures/{number}", data={"signature": "二线 王工\r\n400"}).status_code == 303
    session().rollback()
    assert session().get_one(Team, number).signature == "二线 王工\n400"
    assert session().scalars(select(AuditRow).where(AuditRow.action == "team.signed")).one()
    assert admin.post(f"/admin/channels/signatures/{number}", data={"signature": "x" * 1001}).status_code == 422
    assert admin.post("/admin/channels/signatures/999", data={"signature": "x"}).status_code == 404


def test_the_page_says_to_whom_nothing_automatic_goes(admin: FreshClient) -> None:
    admin.post("/admin/channels/new-mail", data={**FORM, "auto_reply": "yes", "auto_reply_most": "1", "auto_reply_hours": "12"})
    account = the_account()
    with unit_of_work():
        for _ in range(2):
            auto_answers.exchange(account, "robot@chenghu.example")
    page = admin.get("/admin/channels/mail/support").text
    assert "robot@chenghu.example" in page and "自动答复已停" in page
