"""/knowledge/links: links between articles that lead readers nowhere, with the way to put each right."""

from flask import Blueprint, Flask, render_template

from app import viewer
from app.web.knowledge_edit import link_words
from knowledge.linking import broken_links

blueprint = Blueprint("knowledge_links", __name__, url_prefix="/knowledge")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/links")
@viewer.needs("article.write")
def links() -> str:
    """What readers meet now first, then drafts."""
    found = broken_links(viewer.current_actor())
    return render_template(
        "knowledge/links.html",
        here="knowledge",
        links=[
            {
                "title": one.article.title,
                "url": f"/knowledge/{one.article.id}",
                "edit_url": f"/knowledge/{one.article.id}/edit",
                "target": one.trouble.target,
                "why": link_words(one.trouble),
                "live": one.live,
                "at": one.article.updated_at,
            }
            for one in found
        ],
    )
