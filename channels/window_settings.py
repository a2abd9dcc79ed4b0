"""How many messages a platform allows after the customer did something; settings of the account, for its law changes."""

from channels.models import Account
from channels.setting import Setting


def _whole(value: str, least: int, most: int) -> bool:
    return value.isascii() and value.isdecimal() and len(value) < 7 and least <= int(value) <= most


def _count(value: str) -> str:
    return "" if _whole(value, 0, 1000) else "写 0 到 1000 之间的整数。"


def _span(value: str) -> str:
    return "" if _whole(value, 1, 86_400) else "写 1 到 86400 之间的整数。"


WINDOW_SETTINGS = (
    Setting("window_messages", "客户写话后可发几条", "客户每写一次话，平台允许我们发的消息数。", default="5", check=_count),
    Setting("window_hours", "客户写话后几小时内可发", "超过以后平台不再接收。", default="48", check=_span),
    Setting("window_event_messages", "点菜单、关注、扫码后可发几条", "这些动作另有一份额度。", default="3", check=_count),
    Setting("window_event_seconds", "点菜单、关注、扫码后几秒内可发", default="60", check=_span),
    Setting("window_reserve", "留给处理结果的条数", "进度一类的通知不动用这几条，等有了结果再发。", default="1", check=_count),
)
"""A kind of account joins the law by adding these to its own settings."""


def limited(account: Account) -> bool:
    """Whether this account's platform counts what we send."""
    from channels.settings import SPECS  # late: the kinds that are listed there stand on this module

    return any(one.name == "window_messages" for one in SPECS.get(account.kind, ()))


def number(account: Account, name: str) -> int:
    """The setting of an account, or its default."""
    default = next(one.default for one in WINDOW_SETTINGS if one.name == name)
    given = str(account.settings.get(name) or default)
    return int(given) if given.isascii() and given.isdecimal() else int(default)
