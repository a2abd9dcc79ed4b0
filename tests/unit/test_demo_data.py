"""The demo is the first thing a newcomer sees: nothing in it may point at something that is not there."""

import email
import email.policy
import re
import unicodedata
from collections import Counter
from datetime import UTC, date, datetime
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from app.demo import people, story, variations, world

DEMO = Path(world.__file__).parent
ARTICLE_FILES = sorted((DEMO / "articles").glob("*.md"))
MAIL_FILES = sorted((DEMO / "mails").glob("*.eml"))

REQUIRED = {
    "title", "slug", "language", "products", "category", "audience", "questions", "valid_for", "reviewed_by",
    "reviewed_at", "safety", "phone_script",
}  # fmt: skip
CATEGORIES = {"故障代码", "操作指南", "问答", "接口说明", "发布说明", "坐席诊断向导", "供应商内部"}
TICKET_STATES = {"created", "dispatched", "executing", "following_up", "closed", "cancelled", "merged"}
ORDER_STATES = {"created", "scheduled", "planned", "delivering", "checking", "closed", "cancelled", "unable"}
LOADED = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
PLAN = variations.planned(None, LOADED)
SPOKEN = ("calls", "walk_in")
FOREIGN_DOMAIN = re.compile(r"\b[a-z0-9-]+\.(?:com|cn|net|org|io|info|top|co|tech|cc)\b", re.IGNORECASE)
MAIL_ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
PHONE = re.compile(r"\+861990000\d{4}")
LAND_LINE = re.compile(r"\+86\d{2,3}0\d{7}|\+864000000\d{3}")

ORGANISATIONS = {o.code: o for o in world.ORGANISATIONS}
PRODUCTS = {p.code: p for p in world.PRODUCTS}
SITES = {s.code: s for s in world.SITES}
DEVICES = {d.serial: d for d in world.DEVICES}
STAFF = {s.login: s for s in world.STAFF}
TEAMS = {t.code: t for t in world.TEAMS}
CONTACTS = {c.code: c for c in world.CONTACTS}


def split(path: Path) -> tuple[dict[str, Any], str]:
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def mail(path: Path) -> EmailMessage:
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def mail_text(message: EmailMessage) -> str:
    parts = [p.get_content() for p in message.walk() if p.get_content_maintype() == "text"]
    heads = [str(message[name]) for name in ("from", "to", "subject", "message-id", "references")]
    return "\n".join([*heads, *parts])


ARTICLES = {path.stem: split(path) for path in ARTICLE_FILES}


def test_codes_are_unique() -> None:
    for rows, key in (
        (world.ORGANISATIONS, "code"), (world.PRODUCTS, "code"), (world.SITES, "code"), (world.DEVICES, "serial"),
        (world.CONTRACTS, "code"), (world.TEAMS, "code"), (world.STAFF, "login"), (world.STAFF, "name"),
        (world.CONTACTS, "code"), (variations.WRITTEN, "number"), (variations.PATTERNS, "code"),
    ):  # fmt: skip
        values = [getattr(row, key) for row in rows]
        assert len(values) == len(set(values)), key


def test_world_refers_to_what_exists() -> None:
    assert [o.kind for o in world.ORGANISATIONS].count("platform") == 1
    for organisation in world.ORGANISATIONS:
        assert (organisation.manager is not None) == (organisation.kind == "client")
        assert organisation.manager is None or STAFF[organisation.manager].role == "manager"
    for product in world.PRODUCTS:
        assert ORGANISATIONS[product.organisation].kind in {"platform", "supplier"}
        ages = [r.released_days_ago for r in product.releases]
        assert ages == sorted(ages, reverse=True), product.code
    for site in world.SITES:
        assert ORGANISATIONS[site.organisation].kind == "client"
    for device in world.DEVICES:
        product = PRODUCTS[device.product]
        assert device.site in SITES
        assert device.model in product.models
        assert device.firmware in {r.version for r in product.releases}, device.serial
    assert {c.organisation for c in world.CONTRACTS} == {o.code for o in world.ORGANISATIONS if o.kind == "client"}
    assert {c.level for c in world.CONTRACTS} == {"gold", "silver", "basic"}
    assert any(c.ends_in_days < 0 for c in world.CONTRACTS)
    owners = {o.code: o.kind for o in world.ORGANISATIONS}
    assert list(owners.values()).count("supplier") == 4 and list(owners.values()).count("client") == 8
    assert sum(SITES[d.site].organisation == "chenghu" for d in world.DEVICES) == 312
    assert {d.warranty_days > d.installed_days_ago for d in world.DEVICES} == {True, False}, "in and out of warranty"
    for team in world.TEAMS:
        assert team.organisation in ORGANISATIONS
        assert set(team.products) <= set(PRODUCTS)
    for contact in world.CONTACTS:
        assert contact.organisation in ORGANISATIONS
        assert contact.site is None or SITES[contact.site].organisation == contact.organisation


