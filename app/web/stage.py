"""/demo, the 演示台: the customer's phone beside the console, and scenes that play themselves through the real pages.

Only where HUIYIN_DEMO=1; elsewhere it is as if there were no such page.
"""

from typing import Any

from flask import Blueprint, Flask, render_template, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import viewer
from app.core import logins
from app.core.errors import NotFound, Refused
from app.core.uow import unit_of_work
from app.queries.accounts import demo_logins
from app.web.auth import DEMO_PASSWORD, failed, remember
from app.web.security import LOGIN_FAILURES, csrf, limiter
from app.web.stage_scenes import SCENES, Scene

blueprint = Blueprint("stage", __name__, url_prefix="/demo")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.public
def stage() -> str:
    """The phone, the console and the list of scenes."""
    _only_in_a_demo()
    user = viewer.current_user() if viewer.current_actor().kind == "user" else None
    return render_template(
        "demo/stage.html",
        scenes=[_facts(number, scene) for number, scene in enumerate(SCENES, 1)],
        people=[{"name": login.name, "role": _(login.role)} for login in demo_logins()],
        actor_login=user.name if user else "",
    )


@blueprint.post("/login/<name>")
@csrf.exempt  # the scenes log in and out: the token of the page would be that of the login before
@viewer.public
@limiter.limit(LOGIN_FAILURES, deduct_when=failed)
def log_in(name: str) -> Response:
    """Become one of the demo's people, as long as they still have the demo's password."""
    _only_in_a_demo()
    if name not in {login.name for login in demo_logins()}:
        raise NotFound()
    attempt = logins.verify_login(name, DEMO_PASSWORD)
    with unit_of_work():
        opened = logins.log_in(
            attempt,
            ip=request.remote_addr or "",
            agent=request.user_agent.string,
            lockout_attempts=viewer.settings().lockout_attempts,
            replaces=session.get(viewer.COOKIE_KEY),
        )
    if opened is None:
        raise Refused(_("「%(name)s」改过密码，演示台不能替他登录。", name=name))
    remember(opened.token)
    return Response(status=204)


def _only_in_a_demo() -> None:
    if not viewer.settings().demo:
        raise NotFound()


def _facts(number: int, scene: Scene) -> dict[str, Any]:
    return {
        "number": number,
        "key": scene.key,
        "title": str(scene.title),
        "shows": str(scene.shows),
        "beats": [
            {"who": beat.who, "words": str(beat.words), "frame": beat.frame, "acts": [list(act) for act in beat.acts]}
            for beat in scene.beats
        ],
    }
