"""The demo's official account and its phones: who they are, and secrets that both sides of the game derive alike."""

import base64
import hashlib

from app.core.sealing import mark

SLUG, BASE = "wechat-demo", "/demo/wechat"
PHONES = (
    ("oDemoWangJianping00000001", "王建平", "uDemoWangJianping00000001", "wang-jianping"),
    ("oDemoLiXiulan0000000000002", "李秀兰", "uDemoLiXiulan0000000000002", ""),
    ("oDemoZhaoLei00000000000003", "赵磊", "uDemoZhaoLei00000000000003", "zhao-lei"),
)
"""openid, name and unionid of the phones that lie ready, and the demo's contact whom the desk already knows by it."""


def credentials() -> dict[str, str]:
    """The settings of the account. The secrets follow from the house key, so that the simulator needs none of its own."""
    digest = hashlib.sha256(mark("wechat demo", "aes").encode()).digest()
    return {
        "name": "衡川工业互联", "appid": "wx" + mark("wechat demo", "appid"), "secret": mark("wechat demo", "secret"),
        "token": mark("wechat demo", "token"), "aes_key": base64.b64encode(digest).decode()[:43].replace("+", "a").replace("/", "b"),
        "mode": "safe", "api_base": BASE,
        "welcome": "你好，这里是衡川工业互联。直接说遇到了什么问题，或拍一张铭牌发过来。",
    }  # fmt: skip
