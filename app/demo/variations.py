"""More tickets than were written by hand: the same stories with other people, machines and times."""

import random
from collections import defaultdict
from dataclasses import replace
from typing import Any

from app.demo import tickets, world

DAYS = 90
FINISHED_SHARE = 0.85
SEED = 2031
ENDS = ("closed", "cancelled")


def planned(count: int | None) -> list[tickets.Ticket]:
    """`count` tickets, oldest first: the newest are the hand-written ones. None gives these alone."""
    written = list(tickets.TICKETS)
    if count is None or count == len(written):
        return written
    if count < len(written):
        return written[len(written) - max(count, 0) :]
    chance = random.Random(SEED)
    ended, open_ = [t for t in written if t.state in ENDS], [t for t in written if t.state not in ENDS]
    more = [
        _like(chance.choice(ended if chance.random() < FINISHED_SHARE else open_), number, chance)
        for number in range(count - len(written))
    ]
    return sorted([*more, *written], key=lambda ticket: -ticket.age)


def _like(pattern: tickets.Ticket, number: int, chance: random.Random) -> tickets.Ticket:
    contact, device = _asker(pattern, chance)
    names = {c.code: c.name for c in world.CONTACTS}
    pace = chance.uniform(0.7, 1.6)
    silent = pattern.resolved_after is not None and pattern.satisfaction is None

    def later(after: int | None) -> int | None:
        return after if after is None else max(after, round(after * pace))

    resolved = later(pattern.resolved_after)
    closed = later(pattern.closed_after)
    if silent and closed is not None and resolved is not None and pattern.closed_after and pattern.resolved_after:
        closed = resolved + pattern.closed_after - pattern.resolved_after
    thread = tuple(
        replace(m, by=contact if m.role == "customer" else m.by, after=later(m.after) or m.after) for m in pattern.thread
    )
    steps: dict[str, Any] = {"dispatched_after": later(pattern.dispatched_after), "started_after": later(pattern.started_after),
                             "restored_after": later(pattern.restored_after), "cancelled_after": later(pattern.cancelled_after)}  # fmt: skip
    hold = replace(pattern.hold, after=later(pattern.hold.after) or 1) if pattern.hold else None
    last = max([0, closed or 0, resolved or 0, *(m.after for m in thread), *(s or 0 for s in steps.values())])
    longest = DAYS * 1440 if pattern.state in ENDS else last + 2880
    satisfaction = pattern.satisfaction
    if satisfaction is not None:
        rating = chance.choice((5, 5, 5, 4, 4, 3, satisfaction.rating))
        satisfaction = replace(satisfaction, rating=rating, comment=satisfaction.comment if rating > 3 else "")
    return replace(
        pattern,
        number=900_000 + number,  # no text speaks of it
        text=pattern.text.replace(names[pattern.contact], names[contact]),
        contact=contact, device=device, thread=thread, hold=hold, satisfaction=satisfaction,
        resolved_after=resolved, closed_after=closed, age=last + chance.randint(5, max(longest - last, 10)), **steps,
    )  # fmt: skip


def _asker(pattern: tickets.Ticket, chance: random.Random) -> tuple[str, str | None]:
    """Somebody else who could have asked the same, with a machine of the same product where one is meant."""
    people = {c.code: c for c in world.CONTACTS}
    own = people[pattern.contact]
    # English and traditional characters are somebody's own way to write.
    if own.language != "zh" or own.organisation == "yuanzhou":
        return pattern.contact, pattern.device
    clients = {o.code for o in world.ORGANISATIONS if o.kind == "client"}
    places = {s.code: s.organisation for s in world.SITES}
    machines: defaultdict[str, list[str]] = defaultdict(list)
    for device in world.DEVICES:
        if device.product == pattern.product:
            machines[places[device.site]].append(device.serial)
    able = [
        c for c in world.CONTACTS
        if c.organisation in clients and c.language == "zh" and c.organisation != "yuanzhou"
        and (pattern.device is None or machines[c.organisation])
    ]  # fmt: skip
    chosen = chance.choice(able)
    return chosen.code, chance.choice(machines[chosen.organisation]) if pattern.device else None
