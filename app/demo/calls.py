"""The demo's telephone: a source of calls, extensions, and two weeks of calls as an exchange would have told of them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.core.db import session
from app.core.permissions import SYSTEM
from app.demo.world_rows import World
from channels.accounts import add_account, find_account
from channels.calls.live import complete
from channels.calls.models import Call
from channels.calls.record import SINGLE, Row
from channels.calls.storing import store_rows
from workflows.call_tasks import CALL_TASK, open_tasks_for
from workflows.engine import take
from workflows.wrap_models import CALL
from workflows.wrap_ups import wrap_up

SLUG, SECRET = "calls-demo", "huiyin-demo-calls"  # public like the demo's password; only where HUIYIN_DEMO=1
HOTLINE = "4000000100"
STRANGER = "+8619900009527"
SWITCHBOARD = "+8651205550100"
QUEUES = ("平台热线", "设备故障", "投诉")
EXTENSIONS = {"agent": "8001", "agent2": "8002", "agent3": "8003", "leader": "8010", "second": "8020", "resident": "8101"}


def _mobile(serial: int) -> str:
    return f"+861990000{serial:04d}"


CALLERS = (_mobile(102), _mobile(103), SWITCHBOARD, _mobile(201), _mobile(302), _mobile(403), _mobile(601), _mobile(804))
"""Who can ring at the demo's softphone."""

TALKS = (
    # minutes ago, caller, queue, extension, waited, talked, held, after-call work, category, what it was
    (95, 102, 1, "8001", 6, 214, 0, 31, "hardware", "变频器 E07，清理散热风道"),
    (150, 103, 0, "8002", 11, 168, 20, 24, "usage", "报表口径，发了说明"),
    (205, 201, 0, "8001", 4, 96, 0, 18, "account", "加一名成员"),
    (260, 0, 1, "8003", 18, 342, 45, 40, "connection", "换卡后 APN 没改"),
    (340, 302, 1, "8002", 25, 187, 0, 22, "", ""),
    (410, 403, 0, "8001", 9, 73, 0, 12, "data", "追溯码前缀"),
    (1500, 601, 1, "8001", 7, 410, 60, 35, "hardware", "传感器安装松动"),
    (1560, 804, 0, "8002", 5, 122, 0, 20, "usage", "MES 报工重复"),
    (1640, 102, 1, "8003", 33, 265, 0, 28, "hardware", "同一台变频器又过热"),
    (1720, 702, 0, "8001", 12, 88, 0, 15, "account", "权限审批进度"),
    (1810, 104, 1, "8002", 8, 301, 30, 33, "connection", "网关离线"),
    (1900, 203, 0, "8003", 15, 149, 0, 19, "", ""),
    (2960, 401, 0, "8001", 6, 132, 0, 21, "usage", "标识注册步骤"),
    (3050, 501, 1, "8002", 41, 287, 90, 44, "hardware", "织机驱动报警"),
    (3160, 303, 1, "8001", 10, 199, 0, 25, "hardware", "窑头风机参数"),
    (3300, 0, 0, "8003", 14, 64, 0, 10, "delivery", "问师傅几点到"),
    (4380, 106, 1, "8001", 9, 233, 0, 27, "hardware", "夜班停机，先切旁路"),
    (4470, 204, 0, "8002", 7, 118, 0, 16, "data", "排产数据延迟"),
    (4600, 602, 1, "8003", 52, 356, 40, 38, "connection", "熔炼车间断网"),
    (4720, 803, 0, "8001", 5, 141, 0, 22, "software", "升级后页面空白"),
    (5830, 107, 0, "8002", 16, 92, 0, 14, "usage", "点检表导出"),
    (5950, 301, 1, "8001", 12, 224, 0, 30, "hardware", "电气柜温度高"),
    (6080, 402, 0, "8002", 8, 175, 15, 23, "delivery", "灌装线验收时间"),
    (7290, 503, 0, "8001", 19, 156, 0, 20, "data", "能耗分摊怎么看"),
    (7410, 101, 2, "8010", 27, 388, 0, 51, "delivery", "对上门延误不满，班长跟"),
    (7560, 202, 0, "8003", 6, 84, 0, 13, "account", "改绑手机号"),
    (8700, 304, 0, "8001", 11, 133, 0, 19, "usage", "健康评分含义"),
    (8830, 701, 1, "8002", 13, 276, 35, 36, "hardware", "洁净车间传感器"),
    (8990, 105, 1, "8001", 38, 312, 0, 29, "connection", "热处理线数据断续"),
    (10140, 801, 0, "8002", 9, 247, 0, 26, "software", "API 签名时间戳"),
    (10270, 603, 0, "8003", 7, 101, 0, 15, "usage", "巡检提醒设置"),
    (11580, 802, 1, "8001", 21, 198, 0, 24, "hardware", "触摸屏无响应"),
    (11700, 404, 0, "8002", 10, 119, 0, 17, "", ""),
    (13020, 0, 1, "8001", 15, 267, 25, 32, "hardware", "产线停机，远程复位"),
    (13160, 703, 0, "8003", 8, 143, 0, 18, "usage", "审计追踪导出"),
    (14450, 502, 1, "8002", 29, 329, 0, 37, "hardware", "伺服过载"),
    (15890, 203, 0, "8001", 12, 107, 0, 16, "usage", "班次设置"),
    (17330, 102, 1, "8001", 6, 181, 0, 22, "hardware", "备件到货确认"),
    (18780, 201, 0, "8002", 9, 128, 0, 19, "data", "看板数字对不上"),
)
MISSED = (
    # minutes ago, caller, queue, extension that rang last, waited, outcome
    (70, 603, 1, "8001", 48, "abandoned"), (66, 603, 1, "8002", 62, "abandoned"), (180, 0, 0, "8001", 35, "abandoned"),
    (430, 402, 0, "8003", 40, "no_answer"), (1610, 105, 1, "8002", 71, "abandoned"), (1880, 304, 0, "8001", 26, "abandoned"),
    (3210, 502, 1, "8003", 90, "abandoned"), (4650, 303, 1, "8001", 33, "no_answer"), (6020, 204, 0, "8002", 12, "abandoned"),
    (7330, 802, 1, "8001", 58, "abandoned"), (8760, 106, 1, "8003", 45, "abandoned"), (10200, 401, 0, "8002", 30, "busy"),
    (13100, 701, 1, "8001", 66, "abandoned"), (15930, 0, 0, "8002", 21, "abandoned"),
)  # fmt: skip
CALLED = (
    # minutes ago, whom, extension, waited, talked (0: nobody there), after-call work, category, what it was
    (30, 304, "8001", 12, 74, 20, "delivery", "回电，约了明早上门"), (300, 104, "8002", 18, 133, 25, "connection", "回访，网关已恢复"),
    (1750, 105, "8001", 9, 98, 15, "connection", "回电，说明处理进度"), (3150, 601, "8003", 30, 0, 0, "", ""),
    (5900, 204, "8002", 14, 66, 12, "data", "回电，数据已补"), (8800, 106, "8001", 11, 121, 18, "hardware", "回访"),
    (11650, 401, "8002", 25, 0, 0, "", ""),
)  # fmt: skip


