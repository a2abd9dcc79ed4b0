"""An export comes back in a house that has neither the products nor the companies that it names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.commands.knowledge import knowledge
from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import Invalid
from app.core.people import Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from knowledge.intake import catalogue
from knowledge.models import Article

from .conftest import Market
from .test_exporting import forget_everything, make


def empty(market: Market) -> None:
    """As if nobody had ever heard of them."""
    forget_everything()
    with unit_of_work() as s:
        for product in s.scalars(select(Product)):
            product.code, product.name, product.supplier_id = f"OLD-{product.id}", f"旧 {product.id}", None
        for organisation in s.scalars(select(Organisation)):
            organisation.name, organisation.short_name = f"旧企业 {organisation.id}", ""


def test_an_empty_house_takes_everything_in(market: Market, runner: Any, tmp_path: Path) -> None:
    make(market)
    code, name, supplier = market.drive.code, market.drive.name, market.tuolian.name
    assert runner.invoke(knowledge, ["export", str(tmp_path / "all.zip"), "--json"]).exit_code == 0
    empty(market)
    back = runner.invoke(knowledge, ["import", str(tmp_path / "all.zip"), "--publish", "--json"])
    assert back.exit_code == 0, back.stdout + back.stderr
    session().expire_all()
    article = session().scalars(select(Article).where(Article.slug == "hk-v20-e07")).one()
    assert (article.state, {p.code for p in article.products}) == ("published", {code, market_code(article)})
    made = session().scalars(select(Product).where(Product.code == code)).one()
    assert made.name == name and made.supplier is not None and made.supplier.kind == "supplier"
    assert session().scalars(select(Organisation).where(Organisation.name == supplier)).one().kind == "supplier"
    assert [o.kind for o in article.organisations] == ["client"]


def market_code(article: Article) -> str:
    return next(p.code for p in article.products if p.supplier and p.supplier.kind == "supplier" and p.code.startswith("TL"))


def test_a_dry_run_makes_nothing(market: Market, runner: Any, tmp_path: Path) -> None:
    make(market)
    runner.invoke(knowledge, ["export", str(tmp_path / "all.zip"), "--json"])
    empty(market)
    before = session().scalars(select(Product.code)).all()
    done = runner.invoke(knowledge, ["import", str(tmp_path / "all.zip"), "--dry-run", "--json"])
    assert done.exit_code == 0, done.stdout
    assert session().scalars(select(Product.code)).all() == before


def test_who_may_not_make_them_is_told_who_can(market: Market, make_user: Callable[..., Any]) -> None:
    given = {"catalogue": {"products": [{"code": "NEW-1", "name": "新的"}], "organisations": []}}
    try:
        catalogue.bring_in(make_user("editor").actor("test"), given)
    except Invalid as refused:
        assert "管理员" in refused.errors["products"][0]
    else:
        raise AssertionError("an editor made a product")
    author = make_user("author", organisation=market.tuolian).actor("test")
    assert catalogue.bring_in(author, given) == [], "a supplier learns nothing of whom we know"
    with unit_of_work():
        assert len(catalogue.bring_in(SYSTEM, given)) == 1
    assert catalogue.bring_in(SYSTEM, given) == []
