"""Visitors whom their site vouches for: what a proof must be, and whom it joins to whom."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.directory.merging import kept
from app.core.errors import Refused
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels import receiving, visitors
from channels.accounts import add_account, set_account, shown
from channels.models import Account, Conversation
from channels.visitor_models import VisitorPass
from channels.visitor_proof import prove, settle
from channels.visitors import Visitor, find_visitor
from channels.webchat import external_id, packed
from channels.webchat_proof import read_proof

SECRET = "a-secret-of-the-site-that-is-long-enough"


@pytest.fixture
def account(app: Flask) -> Account:
    with unit_of_work():
        return add_account(SYSTEM, "webchat", "shop", {"site_secret": SECRET})


def signed(given: dict[str, Any] | None = None, secret: str = SECRET, algorithm: str = "HS256") -> str:
    said = {"external_user_id": "u-7", "exp": int(time.time()) + 600, "name": "王工", "email": "Wang@chenghu.example"} | (given or {})
    return jwt.encode({k: v for k, v in said.items() if v is not None}, secret, algorithm)


def come(account: Account, token: str | None = None, **given: Any) -> tuple[Visitor, str]:
    with unit_of_work() as s:
        here = s.get_one(Account, account.id)
        return prove(here, read_proof(here, signed(given)), token, "zh")


def say(account: Account, visitor: Visitor, text: str, number: str = "m1") -> Conversation:
    key, account_id, name = visitor.key, account.id, visitor.shown_name
    with unit_of_work() as s:
        settle(s.get_one(Visitor, visitor.id))
    receiving.accept_now(account_id, packed(key, number, text, name=name), dedup_key=external_id(key, number))
    found = visitors.conversation_of(session().scalars(select(Visitor).where(Visitor.key == key)).one())
    assert found is not None
    return found


def test_the_secret_is_sealed(account: Account) -> None:
    assert account.settings["site_secret"].startswith("sealed:") and shown(account)["settings"]["site_secret"] == "••••"


def test_a_proof_says_who_it_is(account: Account) -> None:
    proof = read_proof(account, signed({"phone": "13800138000"}))
    assert (proof.external_id, proof.name, proof.email, proof.phone) == ("site:u-7", "王工", "wang@chenghu.example", "+8613800138000")
    assert read_proof(account, signed({"external_user_id": None, "sub": "9", "name": None, "first_name": "W", "last_name": "G"})).name == "W G"
    assert read_proof(account, signed({"email": "none at all"})).email == "", "an address that is none keeps nobody out"


BAD: dict[str, Callable[[], str]] = {
    "another secret": lambda: signed(secret="another-secret-that-is-just-as-long-as-it"),
    "over": lambda: signed({"exp": int(time.time()) - 120}),
    "never over": lambda: signed({"exp": None}),
    "nobody": lambda: signed({"external_user_id": None}),
    "empty": lambda: signed({"external_user_id": ""}),
    "long": lambda: signed({"external_user_id": "x" * 200}),
    "a list": lambda: signed({"external_user_id": ["u"]}),
    "no signature": lambda: jwt.encode({"external_user_id": "u", "exp": int(time.time()) + 600}, "", "none"),
    "another algorithm": lambda: signed(secret=SECRET + SECRET, algorithm="HS512"),
    "nothing": lambda: "",
    "not one": lambda: "a.b.c",
    "huge": lambda: "x" * 5000,
    "not ascii": lambda: "é.é.é",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_proof_is_refused_in_words(account: Account, name: str) -> None:
    with pytest.raises(Refused) as problem:
        read_proof(account, BAD[name]())
    assert problem.value.message.endswith("。")


def test_without_a_secret_nobody_is_vouched_for(app: Flask) -> None:
    with unit_of_work():
        bare = add_account(SYSTEM, "webchat", "bare", {})
    with pytest.raises(Refused):
        read_proof(bare, jwt.encode({"external_user_id": "u", "exp": int(time.time()) + 600}, "x" * 32, "HS256"))


def test_the_same_person_is_the_same_visitor_on_every_browser(account: Account) -> None:
    one, first = come(account)
    two, second = come(account)
    assert one.id == two.id and first != second and one.verified
    assert find_visitor(account.id, first) is not None and find_visitor(account.id, second) is not None
    other, _token = come(account, external_user_id="u-8", email=None)
    assert other.id != one.id


def test_a_pass_ends(account: Account) -> None:
    _visitor, token = come(account)
    with clock.frozen(clock.now() + timedelta(hours=25)):
        assert find_visitor(account.id, token) is None


def test_a_nameless_conversation_goes_on_under_the_name_and_its_token_is_dead(account: Account) -> None:
    with unit_of_work() as s:
        nameless, old = visitors.meet(s.get_one(Account, account.id), "zh")
    before = say(account, nameless, "在吗").id
    visitor, token = come(account, old)
    conversation = visitors.conversation_of(visitor)
    assert conversation is not None and conversation.id == before
    assert find_visitor(account.id, old) is None and find_visitor(account.id, token) is not None
    contact = kept(conversation.contact)  # type: ignore[arg-type]
    assert contact.name == "王工"
    assert {(i.kind, i.verified) for i in contact.identities} == {("visitor", True), ("email", True)}


def test_the_proved_address_finds_the_contact_whom_we_know(account: Account) -> None:
    with unit_of_work() as s:
        known = Contact(name="王建国")
        s.add(known)
        s.flush()
        s.add(Identity(kind="email", value="wang@chenghu.example", contact_id=known.id))
    visitor, _token = come(account)
    conversation = say(account, visitor, "变频器报 E07")
    assert conversation.contact_id == known.id and conversation.identity is not None and conversation.identity.verified
    assert session().get_one(Contact, known.id).name == "王建国", "the site does not rename whom we know"


def test_an_address_that_somebody_only_claimed_goes_to_who_proves_it(account: Account) -> None:
    with unit_of_work() as s:
        thief, _token = visitors.meet(s.get_one(Account, account.id), "zh")
        thief.email = "wang@chenghu.example"
    stolen = say(account, thief, "我是王工")
    with unit_of_work() as s:
        visitors.introduce(s.get_one(Visitor, thief.id))
    visitor, _token = come(account)
    mine = say(account, visitor, "我才是")
    assert mine.contact_id != stolen.contact_id
    address = session().scalars(select(Identity).where(Identity.kind == "email")).one()
    assert (address.contact_id, address.verified, address.suspect) == (mine.contact_id, True, False)


def test_who_spoke_without_a_name_elsewhere_is_joined_by_merging(account: Account) -> None:
    visitor, _token = come(account)
    named = say(account, visitor, "第一台电脑")
    with unit_of_work() as s:
        nameless, old = visitors.meet(s.get_one(Account, account.id), "zh")
    other = say(account, nameless, "第二台电脑")
    again, _fresh = come(account, old)
    assert again.id == visitor.id
    session().expire_all()
    assert kept(session().get_one(Contact, other.contact_id)).id == kept(session().get_one(Contact, named.contact_id)).id


def test_the_token_of_somebody_who_is_named_gives_nothing_to_another(account: Account) -> None:
    visitor, token = come(account)
    say(account, visitor, "秘密")
    other, _fresh = come(account, token, external_user_id="u-9", email=None)
    assert other.id != visitor.id and visitors.conversation_of(other) is None
    assert find_visitor(account.id, token).id == visitor.id  # type: ignore[union-attr]


def test_housekeeping_forgets_passes_that_are_over(account: Account) -> None:
    come(account)
    with clock.frozen(clock.now() + timedelta(days=2)), unit_of_work():
        visitors.forget_visitors()
    assert session().scalar(select(func.count(VisitorPass.id))) == 0


def test_how_long_a_browser_is_remembered_is_a_setting(account: Account) -> None:
    with unit_of_work() as s:
        _visitor, token = visitors.meet(s.get_one(Account, account.id), "zh")
    with clock.frozen(clock.now() + timedelta(days=179)):
        assert find_visitor(account.id, token) is not None
    with unit_of_work():
        set_account(SYSTEM, "shop", {"remember_days": "7"})
    with clock.frozen(clock.now() + timedelta(days=8)):
        assert find_visitor(account.id, token) is None
