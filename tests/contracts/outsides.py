"""Stand-ins for the outer world, and one line per channel that says how to speak to it: what the contract tests need."""

import email
import email.policy
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from werkzeug.serving import make_server

from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.simulator import sms as sms_simulator
from app.simulator import wechat as wechat_simulator
from app.simulator.wechat_phone import Hands
from app.simulator.wechat_world import WeChatWorld
from app.simulator.wecom import KfWorld, standalone
from app.simulator.weibo import WeiboWorld
from app.simulator.weibo import standalone as weibo_standalone
from channels import app as app_channel
from channels import webchat
from channels.accounts import add_account
from channels.portal import portal_account

ADDRESS = "support@hengchuan.example"
WX_USER = "oContractWang01"
KFID, KF_USER, NOW = "wkContract01", "wmWang01", int(time.time())


class Outside:
    """An SMTP server that answers as it is told: ok, later (4xx), never (5xx), or lost (the line drops after all was
    handed over). `taken` holds what arrived."""

    def __init__(self) -> None:
        self.says: list[str] = []
        self.taken: list[Any] = []
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.says.pop(0) if self.says else "ok"
        if answer in ("ok", "lost"):
            self.taken.append((tuple(envelope.rcpt_tos), email.message_from_bytes(envelope.content, policy=email.policy.default)))
        if answer == "lost":
            server.transport.abort()
        return {"ok": "250 taken", "later": "451 try later", "never": "550 no", "lost": "250 never heard"}[answer]


@contextmanager
def smtp() -> Iterator[Outside]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        outside = Outside()
        outside.port = probe.getsockname()[1]
    controller = Controller(outside, hostname="127.0.0.1", port=outside.port)
    controller.start()
    try:
        yield outside
    finally:
        controller.stop()


class KfOutside:
    """WeCom's servers, told what to say in the same words as the mail server."""

    def __init__(self, world: KfWorld, address: str) -> None:
        self.world, self.address = world, address
        world.messages = 10_000
        world.states[KFID, KF_USER], world.spoke_at[KFID, KF_USER] = 1, time.time()

    @property
    def taken(self) -> list[Any]:
        return self.world.sent

    @property
    def says(self) -> list[str]:
        return []

    @says.setter
    def says(self, words: list[str]) -> None:
        self.world.faults.update({"later": "busy", "never": "never", "lost": "lost"}[word] for word in words)


class WeiboOutside:
    """Weibo's reply API, told what to say in the same words as the mail server."""

    def __init__(self, world: WeiboWorld, address: str) -> None:
        self.world, self.address, self.taken = world, address, world.sent

    @property
    def says(self) -> list[str]:
        return []

    @says.setter
    def says(self, words: list[str]) -> None:
        self.world.faults.update(words)


@contextmanager
def weibo() -> Iterator[WeiboOutside]:
    world = WeiboWorld()
    with serving(weibo_standalone(world)) as address:
        yield WeiboOutside(world, address)


@contextmanager
def kf() -> Iterator[KfOutside]:
    world = KfWorld(kfids=(KFID,))
    with serving(standalone(world)) as address:
        yield KfOutside(world, address)


class WxOutside:
    """WeChat's servers, told what to say in the same words as the mail server."""

    def __init__(self, world: WeChatWorld, address: str) -> None:
        self.world, self.address = world, address
        world.messages = 10_000
        world.grant(world.phone(WX_USER), "message")

    @property
    def taken(self) -> list[Any]:
        return self.world.sent

    @property
    def says(self) -> list[str]:
        return []

    @says.setter
    def says(self, words: list[str]) -> None:
        self.world.faults.update({"later": "busy", "never": "never", "lost": "lost"}[word] for word in words)


@contextmanager
def wx() -> Iterator[WxOutside]:
    world = WeChatWorld("wxcontract01", "contract-secret", "contracttoken")
    with serving(wechat_simulator.standalone(Hands(world, lambda query, body: (200, "success")))) as address:
        yield WxOutside(world, address)


