"""A release is published when its documents are there, reviewed and found; and not before, except by an editor's word."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from app.core.audit import AuditRow
from app.core.catalogue import Product, Release
from app.core.clock import now
from app.core.db import session
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Refused, Stale
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from app.kb.index import current_index
from knowledge import care, gate, indexing
from knowledge.gate import FAULTS, GUIDE, Requirement
from knowledge.gate_check import Checklist, check
from knowledge.gate_models import ReleaseGate
from knowledge.gate_steps import STEPS, steps_for, take_step
from knowledge.models import Article

from .conftest import Market

Write = Callable[..., Article]


@pytest.fixture
def author(market: Market, make_user: Callable[..., User]) -> Actor:
    return make_user("author", organisation=market.hongkong).actor("test")


@pytest.fixture
def editor(make_user: Callable[..., User]) -> Actor:
    return make_user("editor").actor("test")


def begin(actor: Actor, product: Product, name: str = "2.4") -> ReleaseGate:
    with unit_of_work():
        gate.set_requirements(SYSTEM, "", [GUIDE, FAULTS])
        return gate.add_release(actor, product.id, name)


def looked(row: ReleaseGate) -> Checklist:
    session().expire_all()
    return check(row.release, row, current_index())


def take(actor: Actor, row: ReleaseGate, name: str, reason: str = "", version: int | None = None) -> None:
    checklist = looked(row)
    with unit_of_work():
        take_step(actor, session().get_one(ReleaseGate, row.id), name, checklist, reason, version)


def complete(market: Market, write: Write, actor: Actor) -> None:
    guide = write("HK-V20 怎么接线", "三相接 R S T。", product_ids=(market.drive.id,), kind="howto")
    write("HK-V20 故障代码", "## E07 过热\n\n清滤棉。", product_ids=(market.drive.id,), kind="fault", questions=("变频器跳 E07",))
    with unit_of_work():
        gate.add_query(actor, market.drive, text="变频器怎么接线", article_id=guide.id)
    indexing.rebuild(current_index())


def test_what_is_missing_is_said_one_by_one(market: Market, author: Actor, write: Write, app: Flask) -> None:
    row = begin(author, market.drive)
    checklist = looked(row)
    assert not checklist.green and (checklist.done, checklist.total) == (0, 3)
    assert [d.missing for d in checklist.documents] == [("还没有这样的知识。",)] * 2 and checklist.general
    write("HK-V20 怎么接线", product_ids=(market.drive.id,), kind="howto", state="draft")
    write("HK-V20 故障代码", product_ids=(market.drive.id,), kind="fault", level="agent")
    assert [d.missing for d in looked(row).documents] == [("还是草稿，没有提交。",), ("客户看不到这篇。",)]
    write("别的产品的指南", product_ids=(market.gateway.id,), kind="howto")
    assert looked(row).documents[0].missing == ("还是草稿，没有提交。",), "another product's article does not count"


def test_green_and_published_by_the_supplier(market: Market, author: Actor, write: Write) -> None:
    row = begin(author, market.drive)
    for name in ("ready", "publish"):
        with pytest.raises(Refused):
            take(author, row, name)
        session().rollback()
    assert steps_for(author, row, looked(row)) == []
    complete(market, write, author)
    checklist = looked(row)
    assert checklist.green, checklist.missing
    assert checklist.queries[0].rank == 1 and steps_for(author, row, checklist) == ["ready", "publish"]
    take(author, row, "ready")
    with pytest.raises(Stale):
        take(author, row, "publish", version=1)
    session().rollback()
    take(author, row, "publish")
    session().expire_all()
    assert (row.state, row.published_by, row.release.released_on) == ("published", author.name, now().date())
    with pytest.raises(Refused):
        take(author, row, "publish")
    session().rollback()
    with pytest.raises(Forbidden):
        take(author, row, "reopen", "again")


def test_reviewed_before_the_release_began_does_not_count(market: Market, author: Actor, editor: Actor, write: Write) -> None:
    complete(market, write, author)
    row = begin(author, market.drive)
    with unit_of_work():
        session().get_one(ReleaseGate, row.id).created_at = now() + timedelta(seconds=1)
    checklist = looked(row)
    assert [d.missing for d in checklist.documents] == [("版本建立之后还没有复核。",)] * 2
    with unit_of_work():
        session().get_one(ReleaseGate, row.id).created_at = now()
    for document in looked(row).documents:
        with unit_of_work():
            assert document.article is not None
            care.confirm(editor, document.article, None)
    assert looked(row).green


def test_a_question_must_find_its_article_among_the_first_three(market: Market, author: Actor, write: Write) -> None:
    row = begin(author, market.drive)
    complete(market, write, author)
    hidden = write("HK-V20 内部批次", "批次 B12。", product_ids=(market.drive.id,), kind="internal", level="supplier")
    clients = write("HK-V20 合同里的保养", "每年保养一次。", product_ids=(market.drive.id,), level="client")
    for number in range(4):
        write(f"打印机卡纸 {number}", "打印机卡纸，打开后盖。" * 3, product_ids=(market.gateway.id,))
    last = write("别的标题", "这里顺便提到打印机卡纸。" + "还有很多别的事情要说。" * 20, product_ids=(market.drive.id,))
    with unit_of_work():
        gate.add_query(author, market.drive, text="批次", article_id=hidden.id)
        gate.add_query(author, market.drive, text="每年保养", article_id=clients.id)
        gate.add_query(author, market.drive, text="每年保养一次", article_id=clients.id, client=True)
        gate.add_query(author, market.drive, text="打印机卡纸", article_id=last.id)
    indexing.rebuild(current_index())
    tested = {t.query.text: t for t in looked(row).queries}
    assert tested["批次"].missing == tested["每年保养"].missing == ("这样的读者看不到应该找到的知识。",)
    assert tested["每年保养一次"].ok and tested["每年保养一次"].rank == 1
    assert not tested["打印机卡纸"].ok
    assert not check(row.release, row, None).green, "without an index nothing is proven"


def test_an_editor_may_let_it_pass_with_a_reason(market: Market, author: Actor, editor: Actor) -> None:
    row = begin(author, market.drive)
    with pytest.raises(Forbidden):
        take(author, row, "override", "we want to")
    session().rollback()
    assert steps_for(editor, row, looked(row)) == ["override"]
    with pytest.raises(Invalid):
        take(editor, row, "override", "  ")
    session().rollback()
    take(editor, row, "override", "客户今天停机，先发补丁")
    session().expire_all()
    assert row.state == "published" and row.override_reason == "客户今天停机，先发补丁" and len(row.missing) == 3
    noted = session().query(AuditRow).filter_by(action="gate.override").one()
    assert (noted.reason, noted.actor_name, noted.details["missing"]) == (row.override_reason, editor.name, 3)
    take(editor, row, "reopen", "补齐")
    session().expire_all()
    assert (row.state, row.override_reason, row.missing) == ("preparing", "", [])


def test_the_table_of_steps(market: Market) -> None:
    states = {"preparing", "ready", "published"}
    assert {s for step in STEPS.values() for s in (*step.sources, step.target)} == states
    reached = {"preparing"}
    for _round in states:
        reached |= {step.target for step in STEPS.values() if set(step.sources) & reached}
    assert reached == states


def test_nobody_prepares_anothers_release(market: Market, author: Actor, editor: Actor, make_user: Callable[..., User], write: Write) -> None:
    row = begin(author, market.drive)
    other = make_user("author", organisation=market.tuolian).actor("test")
    for call in (
        lambda: gate.access_release(other, row.release_id),
        lambda: gate.add_release(other, market.drive.id, "9"),
        lambda: gate.add_query(other, market.drive, text="x", article_id=None),
        lambda: gate.open_gate(other, row.release),
        lambda: take_step(other, row, "publish", looked(row)),
        lambda: gate.set_requirements(other, "", []),
    ):
        with pytest.raises((NotFound, Forbidden)):
            call()
        session().rollback()
    theirs = write("网关", product_ids=(market.gateway.id,))
    with pytest.raises(Invalid):
        gate.choose_document(author, row, "guide", theirs.id)
    session().rollback()
    for role in ("agent", "client", "dispatcher"):
        with pytest.raises((NotFound, Forbidden)):
            gate.add_release(make_user(role).actor("test"), market.drive.id, "9")
    with pytest.raises(Conflict):
        begin(author, market.drive)
    session().rollback()
    assert gate.access_release(editor, row.release_id).id == row.release_id


def test_lists_per_category_and_the_platforms_own_documents(market: Market, editor: Actor, write: Write, app: Flask) -> None:
    with unit_of_work() as s:
        house = Organisation(kind="platform", name="平台")
        s.add(house)
        s.flush()
        product = Product(code="API", name="开放接口", category="平台", supplier_id=house.id)
        s.add(product)
        s.flush()
        gate.set_requirements(editor, "平台", [Requirement("api", "接口说明", ("api",)), Requirement("contacts", "联系方式", ("howto",), ("联系",))])
    assert [r.name for r in gate.requirements_of("平台")] == ["接口说明", "联系方式"]
    assert len(gate.requirements_of("变频器")) == 5, "the shipped list"
    with unit_of_work():
        row = gate.add_release(editor, product.id, "2026-11")
    api = write("接口怎么签名", kind="api", product_ids=(product.id,))
    write("怎么联系开发支持", kind="howto", product_ids=(product.id,))
    write("怎么建应用", kind="howto", product_ids=(product.id,))
    with unit_of_work():
        gate.add_query(editor, product, text="接口签名", article_id=api.id)
    indexing.rebuild(current_index())
    checklist = looked(row)
    assert [d.article.title for d in checklist.documents if d.article] == ["接口怎么签名", "怎么联系开发支持"] and checklist.green
    with pytest.raises(Invalid):
        gate.set_requirements(editor, "", [replace(GUIDE, kinds=("poem",))])
    session().rollback()
    with unit_of_work():
        gate.set_requirements(editor, "平台", [])
    assert len(gate.requirements_of("平台")) == 5


def test_a_release_from_elsewhere_is_taken_up(market: Market, author: Actor) -> None:
    with unit_of_work() as s:
        old = Release(product_id=market.drive.id, name="1.0")
        s.add(old)
    assert gate.gate_of(old) is None
    with unit_of_work():
        gate.open_gate(author, old)
    with pytest.raises(Conflict):
        gate.open_gate(author, old)
