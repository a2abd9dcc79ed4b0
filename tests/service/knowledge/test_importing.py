"""Markdown files become articles, once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.commands.imports import _written
from app.commands.knowledge import knowledge
from app.core.db import session
from app.core.errors import Forbidden, Invalid
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge.importing import Imported, import_markdown
from knowledge.intake.shapes import Entry
from knowledge.models import Article, Revision

from .conftest import Market

FULL = """---
title: HK-V20 报 E07：散热器过热
slug: hk-v20-e07
product: hk-v20
audience: {level: client, organisations: [澄湖轴承]}
category: 故障代码
kind: fault
questions:
  - 变频器跳E07
  - 吹吹风又能转
valid_for: 固件 2.0 及以上
reviewed_by: 王敏
reviewed_at: 2026-05-01
safety: true
phone_script: 先请客户停机断电，等十分钟。
language: zh
---
# HK-V20 报 E07：散热器过热

先停机断电。
"""


def bring(text: str, source: str = "a.md", actor: Actor = SYSTEM, **given: Any) -> Imported:
    with unit_of_work():
        return import_markdown(actor, text, source, **given)


def one(slug: str) -> Article:
    session().expire_all()
    return session().scalars(select(Article).where(Article.slug == slug)).one()


def test_all_of_the_front_matter_arrives(market: Market) -> None:
    assert bring(FULL, "handbook/e07.md", publish=True).status == "imported"
    article = one("hk-v20-e07")
    assert (article.state, article.title, article.level, article.kind) == (
        "published",
        "HK-V20 报 E07：散热器过热",
        "client",
        "fault",
    )
    assert [p.code for p in article.products] == ["HK-V20"] and [o.short_name for o in article.organisations] == [
        "澄湖轴承"
    ]
    assert article.safety and article.phone_script.startswith("先请") and article.valid_for == "固件 2.0 及以上"
    assert article.reviewed_by == "王敏" and f"{article.reviewed_at:%Y-%m-%d}" == "2026-05-01"
    assert article.current is not None
    assert (article.current.body, article.current.questions) == ("先停机断电。\n", ["变频器跳E07", "吹吹风又能转"])


def test_a_second_import_changes_nothing_and_a_changed_file_only_what_changed(market: Market) -> None:
    assert [bring(FULL, publish=True).status for _ in range(3)] == ["imported", "skipped", "skipped"]
    before = one("hk-v20-e07").version
    assert bring(FULL.replace("先停机断电。", "先停机，等 10 分钟。"), publish=True).status == "updated"
    assert (
        bring(
            FULL.replace("先停机断电。", "先停机，等 10 分钟。").replace("safety: true", "safety: false"), publish=True
        ).status
        == "updated"
    )
    article = one("hk-v20-e07")
    assert article.version > before and not article.safety
    assert session().scalar(select(func.count(Revision.id))) == 2


def test_publishing_later(market: Market) -> None:
    assert bring(FULL).status == "imported" and one("hk-v20-e07").state == "draft"
    assert bring(FULL, publish=True).status == "updated" and one("hk-v20-e07").state == "published"
    changed = FULL.replace("先停机断电。", "新的。")
    assert bring(changed).status == "updated" and bring(changed).status == "skipped"
    assert one("hk-v20-e07").current.body == "先停机断电。\n"  # type: ignore[union-attr]


def test_a_bare_file_is_enough(market: Market) -> None:
    done = bring("# 换卡后离线\n\n查接入点。", "gateway/换卡 后.md", product=market.gateway)
    article = one(done.slug)
    assert (article.slug, article.title, article.level, article.products) == (
        "换卡-后",
        "换卡后离线",
        "public",
        [market.gateway],
    )
    assert one(bring("正文", "plain.md").slug).title == "plain"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("---\ntitle: [x\n---\n正文", "front_matter"),
        ("---\n- x\n---\n正文", "front_matter"),
        ("---\ntitel: x\n---\n正文", "front_matter"),
        ("---\nproduct: 没有\n---\n正文", "products"),
        ("---\naudience: secret\n---\n正文", "audience"),
        ("---\naudience: {organisations: [没有]}\n---\n正文", "audience"),
        ("---\nsafety: maybe\n---\n正文", "safety"),
        ("---\nreviewed_at: bald\n---\n正文", "reviewed_at"),
        ("---\ntitle: x\n---\n", "body"),
        ("---\nkind: poem\n---\n正文", "kind"),
        ("---\ntitle: !!python/object/apply:os.system [id]\n---\n正文", "front_matter"),
    ],
)
def test_what_cannot_be_understood_is_named(market: Market, text: str, field: str) -> None:
    with pytest.raises(Invalid) as problem:
        bring(text)
    assert field in problem.value.errors


def test_rights(market: Market, actor: Callable[..., Actor]) -> None:
    author = actor("author", organisation=market.hongkong)
    with pytest.raises(Forbidden):
        bring(FULL, actor=author, publish=True)
    with pytest.raises(Forbidden):
        bring(FULL, actor=actor("agent"))
    with pytest.raises(Invalid):  # which companies there are is not a supplier's to find out
        bring(FULL, actor=author)
    assert bring(FULL.replace("澄湖轴承", "宏控自动化"), actor=author).status == "imported"


def test_command(market: Market, runner: Any, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_text(
        FULL.replace("audience: {level: client, organisations: [澄湖轴承]}\n", ""), encoding="utf-8"
    )
    (tmp_path / "b.MD").write_text("---\nproduct: 没有\n---\n正文", encoding="utf-8")
    (tmp_path / "c.md").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "notes.txt").write_text("no", encoding="utf-8")

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        done = runner.invoke(knowledge, [*words, "--json"])
        return done.exit_code, json.loads(done.stdout)

    code, report = run("import", str(tmp_path), "--publish", "--dry-run")
    assert (code, report["imported"], len(report["failed"])) == (1, 1, 2)
    assert session().scalar(select(func.count(Article.id))) == 0
    code, report = run("import", str(tmp_path), "--publish")
    assert (code, report["imported"], report["updated"], report["skipped"]) == (1, 1, 0, 0)
    assert [Path(item["file"]).name for item in report["failed"]] == ["b.MD", "c.md"]
    assert report["failed"][0]["reason"] == "products: 没有产品“没有”。"
    assert run("import", str(tmp_path / "sub"), "--publish") == (
        0,
        {"imported": 0, "updated": 0, "skipped": 1, "failed": []},
    )

    code, found = run("search", "变频器跳 E-07 怎么办")
    assert (code, found["total"], found["did_you_mean"]) == (0, 1, None)
    hit = found["hits"][0]
    assert set(hit) == {"id", "title", "product", "score", "passage", "anchor"}
    assert (hit["title"], hit["product"], hit["passage"]) == ("HK-V20 报 E07：散热器过热", "HK-V20", "先停机断电。")
    code, report = run("reindex")
    assert code == 0 and report["documents"] == 1
    assert run("gaps") == (0, {"items": []})


def test_a_product_that_was_taken_back_with_its_file_is_unknown_to_the_next(market: Market) -> None:
    new = {"products": [{"code": "NEU-1", "name": "新品一", "category": "变频器"}]}
    bad = Entry("a", "太长", "正文\n", {"products": ["NEU-1"], "catalogue": new, "category": "长" * 61})
    after, good = Entry("b", "下一篇", "正文\n", {"products": ["NEU-1"]}), Entry("c", "好的", "正文\n", {})
    told = _written([("a.md", bad), ("b.md", after), ("c.md", good)], None, False)
    assert [isinstance(one, str) for one in told] == [True, True, False], told
    assert "NEU-1" in str(told[1])
