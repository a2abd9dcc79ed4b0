"""/knowledge/<id>/changes: two versions of an article beside each other, for whoever reviews or comes second."""

from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask_babel import gettext as _

from app import viewer
from app.core.errors import NotFound
from app.queries import knowledge as queries
from app.web.knowledge import ONE
from app.web.portal import number_of
from app.web.written import name_of, note_of
from knowledge.access import access_editable
from knowledge.changes import Line, changes
from knowledge.files import listed
from knowledge.models import Article, Revision

blueprint = Blueprint("knowledge_changes", __name__, url_prefix="/knowledge")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get(f"{ONE}/changes")
@viewer.needs("article.write")
def show(article_id: int) -> str:
    """`from` and `to` are numbers of versions; without them, what readers see is compared with the newest."""
    article = access_editable(viewer.current_actor(), article_id)
    revisions = queries.revisions_of(article)
    first, second = _chosen(article, revisions)
    return render_template(
        "knowledge/changes.html",
        here="knowledge",
        article={"id": article.id, "title": article.title, "url": f"/knowledge/{article.id}"},
        first=_facts(article, first),
        second=_facts(article, second),
        choices=[{"value": r.number, "label": _("第 %(n)s 版", n=r.number)} for r in revisions],
        parts=[part for part in _parts(first, second) if part["lines"]],
        restore={"number": first.number, "url": f"/knowledge/{article.id}/restore", "version": article.version},
        newest=second.id == revisions[0].id,
    )


def _chosen(article: Article, revisions: list[Revision]) -> tuple[Revision, Revision]:
    by_number = {r.number: r for r in revisions}
    if not revisions:
        raise NotFound()
    newest = revisions[0]
    fallback = article.current if article.current is not None and article.current.id != newest.id else None
    fallback = fallback or by_number.get(newest.number - 1, newest)
    asked = [number_of(request.args.get(name)) for name in ("from", "to")]
    if any(number and number not in by_number for number in asked):
        raise NotFound()
    first = by_number[asked[0]] if asked[0] else fallback
    second = by_number[asked[1]] if asked[1] else newest
    return first, second


def _facts(article: Article, revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "author": name_of(revision.author),
        "at": revision.created_at,
        "comment": note_of(revision.comment),
        "published": article.state == "published" and revision.id == article.current_revision_id,
    }


def _parts(first: Revision, second: Revision) -> list[dict[str, Any]]:
    def part(label: str, before: str, after: str) -> dict[str, Any]:
        lines: list[Line] = changes(before, after)
        return {"label": label, "lines": lines}

    return [
        part(_("标题"), first.title, second.title),
        part(_("客户会这样问"), "\n".join(first.questions), "\n".join(second.questions)),
        part(_("正文"), first.body, second.body),
        part(_("附件"), _names(first), _names(second)),
    ]


def _names(revision: Revision) -> str:
    """The attachments, one a line; two of one name are told apart by their number."""
    return "\n".join(f"{row.file.name} ({row.id})" for row in listed(revision))
