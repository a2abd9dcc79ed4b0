"""What was exported comes back without loss; everybody exports what is theirs."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import delete, select

from app.commands.knowledge import knowledge
from app.core.db import session
from app.core.errors import Conflict
from app.core.files import get_bytes
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge import exporting, lifecycle, service
from knowledge.care import care_of, take_care
from knowledge.editing_models import ArticleCare, ArticleFile, RevisionFile
from knowledge.files import add_file, address_of, listed, numbers_in
from knowledge.intake_models import ImportSource
from knowledge.models import Article, Revision
from tests.unit.knowledge.intake_files import png

from .conftest import Market


def make(market: Market) -> None:
    with unit_of_work():
        full = service.draft_article(
            SYSTEM,
            service.Content("HK-V20 报 E07：散热器过热", "先停机。\n", ("变频器跳 E07", "- 带横线: 和冒号")),
            service.Properties(
                kind="fault", category="故障代码", level="client", safety=True, phone_script="先请客户停机。\n再断电。", valid_for="2.0 及以上", source="手册第 3 章",
                reviewed_by="王敏", reviewed_at=datetime(2026, 5, 1, 8, 30, tzinfo=UTC), product_ids=(market.drive.id, market.gateway.id), organisation_ids=(market.chenghu.id,),
            ),
            "hk-v20-e07",
        )  # fmt: skip
        picture = add_file(SYSTEM, png(), "风扇 1.png", "image/png", article=full)
        paper = add_file(SYSTEM, b"%PDF-1.4 x", "说明.pdf", "application/pdf", article=full)
        service.revise(SYSTEM, full, service.Content(full.title, f"先停机。\n\n![风扇]({address_of(picture)})\n", ("变频器跳 E07", "- 带横线: 和冒号"), (paper.id,)))
        lifecycle.publish(SYSTEM, full)
        take_care(SYSTEM, full, owner_id=None, review_by=datetime(2027, 1, 1, tzinfo=UTC), internal_note="批次 B12 有问题。")
        service.revise(SYSTEM, full, service.Content(full.title, "改了一半。\n", ("变频器跳 E07", "- 带横线: 和冒号")))
        service.draft_article(SYSTEM, service.Content("---\n像开头", "# 井号\n\n```\n---\n```\n"), service.Properties(language="en"), "draft")


def told(market: Market) -> dict[str, Any]:
    """Everything that counts, by slug."""
    session().expire_all()
    found = {}
    for article in session().scalars(select(Article).order_by(Article.slug)):
        bodies = []
        for revision in (article.current, article.draft):
            if revision is None:
                bodies.append(None)
                continue
            body = revision.body
            files = session().scalars(select(ArticleFile).where(ArticleFile.id.in_(numbers_in(body))))
            for file in files:
                body = body.replace(address_of(file), file.file.sha256)
            attached = [(f.file.name.partition("-")[2] or f.file.name, get_bytes(f.file.sha256)) for f in listed(revision)]
            bodies.append((revision.title, body, tuple(revision.questions), [content for _name, content in attached]))
        properties = service.properties_of(article)
        found[article.slug] = (article.state, properties, bodies, care_of(article).internal_note, care_of(article).review_by)
    return found


def forget_everything() -> None:
    with unit_of_work() as s:
        for article in s.scalars(select(Article)):
            article.current_revision_id = article.draft_revision_id = None
            article.products, article.organisations = [], []
        s.flush()
        for table in (ImportSource, RevisionFile, ArticleFile, ArticleCare, Revision, Article):
            s.execute(delete(table))
        s.expire_all()


@pytest.mark.parametrize("target", ["all.zip", "folder"])
def test_out_and_in_again_without_loss(market: Market, runner: Any, tmp_path: Path, target: str) -> None:
    make(market)
    before = told(market)
    place = tmp_path / target
    done = runner.invoke(knowledge, ["export", str(place), "--json"])
    assert done.exit_code == 0 and '"articles": 2' in done.stdout
    forget_everything()
    back = runner.invoke(knowledge, ["import", str(place), "--publish", "--json"])
    assert back.exit_code == 0, back.stdout + back.stderr
    assert told(market) == before
    again = runner.invoke(knowledge, ["import", str(place), "--publish", "--json"])
    assert '"imported": 0' in again.stdout and told(market) == before


def test_a_supplier_exports_only_what_is_theirs(market: Market, make_user: Callable[..., Any], write: Callable[..., Article]) -> None:
    for name, products in (("ours", (market.gateway.id,)), ("theirs", (market.drive.id,)), ("both", (market.gateway.id, market.drive.id)), ("common", ())):
        write(name, "正文", product_ids=products, level="public")
    ours: Actor = make_user("author", organisation=market.tuolian).actor("test")
    out = io.BytesIO()
    exporting.export_zip(ours, out)
    names = zipfile.ZipFile(out).namelist()
    assert names == ["TL-G300/ours.md", exporting.LIST]


def test_the_list_is_for_looking_at(market: Market, write: Callable[..., Article], tmp_path: Path) -> None:
    write("=1+1", "正文")
    out = io.BytesIO()
    done = exporting.export_zip(SYSTEM, out)
    assert (done.articles, done.files) == (1, 2)
    book = openpyxl.load_workbook(io.BytesIO(zipfile.ZipFile(out).read(exporting.LIST)))
    cell = book.active["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s"), "text, not a formula"
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("keep")
    with pytest.raises(Conflict):
        exporting.export_to(SYSTEM, tmp_path / "x")
    assert (tmp_path / "x" / "mine").read_text() == "keep"
