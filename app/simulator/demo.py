"""WeChat inside a demo: the simulator mounted below /demo/wechat, with phones of the demo's people, and the account that it
belongs to. Nothing of it exists where HUIYIN_DEMO is not 1."""

from flask import Flask

from app.simulator.demo_account import BASE, PHONES, SLUG, credentials
from app.simulator.wechat import blueprint, control
from app.simulator.wechat_phone import Hands, by_http
from app.simulator.wechat_world import WeChatWorld
from app.web.security import csrf
from channels.house import address


def init_app(flask: Flask) -> None:
    """Mount the phones and the platform, in a demo only."""
    if not flask.extensions["settings"].demo:
        return
    known = credentials()
    world = WeChatWorld(known["appid"], known["secret"], known["token"], known["aes_key"], known["mode"])
    for openid, name, unionid, _contact in PHONES:
        world.phone(openid, name, unionid)
    hands = Hands(world, by_http(lambda: address(f"/hooks/wechat/{SLUG}")))
    flask.extensions["wechat_world"] = hands
    api = blueprint(hands)
    csrf.exempt(api)  # it plays a server that other servers call, and knows no cookies
    phones = control(hands)
    csrf.exempt(phones)  # whoever holds a phone of this game has no cookie either
    flask.register_blueprint(api, url_prefix=f"{BASE}/cgi-bin")
    flask.register_blueprint(phones, url_prefix=BASE)
