"""The form of an article: what stands in it, how it is read, and its fields."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from flask import abort, request
from flask_babel import gettext as _

from app.core.permissions import Actor
from app.core.text import clean
from app.queries import knowledge as queries
from app.web.i18n import local, time_zone
from app.web.knowledge import KIND_WORDS, LEVEL_WORDS
from app.web.portal import number_of
from knowledge.access import reader_for
from knowledge.care import LONGEST_NOTE, care_of, possible_owners
from knowledge.files import listed_ids
from knowledge.models import Article
from knowledge.service import LONGEST_BODY, Content, Properties, content_of, properties_of

Errors = Mapping[str, list[str]]
Fields = list[dict[str, Any]]
LANGUAGES = {"zh": "中文", "en": "English"}  # data: a language is named in itself
SCRIPT_SECONDS, PER_SECOND = 40, 4.5
"""How long a script for the telephone may take, and how many Han characters a calm voice says in a second."""


@dataclass(frozen=True)
class Care:
    """Owner, day of the next review (as the browser writes it) and the note for colleagues, as typed."""

    owner_id: int | None = None
    review_by: str = ""
    internal_note: str = ""

    def moment(self) -> datetime | None:
        """The begin of that day in the viewer's zone. Raises ValueError."""
        if not self.review_by:
            return None
        try:
            return datetime.combine(date.fromisoformat(self.review_by), time(), time_zone()).astimezone(UTC)
        except OverflowError:  # the first and the last day of the calendar
            raise ValueError(self.review_by) from None


@dataclass(frozen=True)
class Typed:
    """What stands in the form: as stored at first, then as typed. `care` None: this person's form does not show it."""

    content: Content
    properties: Properties
    care: Care | None = None
    comment: str = ""
    basket: str = ""


def new_basket() -> str:
    return secrets.token_urlsafe(18)


def stored(article: Article) -> Typed:
    """What the form of a stored article shows at first."""
    revision = article.draft or article.current
    return Typed(replace(content_of(revision), files=listed_ids(revision)), properties_of(article), stored_care(article))


def stored_care(article: Article) -> Care:
    row = care_of(article)
    return Care(row.owner_id, local(row.review_by).date().isoformat() if row.review_by else "", row.internal_note)


def body_typed() -> str:
    """The text as it came: one that is too long is refused with it, not cut. What nobody types is no text."""
    body = request.form.get("body", "").replace("\r\n", "\n")
    if len(body) > 5 * LONGEST_BODY:
        abort(413)
    return body


def line(name: str, otherwise: str = "") -> str:
    return clean(request.form.get(name, otherwise)).strip()


def ids(name: str) -> tuple[int, ...]:
    """The numbers of a field, each once, in their order."""
    return tuple(dict.fromkeys(n for value in request.form.getlist(name) if (n := number_of(value))))


def typed(before: Properties) -> Typed:
    """The form as it came. What a form of this person does not show stays as it was."""
    form = request.form
    asked = tuple(form.get("questions", "").splitlines())
    files = ids("files") if "with_files" in form else None
    properties = before
    if "audience" in form:
        properties = replace(
            before,
            kind=line("kind", before.kind),
            category=line("category", before.category),
            level=line("audience", before.level),
            language=line("language", before.language),
            safety=form.get("safety") == "1",
            phone_script=line("phone_script", before.phone_script).replace("\r\n", "\n"),
            valid_for=line("valid_for", before.valid_for),
            product_ids=tuple(sorted(ids("products"))),
            organisation_ids=tuple(sorted(ids("organisations"))),
        )
    care = None
    if "internal_note" in form:
        care = Care(number_of(line("owner")) or None, line("review_by"), line("internal_note").replace("\r\n", "\n"))
    basket = line("basket") if re.fullmatch(r"[\w-]{16,40}", line("basket")) else ""
    return Typed(Content(line("title"), body_typed(), asked, files), properties, care, line("comment")[:300], basket)


