"""WeChat's error numbers and what we do about each: the one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from app.core.clock import now
from channels.base import SendFailed, SendPostponed, Unreachable, WindowShut, mended_by_us

PLATFORM = ZoneInfo("Asia/Shanghai")


class Deed(Enum):
    """What an error makes us do with the message."""

    RETRY = "try again later"
    TOMORROW = "the day's calls are used up: wait for the next day, and tell the administrator"
    REFRESH = "renew the token once, then try again later"
    UPLOAD = "hand the file over again once"
    UNREACHABLE = "this person cannot be reached here any more"
    CLOSED = "the platform's time is over"
    SPENT = "the platform's number is used up: wait for the customer's next words"
    SENT = "it was taken before"
    SETUP = "tell the administrator; an administrator may mend it, so it is tried again for a while"
    FINAL = "this message will never be taken"


@dataclass(frozen=True)
class Row:
    """One line of the table: the deed, and the sentence that stands at the message."""

    deed: Deed
    words: str


TOKEN_REFUSED = frozenset({40001, 40014, 41001, 42001})
TABLE: Mapping[int, Row] = {
    -1: Row(Deed.RETRY, "微信暂时繁忙（%(code)s），稍后自动重试。"),
    **{code: Row(Deed.REFRESH, "微信不接受访问令牌（%(code)s），已换新的，稍后自动重试。") for code in sorted(TOKEN_REFUSED)},
    45009: Row(Deed.TOMORROW, "公众号今天的接口调用次数用完了（%(code)s），明天零点后自动再发。管理员可以在公众平台清零。"),
    45011: Row(Deed.RETRY, "接口调用太频繁（%(code)s），稍后自动重试。"),
    40003: Row(Deed.UNREACHABLE, "对方的 openid 无效（%(code)s），微信送不到。"),
    43004: Row(Deed.UNREACHABLE, "对方没有关注公众号（%(code)s），微信送不到。"),
    43019: Row(Deed.UNREACHABLE, "对方在公众号的黑名单里（%(code)s），微信送不到。"),
    50002: Row(Deed.FINAL, "对方的微信受到限制（%(code)s），送不到。"),
    40007: Row(Deed.UPLOAD, "文件在微信那边已经失效（%(code)s）。"),
    45015: Row(Deed.CLOSED, "客户超过 48 小时没有来信或已取消关注（%(code)s），微信不再接收。"),
    45047: Row(Deed.SPENT, "平台允许的条数已经发完（%(code)s），等客户再写一句才能发。"),
    45065: Row(Deed.SENT, "微信已经收过这条（%(code)s）。"),
    40164: Row(Deed.SETUP, "本服务器的 IP 不在公众号的白名单里（%(code)s），请管理员在公众平台添加。"),
    40013: Row(Deed.SETUP, "AppID 不对（%(code)s），请管理员检查渠道设置。"),
    40125: Row(Deed.SETUP, "AppSecret 不对（%(code)s），请管理员检查渠道设置。"),
    40037: Row(Deed.FINAL, "模板编号不对（%(code)s），请管理员检查模板设置。"),
    40200: Row(Deed.SETUP, "公众号的类型不能用这个接口（%(code)s），请管理员检查认证状态。"),
    48001: Row(Deed.SETUP, "公众号没有这个接口的权限（%(code)s），请管理员检查认证状态。"),
    48004: Row(Deed.SETUP, "公众号的这个接口被封禁（%(code)s），请管理员查看公众平台的通知。"),
    50001: Row(Deed.SETUP, "公众号没有授权这个接口（%(code)s），请管理员检查。"),
    61004: Row(Deed.SETUP, "本服务器的 IP 没有登记（%(code)s），请管理员在开放平台添加。"),
    43101: Row(Deed.FINAL, "对方没有订阅这条通知（%(code)s）。"),
    44004: Row(Deed.FINAL, "消息是空的（%(code)s），微信不接受。"),
    45002: Row(Deed.FINAL, "消息太长（%(code)s），微信不接受。"),
    47001: Row(Deed.FINAL, "微信读不懂这条消息（%(code)s）。"),
    47003: Row(Deed.FINAL, "模板的内容不合规定（%(code)s：%(said)s）。"),
}
UNKNOWN = Row(Deed.FINAL, "微信不接受这条消息（%(code)s：%(said)s）。")


class Refusal(Exception):
    """WeChat answered with an error: `code` is its number, `said` its words."""

    def __init__(self, code: int, said: str) -> None:
        self.code, self.said = code, said
        super().__init__(f"{code} {said}")

    @property
    def row(self) -> Row:
        return TABLE.get(self.code, UNKNOWN)


def as_failure(problem: Refusal) -> SendFailed:
    """What an error means for a message of ours. Not asked about SENT."""
    row, data = problem.row, {"code": problem.code, "said": problem.said}
    if row.deed is Deed.TOMORROW:
        return SendPostponed(row.words, until=next_day(), **data)
    if row.deed in (Deed.CLOSED, Deed.SPENT):
        return WindowShut(row.words, spent=row.deed is Deed.SPENT, **data)
    if row.deed is Deed.UNREACHABLE:
        return Unreachable(row.words, **data)
    failure = SendFailed(row.words, final=row.deed in (Deed.FINAL, Deed.UPLOAD), **data)
    return mended_by_us(failure) if row.deed is Deed.SETUP else failure


def next_day() -> datetime:
    """When the platform counts anew: midnight in China, and a few minutes so that clocks may differ. UTC."""
    here = now().astimezone(PLATFORM)
    return (here.replace(hour=0, minute=5, second=0, microsecond=0) + timedelta(days=1)).astimezone(UTC)


def of_token(problem: Refusal) -> SendFailed:
    """What an error means when the token itself was asked for: the same number then speaks of the secret."""
    if problem.code in (40001, 40125, 41004, 40002):
        return mended_by_us(SendFailed(TABLE[40125].words, final=False, code=problem.code))
    found = as_failure(problem)
    if not found.final:
        return found
    return mended_by_us(SendFailed(problem.row.words, final=False, code=problem.code, said=problem.said))
