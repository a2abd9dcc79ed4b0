"""A small house with articles for tests of the portal and of /knowledge: built by the real services, indexed for real."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from app.core.catalogue import Product
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb.index import current_index
from knowledge import indexing, lifecycle
from knowledge.models import Article
from knowledge.service import Content, Properties, draft_article

HOT = """E07 表示散热器过热，变频器已停机保护。

::: warning
开盖之前停机断电，等十分钟。
:::

## 处理步骤

1. 看柜门滤棉。
2. 听风扇转不转。
"""
SIM = "E07 表示网关没有读到 SIM 卡。\n\n## 重新装卡\n\n1. 断电后重新装卡。\n"
MES = "报工扫了两次，用冲销，不要删。\n"
GUIDE = "坐席先问产品，再给 E07 的步骤。\n"


@dataclass
class House:
    """The rows that tests speak of; ids, so that they live across requests."""

    supplier: Organisation
    other: Organisation
    client: Organisation
    stranger: Organisation
    drive: Product
    gateway: Product
    articles: dict[str, int]

    def user(self, make_user: Callable[..., User], role: str) -> User:
        company = {"author": self.supplier, "resident": self.supplier, "client": self.client}.get(role)
        return make_user(role, organisation=company)


def build(app: Flask) -> House:
    with unit_of_work() as s:
        companies = [
            Organisation(kind=kind, name=name)
            for kind, name in (("supplier", "宏控"), ("supplier", "拓联"), ("client", "澄湖"), ("client", "北岭"))
        ]
        s.add_all(companies)
        s.flush()
        supplier, other, client, stranger = companies
        drive = Product(code="HK-V20", name="HK-V20 变频器", supplier_id=supplier.id)
        gateway = Product(code="TL-G300", name="TL-G300 网关", supplier_id=other.id)
        s.add_all([drive, gateway])
        s.flush()
        articles = {
            "hot": _publish("HK-V20 报 E07：散热器过热", HOT, "v20-e07", ("变频器跳 E07",), product_ids=(drive.id,), safety=True,
                            phone_script="先请客户停机断电。", valid_for="固件 2.1 及以上"),
            "sim": _publish("TL-G300 报 E07：没有 SIM 卡", SIM, "g300-e07", ("网关报 E07",), product_ids=(gateway.id,)),
            "mes": _publish("报工扫了两次怎么办", MES, "mes-twice", (), level="client"),
            "own": _publish("澄湖专线的报工口令", MES, "chenghu-only", (), level="client", organisation_ids=(client.id,)),
            "guide": _publish("客户说 E07，先问产品", GUIDE, "ask-e07", (), level="agent"),
            "secret": _publish("拓联内部：卡座批次", SIM, "batch", (), level="supplier", product_ids=(gateway.id,)),
        }  # fmt: skip
    indexing.rebuild(current_index())
    return House(supplier, other, client, stranger, drive, gateway, articles)


def _publish(title: str, body: str, slug: str, questions: tuple[str, ...], **properties: Any) -> int:
    article = draft_article(SYSTEM, Content(title, body, questions), Properties(**properties), slug)
    return lifecycle.publish(SYSTEM, article).id


def version_of(article_id: int) -> int:
    with unit_of_work() as s:
        return s.get_one(Article, article_id).version
