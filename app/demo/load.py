"""Loads the demo: a world that a newcomer can look around in, with knowledge, tickets and questions nobody answered."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select, text, update

from app.config import Settings
from app.core.audit import AuditRow, note
from app.core.clock import frozen, now
from app.core.db import Base, session
from app.core.errors import Refused
from app.core.events import DONE, DUE, OutboxRow
from app.core.passwords import hashed
from app.core.people import Contact
from app.core.permissions import NOBODY, SYSTEM
from app.core.uow import unit_of_work
from app.demo import calls, community, doors, knowledge_life, variations, wechat, world
from app.demo.replay import Life, for_the_end, run
from app.demo.world_rows import World, make_world
from app.kb import loop_tick
from channels.accounts import set_account
from knowledge import indexing
from knowledge.importing import import_markdown
from knowledge.index import Hits
from knowledge.markdown import split_front_matter
from knowledge.models import Article
from knowledge.searching import log_search, mark_opened, search
from workflows.models import Ticket
from workflows.orders_models import ServiceOrder

ARTICLES = Path(__file__).parent / "articles"
LOADED = "demo.loaded"
BEFORE_ALL = timedelta(days=2)
"""How long before the first ticket the house was set up."""

READ = {"hk-v20-e07-overheat": (214, 61, 4), "tl-g300-apn-after-sim-change": (173, 52, 3), "tl-g300-e07-sim": (96, 20, 7),
        "idr-302-prefix-not-authorised": (71, 18, 2), "api-40113-signature-expired": (58, 12, 1),
        "jz-mes-1203-duplicate-report": (49, 15, 1), "hk-p3-err-three-blinks": (41, 9, 2), "mx-vb3-flat-waveform": (33, 8, 0),
        "platform-add-member": (66, 21, 2), "gateway-offline-checklist": (118, 33, 6), "urge-and-progress": (84, 30, 1),
        "platform-outage-check": (77, 19, 5), "hk-v20-e02-accel-overcurrent": (38, 9, 3), "hk-v20-e05-bus-overvoltage": (31, 8, 1),
        "hk-v20-e11-input-phase-loss": (22, 7, 0), "g-4029-clock-offset": (29, 11, 0), "warranty-and-quote": (52, 10, 4),
        "mx-l03-battery-low": (27, 9, 0), "xz-health-alarm-threshold": (19, 5, 2), "api-42901-rate-limit": (24, 6, 1), "data-gap-output-mismatch": (23, 2, 5)}  # fmt: skip
"""How often articles were read, and said to help or not, so that "most used" has something to sort by."""

ASKED = (
    ("eSIM", "public", (6900, 5200, 3100, 640), False),
    ("配方", "public", (4300, 2900, 180), False),
    ("碳足迹", "client", (3900, 1500), False),
    ("能耗分摊", "client", (2500, 2200), False),
    ("Profinet", "public", (1300,), False),
    ("PLC 电池多久换", "public", (2100, 900), False),
    ("吹吹风又能转", "public", (1700, 400), False),
    ("触摸屏蓝屏", "public", (3600, 2400, 310), False),
    ("发票抬头写错了", "public", (5000, 1250), False),
    ("历史数据能导出多久的", "client", (4700, 2050, 800), False),
    ("變頻器 E07", "public", (4100, 900), True),
    ("40113", "public", (2950,), True),
    ("换卡", "public", (3300, 2000, 700), True),
)
"""What was searched, as whom, how many minutes ago, and whether the first answer was opened; some has no answer."""


def load_demo(settings: Settings, *, reset: bool = False, ticket_count: int | None = None) -> dict[str, int]:
    """Load the demo and index its articles; {"tickets", "orders", "articles", "contacts"} as they stand afterwards.

    All or nothing, and once: a second call changes nothing. `reset` empties every table first. With `ticket_count`
    the hand-written tickets are repeated with other times and people. Raises Refused unless the settings allow a demo.
    """
    if not settings.demo:
        raise Refused("演示数据只在 HUIYIN_DEMO=1 时可以载入。")
    password = hashed(world.DEMO_PASSWORD, "")
    if is_loaded() and not reset:
        return counts()
    with unit_of_work():
        if reset:
            _empty()
        if not is_loaded():
            _load(now(), ticket_count, password)
    index = indexing.open_index(settings)
    indexing.rebuild(index)
    found = {words: search(index, NOBODY, words) for words, *_ in ASKED}
    with unit_of_work():
        _remember_searches(found)
    loop_tick.every_minute(settings)
    return counts()


def is_loaded() -> bool:
    """Whether the demo was loaded into this database."""
    return session().scalar(select(AuditRow.id).where(AuditRow.action == LOADED).limit(1)) is not None


def counts() -> dict[str, int]:
    """What there is now."""
    tables: dict[str, type[Base]] = {"tickets": Ticket, "orders": ServiceOrder, "articles": Article, "contacts": Contact}
    return {name: session().scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()}


def _load(loaded: datetime, ticket_count: int | None, password: Any) -> None:
    planned = variations.planned(ticket_count, loaded)
    begin = loaded - timedelta(minutes=max((t.age for t in planned), default=0)) - BEFORE_ALL
    with frozen(begin):
        rows = make_world(password, variations.all_contacts(ticket_count))
        calls.set_up(rows)
        wechat.set_up(rows)
        doors.set_up()
        articles = load_articles(rows, begin)
    spoken: dict[int, Ticket] = {}
    run([Life(rows, data, loaded, articles, spoken) for data in planned], loaded, chain(calls.acts(rows, loaded), community.acts(rows, begin, loaded)))
    for slug, (views, helped, not_helped) in READ.items():
        session().execute(
            update(Article)
            .where(Article.id == articles[slug])
            .values(view_count=views, helpful_count=helped, unhelpful_count=not_helped)
            .execution_options(synchronize_session=False)
        )
    with frozen(loaded):
        note(SYSTEM, LOADED, after=len(planned))
        for kind in ("webchat", "wechat"):  # from now on: what was said before was said to people
            set_account(SYSTEM, rows.accounts[kind].slug, {"answer": "yes"}, quietly=True)
    knowledge_life.begin(rows, articles, loaded)
    # Whoever loads the demo builds the index and judges at once; and nothing of its past leaves the house.
    session().execute(
        update(OutboxRow)
        .where(OutboxRow.reaction.in_(for_the_end()), OutboxRow.state == DUE, OutboxRow.due_at <= loaded)
        .values(state=DONE, finished_at=loaded)
        .execution_options(synchronize_session=False)
    )


def load_articles(rows: World, begin: datetime) -> dict[str, int]:
    """Import and publish every file; an article is younger than the house, and reviewed on the day its file names."""
    editor, known = rows.actor("editor"), {}
    for file in sorted(ARTICLES.glob("*.md")):
        head, body = split_front_matter(file.read_text(encoding="utf-8"))
        front = yaml.safe_load(head)
        reviewed = datetime.combine(front["reviewed_at"], time(1), UTC)
        with frozen(min(max(reviewed, begin), now())):
            known[front["slug"]] = import_markdown(editor, _named(front, body), file.name, publish=True).article_id
    return known


def _named(front: dict[str, Any], body: str) -> str:
    """The file as the import reads it: companies by name instead of by the demo's code."""
    names: Mapping[str, str] = {o.code: o.name for o in world.ORGANISATIONS}
    if codes := front.pop("organisations", None):
        front["audience"] = {"level": front["audience"], "organisations": [names[code] for code in codes]}
    return f"---\n{yaml.safe_dump(front, allow_unicode=True, sort_keys=False)}---\n{body}"


def _remember_searches(found: Mapping[str, Hits]) -> None:
    moment = now()
    asked = [(ago, words, level, opened) for words, level, agos, opened in ASKED for ago in agos]
    for ago, words, level, opened in sorted(asked, reverse=True):
        with frozen(moment - timedelta(minutes=ago)):
            row = log_search(NOBODY, words, found[words], "portal")
            row.level = level
            if opened and row.shown:
                mark_opened(row.key, row.shown[0])


def _empty() -> None:
    """Every row of every table, whatever points to what."""
    connection = session().connection()
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        for table in Base.metadata.tables.values():
            connection.execute(table.delete())
    else:
        names = ", ".join(f'"{name}"' for name in Base.metadata.tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    session().expunge_all()
