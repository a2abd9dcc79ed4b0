"""Merging is reversible: chains, circles, borrowed fields, and two agents who merge at the same moment."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.db import db, session
from app.core.directory import contacts
from app.core.directory.merging import family_ids, kept, merge_contacts, merges_of, unmerge_contact, unmerge_contacts
from app.core.errors import DeskError, Forbidden, Invalid, NotFound, Refused
from app.core.events import EventRow
from app.core.people import Contact
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work


def person(name="", **given):
    with unit_of_work():
        contact = Contact(name=name, **given)
        session().add(contact)
    return contact


def merge(keep, other):
    with unit_of_work():
        return merge_contacts(SYSTEM, keep.id, other.id)


def unmerge(row):
    with unit_of_work():
        return unmerge_contacts(SYSTEM, row.id)


def test_empty_fields_are_filled_and_given_back(app):
    keep, other = person("王工"), person("小王", title="设备主管", note="夜班", language="en")
    row = merge(keep, other)
    assert (keep.name, keep.title, keep.note, keep.language) == ("王工", "设备主管", "夜班", "en")
    assert row.filled == {"title": "设备主管", "note": "夜班", "language": "en"}
    assert (other.name, other.title, other.merged_into_id) == ("小王", "设备主管", keep.id)
    unmerge(row)
    assert (keep.title, keep.note, keep.language, other.merged_into_id) == ("", "", None, None)
    assert row.undone_at is not None


def test_what_was_changed_since_stays(app):
    keep, other = person("王工"), person("小王", title="设备主管")
    row = merge(keep, other)
    with unit_of_work():
        contacts.update_contact(SYSTEM, keep.id, title="厂长")
    unmerge(row)
    assert keep.title == "厂长"


def test_chains_are_read_together_and_taken_apart_in_any_order(app):
    a, b, c = person("甲"), person("乙"), person("丙")
    ab, ca = merge(a, b), merge(c, a)
    assert kept(b).id == kept(a).id == c.id
    assert family_ids(b) == family_ids(c) == sorted([a.id, b.id, c.id])
    assert [row.id for row in merges_of(a)] == [ca.id, ab.id]
    unmerge(ab)
    assert family_ids(b) == [b.id] and family_ids(a) == sorted([a.id, c.id])
    unmerge(ca)
    assert family_ids(a) == [a.id]


def test_what_was_lent_on_along_a_chain_comes_back_from_everybody(app):
    a, b, c = person("甲"), person("乙", title="师傅"), person("丙")
    ab, ca = merge(a, b), merge(c, a)
    assert c.title == "师傅"
    unmerge(ab)
    assert (a.title, c.title, b.title) == ("", "", "师傅")
    unmerge(ca)
    assert c.title == ""


def test_merged_contacts_stand_for_the_kept_one(app):
    a, b, c, d = person("甲"), person("乙"), person("丙"), person("丁")
    merge(a, b)
    merge(c, d)
    row = merge(b, d)
    assert (row.kept_id, row.merged_id) == (a.id, c.id)
    assert family_ids(d) == sorted([a.id, b.id, c.id, d.id])


def test_no_circles(app):
    a, b, c = person("甲"), person("乙"), person("丙")
    merge(a, b)
    merge(b, c)
    for keep, other in ((b, a), (c, a), (a, c), (c, b)):
        with pytest.raises(Refused):
            merge(keep, other)
    with pytest.raises(Invalid):
        merge(a, a)
    with pytest.raises(NotFound), unit_of_work():
        merge_contacts(SYSTEM, a.id, 999)


def test_undone_once(app):
    a, b = person("甲"), person("乙")
    row = merge(a, b)
    unmerge(row)
    with pytest.raises(Refused):
        unmerge(row)
    with pytest.raises(Refused), unit_of_work():
        unmerge_contact(SYSTEM, b.id)
    again = merge(b, a)
    with unit_of_work():
        assert unmerge_contact(SYSTEM, a.id).id == again.id


def test_noted_told_and_counted(app, actor):
    agent = actor("agent")
    a, b = person("甲"), person("乙")
    before = (a.version, b.version)
    with unit_of_work():
        row = merge_contacts(agent, a.id, b.id)
    assert (a.version, b.version) == (before[0] + 1, before[1] + 1)
    with unit_of_work():
        unmerge_contacts(agent, row.id)
    actions = (
        session().scalars(select(AuditRow.action).where(AuditRow.actor_id == agent.id).order_by(AuditRow.id)).all()
    )
    assert actions == ["contact.merged", "contact.merged_into", "contact.unmerged", "contact.unmerged_from"]
    events = session().scalars(select(EventRow).order_by(EventRow.id)).all()
    assert [(e.name, e.subject_id, e.payload["merged_id"]) for e in events] == [
        ("ContactsMerged", a.id, b.id),
        ("ContactsUnmerged", a.id, b.id),
    ]
    assert events[-1].subject_version == a.version


@pytest.mark.parametrize("role", ["editor", "resident", "manager", "client"])
def test_who_may_not(app, actor, role):
    a, b = person("甲"), person("乙")
    with pytest.raises((Forbidden, NotFound)), unit_of_work():
        merge_contacts(actor(role), a.id, b.id)


def test_opposite_merges_at_one_moment_make_no_circle(app):
    people = [person(f"人 {n}").id for n in range(3)]
    start, refusals, crashes = threading.Barrier(6), [], []

    def run(keep: int, other: int) -> None:
        with app.app_context():
            try:
                start.wait()
                with unit_of_work():
                    merge_contacts(SYSTEM, keep, other)
            except DeskError as refused:
                refusals.append(refused)
            except Exception as problem:
                crashes.append(problem)
            finally:
                db.session.remove()

    pairs = [(x, y) for x in people for y in people if x != y]
    threads = [threading.Thread(target=run, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crashes == []
    session().rollback()
    roots = {kept(session().get_one(Contact, one)).id for one in people}
    assert 1 <= len(roots) <= 2 and len(refusals) >= 4


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), max_size=12))
def test_families_part_the_world_whatever_is_merged_and_undone(app, steps):
    people = [person(f"人 {n}", title=f"职务 {n}" if n % 2 else "") for n in range(5)]
    before = [(p.name, p.title) for p in people]
    done = []
    for keep, other, undo in steps:
        try:
            if undo and done:
                unmerge(done.pop(keep % len(done)))
            else:
                done.append(merge(people[keep], people[other]))
        except (Refused, Invalid):
            continue
        families = {tuple(family_ids(p)) for p in people}
        assert sorted(member for family in families for member in family) == sorted(p.id for p in people)
    for row in reversed(done):
        unmerge(row)
    assert [(p.name, p.title) for p in people] == before
    assert all(p.merged_into_id is None for p in people)
