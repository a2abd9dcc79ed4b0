"""/demo/wechat: a phone of one of the demo's followers. What its owner does goes to the simulated platform, which calls
/hooks/wechat/… and takes the answers, as the real one does. Only where HUIYIN_DEMO=1."""

from flask import Blueprint, Flask, current_app, jsonify, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app import viewer
from app.core.errors import NotFound
from app.core.uow import unit_of_work
from app.demo import wechat as demo
from app.demo.pictures import display
from app.simulator.demo_account import BASE, PHONES, SLUG, credentials
from app.simulator.wechat_phone import Hands
from app.web.security import csrf
from channels.accounts import find_account

blueprint = Blueprint("wechat_phone", __name__, url_prefix=BASE)
PANEL = "E07"
"""What the frequency converter of the photo shows."""
PLACE = {"label": "澄湖轴承三厂 3 号线", "lat": 31.49121, "lng": 120.31194}  # data: where the owner says to be
FAULTS = (
    ("slow", _l("回调答得太慢，平台再送三次")),
    ("duplicate", _l("回调重复送来")),
    ("expired", _l("令牌提前失效")),
    ("busy", _l("平台系统忙")),
    ("lost", _l("发到了，但没有回音")),
    ("spent", _l("条数用完")),
    ("closed", _l("超过可回复时间")),
)
"""What the platform can be told to do wrong, once."""


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("")
@viewer.public
def page() -> str:
    """The chat as its follower sees it."""
    world = _hands().world
    wanted = request.args.get("phone", "")
    phone = world.phones.get(wanted) or world.phone(PHONES[0][0])
    known = {openid for openid, _name, _unionid, contact in PHONES if not contact}
    phones = [
        {"openid": one.openid, "label": _("%(name)s · 还不认识", name=one.name) if one.openid in known else one.name}
        for one in list(world.phones.values())
    ]
    return render_template(
        "demo/wechat.html",
        there=find_account(SLUG) is not None,
        api=BASE,
        account=credentials()["name"],
        phone=phone,
        phones=phones,
        faults=FAULTS,
        place=PLACE,
        site_url=viewer.settings().site_url,
        chosen=wanted == phone.openid,
    )


@blueprint.post("/lend")
@viewer.public
@csrf.exempt
def lend() -> Response:
    """Put a new phone into the hands of somebody who is known and has nothing open."""
    world = _hands().world
    with unit_of_work():
        lent = demo.lend()
    world.phone(lent.openid, lent.name)
    return jsonify({"openid": lent.openid, "name": lent.name, "serial": lent.serial})


@blueprint.get("/panel.png")
@viewer.public
def panel() -> Response:
    """The picture that the phone's owner takes."""
    _hands()
    return current_app.response_class(display(PANEL), content_type="image/png")


def _hands() -> Hands:
    found = current_app.extensions.get("wechat_world")
    if not viewer.settings().demo or not isinstance(found, Hands):
        raise NotFound()
    return found