class SmsOutside:
    """An SMS gateway, told what to say in the same words as the mail server."""

    def __init__(self, gateway: sms_simulator.Gateway, address: str) -> None:
        self.gateway, self.address, self.taken = gateway, address, gateway.sent

    @property
    def says(self) -> list[str]:
        return []

    @says.setter
    def says(self, words: list[str]) -> None:
        self.gateway.faults.update({"later": "busy", "never": "refused", "lost": "lost"}[word] for word in words)


@contextmanager
def gateway() -> Iterator[SmsOutside]:
    played = sms_simulator.Gateway(key="contract", secret="contract-secret")
    with serving(sms_simulator.make_app(played)) as address:
        yield SmsOutside(played, address)


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An application on a port of this machine; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _mail_left_well(taken: list[Any]) -> None:
    (recipients, letter) = taken[-1]
    assert recipients == ("wang@chenghu.example",) and letter["Bcc"] is None
    assert len(letter.get_all("Subject")) == 1


def _weibo_left_well(taken: list[Any]) -> None:
    assert {(one["to"], one["type"]) for one in taken} == {("2489518277", "text")}


def _kf_left_well(taken: list[Any]) -> None:
    assert {(one["touser"], one["open_kfid"]) for one in taken} == {(KF_USER, KFID)}
    assert all(0 < len(one["text"]["content"].encode()) <= 2048 for one in taken)


def _sms_left_well(taken: list[Any]) -> None:
    assert {one["phone"] for one in taken} == {"+8613800138000"} and all(one["text"].startswith("【恒川互联】") for one in taken)


def _wx_left_well(taken: list[Any]) -> None:
    assert {one["touser"] for one in taken} == {WX_USER}
    assert all(0 < len(one["text"]["content"].encode()) <= 2048 for one in taken)


@dataclass(frozen=True)
class Case:
    """How the tests speak to one kind of channel.

    `say(text, number)` is a payload of the outside with these words; equal numbers mean the same message. `open` adds an
    account that sends to `outside`, which `outside` of the case starts. `settings` holds one of each secret. `at_hand`:
    storing an answer is sending it. `left_well` looks at what the outside took.
    """

    say: Callable[[str, int], bytes]
    open: Callable[[Any], int]
    settings: Mapping[str, str] = field(default_factory=dict)
    at_hand: bool = False
    bad: tuple[bytes, ...] = ()
    outside: Callable[[], AbstractContextManager[Any]] = smtp
    left_well: Callable[[list[Any]], None] = _mail_left_well


def _mail(text: str, number: int) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "王工 <wang@chenghu.example>", ADDRESS, "变频器跳E07"
    made["Message-ID"] = f"<c{number}@chenghu.example>"
    if number > 1:
        made["In-Reply-To"] = "<c1@chenghu.example>"
    made.set_content(text.encode("utf-8", "replace"), "text", "plain")
    made.set_param("charset", "utf-8")
    return made.as_bytes()


def _add(kind: str, slug: str, **settings: str) -> int:
    with unit_of_work():
        return add_account(SYSTEM, kind, slug, settings).id


def _mailbox(outside: Outside) -> int:
    return _add("email", "support", address=ADDRESS, smtp_host="127.0.0.1", smtp_port=str(outside.port))


def _portal(outside: Outside) -> int:
    _mailbox(outside)
    with unit_of_work():
        return portal_account().id


def _form(text: str, number: int) -> bytes:
    given = {"id": f"form-{number}", "by": "email", "value": "wang@chenghu.example", "name": "王工", "subject": "问", "text": text}
    return json.dumps(given).encode()


def _chat(text: str, number: int) -> bytes:
    return webchat.packed("visitor-1", f"m{number}", text, name="王工")


def _kf_account(outside: KfOutside) -> int:
    world = outside.world
    return _add("wecom", "kefu", corpid=world.corpid, secret=world.secret, token=world.token, aes_key=world.aes_key,
                open_kfids=KFID, api_base=outside.address)  # fmt: skip


