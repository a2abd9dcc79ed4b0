"""A small market: two suppliers with one product each, two clients, and short ways to write articles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from app.core.catalogue import Product
from app.core.people import Organisation
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from knowledge import lifecycle, service
from knowledge.index import Index
from knowledge.models import Article


@dataclass
class Market:
    hongkong: Organisation
    tuolian: Organisation
    chenghu: Organisation
    shengyuan: Organisation
    drive: Product
    gateway: Product


@pytest.fixture
def market(app: Flask) -> Market:
    with unit_of_work() as s:
        companies = [
            Organisation(kind="supplier", name="宏控自动化有限公司", short_name="宏控自动化"),
            Organisation(kind="supplier", name="拓联通信有限公司", short_name="拓联通信"),
            Organisation(kind="client", name="澄湖轴承有限公司", short_name="澄湖轴承"),
            Organisation(kind="client", name="盛源注塑有限公司", short_name="盛源注塑"),
        ]
        s.add_all(companies)
        s.flush()
        products = [
            Product(code="HK-V20", name="变频器", supplier_id=companies[0].id),
            Product(code="TL-G300", name="4G 边缘网关", supplier_id=companies[1].id),
        ]
        s.add_all(products)
    return Market(*companies, *products)


@pytest.fixture
def write(app: Flask) -> Callable[..., Article]:
    """write("标题", "正文", level="agent", state="published") makes an article in that state."""

    def make(
        title: str, body: str = "正文", *, state: str = "published", questions: tuple[str, ...] = (), **given: Any
    ) -> Article:
        with unit_of_work():
            article = service.draft_article(
                SYSTEM, service.Content(title, body, questions), service.Properties(**given)
            )
            if state in ("review", "retired", "published"):
                lifecycle.submit(SYSTEM, article)
            if state in ("published", "retired"):
                lifecycle.publish(SYSTEM, article)
            if state == "retired":
                lifecycle.retire(SYSTEM, article, "旧了")
        return article

    return make


@pytest.fixture
def index(app: Flask) -> Index:
    made: Index = app.extensions["open_index"]()
    made.rebuild([])
    return made