def test_staff_are_the_promised_logins() -> None:
    assert set(STAFF) >= {
        "admin", "supervisor", "leader", "agent", "agent2", "editor", "manager", "dispatcher", "technician",
        "resident", "author", "client",
    }  # fmt: skip
    roles = Counter(person.role for person in world.STAFF)
    assert (roles["agent"], roles["second_line"], roles["manager"], roles["resident"]) == (8, 3, 2, 2)
    for supplier in ("tuolian", "hkauto", "mingxi", "jiezao"):
        own = Counter(person.role for person in world.STAFF if person.organisation == supplier)
        assert own["dispatcher"] == 1 and own["technician"] in (2, 3)
    for person in world.STAFF:
        assert person.organisation in ORGANISATIONS
        assert set(person.teams) <= set(TEAMS)
        if person.contact is not None:
            assert CONTACTS[person.contact].name == person.name
            assert CONTACTS[person.contact].organisation == person.organisation
    assert set(world.LEADERS) <= set(TEAMS) and set(world.LEADERS.values()) <= set(STAFF)
    assert {STAFF[n].organisation for n in ("dispatcher", "technician")} == {"hkauto"}
    assert {STAFF[n].organisation for n in ("resident", "author")} == {"tuolian"}
    assert STAFF["client"].organisation == "chenghu"


def test_identities_are_fictional_and_belong_to_one() -> None:
    everybody = [*world.CONTACTS, *people.more_contacts(600)]
    known = [(i.kind, i.value) for c in everybody for i in c.identities]
    shared = [(i.kind, i.value) for i in world.SHARED_IDENTITIES]
    assert len(set(known + shared)) == len(known + shared)
    for contact in everybody:
        for identity in contact.identities:
            if identity.kind == "email":
                assert identity.value.endswith("@" + ORGANISATIONS[contact.organisation].domain)
            else:
                assert PHONE.fullmatch(identity.value)
    assert world.SHARED_IDENTITIES
    for switchboard in world.SHARED_IDENTITIES:
        assert switchboard.organisation in ORGANISATIONS
        assert LAND_LINE.fullmatch(switchboard.value)
    assert LAND_LINE.fullmatch(world.HOTLINE)
    assert all(o.domain.endswith(".example") for o in world.ORGANISATIONS)


@pytest.mark.parametrize("path", ARTICLE_FILES, ids=lambda p: p.stem)
def test_article_is_complete(path: Path) -> None:
    head, body = split(path)
    assert set(head) >= REQUIRED, REQUIRED - set(head)
    assert set(head) <= REQUIRED | {"organisations"}
    assert head["slug"] == path.stem
    assert head["slug"].isascii()
    assert head["language"] == "zh"
    assert head["products"]
    assert set(head["products"]) <= set(PRODUCTS)
    assert head["category"] in CATEGORIES
    assert head["audience"] in {"public", "client", "agent", "supplier"}
    assert set(head.get("organisations", [])) <= set(ORGANISATIONS)
    assert (head["audience"] == "supplier") == bool(head.get("organisations"))
    assert 4 <= len(head["questions"]) <= 8
    assert len(set(head["questions"])) == len(head["questions"])
    assert all(isinstance(q, str) for q in head["questions"])
    assert head["reviewed_by"] in {s.name for s in world.STAFF}
    assert date(2026, 9, 1) <= head["reviewed_at"] <= date(2026, 11, 22)
    assert 100 <= len(head["phone_script"]) <= 180, "四十秒说得完"
    assert 350 <= len(re.sub(r"\s", "", body)) <= 900
    assert head["safety"] == ("::: warning" in body)
    assert len(re.findall(r"^:::", body, re.MULTILINE)) == (2 if head["safety"] else 0)
    assert "！" not in body + head["phone_script"]
    html = MarkdownIt("commonmark").enable("table").render(body)
    assert "<ol>" in html or "<table>" in html
    assert html.count("<table>") == len(re.findall(r"^\|(?:-+\|)+$", body, re.MULTILINE))


