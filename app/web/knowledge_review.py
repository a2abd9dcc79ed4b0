"""Reviewing an article: comments at its words, publishing at a moment, the next look, and its address."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Flask, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import Invalid
from app.core.permissions import Actor
from app.web.acting import act_and_show
from app.web.i18n import show_datetime, time_zone
from app.web.knowledge import ONE
from app.web.knowledge_form import Care
from app.web.portal import number_of
from knowledge import care, linking, publishing, reviewing
from knowledge.access import access_editable
from knowledge.models import Article

blueprint = Blueprint("knowledge_review", __name__, url_prefix="/knowledge")
Write = Callable[[Actor, Article, int | None], str]


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.post(f"{ONE}/comments")
@viewer.needs("article.write")
def comment(article_id: int) -> Response:
    """Say something about the newest text, or answer (`parent`)."""
    return _write(article_id, _comment, "review")


def _comment(actor: Actor, article: Article, version: int | None) -> str:
    parent = number_of(request.form.get("parent")) or None
    reviewing.comment(actor, article, request.form.get("text", ""), quote=request.form.get("quote", ""), parent_id=parent)
    return _("意见已记下。")


@blueprint.post(f"{ONE}/comments/<int(max=2147483647):number>/settle")
@viewer.needs("article.write")
def settle(article_id: int, number: int) -> Response:
    """Mark a thread as dealt with, or (`open`) as open again."""

    def act(actor: Actor, article: Article, version: int | None) -> str:
        again = request.form.get("open") == "1"
        reviewing.settle(actor, article, number, not again)
        return _("已重新打开。") if again else _("已标为处理完。")

    return _write(article_id, act, "review")


@blueprint.post(f"{ONE}/plan")
@viewer.needs("article.publish")
def plan(article_id: int) -> Response:
    """Approve the newest draft and let it be published at a moment of the viewer's zone."""
    return _write(article_id, _plan)


def _plan(actor: Actor, article: Article, version: int | None) -> str:
    made = publishing.plan_publishing(actor, article, _moment("publish_at"), version)
    return _("已排定，%(when)s 自动发布。", when=show_datetime(made.publish_at))


@blueprint.post(f"{ONE}/plan/cancel")
@viewer.needs("article.publish")
def unplan(article_id: int) -> Response:
    """It is not published at that moment after all."""

    def act(actor: Actor, article: Article, version: int | None) -> str:
        publishing.cancel_plan(actor, article)
        return _("排定的发布已取消，草稿还在。")

    return _write(article_id, act)


@blueprint.post(f"{ONE}/reviewed")
@viewer.needs("article.publish")
def reviewed(article_id: int) -> Response:
    """Somebody read it and it still holds."""

    def act(actor: Actor, article: Article, version: int | None) -> str:
        try:
            until = Care(review_by=request.form.get("review_by", "").strip()).moment()
        except ValueError:
            raise Invalid.of("review_by", _("写成日期。")) from None
        care.confirm(actor, article, until)
        return _("已记下复核。")

    return _write(article_id, act)


@blueprint.post(f"{ONE}/address")
@viewer.needs("article.write")
def address(article_id: int) -> Response:
    """Give it another address; the old one leads there."""

    def act(actor: Actor, article: Article, version: int | None) -> str:
        slug = linking.rename(actor, article, request.form.get("slug", "")[:200], version)
        return _("地址改为 /articles/%(slug)s，旧地址会自动转过来。", slug=slug)

    return _write(article_id, act)


def _moment(name: str) -> datetime:
    """A date and time as the browser writes it, in the viewer's zone."""
    try:
        found = datetime.fromisoformat(request.form.get(name, "").strip())
        return found if found.tzinfo else found.replace(tzinfo=time_zone())
    except ValueError:
        raise Invalid.of(name, _("写成日期和时间。")) from None


def _write(article_id: int, act: Write, place: str = "") -> Response:
    actor = viewer.current_actor()
    version, revision = number_of(request.form.get("version")) or None, number_of(request.form.get("revision"))
    page = f"/knowledge/{article_id}{f'?revision={revision}' if revision else ''}{f'#{place}' if place else ''}"
    return act_and_show(page, lambda: act(actor, access_editable(actor, article_id), version))
