"""Recognising people: the same stranger twice is one contact, a switchboard is nobody, a forged sender is told nothing."""

import threading

import pytest
from sqlalchemy import func, select

from app.core.audit import AuditRow
from app.core.db import db, session
from app.core.directory import contacts, identities, merging, organisations
from app.core.directory.identities import find_or_create_contact
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from app.core.events import EventRow
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work


@pytest.fixture
def lake(app):
    with unit_of_work():
        return organisations.create_organisation(
            SYSTEM, kind="client", name="澄湖轴承", email_domains=["chenghu.example.com"]
        )


def meet(kind, value, **given):
    with unit_of_work():
        return find_or_create_contact(SYSTEM, kind, value, **given)


def test_a_stranger_is_met_once(app):
    first, identity = meet("phone", "138 0013 8000", name="王工")
    again, same = meet("phone", "+86-138-0013-8000", name="别名")
    assert first.id == again.id and identity.id == same.id
    assert again.name == "王工" and identity.shown == "138 0013 8000"


def test_an_empty_name_is_filled_later_but_not_by_a_suspect(app):
    meet("email", "a@example.org")
    contact, _ = meet("email", "a@example.org", name="Mallory", suspect=True)
    assert contact.name == ""
    contact, _ = meet("email", "a@example.org", name="安工")
    assert contact.name == "安工"


def test_the_mail_domain_names_the_company(lake):
    assert meet("email", "Wang@ChengHu.example.com")[0].organisation_id == lake.id
    assert meet("email", "li@mail.chenghu.example.com")[0].organisation_id == lake.id
    assert meet("email", "x@notchenghu.example.com")[0].organisation_id is None
    assert meet("email", "forged@chenghu.example.com", suspect=True)[0].organisation_id is None


def test_public_domains_and_wild_cards_never_name_a_company(lake):
    with pytest.raises(Invalid), unit_of_work():
        organisations.update_organisation(SYSTEM, lake.id, email_domains=["QQ.com"])
    with unit_of_work():
        lake.email_domains = ["qq.com", "a_b.example.com"]
    assert meet("email", "1@qq.com")[0].organisation_id is None
    assert meet("email", "1@axb.example.com")[0].organisation_id is None
    assert meet("email", "1@a_b.example.com")[0].organisation_id == lake.id


def test_verified_is_remembered_and_clears_suspicion(app):
    identity = meet("email", "a@example.org", suspect=True)[1]
    assert identity.suspect and not identity.verified
    identity = meet("email", "a@example.org", verified=True, suspect=True)[1]
    assert identity.suspect and not identity.verified
    identity = meet("email", "a@example.org", verified=True)[1]
    assert identity.verified and not identity.suspect
    identity = meet("email", "a@example.org", suspect=True)[1]
    assert identity.verified and not identity.suspect


def test_a_shared_identity_names_the_company_and_nobody(lake):
    contact, identity = meet("email", "service@chenghu.example.com")
    with unit_of_work():
        identities.share_identity(SYSTEM, identity.id)
    nobody, found = meet("email", "SERVICE@chenghu.example.com", name="张三")
    assert nobody is None and found.shared and found.organisation_id == lake.id
    with unit_of_work():
        identities.unshare_identity(SYSTEM, identity.id)
    assert meet("email", "service@chenghu.example.com")[0].id == contact.id


def test_sharing_needs_a_company(app):
    identity = meet("phone", "13800138000")[1]
    with pytest.raises(Refused), unit_of_work():
        identities.share_identity(SYSTEM, identity.id)


def test_whoever_was_merged_is_the_kept_one(app):
    kept, _ = meet("phone", "13800138000")
    other, _ = meet("email", "a@example.org")
    with unit_of_work():
        merging.merge_contacts(SYSTEM, kept.id, other.id)
    assert meet("email", "a@example.org")[0].id == kept.id


def test_what_is_no_address_makes_nothing(app):
    with pytest.raises(Invalid), unit_of_work():
        find_or_create_contact(SYSTEM, "phone", "anonymous")
    assert session().scalar(select(func.count()).select_from(Contact)) == 0


def test_long_names_of_strangers_are_cut(app):
    contact, identity = meet("email", "a@example.org", name="名" * 500, shown="x" * 999)
    assert len(contact.name) == 120 and len(identity.shown) == 320


def test_many_sessions_meet_the_same_stranger_once(app):
    found, start, crashes = [], threading.Barrier(8), []

    def run() -> None:
        with app.app_context():
            try:
                start.wait()
                with unit_of_work():
                    found.append(find_or_create_contact(SYSTEM, "email", "race@example.org", name="同一人")[0].id)
            except Exception as problem:
                crashes.append(problem)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crashes == [] and len(found) == 8 and len(set(found)) == 1
    session().rollback()
    assert session().scalar(select(func.count()).select_from(Contact)) == 1
    assert session().scalar(select(func.count()).select_from(Identity)) == 1


def test_the_loser_of_a_race_goes_on_with_the_winners_contact(app, monkeypatch):
    """What a second session sees when the first one commits between its look and its write."""
    winner = meet("email", "race@example.org")[0].id
    look, looks = identities._stored, []

    def blind_once(kind, value):
        looks.append(value)
        return None if len(looks) == 1 else look(kind, value)

    monkeypatch.setattr(identities, "_stored", blind_once)
    with unit_of_work():
        contact, _ = find_or_create_contact(SYSTEM, "email", "race@example.org")
        other, _ = find_or_create_contact(SYSTEM, "email", "later@example.org")
    assert contact.id == winner and other.id != winner
    assert session().scalar(select(func.count()).select_from(Contact)) == 2


def test_an_identity_of_somebody_else_is_a_conflict(app, actor):
    agent = actor("agent")
    with unit_of_work():
        first = contacts.create_contact(agent, name="甲", identities=[{"kind": "phone", "value": "13800138000"}])
        second = contacts.create_contact(agent, name="乙")
    with pytest.raises(Conflict), unit_of_work():
        identities.add_identity(agent, second.id, kind="phone", value="+8613800138000")
    with unit_of_work():
        again = identities.add_identity(agent, first.id, kind="phone", value="138-0013-8000")
    assert again.contact_id == first.id


def test_removing_is_noted_with_the_address(app, actor):
    agent = actor("agent")
    with unit_of_work():
        contact = contacts.create_contact(agent, name="甲", identities=[{"kind": "phone", "value": "13800138000"}])
    version, identity = contact.version, contact.identities[0]
    with unit_of_work():
        identities.remove_identity(agent, identity.id)
    assert contact.version > version and contact.identities == []
    row = session().scalars(select(AuditRow).where(AuditRow.action == "identity.removed")).one()
    assert row.details["value"] == "+8613800138000" and row.subject_id == contact.id
    events = session().scalars(select(EventRow.name).where(EventRow.subject == "contact")).all()
    assert set(events) == {"ContactChanged"}
    with pytest.raises(NotFound), unit_of_work():
        identities.remove_identity(agent, 999)


def test_who_may_not_edit_may_not_add(app, actor):
    contact = meet("phone", "13800138000")[0]
    with pytest.raises(Forbidden), unit_of_work():
        identities.add_identity(actor("editor"), contact.id, kind="email", value="a@b.cn")
