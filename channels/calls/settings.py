"""What can be set on a source of calls: its zone and numbers, the door for its reports, files that grow, recordings."""

import ipaddress
import re
from zoneinfo import available_timezones

from channels.calls.asterisk import column_map
from channels.calls.mapping import BadMap, read_map
from channels.calls.providers import PROVIDERS
from channels.setting import Setting


def _zone(value: str) -> str:
    return "" if value in available_timezones() else "写一个时区名，例如 Asia/Shanghai。"


def _digits(value: str) -> str:
    return "" if re.fullmatch(r"[0-9]{1,4}", value) else "写 1 到 4 位数字。"


def _secret(value: str) -> str:
    return "" if len(value) >= 12 else "至少 12 个字符。"


def _networks(value: str) -> str:
    try:
        networks(value)
    except ValueError:
        return "写 IP 地址或网段，用逗号分开，例如 203.0.113.7, 198.51.100.0/24。"
    return ""


def networks(value: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The addresses that may report. Raises ValueError for what is none."""
    return [ipaddress.ip_network(one, strict=False) for one in re.split(r"[\s,，;；]+", value.strip()) if one]


def _map(value: str) -> str:
    try:
        read_map(value)
    except BadMap as problem:
        return str(problem)
    return ""


def _columns(value: str) -> str:
    try:
        column_map(value)
    except ValueError:
        return "写 Asterisk 的列名，用逗号分开，至少有 src、dst 和 start。"
    return ""


def _path(value: str) -> str:
    return "" if value.startswith("/") and len(value) <= 400 else "写从 / 开始的完整路径。"


def _hosts(value: str) -> str:
    good = all(re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", one) for one in hosts(value))
    return "" if good else "只写服务器名，用逗号分开，例如 record.provider.example。"


def hosts(value: object) -> list[str]:
    return [one.lower() for one in re.split(r"[\s,，;；]+", str(value or "").strip()) if one]


def _seconds(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,4}", value) and 1 <= int(value) <= 3600 else "写 1 到 3600 之间的秒数。"


def _hours(value: str) -> str:
    return "" if re.fullmatch("[0-9]{1,2}", value) and 1 <= int(value) <= 48 else "写 1 到 48 之间的小时数。"


CALLS_SETTINGS = (
    Setting("time_zone", "时区", "交换机记录里的时间没有时区时，按这个时区理解。", default="Asia/Shanghai", check=_zone),
    Setting("outside_line", "出局字冠", "打外线先拨的数字，例如 9。识别号码时去掉。", check=_digits),
    Setting("own_numbers", "本方号码", "我们自己的号码，用逗号分开；用来判断一通电话是呼入还是呼出。"),
    Setting("secret", "推送密钥", "推送地址带 ?secret= 或请求头 X-Huiyin-Secret；没有密钥就不接收推送。", secret=True, check=_secret),
    Setting("allowed_ips", "允许的来源地址", "只接收这些地址的推送，用逗号分开；空着不限制。", check=_networks),
    Setting(
        "provider", "云呼叫中心", "推送的 JSON 按这一家的字段表理解。",
        choices=("", *PROVIDERS),
    ),
    Setting("field_map", "自己的字段表", "JSON；写了就代替上面那一张。可以在字段表页面用样例试。", long=True, check=_map),
    Setting("cdr_path", "话单文件", "交换机不断追加的话单文件，例如 /var/log/asterisk/cdr-csv/Master.csv；由后台进程读。", check=_path),
    Setting("cdr_format", "话单格式", "话单文件由谁写。", default="asterisk-csv", choices=("asterisk-csv", "freeswitch-csv")),
    Setting("cdr_columns", "话单的列", "cdr_custom 按模板写的列名，用逗号分开，不用的列写 -；空着是 Asterisk 的标准列。", check=_columns),
    Setting("queue_log_path", "队列日志文件", "Asterisk 的 queue_log；补上队列、坐席和等待时间。", check=_path),
    Setting("file_start", "从哪里读起", "", default="all", choices=("all", "new")),
    Setting("file_poll_seconds", "读文件的间隔", "秒。", default="2", check=_seconds),
    Setting("recordings", "录音", "录音在录音服务器上时怎么办。", default="link", choices=("link", "fetch")),
    Setting("recording_hosts", "录音服务器", "只向这些服务器取录音，用逗号分开。", check=_hosts),
    Setting("recording_folder", "录音文件夹", "录音是本机文件时，只在这个文件夹里取。", check=_path),
    Setting("recording_password", "录音服务器的口令", "写成 用户名:口令；取录音时用。", secret=True),
    Setting("live_hours", "通话最长几小时", "一通电话响起后一直没有结束的消息，过了这么久就当作已经结束。", default="6", check=_hours),
)  # fmt: skip
