"""Time and SQL statements of the queue, the search and the ticket page with 10,000 and 100,000 tickets.

Baseline of the same run: the same pages with 1,000 tickets. Three per cent of the tickets are open, as in a call
center that keeps up; each has a conversation of four messages and three entries in the audit trail.
"""

import os
import random
import secrets
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import create_engine, event, insert, text

from app.core.accounts import create_user
from app.core.audit import AuditRow
from app.core.clock import now
from app.core.db import db, session
from app.core.logins import LoginSession, token_hash
from app.core.people import Contact, Identity, Organisation, Team, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from bench.measure import house, machine, table, times_ms
from channels.accounts import add_account
from channels.models import Conversation, Message
from workflows.models import FIRST_NUMBER, Ticket, TicketConversation

SIZES = (1_000, 10_000, 100_000)
ROUNDS, CHUNK = 40, 5_000
OPEN = ("created", "dispatched", "executing", "following_up")
WORDS = ("变频器跳 E07", "网关离线", "看板没有数据", "证书过期", "标识注册报 302", "报工重复", "振动图是直线", "申请开通接口")


def fill(tickets: int) -> User:
    """Write the tickets in bulk; returns the agent who looks at them."""
    moment, dice = now(), random.Random(tickets)
    with unit_of_work() as s:
        account = add_account(SYSTEM, "email", "support", {"address": "support@hengchuan.example"}).id
        team = Team(name="一线")
        s.add(team)
        s.flush()
        agent = create_user(SYSTEM, "bench", "agent", must_change=False)
        s.add_all([Organisation(name=f"客户企业 {n}", kind="client") for n in range(50)])
        s.flush()
        people = max(20, tickets // 5)
        s.execute(insert(Contact), [{"name": f"王工{n}", "organisation_id": n % 50 + 1, "language": "zh"} for n in range(people)])
        s.execute(
            insert(Identity),
            [{"contact_id": n + 1, "kind": "email", "value": f"w{n}@k{n % 50}.example", "shown": f"w{n}@k{n % 50}.example"} for n in range(people)],
        )
    for first in range(1, tickets + 1, CHUNK):
        with unit_of_work() as s:
            _chunk(s, range(first, min(first + CHUNK, tickets + 1)), people, account, team.id, agent.id, moment, dice)
    return agent


def _chunk(s: object, ids: range, people: int, account: int, team: int, agent: int, moment: datetime, dice: random.Random) -> None:
    rows, talks, links, said, audit = [], [], [], [], []
    for number in ids:
        at = moment - timedelta(minutes=2 * (ids.stop - number) + dice.randrange(60), days=dice.randrange(90))
        state = OPEN[number % 4] if number % 33 == 0 else "closed"
        person = number % people + 1
        subject = f"{WORDS[number % len(WORDS)]} {number}"
        rows.append(
            {
                "id": number, "subject": subject, "state": state, "channel": "email", "contact_id": person, "kind": "fault",
                "organisation_id": (person - 1) % 50 + 1, "team_id": team, "created_at": at, "touched_at": at,
                "assignee_id": agent if number % 330 == 0 else None, "due_at": at + timedelta(hours=dice.randrange(1, 90)),
                "first_due_at": at, "closed_at": None if state in OPEN else at + timedelta(hours=3), "version": 1,
            }
        )
        talks.append(
            {"id": number, "account_id": account, "contact_id": person, "subject": subject, "started_at": at, "last_message_at": at, "version": 1}
        )
        links.append({"ticket_id": number, "conversation_id": number, "came_from": []})
        said += [
            {
                "conversation_id": number, "account_id": account, "external_id": f"<{number}.{turn}@bench.example>",
                "direction": "out" if turn % 2 else "in", "author_kind": "user" if turn % 2 else "contact", "author_name": "王工",
                "subject": subject, "text": subject * 5, "visible_text": subject * 5, "state": "sent" if turn % 2 else "received",
                "created_at": at + timedelta(minutes=turn), "answers": [], "version": 1,
            }
            for turn in range(4)
        ]
        audit += [
            {
                "at": at, "actor_kind": "system", "actor_name": "系统", "via": "system", "action": f"ticket.{step}", "subject": "ticket",
                "subject_id": number, "label": subject, "details": {},
            }
            for step in ("opened", "dispatch", "start")
        ]
    for model, values in ((Ticket, rows), (Conversation, talks), (TicketConversation, links), (Message, said), (AuditRow, audit)):
        s.execute(insert(model), values)  # type: ignore[attr-defined]


def pages(app: Flask, tickets: int) -> list[tuple[str, str]]:
    last_open = tickets - tickets % 33
    return [
        ("queue, my tickets", "/desk?view=mine"),
        ("queue, all open", "/desk?view=open"),
        ("queue, newest first", "/desk?view=open&sort=new"),
        ("search by words", "/desk/search?q=%E7%BD%91%E5%85%B3"),
        ("search by a person", "/desk/search?q=w7%40k7.example"),
        ("ticket page", f"/desk/tickets/{FIRST_NUMBER + last_open}"),
    ]


def measured(tickets: int, database_url: str) -> dict[str, tuple[float, float, int]]:
    """Page → p50 ms, p95 ms, number of SQL statements."""
    found: dict[str, tuple[float, float, int]] = {}
    with house(database_url) as app:
        agent = fill(tickets)
        session().execute(text("ANALYZE"))
        token = secrets.token_urlsafe(16)
        with unit_of_work() as s:
            s.add(LoginSession(user_id=agent.id, token_hash=token_hash(token)))
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["login"] = token
        statements: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        db.session.remove()
        for name, path in pages(app, tickets):

            def look(path: str = path) -> None:
                with app.app_context():
                    answer = client.get(path)
                    assert answer.status_code == 200, (path, answer.status_code)

            look()
            statements.clear()
            look()
            counted = len(statements)
            found[name] = (*times_ms([look] * ROUNDS), counted)
    return found


def report(engine: str, databases: dict[int, str]) -> None:
    results = {size: measured(size, databases.get(size, "")) for size in SIZES}
    rows: list[list[object]] = []
    for name, (_, base, _) in results[SIZES[0]].items():
        for size in SIZES:
            p50, p95, statements = results[size][name]
            rows.append([f"{name}, {size:,}", p50, p95, statements, p95 / base])
    print(f"\n{engine}\n" + table(["", "p50 ms", "p95 ms", "statements", "p95 ratio to 1,000"], rows), flush=True)


def main() -> None:
    print(machine())
    report("SQLite", {})
    if server := os.environ.get("HUIYIN_TEST_POSTGRES_URL"):
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        names = {size: f"huiyin_bench_{size}" for size in SIZES}
        with admin.connect() as connection:
            for name in names.values():
                connection.execute(text(f"drop database if exists {name} with (force)"))
                connection.execute(text(f"create database {name}"))
            try:
                report("PostgreSQL", {size: server.rsplit("/", 1)[0] + f"/{name}" for size, name in names.items()})
            finally:
                for name in names.values():
                    connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()


if __name__ == "__main__":
    main()
