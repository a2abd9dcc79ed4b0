"""/reports and its API: what is counted can be opened, nobody sees others' rows, and files hold no formulas."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask

from app.core import clock, tokens
from app.core.catalogue import Product
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from tests.conftest import FreshClient
from workflows.fcr_models import FcrVerdict
from workflows.models import FollowUp, Ticket

NOON = datetime(2026, 3, 20, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def stopped_clock(app: Flask) -> Any:
    with clock.frozen(NOON):
        yield


@pytest.fixture
def firm(app: Flask) -> Organisation:
    with unit_of_work() as s:
        row = Organisation(kind="client", name="澄湖轴承")
        s.add(row)
    return row


@pytest.fixture
def issue(app: Flask) -> Callable[..., int]:
    """issue("solved", days=10) is a resolved ticket with its stored verdict; returns its number."""

    def make(verdict: str = "solved", days: float = 10, **given: Any) -> int:
        at = NOON - timedelta(days=days)
        organisation, subject = given.pop("organisation_id", None), given.pop("subject", "怎样改站号")
        with unit_of_work() as s:
            ticket = Ticket(
                subject=subject, channel=given.get("channel", "email"), kind=given.get("kind", "consult"), state="closed", created_at=at,
                organisation_id=organisation, first_resolved_at=at, resolved_at=at, closed_at=at, due_at=at, first_due_at=at, product_id=given.get("product_id"),
                first_response_at=at + timedelta(minutes=9), category="usage",
            )  # fmt: skip
            s.add(ticket)
            s.flush()
            row = {
                "verdict": verdict, "counted_at": at, "matures_at": at + timedelta(days=7), "solvable": True, "created_at": at, "seconds": 600,
                "kind": "consult", "channel": "email", "organisation_id": organisation, "reasons": [], **given,
            }  # fmt: skip
            s.add(FcrVerdict(ticket_id=ticket.id, **row))
            return ticket.number

    return make


@pytest.fixture
def leader(app: Flask, make_user: Callable[..., User]) -> FreshClient:
    client = app.test_client()
    assert isinstance(client, FreshClient)
    return client.log_in(make_user("leader", language="zh"))


def text(page: Any) -> str:
    assert page.status_code == 200, page.status
    return str(page.get_data(as_text=True))


def bearer(user: User) -> dict[str, str]:
    with unit_of_work():
        token = tokens.create_token(SYSTEM, user.id, "test")[1]
    return {"Authorization": f"Bearer {token}"}


def test_an_empty_house_says_why_it_is_empty(leader: FreshClient) -> None:
    assert "这段时间没有工单" in text(leader.get("/reports"))


def test_the_figure_its_n_and_the_rows_behind_it_agree(leader: FreshClient, issue: Callable[..., int]) -> None:
    solved = [issue(), issue(), issue()]
    failed = issue("not_solved", main_reason="reopened", broken_after=60, reasons=[{"code": "reopened", "at": NOON.isoformat()}])
    pending, excluded = issue("pending", days=2), issue("excluded", excluded_as="complaint", solvable=False)
    page = text(leader.get("/reports"))
    assert "75.0%" in page and "可首解类别，已到期 n = 4" in page and "未到期 1 件" in page
    rows = text(leader.get("/reports/rows?what=matured"))
    assert set(map(int, re.findall(r"#(\d{5})", rows))) == {*solved, failed}
    assert f"#{pending}" in text(leader.get("/reports/rows?what=pending"))
    assert f"#{excluded}" in text(leader.get("/reports/rows?what=excluded&of=complaint"))
    assert "解决后重开" in text(leader.get("/reports/rows?what=reason&of=reopened"))


def test_every_mark_on_the_page_opens(leader: FreshClient, issue: Callable[..., int]) -> None:
    issue()
    issue("not_solved", main_reason="repeat", broken_after=60)
    page = text(leader.get("/reports?days=90"))
    links = {unquote(link).replace("&amp;", "&") for link in re.findall(r'href="(/reports[^"#]*)', page)}
    assert len(links) > 20
    for link in links:
        assert leader.get(link).status_code == 200, link


def test_unknown_marks_and_damaged_addresses(leader: FreshClient, issue: Callable[..., int]) -> None:
    issue()
    assert leader.get("/reports/rows?what=nonsense").status_code == 404
    for query in ("from=nonsense&to=2026-99-99", "from=2026-03-20&to=2026-03-01", "product=x&team=-1&agent=9999999999", "days=x", "of=9-99&what=heat"):
        assert leader.get(f"/reports/rows?{query}").status_code == 200, query
        assert leader.get(f"/reports?{query}").status_code == 200, query
    assert leader.get("/reports/rows?cursor=2026~x").status_code == 200


def test_pages_of_rows_follow_each_other_without_gap_or_double(leader: FreshClient, issue: Callable[..., int]) -> None:
    numbers = {issue(days=8 + n % 3) for n in range(60)}
    seen: list[int] = []
    url: str | None = "/reports/rows?what=matured"
    while url:
        page = text(leader.get(url))
        seen += [int(n) for n in re.findall(r"#(\d{5})", page)]
        following = re.search(r'href="([^"]+)"\s+rel="next"', page)
        url = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == 60 and set(seen) == numbers


def test_days_are_those_of_the_viewer(app: Flask, make_user: Callable[..., User], issue: Callable[..., int]) -> None:
    """Resolved at 20:00 UTC on the 9th: in Shanghai the 10th has begun, in New York it is still the 9th."""
    issue(days=(NOON - datetime(2026, 3, 9, 20, 0, tzinfo=UTC)) / timedelta(days=1))
    for zone, day in (("Asia/Shanghai", "2026-03-10"), ("America/New_York", "2026-03-09")):
        client = app.test_client()
        assert isinstance(client, FreshClient)
        client.log_in(make_user("leader", time_zone=zone))
        for asked in ("2026-03-09", "2026-03-10"):
            found = "#200" in text(client.get(f"/reports/rows?what=matured&from={asked}&to={asked}"))
            assert found == (asked == day), (zone, asked)


def test_account_managers_see_their_companies_only(
    app: Flask, make_user: Callable[..., User], issue: Callable[..., int], firm: Organisation
) -> None:
    manager = make_user("manager", language="zh")
    with unit_of_work() as s:
        s.get_one(Organisation, firm.id).manager_id = manager.id
    mine, other = issue(organisation_id=firm.id), issue("not_solved", main_reason="raised")
    client = app.test_client()
    assert isinstance(client, FreshClient)
    client.log_in(manager)
    page = text(client.get("/reports"))
    assert "100.0%" in page and "只统计你能查看的工单" in page
    rows = text(client.get("/reports/rows?what=matured"))
    assert f"#{mine}" in rows and f"#{other}" not in rows
    for kind in ("csv", "xlsx"):
        assert client.get(f"/reports/rows.{kind}?what=matured").status_code == 200
    assert f"{other}" not in client.get("/reports/rows.csv?what=matured").get_data(as_text=True)
    found = client.get("/api/v1/reports/fcr", headers=bearer(manager)).get_json()
    assert found["matured"] == {"hits": 1, "n": 1, "rate": 1.0}


@pytest.mark.parametrize("role", ["agent", "technician", "client", "author"])
def test_others_have_no_reports(app: Flask, make_user: Callable[..., User], role: str) -> None:
    user = make_user(role)
    client = app.test_client()
    assert isinstance(client, FreshClient)
    client.log_in(user)
    assert client.get("/reports").status_code == 403
    assert client.get("/api/v1/reports/overview", headers=bearer(user)).status_code == 403


def test_satisfaction_is_hidden_under_five(leader: FreshClient, issue: Callable[..., int]) -> None:
    for n in range(5):
        ticket = issue() - 20000
        with unit_of_work() as s:
            s.add(FollowUp(ticket_id=ticket, state="answered", score=5 if n else 3, answered_at=NOON - timedelta(days=1), delivered_at=NOON - timedelta(days=2)))
        page = text(leader.get("/reports"))
        assert ("80.0%" in page) == (n == 4)
    assert "平均 4.60 分，n = 5" in page


def test_files_hold_words_never_formulas(leader: FreshClient, issue: Callable[..., int]) -> None:
    hostile = ["=1+1", "@SUM(A1)", "-2", "\t=3", "＝1+1"]
    for subject in hostile:
        issue(subject=subject)
    lines = list(csv.reader(io.StringIO(leader.get("/reports/rows.csv?what=matured").get_data(as_text=True).lstrip("\ufeff"))))
    cells = [line[1] for line in lines[1:]]
    assert sorted(cells) == sorted("'" + subject for subject in hostile)
    book = zipfile.ZipFile(io.BytesIO(leader.get("/reports/rows.xlsx?what=matured").data))
    sheets = "".join(book.read(name).decode() for name in book.namelist() if "sheet" in name)
    assert "<f>" not in sheets and "=1+1" in book.read("xl/sharedStrings.xml").decode()
    figures = zipfile.ZipFile(io.BytesIO(leader.get("/reports/figures.xlsx").data))
    assert len([n for n in figures.namelist() if n.startswith("xl/worksheets/sheet")]) >= 8
    assert "首解率" in leader.get("/reports/figures.csv").get_data(as_text=True)


def test_markup_in_names_stays_text(leader: FreshClient, issue: Callable[..., int]) -> None:
    with unit_of_work() as s:
        product = Product(code="<b>", name="<script>alert(1)</script>")
        s.add(product)
        s.flush()
        number = product.id
    issue(product_id=number, subject="<img src=x>")
    for url in ("/reports", "/reports/rows?what=matured"):
        page = text(leader.get(url))
        assert "<script>alert" not in page and "<img src=x>" not in page


def test_the_api_says_what_the_page_says(client: FreshClient, make_user: Callable[..., User], issue: Callable[..., int]) -> None:
    for _n in range(3):
        issue()
    issue("not_solved", main_reason="repeat", broken_after=0, channel="webchat")
    issue("pending", days=2)
    headers = bearer(make_user("leader"))
    found = client.get("/api/v1/reports/fcr?from=2026-03-01&to=2026-03-20&by=channel", headers=headers).get_json()
    assert found["matured"] == {"hits": 3, "n": 4, "rate": 0.75}
    assert found["pending"] == 1 and found["reasons"] == [{"code": "repeat", "count": 1}]
    assert [(g["key"], g["n"]) for g in found["groups"]] == [("email", 3), ("webchat", 1)]
    over = client.get("/api/v1/reports/overview?from=2026-03-01&to=2026-03-20", headers=headers).get_json()
    assert over["fcr"]["rate"] == 0.75 and over["satisfaction"]["top"] is None
    assert over["first_response"]["median"] == 540


@pytest.mark.parametrize("query", ["from=nonsense", "from=2026-02-30", "from=2026-03-20&to=2026-03-01", "from=2010-01-01&to=2026-03-20", "to=0001-01-01", "by=colour", "colour=1"])
def test_bad_questions_to_the_api_are_422(client: FreshClient, make_user: Callable[..., User], query: str) -> None:
    answer = client.get(f"/api/v1/reports/fcr?{query}", headers=bearer(make_user("leader")))
    assert answer.status_code == 422 and answer.get_json()["errors"]


def test_the_api_wants_a_token(client: FreshClient) -> None:
    assert client.get("/api/v1/reports/fcr").status_code == 401
    assert SYSTEM.can("report.read")
