"""`flask channel simulate`: plays a platform on a port of its own, for one account, until it is stopped."""

import click
from flask import current_app
from werkzeug.serving import BaseWSGIServer, make_server

from app.commands.output import plain_errors
from app.core.sealing import CannotOpen
from app.simulator.sms import Gateway, make_app, make_hands
from app.simulator.wechat import standalone
from app.simulator.wechat_phone import Hands, by_http
from app.simulator.wechat_world import WeChatWorld
from app.simulator.wecom import KfWorld, hands
from app.simulator.wecom import standalone as standalone_wecom
from channels.accounts import access_account, opened
from channels.house import address

DEMO_OPENID = "oSimulated00000000000000001"


@click.group("simulate")
def simulate() -> None:
    """Play a platform on this machine: its API, its callbacks, its faults."""


def _settings(slug: str, kind: str) -> dict[str, str]:
    """The settings of an account of this kind, secrets readable."""
    account = access_account(slug)
    if account.kind != kind:
        raise click.UsageError(f"{slug} is no {kind} account")
    try:
        return {name: str(value) for name, value in opened(account).items()}
    except CannotOpen:
        raise click.ClickException("the account's secrets cannot be opened") from None


def _serve(server: BaseWSGIServer) -> None:
    """Play until Ctrl-C."""
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


@simulate.command("wechat")
@click.option("--account", "slug", required=True, help="The account of kind wechat whose platform is played.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen on; 0: any free one.")
@click.option("--hook", default="", help="Address of the callback; default: /hooks/wechat/SLUG of this house.")
@click.option("--wait", is_flag=True, help="Make callbacks before answering the request that caused them.")
@plain_errors
def wechat(slug: str, port: int, hook: str, wait: bool) -> None:
    """Play WeChat for one account. Set the account's api_base to the printed address."""
    known = _settings(slug, "wechat")
    world = WeChatWorld(
        known.get("appid", ""), known.get("secret", ""), known.get("token", ""), known.get("aes_key", ""), known.get("mode") or "plain"
    )
    world.phone(DEMO_OPENID, "模拟手机", "uSimulated0000000000000001")
    target = hook or address(f"/hooks/wechat/{slug}")
    flask = standalone(Hands(world, by_http(lambda: target), wait=wait))
    server = make_server("127.0.0.1", port, flask, threaded=True)
    click.echo(f"WeChat for {slug} is played at http://127.0.0.1:{server.server_port} and calls {target}")
    settings = current_app.extensions["settings"]
    if settings.demo:
        click.echo(f"Phones: GET /state, POST /phones/{DEMO_OPENID}/say {{\"text\"}}; faults: POST /faults {{\"name\", \"times\"}}")
    _serve(server)


@simulate.command("wecom")
@click.option("--account", "slug", required=True, help="The account of kind wecom whose platform is played.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen on; 0: any free one.")
@click.option("--hook", default="", help="Address of the callback; default: /hooks/wecom/SLUG of this house.")
@plain_errors
def wecom(slug: str, port: int, hook: str) -> None:
    """Play WeCom customer service for one account. Set the account's api_base to the printed address."""
    known = _settings(slug, "wecom")
    kfids = tuple(known.get("open_kfids", "").split()) or ("wkSimulated01",)
    world = KfWorld(known.get("corpid", ""), known.get("secret", ""), kfids)
    world.token, world.aes_key = known.get("token", ""), known.get("aes_key", "")
    world.hook = hook or address(f"/hooks/wecom/{slug}")
    flask = standalone_wecom(world)
    flask.register_blueprint(hands(world))
    server = make_server("127.0.0.1", port, flask, threaded=True)
    click.echo(f"WeCom for {slug} is played at http://127.0.0.1:{server.server_port} and calls {world.hook}")
    click.echo('Customers: POST /say {"user", "text"}, POST /enter {"user"}, POST /end {"user"}; GET /sent; POST /faults {"name", "times"}')
    _serve(server)


@simulate.command("sms")
@click.option("--account", "slug", required=True, help="The account of kind sms whose gateway is played.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen on; 0: any free one.")
@click.option("--hook", default="", help="Address of the callback; default: /hooks/sms/SLUG of this house.")
@plain_errors
def sms(slug: str, port: int, hook: str) -> None:
    """Play an SMS gateway for one account. Set the account's endpoint to the printed address."""
    known = _settings(slug, "sms")
    target = (hook or address(f"/hooks/sms/{slug}")) + f"?secret={known.get('hook_secret', '')}"
    gateway = Gateway(key=known.get("access_key", ""), secret=known.get("access_secret", ""), hook=target)
    flask = make_app(gateway)
    flask.register_blueprint(make_hands(gateway))
    server = make_server("127.0.0.1", port, flask, threaded=True)
    base = f"http://127.0.0.1:{server.server_port}"
    click.echo(f"SMS for {slug} is played at {base}/{known.get('style') or 'plain'}")
    click.echo('Phones: GET /sent; POST /report {"id", "delivered"}; POST /reply {"phone", "text"}; POST /faults {"name", "times"}')
    _serve(server)
