"""WeChat played over HTTP: the platform's API below /cgi-bin, and JSON routes by which pages and tests hold the phones.

Served on a port of its own by `flask channel simulate wechat`, or inside the house below /demo/wechat in a demo.
"""

import html
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request

from app.simulator.samples import PICTURE, beep
from app.simulator.wechat_phone import Hands
from app.simulator.wechat_world import Phone, WeChatWorld, no
from app.viewer import public

LARGEST = 10 * 1024 * 1024
DONE = {"ok": True}


def blueprint(hands: Hands, name: str = "simulated_wechat") -> Blueprint:
    """The API of the platform."""
    world = hands.world
    api = Blueprint(name, __name__, url_prefix="/cgi-bin")

    def checked() -> Response | None:
        path = request.path.partition("/cgi-bin/")[2]
        world.calls[path] += 1
        if path in ("token", "stable_token"):
            ip = request.remote_addr or ""
            return jsonify(no(40164)) if world.allowed_ips and ip not in world.allowed_ips else None
        code = world.refuses(request.args.get("access_token", ""), request.remote_addr or "")
        return jsonify(no(code)) if code else None

    @public
    def stable_token() -> Response:
        asked = _body()
        force = asked.get("force_refresh") is True
        return jsonify(world.give_token(str(asked.get("appid")), str(asked.get("secret")), force=force))

    @public
    def token() -> Response:
        return jsonify(world.give_token(request.args.get("appid", ""), request.args.get("secret", ""), stable=False))

    @public
    def send() -> Response:
        answer, broken = world.take(_body())
        return Response("gone", 502) if broken else jsonify(answer)

    @public
    def typing() -> Response:
        asked = _body()
        return jsonify(world.typing(str(asked.get("touser")), str(asked.get("command"))))

    @public
    def template() -> Response:
        answer, phone, number = world.template(_body())
        if phone is not None:
            hands.told(phone, number)
        return jsonify(answer)

    @public
    def subscribed() -> Response:
        return jsonify(world.template(_body())[0])

    @public
    def upload() -> Response:
        file = request.files.get("media")
        if file is None:
            return jsonify(no(47001))
        with file.stream:
            media_id = world.keep(file.filename or "", file.mimetype, file.read(LARGEST))
        return jsonify({"type": request.args.get("type", ""), "media_id": media_id, "created_at": int(world.clock())})

    @public
    def download() -> Response:
        media_id = request.args.get("media_id", "")
        found = None if world.fault("media") else world.kept(media_id)
        if found is None:
            return jsonify(no(40007))
        if found[1].startswith("video/"):
            base = request.url.partition("/cgi-bin/")[0]
            return jsonify({"video_url": f"{base}/media/{media_id}"})
        return _bytes(found)

    @public
    def code() -> Response:
        return jsonify(world.code(_body()))

    @public
    def info() -> Response:
        return jsonify(world.info(request.args.get("openid", "")))

    api.before_request(checked)
    for rule, view, method in (
        ("/stable_token", stable_token, "POST"), ("/token", token, "GET"), ("/message/custom/send", send, "POST"),
        ("/message/custom/typing", typing, "POST"), ("/message/template/send", template, "POST"),
        ("/message/subscribe/bizsend", subscribed, "POST"), ("/media/upload", upload, "POST"),
        ("/media/get", download, "GET"), ("/user/info", info, "GET"), ("/qrcode/create", code, "POST"),
    ):  # fmt: skip
        api.add_url_rule(rule, view_func=view, methods=[method])
    return api


def control(hands: Hands, name: str = "wechat_phones") -> Blueprint:
    """The phones: GET /state, GET /phones/<openid>/messages?after=N, POST /phones/<openid>/<deed>, GET /media/<id>, POST /faults."""
    world = hands.world
    desk = Blueprint(name, __name__)

    @public
    def state() -> Response:
        return jsonify(
            {
                "mode": world.mode, "faults": {k: v for k, v in world.faults.items() if v > 0}, "calls": dict(world.calls),
                "phones": [_phone(world, one) for one in list(world.phones.values())], "callbacks": list(world.callbacks)[-20:],
            }
        )  # fmt: skip

    @public
    def messages(openid: str) -> Response:
        phone = world.phones.get(openid)
        if phone is None:
            return _missing()
        after = request.args.get("after", "0")
        start = int(after) if after.isascii() and after.isdecimal() and len(after) < 10 else 0
        items = [one for one in list(phone.screen) if one["n"] > start]
        return jsonify({**_phone(world, phone), "items": items})

    @public
    def act(openid: str, deed: str) -> Response:
        if openid not in world.phones and deed != "follow":
            return _missing()
        given = _body()
        known = _DEEDS.get(deed)
        if known is None:
            return _missing()
        try:
            known(hands, openid, given)
        except (KeyError, TypeError, ValueError) as problem:
            return _with(jsonify({"ok": False, "message": f"{deed}: {problem}"}), 422)
        return jsonify(DONE)

    @public
    def media(media_id: str) -> Response:
        found = world.kept(media_id)
        return _bytes(found) if found is not None else _missing()

    @public
    def faults() -> Response:
        """{"name", "times"} sets a fault; {"mode"}, {"allowed_ips"}, {"token_seconds"} change how the platform is set up."""
        given = _body()
        if "name" in given:
            world.faults[str(given["name"])] = max(0, min(int(given.get("times", 1)), 1000))
        if given.get("mode") in ("plain", "compatible", "safe"):
            world.mode = given["mode"]
        if "allowed_ips" in given:
            world.allowed_ips = set(str(given["allowed_ips"]).split())
        if "token_seconds" in given:
            world.token_seconds = max(4, min(int(given["token_seconds"]), 7200))
        return jsonify(DONE)

    desk.add_url_rule("/state", view_func=state, methods=["GET"])
    desk.add_url_rule("/phones/<openid>/messages", view_func=messages, methods=["GET"])
    desk.add_url_rule("/phones/<openid>/<deed>", view_func=act, methods=["POST"])
    desk.add_url_rule("/media/<media_id>", view_func=media, methods=["GET"])
    desk.add_url_rule("/faults", view_func=faults, methods=["POST"])
    return desk


