"""Whatever happens to tickets and people, in whatever order: the stored verdicts are those that judging anew gives."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.askers import set_asker
from app.core.clock import now
from app.core.db import session
from app.core.directory.merging import kept, merge_contacts, merges_of, unmerge_contacts
from app.core.errors import DeskError
from app.core.people import Contact
from app.core.uow import unit_of_work
from app.queries import fcr_facts
from tests.service.workflows.test_fcr_facts import House, house  # noqa: F401
from workflows import fcr
from workflows.fcr_models import FcrVerdict
from workflows.models import Ticket

PEOPLE = ("li@chenghu.example", "wang@chenghu.example", "zhao@else.example")


def anew() -> dict[int, Any]:
    """The verdicts of all issues, judged from nothing."""
    roots = list(session().scalars(select(Ticket.id).where(Ticket.merged_into_id.is_(None))))
    judged = {g.root.id: fcr.judge(g.facts, now(), fcr.windows()) for g in fcr_facts.gather(roots)}
    return {
        number: (v.verdict, v.excluded_as, [(r.code, r.at.isoformat(), r.ticket_id) for r in v.reasons], len(v.possible), v.counted_at)
        for number, v in judged.items()
        if v is not None
    }


def stored() -> dict[int, Any]:
    session().rollback()
    return {
        row.ticket_id: (row.verdict, row.excluded_as, [(r["code"], r["at"], r["ticket"]) for r in row.reasons], row.possible, row.counted_at)
        for row in session().scalars(select(FcrVerdict))
    }


class Chance:
    """A few people and tickets, and moves chosen by lot; what the law refuses is no move."""

    def __init__(self, house: House, seed: int) -> None:  # noqa: F811
        self.house, self.lot, self.said = house, random.Random(seed), [f"seed {seed}"]

    def any(self, *where: Any) -> Ticket | None:
        found = list(session().scalars(select(Ticket).where(*where).order_by(Ticket.id)))
        return self.lot.choice(found) if found else None

    def person(self) -> Contact:
        return self.lot.choice(list(session().scalars(select(Contact).order_by(Contact.id))))

    def move(self) -> None:
        names = ["hears", "hears", "says", "solve", "solve", "reopen", "merge", "merge", "unmerge", "about", "asker", "join", "part",
                 "cancel", "hours", "days", "week"]  # fmt: skip
        name = self.lot.choice(names)
        self.said.append(name)
        try:
            getattr(self, name)()
        except DeskError:
            session().rollback()
        self.house.drain()

    def hears(self) -> None:
        via = self.lot.choice(["support", "chat"])
        self.house.hears(f"第 {self.house.n} 问？", via, self.lot.choice(PEOPLE), answers=self.lot.random() < 0.2)

    def says(self) -> None:
        if (ticket := self.any(Ticket.state.in_(("created", "dispatched", "executing")))) is not None:
            self.house.says(ticket, "这样改。")

    def solve(self) -> None:
        if (ticket := self.any(Ticket.state.in_(("created", "dispatched", "executing")))) is not None:
            self.house.solve(ticket)

    def reopen(self) -> None:
        if (ticket := self.any(Ticket.state.in_(("following_up", "closed")))) is not None:
            self.house.step(ticket, "reopen", reason="没好")

    def cancel(self) -> None:
        if (ticket := self.any(Ticket.state.in_(("created", "dispatched", "executing")))) is not None:
            self.house.step(ticket, "cancel", reason="重复")

    def merge(self) -> None:
        one, two = self.any(Ticket.merged_into_id.is_(None)), self.any(Ticket.merged_into_id.is_(None))
        if one is not None and two is not None:
            self.house.step(one, "merge", into=two.number)

    def unmerge(self) -> None:
        if (ticket := self.any(Ticket.merged_into_id.is_not(None))) is not None:
            self.house.step(ticket, "unmerge")

    def about(self) -> None:
        if (ticket := self.any(Ticket.merged_into_id.is_(None))) is not None:
            device = self.lot.choice([None, self.house.device, self.house.other_device])
            self.house.about(ticket, device_id=device, product_id=self.lot.choice([None, self.house.product]),
                             kind=self.lot.choice(["consult", "fault", "complaint"]))  # fmt: skip

    def asker(self) -> None:
        ticket = self.any(Ticket.merged_into_id.is_(None))
        if ticket is not None and session().scalar(select(Contact.id).limit(1)) is not None:
            with unit_of_work():
                set_asker(self.house.agent, session().get_one(Ticket, ticket.id), self.lot.choice([None, kept(self.person())]))

    def join(self) -> None:
        if len(session().scalars(select(Contact.id)).all()) > 1:
            with unit_of_work():
                merge_contacts(self.house.agent, self.person().id, self.person().id)

    def part(self) -> None:
        if session().scalar(select(Contact.id).limit(1)) is not None and (found := merges_of(self.person())):
            with unit_of_work():
                unmerge_contacts(self.house.agent, found[0].id)

    def hours(self) -> None:
        self.house.after(hours=self.lot.choice([1, 5]))

    def days(self) -> None:
        self.house.after(days=self.lot.choice([1, 2]))

    def week(self) -> None:
        self.house.after(days=7)


@pytest.mark.parametrize("seed", [1, 4, 6])
def test_stored_and_judged_anew_agree_after_every_move(house: House, make_user: Callable[..., Any], seed: int) -> None:  # noqa: F811
    chance = Chance(house, seed)
    for _ in range(25):
        chance.move()
        kept_, judged = stored(), anew()
        assert kept_ == judged, " ".join(chance.said)


def repeated(house: House, who: str) -> tuple[Ticket, Ticket]:  # noqa: F811
    """A solved issue and, a day later, another about the same machine; the windows of both are over."""
    first = house.hears("三号机报 E05？", who="li@chenghu.example")
    house.about(first, device_id=house.device)
    house.says(first, "断电重启。")
    house.solve(first)
    house.after(days=1)
    later = house.hears("三号机又报 E05？", "chat", who)
    house.about(later, device_id=house.device)
    house.after(days=30)
    assert house.reasons(first) == ["repeat"]
    return first, later


def test_a_repeat_that_turns_out_to_be_about_something_else_is_none_any_more(house: House) -> None:  # noqa: F811
    first, later = repeated(house, "wang@chenghu.example")
    house.about(later, device_id=None, product_id=None)
    assert house.reasons(first) == []
    assert stored() == anew()


def test_a_repeat_that_turns_out_to_be_somebody_elses_is_none_any_more(house: House) -> None:  # noqa: F811
    first, later = repeated(house, "li@chenghu.example")
    with unit_of_work() as s:
        stranger = Contact(name="赵工")
        s.add(stranger)
        s.flush()
        ticket = s.get_one(Ticket, later.id)
        ticket.organisation_id = None
        set_asker(house.agent, ticket, stranger)
    house.drain()
    assert house.reasons(first) == []
    assert stored() == anew()