def _app_said(text: str, number: int) -> bytes:
    return app_channel.packed("app/u1", f"m{number}", text)


def _weibo_account(outside: WeiboOutside) -> int:
    return _add("weibo", "weibo", app_secret=outside.world.secret, access_token=outside.world.token, api_base=outside.address)


def _weibo_said(text: str, number: int) -> bytes:
    made = f"Mon Jul 16 18:{number // 60:02}:{number % 60:02} +0800 2012"
    return json.dumps({"type": "text", "receiver_id": 1, "sender_id": 2489518277, "created_at": made, "text": text, "data": {}}).encode()


def _kf_said(text: str, number: int) -> bytes:
    return json.dumps({
        "msgid": f"kf{number}", "open_kfid": KFID, "external_userid": KF_USER, "send_time": NOW, "origin": 3,
        "msgtype": "text", "text": {"content": text},
    }).encode()  # fmt: skip


def _wx_account(outside: WxOutside) -> int:
    world = outside.world
    return _add("wechat", "gzh", appid=world.appid, secret=world.secret, token=world.token, api_base=outside.address)


def _wx_said(text: str, number: int) -> bytes:
    return json.dumps({
        "ToUserName": "gh_1", "FromUserName": WX_USER, "CreateTime": NOW, "MsgType": "text", "Content": text, "MsgId": 7_000 + number,
    }).encode()  # fmt: skip


def _sms_account(outside: SmsOutside) -> int:
    return _add("sms", "sms", endpoint=f"{outside.address}/plain", sign_name="恒川互联", access_key="contract",
                access_secret="contract-secret", hook_secret="hook", most_parts="200")  # fmt: skip


def _sms_said(text: str, number: int) -> bytes:
    return json.dumps({"type": "reply", "id": f"r{number}", "phone": "138 0013 8000", "text": text}).encode()


CASES: dict[str, Case] = {
    "email": Case(_mail, _mailbox, {"smtp_password": "geheim", "imap_password": "geheim"}, bad=(b"", b"\r\n\r\n", b"no mail")),
    "portal": Case(_form, _portal, bad=(b"{}", b'{"text": 5}', b'{"text": "x", "by": "email", "value": "a@b.example"}')),
    "webchat": Case(_chat, lambda outside: _add("webchat", "site"), at_hand=True, bad=(b"{}", b"[]", b'{"visitor": 1}')),
    "app": Case(_app_said, lambda outside: _add("app", "app", jwt_secret="geheim" * 6), {"jwt_secret": "geheim" * 6, "push_secret": "geheim"},
                at_hand=True, bad=(b"{}", b"[]", b'{"user": "a/1", "client_msg_id": "1", "text": ""}')),
    "sms": Case(_sms_said, _sms_account, {"access_key": "geheim", "access_secret": "geheim", "hook_secret": "geheim"},
                bad=(b"{}", b"[]", b'{"type": "reply"}', b'{"type": "status"}', b'{"text": "x", "phone": "1"}'),
                outside=gateway, left_well=_sms_left_well),
    "weibo": Case(_weibo_said, _weibo_account, {"app_secret": "geheim", "access_token": "geheim"},
                  bad=(b"{}", b"[]", b'{"type": "text"}'), outside=weibo, left_well=_weibo_left_well),
    "wecom": Case(_kf_said, _kf_account, {"secret": "geheim", "token": "geheim", "aes_key": "G" * 43},
                  bad=(b"{}", b"[]", b'{"msgtype": "text", "msgid": "1"}'), outside=kf, left_well=_kf_left_well),
    "wechat": Case(_wx_said, _wx_account, {"secret": "geheim", "token": "geheim", "aes_key": "G" * 43, "previous_aes_key": "H" * 43},
                   bad=(b"{}", b"[]", b"<xml/>", b'{"MsgType": "text", "MsgId": 1}'), outside=wx, left_well=_wx_left_well),
}
"""A channel joins the contract tests by its line here."""