Deed = Callable[[Hands, str, dict[str, Any]], object]
_DEEDS: dict[str, Deed] = {
    "say": lambda hands, who, given: hands.say(who, _words(given["text"])),
    "tap": lambda hands, who, given: hands.tap(who, str(given["item"]), _words(given["text"])),
    "image": lambda hands, who, given: hands.send(who, "image", *_given_file("photo.png", "image/png", PICTURE)),
    "voice": lambda hands, who, given: hands.send(who, "voice", *_given_file("voice.amr", "audio/amr", None)),
    "video": lambda hands, who, given: hands.send(who, "video", *_given_file("video.mp4", "video/mp4", b"\x00\x00\x00\x18ftypmp42")),
    "location": lambda hands, who, given: hands.locate(
        who, float(given.get("lat", 31.57)), float(given.get("lng", 120.3)), str(given.get("label", "Simulated street 1"))
    ),
    "link": lambda hands, who, given: hands.link(who, str(given["title"]), str(given["url"]), str(given.get("description", ""))),
    "follow": lambda hands, who, given: hands.follow(who, str(given.get("scene", ""))),
    "unfollow": lambda hands, who, given: hands.unfollow(who),
    "scan": lambda hands, who, given: hands.scan(who, str(given["scene"])),
    "click": lambda hands, who, given: hands.click(who, str(given["key"])),
    "block": lambda hands, who, given: setattr(hands.world.phone(who), "blocked", given.get("on") is not False),
}


def standalone(hands: Hands) -> Flask:
    """The simulator on a port of its own, with a plain page to try it by hand."""
    flask = Flask("simulated_wechat")
    flask.config["MAX_CONTENT_LENGTH"] = 2 * LARGEST
    flask.register_blueprint(blueprint(hands))
    flask.register_blueprint(control(hands))

    @public
    def page() -> str:
        return _page(hands.world)

    flask.add_url_rule("/", view_func=page, methods=["GET"])
    return flask


def _page(world: WeChatWorld) -> str:
    """The phones and what their screens show; forms that act."""
    parts = ["<!doctype html><meta charset=utf-8><title>WeChat, simulated</title><h1>WeChat, simulated</h1>"]
    for phone in world.phones.values():
        said = "".join(f"<li>{html.escape(one['by'])}: {html.escape(str(one.get('text') or one['kind']))}</li>" for one in phone.screen)
        box = f"/phones/{html.escape(phone.openid)}"
        parts.append(
            f"<h2>{html.escape(phone.name or phone.openid)}</h2><ol>{said}</ol>"
            f"<form method=post action={box}/say><input name=text><button>say</button></form>"
            + "".join(f"<form method=post action={box}/{deed}><button>{deed}</button></form>" for deed in ("image", "voice", "location", "follow", "unfollow"))
        )
    parts.append("<h2>Faults</h2><form method=post action=/faults><input name=name placeholder=busy><input name=times value=1><button>set</button></form>")
    return "".join(parts)


def _phone(world: WeChatWorld, phone: Phone) -> dict[str, Any]:
    moment = world.clock()
    left = sum(g.left for g in phone.grants.values() if g.until > moment)
    return {
        "openid": phone.openid, "name": phone.name, "following": phone.following, "blocked": phone.blocked,
        "typing": phone.typing_until > moment, "left": left, "last": len(phone.screen),
    }  # fmt: skip


def _body() -> dict[str, Any]:
    found = request.get_json(silent=True, force=True) if not request.form else dict(request.form)
    return found if isinstance(found, dict) else {}


def _given_file(name: str, mime: str, sample: bytes | None) -> tuple[str, str, bytes]:
    """The file that came with the request (part `file`), else a sample."""
    file = request.files.get("file")
    if file is None:
        return name, mime, beep() if sample is None else sample
    with file.stream:
        return file.filename or name, file.mimetype or mime, file.read(LARGEST)


def _words(text: object) -> str:
    words = str(text).strip()[:4000]
    if not words:
        raise ValueError("text is empty")
    return words


def _bytes(found: tuple[str, str, bytes]) -> Response:
    name, mime, content = found
    answer = Response(content, content_type=mime)
    answer.headers.set("Content-Disposition", "attachment", filename=name.encode("ascii", "replace").decode() or "file")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _missing() -> Response:
    return _with(jsonify({"ok": False}), 404)


def _with(answer: Response, status: int) -> Response:
    answer.status_code = status
    return answer
