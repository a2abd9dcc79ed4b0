"""Names of the machine in words for people: actions of the audit trail, events, reactions, browsers.

A name without words is shown as it is; tests/web/test_words.py says which are missing.
"""

import re
from typing import Any

from flask_babel import lazy_gettext as _l

ACTIONS: dict[str, Any] = {
    "user.created": _l("新建用户"),
    "user.edited": _l("改用户资料"),
    "user.enabled": _l("启用用户"),
    "user.disabled": _l("停用用户"),
    "user.password_reset": _l("重设密码"),
    "user.password_changed": _l("本人改密码"),
    "user.preferences": _l("改语言或时区"),
    "user.unlocked": _l("解锁登录"),
    "login.started": _l("登录"),
    "login.ended": _l("登录结束"),
    "login.locked": _l("登录被锁定"),
    "token.created": _l("新建接口令牌"),
    "token.revoked": _l("收回接口令牌"),
    "demo.loaded": _l("载入演示数据"),
    "outbox.retried": _l("重试待办"),
    "outbox.settled": _l("待办记为已做完"),
    "account.added": _l("新建渠道账号"),
    "account.changed": _l("改渠道账号"),
    "raw.replayed": _l("重放来件"),
    "message.sent_again": _l("重新发送"),
    "contact.created": _l("新建联系人"),
    "contact.edited": _l("改联系人"),
    "contact.merged": _l("合并联系人"),
    "contact.merged_into": _l("并入另一联系人"),
    "contact.unmerged": _l("撤销合并"),
    "contact.unmerged_from": _l("从另一联系人拆回"),
    "organisation.created": _l("新建企业"),
    "organisation.edited": _l("改企业"),
    "site.created": _l("新建现场"),
    "site.edited": _l("改现场"),
    "device.created": _l("新建设备"),
    "device.edited": _l("改设备"),
    "device.tag_renewed": _l("换设备二维码"),
    "contract.created": _l("新建合同"),
    "contract.edited": _l("改合同"),
    "product.created": _l("新建产品"),
    "product.edited": _l("改产品"),
    "article.draft": _l("起草知识"),
    "article.revise": _l("修订知识"),
    "article.change": _l("改知识"),
    "article.submit": _l("提交审核"),
    "article.publish": _l("发布知识"),
    "article.retire": _l("下架知识"),
    "article.reject": _l("退回知识"),
    "identity.added": _l("新增渠道身份"),
    "identity.removed": _l("去掉渠道身份"),
    "identity.shared": _l("渠道身份改为共用"),
    "identity.unshared": _l("渠道身份改为个人"),
    "release.added": _l("新增版本"),
    "release.edited": _l("改版本"),
    "ticket.opened": _l("登记工单"),
    "ticket.replied": _l("回复客户"),
    "ticket.contact_set": _l("改工单联系人"),
    "ticket.classified": _l("改工单分类"),
    "ticket.dispatch": _l("派工"),
    "ticket.start": _l("接单"),
    "ticket.solve_now": _l("一键首解"),
    "ticket.transfer": _l("转派"),
    "ticket.return": _l("退回"),
    "ticket.raise": _l("升级"),
    "ticket.urge": _l("催办"),
    "ticket.supervise": _l("督办"),
    "ticket.extend": _l("申请延期"),
    "ticket.extension_decided": _l("答复延期"),
    "ticket.hold": _l("挂起"),
    "ticket.resume": _l("恢复"),
    "ticket.resolve": _l("解决"),
    "ticket.follow_up_attempt": _l("回访一次"),
    "ticket.close": _l("结单"),
    "ticket.reopen": _l("重开"),
    "ticket.cancel": _l("撤单"),
    "ticket.merge": _l("合并工单"),
    "ticket.unmerge": _l("撤销工单合并"),
    "ticket.split": _l("拆分工单"),
    "ticket.escalate": _l("转服务订单"),
    "order.opened": _l("建服务订单"),
    "order.accept": _l("供应商接单"),
    "order.reject": _l("供应商拒单"),
    "order.assign": _l("派师傅"),
    "order.appoint": _l("预约上门"),
    "order.reappoint": _l("改约"),
    "order.plan": _l("制订方案"),
    "order.depart": _l("师傅出发"),
    "order.arrive": _l("师傅到场"),
    "order.leave": _l("师傅离场"),
    "order.start": _l("开始交付"),
    "order.deliver": _l("交付完成"),
    "order.pass": _l("验收通过"),
    "order.rework": _l("退回返工"),
    "order.close": _l("关闭订单"),
    "order.hold": _l("挂起订单"),
    "order.resume": _l("恢复订单"),
    "order.extend": _l("订单申请延期"),
    "order.extension_decided": _l("答复订单延期"),
    "order.unable": _l("订单无法完成"),
    "order.cancel": _l("撤销订单"),
    "order.cancel_proposed": _l("提议撤销订单"),
    "order.evidence": _l("补订单凭证"),
    "order.handed_over": _l("订单改派供应商"),
    "order.judged": _l("裁定拒单"),
    "order.quote_answered": _l("客户答复报价"),
    "order.urged": _l("催办订单"),
}

