"""Whoever looks after an article is somebody who may change it: a supplier hears nothing of another's product."""

from collections.abc import Callable

import pytest

from app.core.errors import Invalid
from app.core.people import User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from knowledge.care import care_of, take_care
from knowledge.loop.flags import raise_flag
from knowledge.models import Article

from .conftest import Market

MakeActor = Callable[..., Actor]


def test_nobody_is_given_an_article_that_they_may_not_change(
    market: Market, actor: MakeActor, make_user: Callable[..., User], write: Callable[..., Article]
) -> None:
    theirs, other = make_user("author", organisation=market.hongkong), make_user("author", organisation=market.tuolian)
    article, editor = write("内部批次", level="supplier", product_ids=(market.drive.id,)), actor("editor")
    with pytest.raises(Invalid) as refused, unit_of_work():
        take_care(editor, article, owner_id=other.id, review_by=None, internal_note="")
    assert list(refused.value.errors) == ["owner"]
    with unit_of_work():
        take_care(editor, article, owner_id=theirs.id, review_by=None, internal_note="")
    assert care_of(article).owner_id == theirs.id


def test_a_finding_goes_to_nobody_whose_product_it_no_longer_is(
    market: Market, actor: MakeActor, make_user: Callable[..., User], write: Callable[..., Article]
) -> None:
    before = make_user("author", organisation=market.hongkong)
    article, editor = write("内部批次", level="supplier", product_ids=(market.drive.id,)), actor("editor")
    with unit_of_work():
        take_care(editor, article, owner_id=before.id, review_by=None, internal_note="")
        first = raise_flag(editor, article.id, "批次写错了", days=2)
    assert first.owner_id == before.id
    with unit_of_work() as s:
        s.get_one(type(market.drive), market.drive.id).supplier_id = market.tuolian.id
    with unit_of_work():
        second = raise_flag(editor, article.id, "又写错了", days=2)
    assert second.owner_id is None
