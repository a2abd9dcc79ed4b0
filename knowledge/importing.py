"""Markdown files with front matter become articles; importing the same file again changes nothing.

---
title: HK-V20 报 E07：散热器过热
slug: hk-v20-e07
product: HK-V20            # or products: [HK-V20, …], by code or name
audience: public           # or {level: client, organisations: [澄湖轴承]}
category: 故障代码
kind: fault
questions: [变频器跳 E07, …]
valid_for: 固件 2.0 及以上
reviewed_by: 王敏
safety: true
phone_script: 先请客户停机断电……
language: zh
---
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import PurePath
from typing import Any

import yaml
from sqlalchemy import func, or_, select

from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.people import Organisation
from app.core.permissions import Actor, require
from app.core.text import clean
from knowledge.access import may_edit
from knowledge.lifecycle import publish as publish_article
from knowledge.markdown import first_heading, split_front_matter
from knowledge.models import Article
from knowledge.service import (
    Content,
    Properties,
    change_properties,
    content_of,
    draft_article,
    properties_of,
    revise,
    slug_of,
)

_KNOWN = frozenset(
    "title slug product products audience category kind questions valid_for reviewed_by reviewed_at safety phone_script "
    "language".split()
)


@dataclass(frozen=True)
class Imported:
    """What became of one file: `status` is imported, updated or skipped."""

    status: str
    article_id: int
    slug: str


def import_markdown(
    actor: Actor, text: str, source: str, product: Product | None = None, publish: bool = False
) -> Imported:
    """Make or update one article. It is recognised by its slug; the file's name serves where the front matter has none.

    Keys that the front matter leaves out keep the value that the article has. `product` is used where the file names
    none. Raises Invalid for a file that cannot be understood.
    """
    require(actor, "article.write")
    if publish:
        require(actor, "article.publish")
    head, body = split_front_matter(clean(text))
    given = _front_matter(head)
    slug = slug_of(str(given.get("slug") or PurePath(source).stem))
    if not slug:
        raise Invalid.of("slug", "这一项要填写。")
    article = session().scalars(select(Article).where(Article.slug == slug)).one_or_none()
    if article is not None and not may_edit(actor, article):
        raise NotFound()

    properties = _properties(given, properties_of(article) if article else Properties(), product)
    properties = replace(properties, source=source[:300])
    content = _content(given, body, article, source)
    if article is None:
        article = draft_article(actor, content, properties, slug)
        status = "imported"
    else:
        changed = change_properties(actor, article, replace(properties, source=article.source))
        comment = f"导入 {PurePath(source).name}"[:300]  # data
        revision = revise(actor, article, content, comment)
        status = "updated" if changed or revision else "skipped"
    if publish and (article.state != "published" or article.draft_revision_id is not None):
        publish_article(actor, article)
        status = "updated" if status == "skipped" else status
    return Imported(status, article.id, article.slug)


def _front_matter(head: str) -> dict[str, Any]:
    try:
        given = yaml.safe_load(head) if head.strip() else {}
    except (yaml.YAMLError, ValueError) as problem:
        line = getattr(getattr(problem, "problem_mark", None), "line", 0) + 2
        raise Invalid.of("front_matter", "第 %(line)s 行附近的 YAML 读不懂。", line=line) from None
    if not isinstance(given, dict):
        raise Invalid.of("front_matter", "文件开头应是“名称: 值”的列表。")
    if unknown := sorted(str(name) for name in given if name not in _KNOWN):
        raise Invalid.of("front_matter", "不认识的名称：%(names)s", names="、".join(unknown))
    return {str(name): value for name, value in given.items() if value is not None}


def _content(given: Mapping[str, Any], body: str, article: Article | None, source: str) -> Content:
    heading, rest = first_heading(body)
    title = str(given.get("title") or heading or (article.title if article else "") or PurePath(source).stem)
    if heading and heading.strip() == title.strip():
        body = rest  # the page shows the title already
    questions = given.get("questions")
    if questions is None:
        asked = content_of(article.draft or article.current).questions if article else ()
    elif isinstance(questions, list):
        asked = tuple(str(question) for question in questions)
    else:
        asked = tuple(line.strip("- ") for line in str(questions).splitlines())
    return Content(title, body, asked)


def _properties(given: Mapping[str, Any], before: Properties, product: Product | None) -> Properties:
    found: dict[str, Any] = {
        name: str(given[name]).strip()
        for name in ("kind", "category", "language", "phone_script", "valid_for", "reviewed_by")
        if name in given
    }
    if "safety" in given:
        if not isinstance(given["safety"], bool):
            raise Invalid.of("safety", "填写 true 或 false。")
        found["safety"] = given["safety"]
    if "reviewed_at" in given:
        found["reviewed_at"] = _moment(given["reviewed_at"])
    named = given.get("products", given.get("product"))
    if named is not None:
        found["product_ids"] = tuple(_product(str(name)) for name in (named if isinstance(named, list) else [named]))
    elif product is not None:
        found["product_ids"] = (product.id,)
    audience = given.get("audience")
    if isinstance(audience, Mapping):
        if unknown := set(audience) - {"level", "organisations"}:
            raise Invalid.of("audience", "不认识的名称：%(names)s", names="、".join(sorted(map(str, unknown))))
        found["level"] = str(audience.get("level", before.level))
        companies = audience.get("organisations") or []
        names = companies if isinstance(companies, list) else [companies]
        found["organisation_ids"] = tuple(_organisation(str(name)) for name in names)
    elif audience is not None:
        found["level"] = str(audience)
    return replace(before, **found)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise Invalid.of("reviewed_at", "填写日期，如 2026-05-01。")


def _product(name: str) -> int:
    same = or_(func.lower(Product.code) == name.strip().lower(), Product.name == name.strip())
    found = session().scalars(select(Product.id).where(same).order_by(Product.id)).first()
    if found is None:
        raise Invalid.of("products", "没有产品“%(name)s”。", name=name)
    return found


def find_product(name: str) -> Product:
    """The product of this code or name; raises Invalid."""
    product = session().get(Product, _product(name))
    assert product is not None
    return product


def _organisation(name: str) -> int:
    same = or_(Organisation.name == name.strip(), Organisation.short_name == name.strip())
    found = session().scalars(select(Organisation.id).where(same).order_by(Organisation.id)).first()
    if found is None:
        raise Invalid.of("audience", "没有企业“%(name)s”。", name=name)
    return found