EVENTS: dict[str, Any] = {
    "UserChanged": _l("用户有变化"),
    "LoginStarted": _l("有人登录"),
    "LoginEnded": _l("登录结束"),
    "MessageReceived": _l("收到消息"),
    "MessageQueued": _l("有消息要发"),
    "MessageSent": _l("消息已送出"),
    "MessageNotSent": _l("消息没有送出"),
    "PayloadFailed": _l("来件读不懂"),
    "ArticlePublished": _l("知识已发布"),
    "ArticleRetired": _l("知识已下架"),
    "ArticleChanged": _l("知识有变化"),
    "TicketOpened": _l("工单已登记"),
    "TicketStepTaken": _l("工单走了一步"),
    "TicketChanged": _l("工单有变化"),
    "HoldEnds": _l("挂起到期"),
    "SilenceEnds": _l("回访等到期"),
    "ContactChanged": _l("联系人有变化"),
    "ContactsMerged": _l("联系人已合并"),
    "ContactsUnmerged": _l("联系人已拆回"),
    "OrganisationChanged": _l("企业有变化"),
    "ProductChanged": _l("产品有变化"),
    "SiteChanged": _l("现场有变化"),
    "DeviceChanged": _l("设备有变化"),
    "ContractChanged": _l("合同有变化"),
    "OrderOpened": _l("服务订单已建"),
    "OrderStepTaken": _l("服务订单走了一步"),
    "OrderChanged": _l("服务订单有变化"),
    "OrderHoldEnds": _l("订单挂起到期"),
}

REACTIONS: dict[str, Any] = {
    "route_message": _l("归入会话与工单"),
    "deliver_message": _l("发送消息"),
    "start_silence": _l("开始等客户答复"),
    "stop_silence": _l("不再等客户答复"),
    "ask_follow_up": _l("发出回访"),
    "wake_hold": _l("结束挂起"),
    "close_silent": _l("静默结单"),
    "write_index": _l("更新搜索索引"),
    "feed_ticket": _l("把订单结果带回工单"),
    "ask_price": _l("请客户确认报价"),
    "wake_order": _l("结束订单挂起"),
    "tell_appointment": _l("告知客户预约"),
}

SUBJECTS: dict[str, Any] = {
    "user": _l("用户"),
    "api_token": _l("接口令牌"),
    "outbox": _l("待办"),
    "account": _l("渠道账号"),
    "raw": _l("来件"),
    "message": _l("消息"),
    "conversation": _l("会话"),
    "contact": _l("联系人"),
    "organisation": _l("企业"),
    "site": _l("现场"),
    "device": _l("设备"),
    "contract": _l("合同"),
    "product": _l("产品"),
    "article": _l("知识"),
    "ticket": _l("工单"),
    "service_order": _l("服务订单"),
    "order": _l("服务订单"),
}

VIA: dict[str, Any] = {
    "page": _l("网页"),
    "api": _l("接口"),
    "cli": _l("命令"),
    "system": _l("系统"),
    "worker": _l("系统"),
}

STATES: dict[str, Any] = {
    "active": _l("可用"),
    "locked": _l("已锁定"),
    "disabled": _l("已停用"),
    "open": _l("没做完"),
    "due": _l("等着做"),
    "leased": _l("正在做"),
    "dead": _l("已放弃"),
    "undecided": _l("不确定"),
    "done": _l("已做完"),
}

CHECKS: dict[str, Any] = {
    "data folder": _l("数据目录"),
    "database": _l("数据库"),
    "migrations": _l("数据库版本"),
    "signing key": _l("签名密钥"),
    "browser libraries": _l("页面用的库"),
    "search index": _l("搜索索引"),
    "outbox": _l("待办队列"),
    "disk space": _l("磁盘空间"),
    "redis": _l("Redis"),
}

# Pages where a row of this kind can be looked at, and how its id is written there.
PAGES = {
    "user": "/admin/accounts/{id}",
    "contact": "/contacts/{id}",
    "organisation": "/organisations/{id}",
    "device": "/devices/{id}",
}

_BROWSERS = (
    ("MicroMessenger/", "WeChat"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("python", "Python"),
    ("curl/", "curl"),
)
# What an audit entry notes beside the change; the rest is shown under its own name.
DETAILS = {
    "team": _l("团队"),
    "assignee": _l("人员"),
    "product": _l("产品"),
    "device": _l("设备"),
    "channel": _l("渠道"),
    "party": _l("在等谁"),
    "until": _l("到"),
    "into": _l("并入"),
    "to": _l("升级给"),
    "result": _l("结果"),
    "rating": _l("评分"),
    "via": _l("途径"),
    "settings": _l("设置"),
    "ip": _l("地址"),
}
_SYSTEMS = (
    (r"iPhone|iPad", "iOS"),
    (r"Android", "Android"),
    (r"HarmonyOS", "HarmonyOS"),
    (r"Windows", "Windows"),
    (r"Mac OS X", "macOS"),
    (r"CrOS", "ChromeOS"),
    (r"Linux", "Linux"),
)


def said(table: dict[str, Any], name: str) -> str:
    """The words of a name, or the name."""
    return str(table.get(name, name))


def browser(agent: str) -> str:
    """A browser and system as people name them: Chrome · Windows."""
    known = next((name for mark, name in _BROWSERS if mark.lower() in agent.lower()), "")
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, agent)), "")
    return " · ".join(part for part in (known, system) if part) or agent[:60] or "—"