def text_fields(given: Typed, errors: Errors) -> dict[str, dict[str, Any]]:
    """Title, text and questions, each drawn at its own place."""
    content = given.content
    return {
        "title": {"name": "title", "label": _("标题"), "value": content.title, "required": True, "maxlength": 200, "full": True,
                  "hint": _("先写产品和现象，再写做法，例如：HK-V20 报 E07：查风扇与风道"), "errors": errors.get("title")},
        "body": {"name": "body", "label": _("正文（Markdown）"), "kind": "textarea", "rows": 24, "value": content.body, "required": True,
                 "errors": errors.get("body")},
        "questions": {"name": "questions", "label": _("客户会这样问"), "kind": "textarea", "rows": 5, "value": "\n".join(content.questions),
                      "required": False, "hint": _("一行一个，用客户自己的话。搜索靠它认路，读者看不到。"), "errors": errors.get("questions")},
        "comment": {"name": "comment", "label": _("这次改了什么"), "required": False, "maxlength": 300, "value": given.comment},
    }  # fmt: skip


def audience_fields(actor: Actor, given: Properties, errors: Errors) -> Fields:
    levels = reader_for(actor).levels
    products = [{"value": p.id, "label": p.name} for p in queries.product_choices(actor)]
    companies = [{"value": o.id, "label": o.name} for o in queries.organisation_choices(actor)]
    return [
        {"name": "products", "label": _("产品"), "kind": "checkboxes", "value": given.product_ids, "options": products,
         "required": False, "errors": errors.get("products")},
        {"name": "audience", "label": _("给谁看"), "kind": "select", "value": given.level, "required": True,
         "options": [{"value": name, "label": str(LEVEL_WORDS[name])} for name in levels], "errors": errors.get("audience")},
        {"name": "organisations", "label": _("只给这些企业"), "kind": "checkboxes", "value": given.organisation_ids,
         "options": companies, "required": False, "errors": errors.get("organisations")},
        {"name": "kind", "label": _("类型"), "kind": "select", "value": given.kind, "required": True,
         "options": [{"value": name, "label": str(words)} for name, words in KIND_WORDS.items()], "errors": errors.get("kind")},
        {"name": "category", "label": _("分类"), "value": given.category, "required": False, "maxlength": 60,
         "errors": errors.get("category")},
        {"name": "valid_for", "label": _("适用版本"), "value": given.valid_for, "required": False, "maxlength": 200,
         "errors": errors.get("valid_for")},
        {"name": "language", "label": _("语言"), "kind": "select", "value": given.language, "required": True,
         "options": [{"value": code, "label": name} for code, name in LANGUAGES.items()]},
        {"name": "safety", "label": _("有安全警示"), "kind": "checkbox", "value": given.safety,
         "hint": _("读者先看到警示；自动应答不会发它。")},
    ]  # fmt: skip


def script_field(given: Properties, errors: Errors) -> dict[str, Any]:
    """The script for the telephone; the meter beside it counts what a voice needs."""
    return {"name": "phone_script", "label": _("电话里这样说"), "kind": "textarea", "rows": 5, "value": given.phone_script,
            "required": False, "maxlength": 1000, "hint": _("四十秒说得完，只给坐席看。"), "errors": errors.get("phone_script")}  # fmt: skip


def care_fields(actor: Actor, given: Care, errors: Errors, *, bound: bool) -> Fields:
    """Owner, next review, note; `bound`: the article is published and this person may not publish."""
    note = {"name": "internal_note", "label": _("内部备注"), "kind": "textarea", "rows": 4, "value": given.internal_note, "required": False,
            "maxlength": LONGEST_NOTE, "hint": _("编辑和坐席看得到，客户永远看不到，也搜不到。"), "errors": errors.get("internal_note")}  # fmt: skip
    if bound:
        return [note]
    people = [{"value": 0, "label": _("没有指定")}, *({"value": user.id, "label": user.label} for user in possible_owners(actor))]
    return [
        {"name": "owner", "label": _("负责人"), "kind": "select", "value": str(given.owner_id or 0), "required": False,
         "options": people, "errors": errors.get("owner")},
        {"name": "review_by", "label": _("下次复核"), "kind": "date", "value": given.review_by, "required": False,
         "hint": _("到日子提醒负责人；没有负责人就提醒编辑。"), "errors": errors.get("review_by")},
        note,
    ]  # fmt: skip


def bound_care(care: Care, article: Article) -> Care:
    """What a form without owner and date leaves as it was."""
    return replace(stored_care(article), internal_note=care.internal_note)


def seconds_of(script: str) -> int:
    """How long a script takes to say, in seconds."""
    return round(len("".join(script.split())) / PER_SECOND)
