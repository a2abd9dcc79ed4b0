"""New releases: following a product's from its page, and waving the desk's notice away."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core.catalogue import Product
from app.core.errors import NotFound
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries import portal_products as queries
from app.web.community import WRITES, wanted, writer
from app.web.security import limiter
from knowledge import release_news

blueprint = Blueprint("release_notes", __name__)
SHOWN = 6


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def of_product(actor: Actor, product: Product) -> dict[str, Any]:
    """The releases of a product that are out, and whether this reader follows them."""
    rows = release_news.out(product.id, SHOWN)
    may = release_news.may_follow(actor, product)
    return {
        "rows": [{"name": r.name, "on": r.released_on, "until": r.supported_until, "new": release_news.is_new(r)} for r in rows],
        "follow_url": f"/products/{product.code}/follow" if may else None,
        "followed": may and release_news.follows(actor, product),
    }


@blueprint.post("/products/<code>/follow")
@viewer.public
@limiter.limit(WRITES)
def follow(code: str) -> Response:
    """Hear of new releases of the product, or no longer."""
    product = queries.find(code[:80])
    if product is None:
        raise NotFound()
    actor = writer()
    if actor.id is None or not (release_news.may_follow(actor, product) or release_news.follows(actor, product)):
        return redirect(f"/products/{product.code}", 303)
    with unit_of_work():
        followed = release_news.follow(actor, product, wanted())
    flash(_("有新版本时会告诉你。") if followed else _("不再告诉你新版本。"), "good")
    return redirect(f"/products/{product.code}#releases", 303)


@blueprint.post("/desk/releases/<int(max=2147483647):gate_id>/seen")
@viewer.needs("desk.use")
def seen(gate_id: int) -> Response:
    """The notice about a release need not be shown to this colleague again."""
    with unit_of_work():
        release_news.wave_away(viewer.current_actor(), gate_id)
    return redirect("/desk", 303)
