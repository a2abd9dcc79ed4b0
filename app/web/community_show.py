"""Public questions and answers as templates show them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import community as house
from app import viewer
from app.core.catalogue import Product
from app.core.db import session
from app.core.errors import DeskError, Invalid
from app.core.permissions import Actor
from app.core.text import unpack
from app.kb.index import current_index
from app.queries import community as queries
from app.web import kept_words
from app.web.errors import field_errors
from app.web.hits import Shown
from knowledge import searching
from knowledge.access import reader_for
from knowledge.community import following, moderation, service
from knowledge.community.access import is_author, may_accept, may_answer, may_write, side_of
from knowledge.community_models import HIDDEN, PENDING, SHOWN, Answer, Post, Question
from knowledge.index import IndexUnavailable
from knowledge.models import Article

SIDES = {"desk": _l("坐席"), "supplier": _l("供应商"), "customer": _l("用户")}
TABS = {"all": _l("全部"), "open": _l("待解决"), "mine": _l("我的"), "followed": _l("我关注的")}
ARTICLES = 3


def line(question: Question) -> dict[str, Any]:
    """A question in a list."""
    return {
        "title": question.title,
        "url": f"/community/{question.id}",
        "product": question.product.name,
        "author": question.author_name,
        "at": question.created_at,
        "answers": question.answer_count,
        "votes": question.vote_count,
        "solved": question.solved,
        "state": question.state,
    }


def lines(actor: Actor, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Questions in a list, with those marked that have something new for this person."""
    new = following.news_among(actor, [question.id for question in questions])
    return [{**line(question), "new": question.id in new} for question in questions]


def tabs(here: str, given: dict[str, str], known: bool) -> list[dict[str, Any]]:
    names = [name for name in TABS if known or name in ("all", "open")]
    return [
        {"label": str(TABS[name]), "here": name == here,
         "url": "/community?" + urlencode({**{k: v for k, v in given.items() if k != "show"}, **({"show": name} if name != "all" else {})})}
        for name in names
    ]  # fmt: skip


def default_name(actor: Actor, product: Product | None) -> str:
    """The name that is offered in the form: of staff the whole, of customers the first sign."""
    if actor.kind == "user":
        user = viewer.current_user()
        full = user.display_name or user.name
        staff = actor.can("community.answer") and (product is None or side_of(actor, product) != "customer")
        return full[: service.NAME] if staff else house.shown_name(full)
    return actor.name if may_write(actor) else ""


def ask_fields(actor: Actor, given: dict[str, str], errors: dict[str, list[str]]) -> dict[str, Any]:
    """The fields of the form as ui.field takes them."""

    def field(name: str, label: str, kind: str = "text", required: bool = True, **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "kind": kind, "required": required, "value": given.get(name, ""),
                "errors": errors.get(name, []), **more}  # fmt: skip

    name = field("name", _("显示给大家的称呼"), maxlength=service.NAME, hint=_("不必是真名。"), autocomplete="off")
    if not given.get("name"):
        name["value"] = default_name(actor, None)
    return {
        "title": field("title", _("问题"), maxlength=120, placeholder=_("一句话，写上代码或现象"), autocomplete="off"),
        "product": field("product", _("哪个产品"), "select", placeholder=_("选一个产品"),
                         options=[{"value": p.id, "label": p.label} for p in queries.products()]),
        "body": field("body", _("说详细些"), "textarea", False, rows=5, maxlength=service.BODY,
                      hint=_("做过什么，屏幕上写着什么。所有人都看得到：不要写电话、邮箱、合同和公司内部的事。")),
        "name": name,
        "wrong": bool(errors),
    }  # fmt: skip


def articles(actor: Actor, words: str, product_id: int | None) -> list[dict[str, Any]]:
    """Articles that may already answer it."""
    if len(words) < 2:
        return []
    try:
        hits = searching.search(current_index(), actor, words, product_id, ARTICLES)
    except IndexUnavailable:
        return []
    return Shown(hits, reader_for(actor)).as_dicts({"q": words})


def question_page(
    actor: Actor, found: Question, answers: Sequence[Answer], given: str, problem: DeskError | None
) -> dict[str, Any]:
    """Everything that portal/community_question.html needs, apart from what robots read."""
    marks = service.marks_of(actor, found, [a.id for a in answers]) if may_write(actor) else set()
    accepts, drafts = may_accept(actor, found), actor.kind == "user" and actor.can("article.write")
    errors = field_errors(problem) if isinstance(problem, Invalid) else {}
    own = is_author(actor, found)
    adds = own and side_of(actor, found.product) == "customer"
    looked = following.looked_at(actor, found) if following.has_new(actor, found) else None
    return {
        "question": {**line(found), **_post(actor, found, marks), "number": found.id, "product_code": found.product.code,
                     "followed": ("follow", "question", found.id) in marks, "article": _article(actor, found),
                     "ticket": found.ticket_number if actor.kind == "user" and actor.can("desk.use") else None},
        "answers": [
            {**_post(actor, a, marks), "new": looked is not None and a.created_at > looked.at and not is_author(actor, a), "accepted": a.id == found.accepted_answer_id, "accepts": accepts and a.state == SHOWN and a.side != "customer",
             "drafts": drafts and a.state == SHOWN and found.state == SHOWN and found.article_id is None and a.side != "customer",
             "draft_url": f"/knowledge/community/drafts/{a.id}"}
            for a in answers
        ],
        "known": may_write(actor),
        "news": looked is not None,
        "moderates": actor.kind == "user" and actor.can("community.moderate"),
        "login_url": kept_words.ways(f"/community/{found.id}")["login"],
        "write": {
            "label": _("补充") if adds else _("你的回答"),
            "body": {"name": "body", "label": _("补充") if adds else _("你的回答"), "kind": "textarea", "rows": 5, "required": True, "value": given,
                     "errors": errors.get("body", []), "maxlength": service.ANSWER, "hint": _("所有人都看得到。先说结论，再写步骤；涉及带电或运动的部件，先写警示。") if not adds else ""},
            "name": {"name": "name", "label": _("显示给大家的称呼"), "required": True, "maxlength": service.NAME, "autocomplete": "off",
                     "value": found.author_name if own else default_name(actor, found.product), "errors": errors.get("name", [])},
        } if may_answer(actor, found) else None,
    }  # fmt: skip


def _post(actor: Actor, post: Post, marks: set[tuple[str, str, int]]) -> dict[str, Any]:
    kind = service.post_kind(post)
    mine = is_author(actor, post)
    return {
        "id": post.id,
        "body": post.body,
        "author": post.author_name,
        "side": post.side,
        "side_label": str(SIDES[post.side]),
        "at": post.created_at,
        "votes": post.vote_count,
        "voted": ("vote", kind, post.id) in marks,
        "mine": mine,
        "may_vote": may_write(actor) and not mine and post.state == SHOWN,
        "reported": ("report", kind, post.id) in marks,
        "state": post.state,
        "waits": post.state == PENDING,
        "hidden": post.state == HIDDEN,
        "why": unpack(post.held_for, _) if post.state == PENDING else post.hidden_reason,
    }


def _article(actor: Actor, found: Question) -> dict[str, Any] | None:
    """The article that was made of it: for everybody once it is published, as a draft for those who may open it."""
    article = session().get(Article, found.article_id) if found.article_id else None
    if article is None:
        return None
    if article.state == "published" and article.level == "public":
        return {"title": article.title, "url": f"/articles/{article.slug}", "draft": False}
    if moderation.may_open_draft(actor, article):
        return {"title": article.title, "url": f"/knowledge/{article.id}", "draft": True}
    return None