def set_up(rows: World) -> None:
    """The account and the extensions, where they are not there yet."""
    rows.accounts["calls"] = find_account(SLUG) or add_account(
        SYSTEM, "calls", SLUG, {"secret": SECRET, "own_numbers": HOTLINE, "time_zone": "Asia/Shanghai"}
    )
    for login, extension in EXTENSIONS.items():
        rows.users[login].extension = rows.users[login].extension or extension
    session().flush()


Act = Callable[[], None]


def acts(rows: World, loaded: datetime) -> Iterator[tuple[datetime, Act]]:
    """Two weeks of calls, each told when it was over and most of them wrapped up at once; callers whom nobody took were
    called back, but for those of the last day."""
    for ended, row, wrapped in _plan(loaded):
        yield ended, lambda row=row: _tell(rows, row)  # type: ignore[misc]
        if wrapped is not None:
            yield ended + timedelta(seconds=wrapped[1]), lambda row=row, wrapped=wrapped: _wrap(rows, row, wrapped)  # type: ignore[misc]
        if row.call_id.startswith("demo-missed") and loaded - ended > timedelta(days=1):
            yield ended + timedelta(minutes=18), lambda row=row: _called_back(rows, row)  # type: ignore[misc]


def _tell(rows: World, row: Row) -> None:
    store_rows(rows.accounts["calls"], [row])


def _call(row: Row) -> Call:
    return session().scalars(select(Call).where(Call.external_id == row.call_id)).one()


def _wrap(rows: World, row: Row, wrapped: tuple[str, int, str, str]) -> None:
    call, agent = _call(row), next((login for login, extension in EXTENSIONS.items() if extension == wrapped[0]), "agent")
    wrap_up(rows.actor(agent), CALL, call.id, category=wrapped[2], cause=wrapped[3], talk_ended_at=call.ended_at)


def _called_back(rows: World, row: Row) -> None:
    call = _call(row)
    for task in open_tasks_for([call.contact_id] if call.contact_id else [], call.number):
        take(CALL_TASK, task, "log", rows.actor("agent2"), result="reached", comment="")


Planned = tuple[datetime, Row, tuple[str, int, str, str] | None]


def _plan(loaded: datetime) -> Iterator[Planned]:
    for n, (ago, caller, queue, extension, waited, talked, held, after, category, cause) in enumerate(TALKS):
        begin = loaded - timedelta(minutes=ago)
        number = _mobile(caller) if caller else SWITCHBOARD
        given = {"caller": number, "callee": HOTLINE, "direction": "inbound", "queue": QUEUES[queue], "agent": extension,
                 "answered": waited, "ended": waited + talked, "hold": held or None, "wrap_up": after, "outcome": "answered"}  # fmt: skip
        yield _row(f"demo-in-{n}", begin, given, (extension, after, category, cause) if category else None)
    for n, (ago, caller, queue, extension, waited, outcome) in enumerate(MISSED):
        begin = loaded - timedelta(minutes=ago)
        number = _mobile(caller) if caller else SWITCHBOARD
        given = {"caller": number, "callee": HOTLINE, "direction": "inbound", "queue": QUEUES[queue], "rings": extension,
                 "ended": waited, "wait": waited, "outcome": outcome}  # fmt: skip
        yield _row(f"demo-missed-{n}", begin, given, None)
    for n, (ago, whom, extension, waited, talked, after, category, cause) in enumerate(CALLED):
        begin = loaded - timedelta(minutes=ago)
        given = {"caller": extension, "callee": _mobile(whom), "direction": "outbound", "agent": extension, "wrap_up": after or None,
                 "ended": waited + talked, "outcome": "answered" if talked else "no_answer"}  # fmt: skip
        if talked:
            given["answered"] = waited
        yield _row(f"demo-out-{n}", begin, given, (extension, after, category, cause) if category else None)


def _row(name: str, begin: datetime, given: dict[str, Any], wrapped: tuple[str, int, str, str] | None) -> Planned:
    """`given` has its moments in seconds from the beginning."""
    start = begin.timestamp()
    told = {k: start + v if k in ("answered", "ended") else v for k, v in given.items() if v is not None}
    record = complete({"started": start, **told})
    return begin + timedelta(seconds=given["ended"]), Row(name, f"demo:{name}", SINGLE, record), wrapped
