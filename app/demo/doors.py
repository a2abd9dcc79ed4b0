"""The demo's other doors: accounts that stand ready, stopped, so that an administrator sees what each of them asks for."""

import base64
import hashlib

from app.core.permissions import SYSTEM
from app.core.sealing import mark
from channels.accounts import add_account, find_account, set_active


def set_up() -> None:
    """Add the accounts that are not there yet. Nothing enters or leaves by them: they have no platform."""
    for kind, slug, settings in _accounts():
        if find_account(slug) is None:
            add_account(SYSTEM, kind, slug, settings)
            set_active(SYSTEM, slug, False)


def _accounts() -> list[tuple[str, str, dict[str, str]]]:
    def secret(name: str) -> str:
        return hashlib.sha256(mark("demo door", name).encode()).hexdigest()[:40]

    key = base64.b64encode(hashlib.sha256(mark("demo door", "aes").encode()).digest()).decode()[:43]
    return [
        (
            "wecom",
            "wecom-demo",
            {
                "corpid": "ww" + secret("corpid")[:16], "secret": secret("wecom"), "token": secret("wecom token")[:20],
                "aes_key": key.replace("+", "a").replace("/", "b"), "open_kfids": "wkDemo0000000000000000001",
                "welcome": "你好，这里是衡川工业互联，请说说遇到了什么问题。",
            },
        ),
        ("weibo", "weibo-demo", {"app_secret": secret("weibo"), "access_token": secret("weibo access")}),
        ("app", "app-demo", {"jwt_secret": secret("app")}),
        (
            "sms",
            "sms-demo",
            {
                "style": "plain", "endpoint": "http://127.0.0.1:9137/plain", "sign_name": "衡川互联", "access_key": "demo",
                "access_secret": secret("sms"), "hook_secret": secret("sms hook"),
            },
        ),
    ]  # fmt: skip
