"""/admin/channels/signatures: what stands below the mails of each team."""

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import Invalid
from app.core.people import Team
from app.core.teams import sign_team
from app.core.uow import unit_of_work
from app.web.errors import field_errors, status_of

blueprint = Blueprint("admin_signatures", __name__, url_prefix="/admin/channels/signatures")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.needs("channel.manage")
def signatures() -> str:
    """Every team with its signature."""
    return _page()


@blueprint.post("/<int:team_id>")
@viewer.needs("channel.manage")
def sign(team_id: int) -> Response | tuple[str, int]:
    """Change the signature of one team."""
    given = request.form.get("signature", "")
    try:
        with unit_of_work():
            sign_team(viewer.current_actor(), team_id, given)
    except Invalid as problem:
        session().rollback()
        return _page(team_id, given, field_errors(problem).get("signature")), status_of(problem)
    flash(_("已保存。"), "good")
    return redirect("/admin/channels/signatures", 303)


def _page(wrong: int = 0, given: str = "", errors: list[str] | None = None) -> str:
    teams = session().scalars(select(Team).order_by(Team.line, Team.id)).all()
    return render_template(
        "admin/signatures.html",
        here="admin",
        teams=[
            {
                "url": f"/admin/channels/signatures/{team.id}",
                "name": team.name,
                "field": {
                    "name": "signature", "label": _("签名"), "kind": "textarea", "rows": 3, "full": True, "required": False,
                    "value": given if team.id == wrong else team.signature, "errors": errors if team.id == wrong else None,
                },
            }
            for team in teams
        ],
    )  # fmt: skip
