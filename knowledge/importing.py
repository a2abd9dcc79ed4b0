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

Other formats, and many files at a time, are read by `knowledge.intake`.
"""

from dataclasses import dataclass

from app.core.catalogue import Product
from app.core.permissions import Actor
from knowledge.intake.front_matter import find_product
from knowledge.intake.markdown_files import read_markdown
from knowledge.intake.shapes import LIMITS
from knowledge.intake.writing import write_entry

__all__ = ["Imported", "find_product", "import_markdown"]


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
    done = write_entry(actor, read_markdown(text, source, LIMITS), source, product, publish)
    return Imported(done.status, done.article.id, done.article.slug)
