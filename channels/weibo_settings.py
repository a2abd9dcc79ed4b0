"""What can be set on a Weibo account of the fan service platform (粉丝服务平台)."""

import re

from channels.setting import Setting

API, UPLOADS = "https://m.api.weibo.com", "https://upload.api.weibo.com"


def _base(value: str) -> str:
    return "" if re.fullmatch(r"https?://[^\s?#]+", value) else "写成 https://m.api.weibo.com 这样。"


def _uid(value: str) -> str:
    return "" if re.fullmatch(r"[0-9]{1,20}", value) else "微博 UID 只有数字。"


WEIBO_SETTINGS = (
    Setting("app_secret", "App Secret", "微博开放平台或「粉丝服务 → 高级功能 → 开发者模式」里的 App Secret，回调用它签名。", secret=True, required=True),
    Setting("access_token", "Access Token", "同一页上的 access_token，回复消息用。不填则只收不回。", secret=True),
    Setting("uid", "微博 UID", "本账号的数字 UID。填写后，发给别的账号的回调不会混进来。", check=_uid),
    Setting("api_base", "接口地址", "一般不用改。", default=API, check=_base),
    Setting("upload_base", "文件接口地址", "一般不用改。", default=UPLOADS, check=_base),
)
