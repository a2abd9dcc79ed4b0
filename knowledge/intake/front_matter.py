"""The block at the head of a Markdown file: which names it may use, and what they make of an article's properties."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import yaml
from sqlalchemy import func, or_, select, true

from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import Invalid
from app.core.people import Organisation
from knowledge.service import Properties

KNOWN = frozenset(
    "title slug product products audience category kind questions valid_for reviewed_by reviewed_at safety phone_script "
    "language source state draft internal_note review_by attachments catalogue".split()
)
LONGEST = 50_000
FIRST_YEAR, LAST_YEAR = 1970, 2200
# data
_TRUE, _FALSE = ("true", "yes", "1", "是", "有", "y"), ("false", "no", "0", "否", "无", "n")


class _Plain(yaml.SafeLoader):
    """YAML without references: a few lines of them unfold to more than any memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "references", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)


def parse(head: str) -> dict[str, Any]:
    """The names and values of the block; raises Invalid with the line that cannot be understood."""
    if len(head) > LONGEST:
        raise Invalid.of("front_matter", "第 %(line)s 行附近的 YAML 读不懂。", line=head.count("\n", 0, LONGEST) + 2)
    try:
        given = yaml.load(head, _Plain) if head.strip() else {}
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as problem:
        line = getattr(getattr(problem, "problem_mark", None), "line", 0) + 2
        raise Invalid.of("front_matter", "第 %(line)s 行附近的 YAML 读不懂。", line=line) from None
    if not isinstance(given, dict):
        raise Invalid.of("front_matter", "文件开头应是“名称: 值”的列表。")
    if unknown := sorted(str(name) for name in given if name not in KNOWN):
        raise Invalid.of("front_matter", "不认识的名称：%(names)s", names="、".join(unknown))
    return {str(name): value for name, value in given.items() if value is not None}


def questions_of(given: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The customers' questions, from a list or from lines; None where the block does not speak of them."""
    questions = given.get("questions")
    if questions is None:
        return None
    if isinstance(questions, list):
        return tuple(str(question) for question in questions)
    return tuple(line.strip("- ") for line in str(questions).splitlines())


def properties(
    given: Mapping[str, Any],
    before: Properties,
    product: Product | None,
    own: Collection[int] | None = None,
    product_of: Callable[[str], int] | None = None,
) -> Properties:
    """`before` with everything that `given` says; `product` where it names none and nothing is set. `own` are the
    companies that the writer may name (None: all): any other is answered like one that does not exist. `product_of` finds
    products for who has many to find."""
    found: dict[str, Any] = {
        name: str(given[name]).strip()
        for name in ("kind", "category", "language", "phone_script", "valid_for", "reviewed_by")
        if name in given
    }
    if "safety" in given:
        found["safety"] = _truth(given["safety"])
    if "reviewed_at" in given:
        found["reviewed_at"] = moment(given["reviewed_at"])
    named = given.get("products", given.get("product"))
    if named is not None:
        found["product_ids"] = tuple(
            dict.fromkeys((product_of or product_id)(str(name)) for name in (named if isinstance(named, list) else [named]))
        )
    elif product is not None:
        found["product_ids"] = (product.id,)
    audience = given.get("audience")
    if isinstance(audience, Mapping):
        if unknown := set(audience) - {"level", "organisations"}:
            raise Invalid.of("audience", "不认识的名称：%(names)s", names="、".join(sorted(map(str, unknown))))
        found["level"] = str(audience.get("level", before.level))
        companies = audience.get("organisations") or []
        names = companies if isinstance(companies, list) else [companies]
        found["organisation_ids"] = tuple(_organisation(str(name), own) for name in names)
    elif audience is not None:
        found["level"] = str(audience)
    return replace(before, **found)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in _TRUE:
        return True
    if str(value).strip().lower() in _FALSE:
        return False
    raise Invalid.of("safety", "填写 true 或 false。")


def moment(value: Any) -> datetime:
    """A date or time as somebody wrote it, in UTC; raises Invalid, for one outside of any calendar too."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, datetime):
            found = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        else:
            found = datetime.combine(value, time(), UTC)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise ValueError(found)
    except (TypeError, ValueError, OverflowError):
        raise Invalid.of("reviewed_at", "填写日期，如 2026-05-01。") from None
    return found


def product_id(name: str) -> int:
    """The product of this code or name; raises Invalid."""
    found = find_product_id(name)
    if found is None:
        raise no_product(name)
    return found


def find_product_id(name: str) -> int | None:
    same = or_(func.lower(Product.code) == name.strip().lower(), Product.name == name.strip())
    return session().scalars(select(Product.id).where(same).order_by(Product.id)).first()


def no_product(name: str) -> Invalid:
    return Invalid.of("products", "没有产品“%(name)s”。", name=name)


def find_product(name: str) -> Product:
    """The product of this code or name; raises Invalid."""
    product = session().get(Product, product_id(name))
    assert product is not None
    return product


def _organisation(name: str, own: Collection[int] | None) -> int:
    same = or_(Organisation.name == name.strip(), Organisation.short_name == name.strip())
    rows = select(Organisation.id).where(same, true() if own is None else Organisation.id.in_(own))
    found = session().scalars(rows.order_by(Organisation.id)).first()
    if found is None:
        raise Invalid.of("audience", "没有企业“%(name)s”。", name=name)
    return found
