"""What an editor sees while typing: questions that customers asked, and articles that already answer the title."""

from flask import Blueprint, Flask, render_template, request

from app import viewer
from app.kb.index import current_index
from app.web.knowledge_form import line
from app.web.portal import number_of
from knowledge.access import may_edit
from knowledge.service import LONGEST_QUESTIONS
from knowledge.similar import already_answered, asked_like

blueprint = Blueprint("knowledge_hints", __name__, url_prefix="/knowledge")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.post("/hints/questions")
@viewer.needs("article.write")
def questions() -> str:
    """Questions of customers like the title and the questions so far, to be taken over by a tap."""
    known = request.form.get("questions", "")[:LONGEST_QUESTIONS].splitlines()
    texts = [line("title")[:200], *known[:20]]
    return render_template("knowledge/_asked.html", asked=asked_like(viewer.current_actor(), texts, known))


@blueprint.post("/hints/title")
@viewer.needs("article.write")
def title() -> str:
    """Articles that seem to answer the same, before somebody writes them a second time."""
    actor = viewer.current_actor()
    found = already_answered(current_index(), actor, line("title")[:200], number_of(request.form.get("article")) or None)
    same = [
        {"title": one.article.title, "url": f"/knowledge/{one.article.id}",
         "edit_url": f"/knowledge/{one.article.id}/edit" if may_edit(actor, one.article) else None}
        for one in found
    ]  # fmt: skip
    return render_template("knowledge/_same.html", same=same)
