"""A table of fault codes that names models and no product: the product that they mean, of those that one may write about."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.catalogue import Product
from app.core.db import session
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.kb.imports import work_once
from knowledge.intake import jobs
from knowledge.intake.report import report_lines
from knowledge.intake_models import ImportJob

from .conftest import Market
from .test_intake_jobs import article, results, run

MakeActor = Callable[..., Actor]


def table(*models: str) -> dict[str, bytes]:
    return {"代码表.csv": ("代码,适用型号,含义,处理\n" + "".join(f"E{n},{m},过流,查电机\n" for n, m in enumerate(models))).encode()}


def said(job: ImportJob) -> str:
    return "".join(report_lines(job, str, str))


def test_one_product_is_proposed_with_the_reason(market: Market, actor: MakeActor) -> None:
    job = run(actor("editor"), table("HK-V20~V22", "HK-V20/V21"))
    assert "适用型号写着“HK-V20~HK-V22、HK-V20、HK-V21”，归到产品“HK-V20 变频器”" in said(job)
    run(actor("editor"), table("HK-V20~V22", "HK-V20/V21"), publish=False)
    assert [p.code for p in article("代码表").products] == ["HK-V20"]


@pytest.mark.parametrize(
    ("models", "words"),
    [(("HK-V20", "TL-G300"), "对得上 2 个产品（HK-V20 变频器、TL-G300 4G 边缘网关），没有归到产品"), (("ZZ-9",), "没有产品对得上适用型号“ZZ-9”")],
)
def test_several_or_none_are_said_and_imported_without(market: Market, actor: MakeActor, models: tuple[str, ...], words: str) -> None:
    job = run(actor("editor"), table(*models), publish=False)
    assert words in said(job) and results(job) == {"代码表": "imported"} and article("代码表").products == []


def test_chosen_before_the_import(market: Market, actor: MakeActor) -> None:
    editor = actor("editor")
    for chosen, codes in ((market.gateway.id, ["TL-G300"]), (0, [])):
        job = run(editor, table("HK-V20"))
        with unit_of_work():
            mine = jobs.access_job(editor, job.id)
            file = mine.files[0]
            jobs.set_mapping(editor, mine, file.id, {"": {**file.mapping[""], "product": chosen}})
        assert work_once()
        with unit_of_work():
            jobs.start(editor, jobs.access_job(editor, job.id), False)
        assert work_once()
        assert [p.code for p in article("代码表").products] == codes


def test_what_the_file_or_the_upload_says_comes_first(market: Market, actor: MakeActor) -> None:
    job = run(actor("editor"), table("HK-V20"), publish=False, product_id=market.gateway.id)
    assert [p.code for p in article("代码表").products] == ["TL-G300"] and "适用型号写着" not in said(job)


def test_never_a_product_of_another_supplier(market: Market, actor: MakeActor, make_user: Any) -> None:
    author = make_user("author", organisation=market.tuolian).actor("test")
    with unit_of_work() as s:
        s.add(Product(code="TL-V20", name="拓联网关", supplier_id=market.tuolian.id))
    rival = run(author, table("HK-V20"))
    assert results(rival) == {"代码表": "failed"} and "HK-V20 变频器" not in said(rival) and "只能写自己企业产品的知识" in said(rival)
    both = run(author, table("V20"), publish=False)
    assert results(both) == {"代码表": "imported"} and "TL-V20 拓联网关" in said(both) and "HK-V20 变频器" not in said(both)
    with unit_of_work():
        mine = jobs.access_job(author, rival.id)
        jobs.set_mapping(author, mine, mine.files[0].id, {"": {**mine.files[0].mapping[""], "product": market.drive.id}})
    assert work_once()
    session().expire_all()
    assert results(rival) == {"代码表": "failed"}
