"""The tickets of a demo of a given size: the hand-written stories, and cases of the patterns spread over the last 90 days.

The same size and moment give the same plan. Nobody and no machine turns up twice within a week by chance, so that a
repeat in the reports is a repeat of the story and not of the dice.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from app.demo import cases, people, world
from app.demo.patterns_machines import MACHINES
from app.demo.patterns_systems import SYSTEMS
from app.demo.shapes import Contact
from app.demo.stories_now import NOW
from app.demo.stories_past import PAST
from app.demo.story import DAY, Pattern, Ticket
from app.demo.tickets import TICKETS

DAYS = 89
USUAL = 120
SEED = 2031
LUNCH = 13 * 60 + 5
QUIET = 8 * DAY
"""How long a person or a machine is left in peace after a case, in minutes."""

ZONE = timezone(timedelta(hours=8))
HOURS = (7, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 11, 11, 13, 13, 14, 14, 14, 15, 15, 15, 16, 16, 17, 17, 18, 19, 20, 21, 22, 23, 3)
USERS = {
    "JZ-MES": ("chenghu", "shengyuan", "lingang", "jiahe"), "JZ-SCADA": ("chenghu", "beiling", "lingang", "tianmen", "hengtai"),
    "IDR": ("jiahe", "chenghu", "lingang", "tianmen"), "OPENAPI": ("chenghu", "jiahe", "lingang", "tianmen", "shengyuan"),
    "XZ-HEALTH": ("chenghu", "hengtai", "beiling", "tianmen"),
}  # fmt: skip
"""Which clients use a product that stands nowhere as a machine; all of them where it is not named."""

WRITTEN = (*TICKETS, *PAST, *NOW)
PATTERNS = (*MACHINES, *SYSTEMS)


def all_contacts(count: int | None) -> tuple[Contact, ...]:
    """Everybody who writes or calls in a demo of this size."""
    return world.CONTACTS + people.more_contacts(max(0, (count or USUAL) - USUAL) // 7)


def planned(count: int | None, loaded: datetime) -> list[Ticket]:
    """`count` tickets (120 unless said otherwise), oldest first; a split makes one more of its own and counts."""
    count = USUAL if count is None else count
    ages = {t.number: t.age for t in WRITTEN}
    # Where not all fit, what a merge needs goes after what needs it.
    needs = {t.number: max([t.age, *(ages[a.given["into"]] + 1 for a in t.acts if "into" in a.given)]) for t in WRITTEN}
    chosen: list[Ticket] = []
    left = max(count, 0)
    for story in sorted(WRITTEN, key=lambda t: needs[t.number]):
        size = 1 + sum(a.step == "split" for a in story.acts)
        if size <= left:
            chosen.append(story)
            left -= size
    contacts = all_contacts(count)
    chosen = [_at_work(story, loaded) for story in chosen]
    return sorted([*chosen, *_cases(left, loaded, contacts, chosen)], key=lambda ticket: -ticket.age)


def _at_work(story: Ticket, loaded: datetime) -> Ticket:
    """A story of some days ago as it began shortly after one in the afternoon, whatever the hour of the loading; all
    move by the same time, so that those that belong together stay together."""
    if story.age < 5 * DAY:
        return story
    clock = loaded.astimezone(ZONE)
    return replace(story, age=story.age + clock.hour * 60 + clock.minute - LUNCH)


def _cases(count: int, loaded: datetime, contacts: Sequence[Contact], stories: Iterable[Ticket]) -> list[Ticket]:
    """That many cases of the patterns; each way to ask is used once before the first comes again."""
    chance, made = random.Random(SEED), list[Ticket]()
    order = [(pattern, turn) for turn in range(max(len(p.asks) for p in PATTERNS)) for pattern in PATTERNS if turn < len(pattern.asks)]
    chance.shuffle(order)
    used: defaultdict[str, list[int]] = defaultdict(list)
    for story in stories:
        for who in (story.contact, story.device):
            if who:
                used[who].append(story.age)
    for number in range(count):
        pattern, turn = order[number % len(order)]
        turn += number // len(order) * len(pattern.asks)
        # Rather more in the last weeks than before: the desk became known.
        age = _age(loaded, 2 + (DAYS - 2) * ((number + chance.random()) / max(count, 1)) ** 1.25, chance)
        contact, device = _who(pattern, age, contacts, used, chance)
        made.append(cases.case(900_000 + number, pattern, turn, contact, device, age, (loaded - timedelta(minutes=age)).astimezone(ZONE).hour, chance))
    return made


def _age(loaded: datetime, days: float, chance: random.Random) -> int:
    """So many days ago, at an hour when people are at work, seldom at a weekend; in minutes before the loading."""
    day = loaded.astimezone(ZONE) - timedelta(days=days)
    if day.weekday() >= 5 and chance.random() < 0.75:
        day -= timedelta(days=2)
    born = day.replace(hour=chance.choice(HOURS), minute=chance.randrange(60), second=0, microsecond=0)
    return max(2 * DAY, min(int((loaded - born).total_seconds() // 60), DAYS * DAY))


def _who(
    pattern: Pattern, age: int, contacts: Sequence[Contact], used: defaultdict[str, list[int]], chance: random.Random
) -> tuple[Contact, str | None]:
    """Somebody who could ask this, with a machine of theirs where one is meant; rather somebody who was quiet lately."""
    able = [c for c in contacts if _may_ask(pattern, c)]
    chance.shuffle(able)
    contact = min(able, key=lambda c: sum(abs(age - other) < QUIET for other in used[c.code]))
    used[contact.code].append(age)
    if not pattern.device:
        return contact, None
    machines = MACHINES_OF[contact.organisation, pattern.product]
    here = [serial for serial, site in machines if site == contact.site] or [serial for serial, _ in machines]
    chance.shuffle(here)
    serial = min(here, key=lambda s: sum(abs(age - other) < QUIET for other in used[s]))
    used[serial].append(age)
    return contact, serial


def _may_ask(pattern: Pattern, contact: Contact) -> bool:
    if pattern.only:
        return contact.code in pattern.only
    # English and traditional characters are somebody's own way to write; they have patterns of their own.
    if contact.site is None or contact.language != "zh" or contact.code in ("yip-puishan", "leung-chiming"):
        return False
    if pattern.device:
        return (contact.organisation, pattern.product) in MACHINES_OF
    return contact.organisation in USERS.get(pattern.product, (contact.organisation,))


def _machines() -> dict[tuple[str, str], list[tuple[str, str]]]:
    places = {s.code: s.organisation for s in world.SITES}
    found: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for device in world.DEVICES:
        found[places[device.site], device.product].append((device.serial, device.site))
    return dict(found)


MACHINES_OF = _machines()