def test_the_code_that_three_products_share() -> None:
    e07 = [head for head, _ in ARTICLES.values() if "报 E07" in head["title"] and head["category"] == "故障代码"]
    assert sorted(p for head in e07 for p in head["products"]) == ["HK-V20", "JZ-SCADA", "TL-G300"]


def test_articles_cover_all_audiences() -> None:
    assert len(ARTICLES) >= 40
    assert {head["category"] for head, _ in ARTICLES.values()} == CATEGORIES
    assert {head["audience"] for head, _ in ARTICLES.values()} == {"public", "client", "agent", "supplier"}


@pytest.mark.parametrize("ticket", PLAN, ids=lambda t: str(t.number))
def test_ticket_refers_to_what_exists(ticket: story.Ticket) -> None:
    contact = CONTACTS[ticket.contact]
    assert ticket.kind in story.KINDS
    assert ticket.impact in story.IMPACTS
    assert ticket.channel in story.CHANNELS
    assert ticket.product in PRODUCTS
    assert ticket.state in TICKET_STATES
    assert "{" not in ticket.subject + ticket.text, "every place is filled in"
    if ticket.device is not None:
        device = DEVICES[ticket.device]
        assert device.product == ticket.product or ticket.product == "XZ-HEALTH"
        assert SITES[device.site].organisation == contact.organisation
    if ticket.team is not None:
        assert ticket.assignee is not None
        assert ticket.team in STAFF[ticket.assignee].teams
    for message in ticket.thread:
        if message.role == "customer":
            assert CONTACTS[message.by].organisation == contact.organisation
        else:
            assert message.role in {"agent", "note"}
            assert message.by in STAFF
        assert ticket.channel not in SPOKEN or message.role == "note", "nothing is written in a call but notes"
    for act in (*ticket.acts, *(a for order in ticket.orders for a in order.acts)):
        assert act.by in STAFF or act.step == "quote"
        assert act.given.get("team", "second") in TEAMS
        assert act.given.get("assignee", "agent") in STAFF and act.given.get("technician", "technician") in STAFF
    for slug in [*(s for m in ticket.thread for s in m.articles), *(ticket.wrap_up.articles if ticket.wrap_up else ())]:
        assert ARTICLES[slug][0]["audience"] in {"public", "client"}, "坐席与供应商的内部知识不发给客户"
    if ticket.wrap_up is not None:
        assert ticket.wrap_up.category in world.TICKET_CATEGORIES
        assert ticket.wrap_up.cause in world.TICKET_CAUSES
        assert ticket.wrap_up.product in PRODUCTS


@pytest.mark.parametrize("ticket", PLAN, ids=lambda t: str(t.number))
def test_ticket_went_a_lawful_way(ticket: story.Ticket) -> None:
    resolved = ticket.state in {"following_up", "closed"}
    assert (ticket.resolved_after is not None) == resolved
    assert bool(ticket.resolution) == resolved
    assert (ticket.wrap_up is not None) == resolved
    assert (ticket.cancelled_after is not None) == (ticket.state == "cancelled") == bool(ticket.cancel_reason)
    assert ticket.satisfaction is None or (resolved and 1 <= ticket.satisfaction.rating <= 5)
    assert (ticket.satisfaction is None) == (ticket.closed_after is None)
    end = ticket.closed_after or ticket.cancelled_after
    way = [ticket.dispatched_after, ticket.started_after, ticket.resolved_after, end]
    minutes = [0, *(m for m in way if m is not None), ticket.age]
    assert minutes == sorted(minutes)
    said = [0, *(m.after for m in ticket.thread), ticket.age]
    assert all(a < b for a, b in pairwise(said)), "in order, and nothing in the future"
    for acts in (ticket.acts, *(order.acts for order in ticket.orders)):
        times = [*(a.after for a in acts), ticket.age]
        assert times == sorted(times)
    for order in ticket.orders:
        assert order.state in ORDER_STATES
        if resolved:
            last = max(act.after for act in order.acts)
            assert order.state in {"closed", "unable", "cancelled"} and last <= (ticket.resolved_after or 0), "no end over an open order"
    if ticket.hold is not None:
        assert ticket.state in {"created", "dispatched", "executing"}
        assert ticket.hold.party in {"customer", "date", "supplier", "part", "colleague"}
        assert ticket.hold.after < ticket.age
        assert ticket.hold.until > 0


