"""Who may do what: named permissions, roles as sets of them, and the actor that every write begins with."""

from dataclasses import dataclass, field

from app.core.errors import Forbidden

PERMISSIONS: dict[str, str] = {
    "desk.use": "进入坐席台",
    "ticket.read": "查看工单（自己范围内）",
    "ticket.read_all": "查看所有工单",
    "ticket.create": "登记工单",
    "ticket.work": "处理工单：接单、回复、解决、挂起",
    "ticket.dispatch": "派工、转派、合并、拆分",
    "ticket.close": "结单、重开",
    "ticket.cancel": "撤单",
    "ticket.supervise": "督办、批准延期、升级给主管",
    "contact.read": "查看联系人与设备",
    "contact.edit": "编辑联系人、设备，合并与撤销合并",
    "organisation.read": "查看企业",
    "organisation.edit": "编辑企业、现场与合同",
    "catalogue.read": "查看产品与版本",
    "catalogue.edit": "编辑产品与版本",
    "article.read": "查看内部知识",
    "article.write": "起草、修改知识",
    "article.publish": "发布、下架知识",
    "gap.work": "处理没有答案的问题",
    "community.answer": "以客服或供应商的身份回答社区问题",
    "community.moderate": "审核社区内容、维护敏感词",
    "report.read": "查看报表",
    "call.listen": "听所有通话录音",
    "counter.manage": "管理服务台二维码",
    "order.read": "查看服务订单（自己范围内）",
    "order.work": "执行服务订单",
    "order.dispatch": "接单、拒单、排程、派师傅",
    "order.check": "验收、返工、裁定拒单与延期",
    "order.cancel": "撤销服务订单",
    "user.manage": "管理用户、角色与登录",
    "channel.manage": "管理渠道账号与原始消息",
    "outbox.manage": "查看与重试待办队列",
    "index.rebuild": "重建知识索引",
    "audit.read": "查看审计记录",
}

_DESK = {"desk.use", "ticket.read", "ticket.create", "ticket.work", "contact.read", "organisation.read", "article.read", "catalogue.read", "order.read", "community.answer"}
_PLATFORM = {"order.work", "order.dispatch", "order.check", "order.cancel"}
_AGENT = _DESK | _PLATFORM | {"ticket.read_all", "ticket.dispatch", "ticket.close", "ticket.cancel", "contact.edit"}
_LEADER = _AGENT | {"ticket.supervise", "report.read", "call.listen", "counter.manage", "community.moderate"}

ROLES: dict[str, tuple[str, frozenset[str]]] = {
    "client": ("企业管理员", frozenset({"ticket.read", "ticket.create", "catalogue.read"})),
    "agent": ("坐席", frozenset(_AGENT)),
    "second_line": ("二线", frozenset(_AGENT)),
    "resident": ("供应商驻场", frozenset(_DESK)),
    "dispatcher": ("供应商调度", frozenset({"order.read", "order.dispatch", "order.work", "order.cancel", "catalogue.read", "community.answer"})),
    "technician": ("师傅", frozenset({"order.read", "order.work", "catalogue.read", "community.answer"})),
    "leader": ("班长", frozenset(_LEADER)),
    "supervisor": ("主管", frozenset(_LEADER | {"organisation.edit", "audit.read"})),
    "manager": ("客户经理", frozenset({"desk.use", "ticket.read", "order.read", "contact.read", "organisation.read", "report.read", "article.read", "catalogue.read"})),
    "editor": ("知识编辑", frozenset({"desk.use", "article.read", "article.write", "article.publish", "gap.work", "ticket.read", "ticket.read_all", "catalogue.read", "community.answer", "community.moderate"})),
    "author": ("供应商作者", frozenset({"article.read", "article.write", "catalogue.read", "community.answer"})),
    "administrator": ("管理员", frozenset(PERMISSIONS)),
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a user, a token of a user, a contact, or the system. The first argument of every write.

    `kind` is user, contact or system; `organisation_id` limits suppliers' and clients' people to what is theirs;
    `via` says by which door (page, api, cli, worker), for the audit trail.
    """

    kind: str
    id: int | None
    name: str
    role: str = ""
    permissions: frozenset[str] = frozenset()
    organisation_id: int | None = None
    team_ids: frozenset[int] = field(default_factory=frozenset)
    via: str = ""

    def can(self, permission: str) -> bool:
        if permission not in PERMISSIONS:
            raise ValueError(f"no such permission: {permission}")
        return permission in self.permissions


SYSTEM = Actor(kind="system", id=None, name="系统", permissions=frozenset(PERMISSIONS), via="system")
NOBODY = Actor(kind="nobody", id=None, name="访客")


def require(actor: Actor, permission: str) -> None:
    """Raise Forbidden unless the actor holds the permission."""
    if not actor.can(permission):
        raise Forbidden(permission=PERMISSIONS[permission])
