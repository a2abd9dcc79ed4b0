"""/admin/channels and /admin/raw: how accounts do, and what came in and was not understood."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import clock
from app.core.db import session
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.doctor import examine
from app.queries import raw as queries
from channels import receiving
from channels.accounts import add_account
from channels.calls.models import CallFile
from channels.email import EmailChannel
from channels.models import Account, Message, RawPayload
from channels.trouble import AccountTrouble
from channels.wecom.models import KfSource
from tests.conftest import FreshClient

MAIL = "From: Li <li@customer.example>\r\nSubject: hello\r\nMessage-ID: <{n}@customer.example>\r\n\r\nBonjour {n}\r\n"
EVIL = b"\x00\x01<script>alert(1)</script>\xe2\x80\xae gpj.exe"


@pytest.fixture
def account(app: Flask) -> int:
    with unit_of_work():
        settings = {"address": "help@desk.example", "smtp_host": "mail.desk.example", "smtp_password": "s3cret-word"}
        return add_account(SYSTEM, "email", "support", settings).id


@pytest.fixture
def admin(client: FreshClient, make_user: Callable[..., User]) -> FreshClient:
    return client.log_in(make_user("administrator"))


def states() -> list[str]:
    session().rollback()
    return list(session().scalars(select(RawPayload.state).order_by(RawPayload.id)))


def test_accounts_with_health_and_masked_secrets(admin: FreshClient, account: int) -> None:
    assert "正常" in admin.get("/admin/channels").text
    receiving.accept(account, b"", source="empty.eml")
    page = admin.get("/admin/channels").text
    assert "support" in page and "1 件读不懂" in page and "state=failed&amp;account=support" in page
    assert "s3cret-word" not in page and "••••" in page
    assert "正常" not in page


def test_without_accounts_it_says_how_to_begin(admin: FreshClient) -> None:
    assert "flask channel account add" in admin.get("/admin/channels").text
    assert admin.get("/admin/raw").status_code == 200


def test_the_inbox_by_state_and_account(admin: FreshClient, account: int, drain: Callable[[], int]) -> None:
    with unit_of_work():
        add_account(SYSTEM, "email", "sales", {"address": "sales@desk.example"})
    receiving.accept(account, MAIL.format(n=1).encode(), source="inbox/1.eml")
    receiving.accept(account, b"", source="inbox/empty.eml")
    drain()
    failed = admin.get("/admin/raw").text
    assert "empty.eml" in failed and "文件是空的" in failed and "inbox/1.eml" not in failed
    every = admin.get("/admin/raw?state=all").text
    assert "inbox/1.eml" in every and "/desk/tickets/20001" in every
    assert "empty.eml" not in admin.get("/admin/raw?account=sales").text
    assert "empty.eml" in admin.get("/admin/raw?account=nobody&cursor=x").text


def test_long_inboxes_have_pages(admin: FreshClient, account: int) -> None:
    with unit_of_work() as s:
        for number in range(queries.PAGE + 2):
            s.add(RawPayload(account_id=account, dedup_key=f"k{number}", sha256="0" * 64, size=number, source=f"f{number}", state="failed"))
    first = admin.get("/admin/raw").text
    following = re.search(r'href="(/admin/raw\?[^"]*cursor=\d+)"', first)
    assert following
    rest = admin.get(following[1].replace("&amp;", "&")).text
    assert ">f51<" in first and ">f1<" not in first
    assert ">f1<" in rest and ">f0<" in rest and ">f51<" not in rest


def test_a_payload_is_shown_as_text_and_nothing_else(admin: FreshClient, account: int) -> None:
    outcome = receiving.accept(account, EVIL + b"x" * 200_000, source="evil.eml")
    page = admin.get(f"/admin/raw/{outcome.raw_id}")
    assert page.status_code == 200 and "<script>alert" not in page.text and "&lt;script&gt;" in page.text
    assert "\u202e" not in page.text and "\x01" not in page.text
    assert len(page.text) < 130_000 and "200.0 kB" in page.text
    file = admin.get(f"/admin/raw/{outcome.raw_id}/content")
    assert file.data == EVIL + b"x" * 200_000
    assert file.mimetype == "application/octet-stream"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in file.headers["Content-Security-Policy"]
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert admin.get("/admin/raw/999").status_code == 404
    assert admin.get("/admin/raw/999/content").status_code == 404


def test_replay_one_and_all(
    admin: FreshClient, account: int, monkeypatch: pytest.MonkeyPatch, drain: Callable[[], int]
) -> None:
    def broken(self: EmailChannel, account: Account, raw: bytes) -> None:
        raise RuntimeError("bug")

    with monkeypatch.context() as patch:
        patch.setattr(EmailChannel, "parse", broken)
        ids = [receiving.accept(account, MAIL.format(n=n).encode(), source=f"{n}.eml").raw_id for n in range(3)]
    receiving.accept(account, b"", source="empty.eml")
    assert states() == ["failed"] * 4
    answer = admin.post(f"/admin/raw/{ids[0]}/replay", headers={"Referer": "http://localhost/admin/raw?state=failed"})
    assert answer.status_code == 303 and answer.location == "/admin/raw?state=failed"
    assert states() == ["parsed", "failed", "failed", "failed"]
    admin.post(f"/admin/raw/{ids[0]}/replay")
    assert "只有失败的" in admin.get("/admin/raw").text
    admin.post("/admin/raw/replay")
    assert states() == ["parsed", "parsed", "parsed", "failed"]
    assert "2 件成功，1 件" in admin.get("/admin/raw").text
    drain()
    assert len(session().scalars(select(Message)).all()) == 3
    assert admin.post("/admin/raw/999/replay").status_code == 404


def test_the_inbox_is_narrowed_and_only_what_is_ticked_or_shown_is_replayed(
    admin: FreshClient, account: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: EmailChannel, account: Account, raw: bytes) -> None:
        raise RuntimeError("bug")

    with monkeypatch.context() as patch:
        patch.setattr(EmailChannel, "parse", broken)
        with clock.frozen(clock.now() - timedelta(days=5)):
            receiving.accept(account, MAIL.format(n=0).encode(), source="old.eml")
        ids = [receiving.accept(account, MAIL.format(n=n).encode(), source=f"100%_{n}.eml").raw_id for n in range(1, 4)]
    page = admin.get("/admin/raw?q=100%25_2&days=3&account=support").text
    assert "100%_2.eml" in page and "100%_1.eml" not in page and "old.eml" not in page
    assert "old.eml" in admin.get("/admin/raw?q=RuntimeError").text and "old.eml" not in admin.get("/admin/raw?days=1").text
    assert "100%_1.eml" not in admin.get("/admin/raw?q=%25%25").text
    for odd in ("?days=x&account=nobody", "?q=" + "x" * 5000, "?days=-1", "?cursor=abc"):
        assert admin.get("/admin/raw" + odd).status_code == 200
    admin.post("/admin/raw/replay", data={"id": [str(ids[0]), "999999", "x"]})
    assert states() == ["failed", "parsed", "failed", "failed"]
    admin.post("/admin/raw/replay", data={"q": "100%_3"})
    assert states() == ["failed", "parsed", "failed", "parsed"]
    admin.post("/admin/raw/replay", data={"days": "3"})
    assert states() == ["failed", "parsed", "parsed", "parsed"]


def test_what_a_platform_refuses_and_what_cannot_be_read_stands_at_the_account(admin: FreshClient, app: Flask) -> None:
    with unit_of_work() as s:
        wx = add_account(SYSTEM, "wechat", "gzh", {"appid": "wx0123456789abcdef", "token": "tokens", "secret": "s"})
        calls = add_account(SYSTEM, "calls", "pbx", {"secret": "0123456789abc", "cdr_path": "/nowhere/Master.csv"})
        kf = add_account(SYSTEM, "wecom", "kf", {"corpid": "ww0123456789abcdef", "secret": "s", "token": "tokens", "aes_key": "a" * 43})
        s.add(AccountTrouble(account_id=wx.id, reason="本服务器的 IP 不在公众号的白名单里（40164），请管理员在公众平台添加。"))
        s.add(CallFile(account_id=calls.id, path="/nowhere/Master.csv", error="话单文件读不到"))
        s.add(KfSource(account_id=kf.id, open_kfid="wk1", synced_at=clock.now() - timedelta(hours=9)))
    page = admin.get("/admin/channels").text
    assert "平台拒绝" in page and "白名单" in page and "话单文件读不到" in page
    assert "白名单" in admin.get("/admin/channels/account/gzh").text and "wk1" in admin.get("/admin/channels/account/kf").text
    assert "话单文件读不到" in admin.get("/admin/channels/account/pbx").text
    found = {check["name"]: check for check in examine(app)}
    assert not found["channels"]["ok"] and "40164" in found["channels"]["detail"]
    reading = found["calls and WeCom in"]
    assert not reading["ok"] and "话单文件读不到" in reading["detail"] and "wk1: last read" in reading["detail"]
    told = admin.get("/metrics").text
    assert 'huiyin_account_refused{account="gzh",kind="wechat"} 1.0' in told and 'huiyin_account_refused{account="kf",kind="wecom"} 0.0' in told
    assert 'huiyin_account_reading_fails{account="pbx",kind="calls"} 1.0' in told and 'huiyin_account_well{account="pbx",kind="calls"} 0.0' in told
    assert 'huiyin_account_last_read_timestamp_seconds{account="kf"}' in told


def test_back_leads_to_no_foreign_place(admin: FreshClient, account: int) -> None:
    raw_id = receiving.accept(account, b"").raw_id
    for referrer in ("http://evil.example/admin/raw", "http://localhost/logout", ""):
        assert admin.post(f"/admin/raw/{raw_id}/replay", headers={"Referer": referrer}).location == "/admin/raw"
