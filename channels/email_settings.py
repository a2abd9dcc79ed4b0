"""What can be set on a mailbox: how it is fetched, how it sends, how it signs in, and what it answers by itself."""

import re
from zoneinfo import available_timezones

from channels.setting import Setting

MAX_FOLDERS = 10


def _port(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,5}", value) and 0 < int(value) < 65536 else "端口是 1 到 65535 的数。"


def _seconds(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,4}", value) and 5 <= int(value) <= 3600 else "写 5 到 3600 之间的秒数。"


def _host(value: str) -> str:
    return "只写服务器名，例如 imap.company.example。" if re.search(r"[\s/@]", value) else ""


def _address(value: str) -> str:
    return "" if re.fullmatch(r"[^@\s]+@[^@\s]+", value) else "写一个邮箱地址。"


def _zone(value: str) -> str:
    return "" if value in available_timezones() else "写一个时区名，例如 Asia/Shanghai。"


def _folder(value: str) -> str:
    return "最多 200 个字符。" if len(value) > 200 else ""


def _folders(value: str) -> str:
    names = folders(value)
    if len(names) > MAX_FOLDERS:
        return "最多 10 个文件夹。"
    return next((_folder(name) for name in names if _folder(name)), "")


def _endpoint(value: str) -> str:
    loopback = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])[:/]", value)
    return "" if re.match(r"https://[^\s/]+/", value) or loopback else "写完整的 https 地址。"


def _hours(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,3}", value) and 1 <= int(value) <= 720 else "写 1 到 720 之间的小时数。"


def _most(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,3}", value) and 1 <= int(value) <= 100 else "写 1 到 100 之间的数。"


def folders(value: object) -> list[str]:
    """The folders that a setting names, each once; INBOX where it names none."""
    names = [name.strip() for name in re.split("[;；]", str(value or ""))]
    return list(dict.fromkeys(name for name in names if name)) or ["INBOX"]


EMAIL_SETTINGS = (
    Setting("address", "邮箱地址", required=True, check=_address),
    Setting("name", "发件人名称", "客户看到的名字"),
    Setting("signature", "签名", "回复的末尾；团队有自己的签名时用团队的", long=True),
    Setting("time_zone", "时区", "引用原信时写时间用", "Asia/Shanghai", check=_zone),
    Setting("imap_host", "收信服务器", "留空则不收信", check=_host),
    Setting("imap_security", "收信加密", default="tls", choices=("tls", "starttls", "plain")),
    Setting("imap_port", "收信端口", "留空用默认端口", check=_port),
    Setting("imap_user", "收信用户", "留空用邮箱地址"),
    Setting("imap_password", "收信密码", "QQ、163 等邮箱要填授权码", secret=True),
    Setting("imap_folder", "收哪个文件夹", "多个之间用分号", "INBOX", check=_folders),
    Setting("imap_processed_folder", "收完移到文件夹", "留空则不移动，也不标记已读", check=_folder),
    Setting("imap_poll_seconds", "每隔几秒看一次", default="20", check=_seconds),
    Setting("imap_idle", "新信即时通知（IDLE）", "服务器支持时由它通知，同时每 5 分钟核对一次", "yes", ("yes", "no")),
    Setting("imap_start", "第一次收信", default="all", choices=("all", "new")),
    Setting("smtp_host", "发信服务器", check=_host),
    Setting("smtp_security", "发信加密", default="none", choices=("none", "starttls", "tls")),
    Setting("smtp_port", "发信端口", "留空用默认端口", check=_port),
    Setting("smtp_user", "发信用户", "留空则不登录"),
    Setting("smtp_password", "发信密码", secret=True),
    Setting("plus_addresses", "回信地址带编号", "服务器支持 support+编号@… 这样的地址时开启；改了主题的回信也能归到原处", "no", ("no", "yes")),
    Setting("oauth_endpoint", "令牌地址", "填了就用 OAuth 登录，不用密码", check=_endpoint),
    Setting("oauth_client_id", "客户端编号"),
    Setting("oauth_client_secret", "客户端密钥", "公共客户端可以没有", secret=True),
    Setting("oauth_refresh_token", "刷新令牌", secret=True),
    Setting("oauth_scope", "权限范围", "多数服务商可以留空"),
    Setting("auto_reply", "自动答复新请求", "告诉客户已收到、工单号和下一步", "no", ("no", "yes")),
    Setting("auto_reply_text_zh", "中文答复", "留空用默认文字；可用 {number}、{subject}、{name}、{link}", long=True),
    Setting("auto_reply_text_en", "英文答复", "客户用英文来信时用；留空用默认文字", long=True),
    Setting("auto_reply_hours", "同一地址每几小时最多一封", default="24", check=_hours),
    Setting("auto_reply_most", "一小时内最多自动往来几次", "超过就停，防止和对方的自动程序互相回信", "10", check=_most),
)
