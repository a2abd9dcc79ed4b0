"""What kinds of issues there are, and what each kind decides: whether it can be solved at first contact, whether the
customer is asked afterwards, what is worked off before it counts as solved, and how long it may take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

ALWAYS, SAMPLE, NEVER = "always", "sample", "never"


@dataclass(frozen=True)
class Kind:
    """One kind. `solvable`: may end in the first contact (可首解). `follow_up`: always 必访, sample 抽访, never 免访.
    `boxes`: its checklist (SOP), code → what to do; each is done, or skipped with a reason, before it is solved."""

    code: str
    label: str
    solvable: bool
    follow_up: str
    boxes: Mapping[str, str] = field(default_factory=dict)


KINDS = {
    kind.code: kind
    for kind in (
        Kind("consult", "使用咨询", True, ALWAYS),
        Kind("fault", "故障", True, ALWAYS),
        Kind("provision", "开通", True, SAMPLE,
             {"entitled": "核对企业和合同，确认可以开通", "opened": "开通后用对方的账号看一遍", "told": "告诉客户入口和第一步"}),
        Kind("change", "变更", True, SAMPLE,
             {"asked": "确认提出的人有权要求这项变更", "before": "记下变更前的值", "checked": "变更后验证生效，并请客户确认"}),
        Kind("complaint", "投诉", False, ALWAYS),
        Kind("suggestion", "建议", False, NEVER),
    )
}  # fmt: skip

IMPACTS = {"line_down": "停线", "machine_down": "单机停", "degraded": "降级", "none": "不影响"}

CATEGORIES = {
    "usage": "使用与配置",
    "connection": "网络与连接",
    "hardware": "硬件与供电",
    "software": "软件缺陷",
    "data": "数据与报表",
    "account": "账号与权限",
    "delivery": "交付与服务",
    "other": "其它",
}

_HOURS = {"P1": 4, "P2": 8, "P3": 24, "P4": 72}


def priority_of(kind: str, impact: str) -> str:
    """P1 (most urgent) to P4. The impact decides; a complaint is never the least urgent."""
    priority = {"line_down": "P1", "machine_down": "P2", "degraded": "P3", "none": "P4"}[impact]
    return "P3" if kind == "complaint" and priority == "P4" else priority


def time_to_solve(priority: str) -> timedelta:
    """How long an issue of this priority may take, in hours of the clock (not of working time)."""
    return timedelta(hours=_HOURS[priority])
