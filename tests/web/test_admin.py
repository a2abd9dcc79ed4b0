"""The administrator's pages: accounts, the outbox, the audit trail; and everybody's own page."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.core import passwords, tokens
from app.core.audit import AuditRow, note
from app.core.clock import now
from app.core.db import session
from app.core.events import DEAD, DONE, DUE, UNDECIDED, EventRow, OutboxRow
from app.core.logins import LoginSession
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account
from channels.models import Conversation, Message
from tests.conftest import PASSWORD, FreshClient

MakeUser = Callable[..., User]


@pytest.fixture
def admin(client: FreshClient, make_user: MakeUser) -> FreshClient:
    return client.log_in(make_user("administrator", name="boss", display_name="老板"))


def living(user: User) -> int:
    found = session().scalars(
        select(LoginSession).where(LoginSession.user_id == user.id, LoginSession.ended_at.is_(None))
    )
    return len(found.all())


def user_named(name: str) -> User:
    return session().scalars(select(User).where(User.name == name)).one()


def test_a_user_is_made_and_comes_in_with_the_temporary_password(app: Flask, admin: FreshClient) -> None:
    page = admin.post("/admin/accounts", data={"name": "Xiao.Li", "role": "agent", "display_name": "小李"})
    assert page.status_code == 200
    shown = re.search(r"<code>([a-z0-9]{4}(?:-[a-z0-9]{4}){3})</code>", page.text)
    assert shown
    assert shown[1] not in admin.get(f"/admin/accounts/{user_named('xiao.li').id}").text, "shown once"
    theirs = app.test_client()
    entered = theirs.post("/login", data={"login": "xiao.li", "password": shown[1]})
    assert entered.location.startswith("/login/password")
    assert "小李" in admin.get("/admin/accounts").text


@pytest.mark.parametrize(
    "data,said",
    [
        ({"name": "boss", "role": "agent"}, "登录名已被占用。"),
        ({"name": "x", "role": "agent"}, "登录名 2 到 60 个字符"),
        ({"name": "shifu", "role": "technician"}, "这个角色要选所属企业。"),
        ({"name": "shifu", "role": "king"}, "没有这个角色。"),
        ({"name": "shifu", "role": "agent", "organisation": "12345"}, "没有这家企业。"),
        ({"name": "shifu", "role": "agent", "email": "x"}, "邮箱地址不完整。"),
        ({}, "登录名 2 到 60 个字符"),
    ],
)
def test_a_wrong_form_comes_back_with_its_words(admin: FreshClient, data: dict[str, str], said: str) -> None:
    page = admin.post("/admin/accounts", data=data)
    assert page.status_code == 422 and said in page.text and "data-open-now" in page.text
    assert session().scalars(select(User.name)).all() == ["boss"]


def test_an_account_is_edited_and_a_second_edit_of_the_same_version_is_stale(
    admin: FreshClient, make_user: MakeUser
) -> None:
    user = make_user("agent", name="li")
    address, form = f"/admin/accounts/{user.id}", {"role": "leader", "display_name": "李班长", "version": "1"}
    assert admin.post(address, data=form).location == address
    page = admin.get(address)
    assert "李班长" in page.text and "班长" in page.text and "改用户资料" in page.text
    late = admin.post(address, data={**form, "role": "agent"})
    assert late.status_code == 409 and "别人刚刚改过这条记录" in late.text
    assert user_named("li").role == "leader"
    own = user_named("boss")
    refused = admin.post(f"/admin/accounts/{own.id}", data={"role": "agent"})
    assert refused.status_code == 409 and "不能改自己的角色" in refused.text


def test_disabling_resetting_and_ending_throw_the_user_out(app: Flask, admin: FreshClient, make_user: MakeUser) -> None:
    user = make_user("agent", name="li", password_hash=passwords.hashed(PASSWORD, "li"))
    address = f"/admin/accounts/{user.id}"
    for step, data in (("sessions/end", {}), ("password", {}), ("active", {"active": "0"})):
        theirs = app.test_client()
        theirs.log_in(user)
        assert theirs.get("/me").status_code == (303 if user_named("li").must_change_password else 200)
        assert living(user) == 1
        assert admin.post(f"{address}/{step}", data=data).status_code in (200, 303)
        assert living(user) == 0 and theirs.get("/me").location.startswith("/login?")
    assert "已停用" in admin.get(address).text
    admin.post(f"{address}/active", data={"active": "1"})
    one = app.test_client().log_in(user_named("li"))
    login = (
        session()
        .scalars(select(LoginSession).where(LoginSession.ended_at.is_(None), LoginSession.user_id == user.id))
        .one()
    )
    admin.post(f"{address}/sessions/{login.id}/end")
    assert one.get("/me").location.startswith("/login?")


def test_a_lock_is_seen_and_lifted(admin: FreshClient, make_user: MakeUser) -> None:
    user = make_user("agent", name="li", locked_until=now() + timedelta(minutes=10))
    assert "已锁定" in admin.get("/admin/accounts?state=locked").text
    assert "现在解锁" in admin.get(f"/admin/accounts/{user.id}").text
    admin.post(f"/admin/accounts/{user.id}/unlock")
    assert "现在解锁" not in admin.get(f"/admin/accounts/{user.id}").text


def test_the_list_is_searched_filtered_and_paged(admin: FreshClient, make_user: MakeUser) -> None:
    with unit_of_work() as s:
        company = Organisation(kind="supplier", name="宏控自动化", short_name="宏控")
        s.add(company)
    for number in range(60):
        make_user("agent", name=f"agent{number:02}", display_name="")
    make_user("technician", name="shifu", organisation=company)
    first = admin.get("/admin/accounts?role=agent")
    assert "agent00" in first.text and "agent50" not in first.text and "共 60 条" in first.text
    onward = re.search(r'href="([^"]+)"\s+rel="next"', first.text)
    assert onward
    second = admin.get(onward[1].replace("&amp;", "&"))
    assert ">agent50<" in second.text and ">agent49<" not in second.text
    found = admin.get("/admin/accounts?q=宏控").text
    assert "shifu" in found and "agent00" not in found
    assert "没有符合条件的用户" in admin.get("/admin/accounts?q=%25").text, "a wildcard is a letter"
    assert "没有符合条件的用户" in admin.get("/admin/accounts?state=disabled").text


def add_row(state: str, **given: object) -> int:
    with unit_of_work() as s:
        event = EventRow(name="MessageQueued", payload={}, subject="ticket", subject_id=7, at=now())
        s.add(event)
        s.flush()
        row = OutboxRow(
            event_id=event.id, event_name=event.name, reaction="deliver_message", state=state, due_at=now(), **given
        )
        s.add(row)
    return row.id


def test_what_is_owed_is_seen_retried_and_settled(admin: FreshClient) -> None:
    dead = add_row(DEAD, attempts=8, error="TimeoutError: smtp")
    unsure = add_row(UNDECIDED, attempts=1)
    add_row(DONE)
    page = admin.get("/admin/outbox")
    assert "TimeoutError: smtp" in page.text and "发送消息" in page.text and page.text.count("/retry") >= 2
    piece = admin.get("/admin/outbox?state=dead", headers={"HX-Request": "true"})
    assert (
        "<html" not in piece.text and f'id="outbox-{dead}"' in piece.text and f'id="outbox-{unsure}"' not in piece.text
    )
    back = admin.post(f"/admin/outbox/{dead}/retry", headers={"Referer": "http://localhost/admin/outbox?state=dead"})
    assert (back.status_code, back.location) == (303, "/admin/outbox?state=dead")
    assert session().get_one(OutboxRow, dead).state == DUE
    assert admin.post(f"/admin/outbox/{dead}/retry").status_code == 409
    without = admin.post(f"/admin/outbox/{unsure}/settle", data={"reason": " "})
    assert without.status_code == 422 and "写明凭什么知道" in without.text
    admin.post(f"/admin/outbox/{unsure}/settle", data={"reason": "对方回信说收到了"})
    assert session().get_one(OutboxRow, unsure).state == DONE
    actions = session().scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
    assert actions[-2:] == ["outbox.retried", "outbox.settled"]


def test_the_outbox_by_event_and_account_and_all_that_was_given_up_again(admin: FreshClient) -> None:
    with unit_of_work() as s:
        one, other = (add_account(SYSTEM, "email", slug, {"address": f"{slug}@desk.example"}) for slug in ("one", "other"))
        rows = []
        for account in (one, other):
            talk = Conversation(account_id=account.id)
            s.add(talk)
            s.flush()
            said = Message(
                conversation_id=talk.id, account_id=account.id, external_id="x", direction="out", author_kind="system", text="x", visible_text="x", state="queued",
            )  # fmt: skip
            s.add(said)
            s.flush()
            event = EventRow(name="MessageQueued", payload={"conversation_id": talk.id, "version": 1, "message_id": said.id}, at=now())
            stopped = EventRow(name="AutoAnswersStopped", payload={"account_id": account.id, "address": "a@b.example"}, at=now())
            s.add_all([event, stopped])
            s.flush()
            rows += [OutboxRow(event_id=e.id, event_name=e.name, reaction="deliver_message", state=DEAD, due_at=now()) for e in (event, stopped)]
        s.add_all(rows)
        s.flush()
        ids = [row.id for row in rows]

    def shown(query: str) -> list[int]:
        return sorted(int(n) for n in re.findall(r'<tr id="outbox-(\d+)"', admin.get(f"/admin/outbox?{query}").text))

    assert shown("state=dead") == ids
    assert shown("state=dead&account=one") == ids[:2]
    assert shown("state=dead&event=MessageQueued") == [ids[0], ids[2]]
    assert shown("state=dead&event=MessageQueued&account=other") == [ids[2]]
    assert shown("state=dead&event=NoSuch&account=nobody") == ids
    answer = admin.post("/admin/outbox/retry", data={"event": "MessageQueued", "account": "other"})
    assert answer.status_code == 303 and "1 件会马上再做" in admin.get("/admin/outbox").text
    assert shown("state=dead") == [ids[0], ids[1], ids[3]] and shown("state=due") == [ids[2]]


def test_the_outbox_is_paged(admin: FreshClient) -> None:
    for _ in range(53):
        add_row(DUE)
    first = admin.get("/admin/outbox?state=due")
    onward = re.search(r'href="([^"]+)"\s+rel="next"', first.text)
    assert onward and first.text.count('<tr id="outbox-') == 50
    assert admin.get(onward[1].replace("&amp;", "&")).text.count('<tr id="outbox-') == 3


def test_the_trail_is_filtered_by_who_what_and_when(admin: FreshClient, make_user: MakeUser) -> None:
    user = make_user("agent", name="li", display_name="李工")
    with unit_of_work():
        note(user.actor("page"), "ticket.cancel", user, before="created", after="cancelled", reason="重复 <b>")
        note(SYSTEM, "ticket.close", user)
    today = now().date()

    def shown(query: str) -> str:
        return admin.get(f"/admin/audit?{query}").text.split('<div class="framed">')[1].split("</table>")[0]

    every = shown("")
    assert "撤单" in every and "结单" in every and "李工" in every and "&lt;b&gt;" in every and "<b>" not in every
    assert "撤单" in shown("who=李") and "结单" not in shown("who=李")
    assert "结单" in shown("action=ticket.close") and "撤单" not in shown("action=ticket.close")
    assert "撤单" in shown(f"subject=user:{user.id}") and "撤单" not in shown(f"subject=user:{user.id + 1}")
    assert "撤单" in shown("q=重复") and "结单" not in shown("q=重复")
    assert "撤单" in shown(f"from={today - timedelta(days=1)}") and "撤单" not in shown(
        f"from={today + timedelta(days=2)}"
    )
    assert "撤单" not in shown(f"to={today - timedelta(days=2)}")
    for strange in (
        "from=0001-01-01",
        "to=9999-12-31",
        "from=x",
        "cursor=x",
        "subject=user:99999999999",
        "cursor=" + "9" * 18,
    ):
        assert admin.get(f"/admin/audit?{strange}").status_code == 200


def test_the_trail_is_taken_away_as_a_table_that_runs_no_formula(admin: FreshClient) -> None:
    with unit_of_work():
        note(SYSTEM, "ticket.close", reason="=HYPERLINK(1)")
    table = admin.get("/admin/audit.csv?action=ticket.close")
    assert table.mimetype == "text/csv" and "attachment" in table.headers["Content-Disposition"]
    assert "ticket.close" in table.text and ",'=HYPERLINK(1)" in table.text and table.text.count("\r\n") == 2


def test_the_front_page_offers_what_the_role_may(client: FreshClient, make_user: MakeUser) -> None:
    client.log_in(make_user("supervisor"))
    page = client.get("/admin").text
    assert "/admin/audit" in page and 'href="/admin/accounts"' not in page
    client.log_in(make_user("administrator"))
    add_row(DEAD)
    page = client.get("/admin").text
    assert 'href="/admin/accounts"' in page and "运行情况" in page


def test_ones_own_page(app: Flask, client: FreshClient, make_user: MakeUser) -> None:
    user = make_user("agent", name="li", password_hash=passwords.hashed(PASSWORD, "li"))
    client.log_in(user)
    other = app.test_client().log_in(user)
    assert living(user) == 2
    page = client.get("/me", headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537"}).text
    assert "这个浏览器" in page and page.count("/end") >= 2
    assert client.post("/me", data={"language": "en", "time_zone": "Europe/Berlin"}).status_code == 303
    assert client.post("/me", data={"language": "zh", "time_zone": "Mars/Base"}).status_code == 422
    client.post("/me", data={"language": "zh"})
    wrong = client.post("/me/password", data={"old": "wrong", "new": "my-own-word-now", "again": "my-own-word-now"})
    assert wrong.status_code == 422 and "现在的密码不对。" in wrong.text
    client.post("/me/password", data={"old": PASSWORD, "new": "my-own-word-now", "again": "my-own-word-now"})
    assert client.get("/me").status_code == 200 and other.get("/me").status_code == 303
    other = app.test_client().log_in(user)
    client.post("/me/sessions/end")
    assert client.get("/me").status_code == 200 and other.get("/me").status_code == 303
    stranger = make_user("agent")
    app.test_client().log_in(stranger)
    theirs = session().scalars(select(LoginSession).where(LoginSession.user_id == stranger.id)).one()
    assert client.post(f"/me/sessions/{theirs.id}/end").status_code == 404 and living(stranger) == 1


def test_ones_own_tokens(client: FreshClient, make_user: MakeUser) -> None:
    user = make_user("agent")
    client.log_in(user)
    page = client.post("/me/tokens", data={"label": "报表脚本", "days": "30"})
    made = re.search(r"<code>(hy_[\w-]{43})</code>", page.text)
    assert made and tokens.find_token(made[1])
    listed = client.get("/me").text
    assert "报表脚本" in listed and made[1] not in listed
    for days in ("", "0", "-1", "x", "99999", "²"):
        assert client.post("/me/tokens", data={"label": "x", "days": days}).status_code == 422
    row = tokens.list_tokens(user.id)[0]
    client.post(f"/me/tokens/{row.id}/revoke")
    session().rollback()
    assert tokens.find_token(made[1]) is None


def test_every_icon_on_the_first_page_is_in_the_sprite(admin: FreshClient) -> None:
    listed = (Path(__file__).parents[2] / "app" / "web" / "icons.txt").read_text(encoding="utf-8").split()
    used = set(re.findall(r"icons\.[^\"#]*#([\w-]+)", admin.get("/admin").text))
    assert "plug" in used and used <= set(listed)
