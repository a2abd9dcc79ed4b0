"""What kinds of work there are and what each demands; and the closed lists of reasons that order steps choose from."""

from dataclasses import dataclass
from datetime import timedelta

ACCEPT_WITHIN = {"P1": timedelta(minutes=30), "P2": timedelta(hours=2), "P3": timedelta(hours=8), "P4": timedelta(hours=24)}
FINISH_WITHIN = {"P1": timedelta(hours=24), "P2": timedelta(hours=48), "P3": timedelta(days=5), "P4": timedelta(days=10)}
LONGEST_WINDOW = timedelta(days=7)
FARTHEST_WINDOW = timedelta(days=180)
CODE_TRIES = 5
MAX_ORDERS = 20
"""Orders that one ticket may have open at a time."""


@dataclass(frozen=True)
class Work:
    """One kind of work. `on_site`: somebody travels, so it needs an arrival and a signing-off (验收码 or signature).
    `evidence`: kinds without which it is not delivered. `sop`: its standard procedure, where one tap may plan it."""

    code: str
    label: str
    on_site: bool
    evidence: tuple[str, ...] = ()
    sop: str = ""


WORKS = {
    work.code: work
    for work in (
        Work("repair", "上门维修", True, ("photo",)),
        Work("replace", "换件", True, ("photo",)),
        Work("install", "安装开通", True, ("photo", "reading")),
        Work("inspect", "巡检", True, ("photo",),
             "核对设备与序列号；断电挂牌；清洁与紧固；逐项测量并记录读数；恢复送电并观察十分钟；与现场人员确认。"),
        Work("remote", "远程支持", False, (),
             "与客户约定时间；确认现场有人、设备可停；备份参数；远程处理；恢复运行并观察；请客户确认。"),
        Work("part", "寄送备件", False, (),
             "核对型号与数量；发货并登记运单号；确认客户收到；收回旧件。"),
    )
}  # fmt: skip

RELATIONS = {"after": "在它之后", "joint": "与它一起"}
EVIDENCE = {"photo": "照片", "reading": "读数", "checklist": "检查表", "signature": "签字", "note": "说明"}
WITH_FILE = frozenset({"photo", "signature"})
"""Kinds that are nothing without a file; the others are nothing without words."""

HOLDS = {
    "part": "备件",
    "downtime": "停机窗口",
    "permit": "入厂许可",
    "customer": "客户",
    "platform": "平台",
    "date": "约定日期",
}
STOPS_CLOCK = frozenset({"downtime", "permit", "customer", "date"})
"""While one of these is waited for, the supplier's clock stands still."""

CHANGERS = {"customer": "客户", "supplier": "供应商", "platform": "平台", "weather": "天气或交通"}
REJECTS = {"not_ours": "非我方责任", "capacity": "排不开人", "area": "不在服务区域", "unclear": "信息不全", "other": "其它"}
VISIT_RESULTS = {"done": "完成", "part": "待备件", "again": "需二次上门", "absent": "客户不在", "not_ready": "不具备条件"}
WASTED = frozenset({"absent", "not_ready"})
UNABLES = {"no_part": "备件已停产", "unsafe": "不具备安全条件", "declined": "客户不同意", "beyond": "超出能力", "other": "其它"}
WARRANTIES = {"in": "保内", "out": "保外", "unknown": "未知"}
CHOSEN = {"contract": "按合同", "product": "按产品", "platform": "归平台", "person": "人工指定"}
QUOTES = {"": "不需要报价", "asked": "等客户确认报价", "confirmed": "客户已确认报价", "refused": "客户不接受报价"}
ANSWERS = {"confirmed": "同意报价", "refused": "不同意报价"}
VERDICTS = {"upheld": "确非其责任", "refused": "仍归这家"}