def test_tickets_show_the_whole_range() -> None:
    assert len(PLAN) + sum(a.step == "split" for t in PLAN for a in t.acts) == 120
    assert {t.kind for t in PLAN} == set(story.KINDS)
    assert {t.impact for t in PLAN} == set(story.IMPACTS)
    assert {t.state for t in PLAN} == TICKET_STATES
    assert {t.channel for t in PLAN} == set(story.CHANNELS)
    orders = [order for t in PLAN for order in t.orders]
    assert len(orders) == 12 and {order.state for order in orders} == ORDER_STATES
    steps = {a.step for t in PLAN for a in (*t.acts, *(b for o in t.orders for b in o.acts))}
    assert steps >= {
        "transfer", "return", "raise", "supervise", "extend", "merge", "split", "attempt", "again", "reject", "judge",
        "hand_over", "quote", "reappoint", "hold", "rework", "unable", "cancel", "photo", "reading", "signature", "pass",
    }  # fmt: skip
    now = [t for t in PLAN if t.state in {"created", "dispatched", "executing", "following_up"}]
    assert len(now) >= 25, "enough is alive at the moment of loading"
    assert sum("催一下" in m.text for t in now if t.number == 2109 for m in t.thread) + sum(
        "再催一下" in m.text for t in now for m in t.thread
    ) >= 2, "one was urged twice"
    assert any(t.hold and t.hold.until < 15 for t in now), "one wakes soon"


def test_no_words_come_twice() -> None:
    assert len(variations.PATTERNS) >= 40
    asks = [words for pattern in variations.PATTERNS for words in pattern.asks]
    assert len({subject for subject, _ in asks}) == len({text for _, text in asks}) == len(asks)
    texts = [t.text for t in PLAN]
    assert len(set(texts)) == len(texts), "of the usual size, nobody says what somebody else said"
    subjects = [t.subject for t in PLAN]
    assert len(set(subjects)) == len(subjects)


@pytest.mark.parametrize("path", MAIL_FILES, ids=lambda p: p.stem)
def test_mail_is_valid_and_from_a_contact(path: Path) -> None:
    raw = path.read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n"), "RFC 5322 lines end in CRLF"
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    message = mail(path)
    assert not any(part.defects for part in message.walk())
    sender = message["from"].addresses[0]
    owner = [c for c in world.CONTACTS for i in c.identities if i.value == sender.addr_spec]
    assert [c.name for c in owner] == [sender.display_name]
    assert message["to"].addresses[0].addr_spec == world.ACCOUNT.address
    assert message["date"].datetime.tzinfo is not None
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip()
    assert "\ufffd" not in mail_text(message)


def test_mails_show_the_whole_range() -> None:
    messages = [mail(path) for path in MAIL_FILES]
    assert len(messages) == 6
    assert len({m["message-id"] for m in messages}) == 6
    assert {"utf-8", "gbk"} <= {p.get_content_charset() for m in messages for p in m.walk()}
    assert sum(m["auto-submitted"] is not None for m in messages) == 1
    assert sum(any(m.iter_attachments()) for m in messages if m.get_content_type() == "multipart/mixed") == 1
    assert sum(m.get_body(("html",)) is not None for m in messages) == 1
    assert sum("回复的原邮件" in mail_text(m) for m in messages) == 1


def test_no_real_domain_or_number() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in [*ARTICLE_FILES, *DEMO.glob("*.py")]}
    texts |= {path.name: mail_text(mail(path)) for path in MAIL_FILES}
    for name, text in texts.items():
        assert not FOREIGN_DOMAIN.findall(text), name
        assert all(domain.endswith(".example") for domain in MAIL_ADDRESS.findall(text)), name
        assert all(number.startswith("1990000") for number in re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text)), name


def test_every_serial_in_the_texts_is_a_device() -> None:
    prefixes = "|".join(sorted({p.serial.split("-")[0] for p in world.DEVICE_PATTERNS}))
    pattern = re.compile(rf"\b(?:{prefixes})-\d\d-\d{{4}}\b")
    texts = [mail_text(mail(path)) for path in MAIL_FILES] + [body for _, body in ARTICLES.values()]
    texts += [part for t in PLAN for part in (t.text, *(m.text for m in t.thread))]
    assert {serial for text in texts for serial in pattern.findall(text)} <= set(DEVICES)


def test_text_is_composed() -> None:
    for path in [*ARTICLE_FILES, *DEMO.glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert unicodedata.is_normalized("NFC", text), path.name
        assert "\x00" not in text
        assert not re.search(r"[\u4e00-\u9fff][,;?!](?=[\u4e00-\u9fff])", text), f"{path.name}: 半角标点"
