"""What the 演示台 plays: each scene a row of beats, each beat what one person does on the real pages.

own/stage.js knows the verbs. A browser test plays every scene from its first beat to its last.
"""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from app.web.stage_said import SAID

Act = tuple[str, ...]
CUSTOMER, AGENT, DISPATCHER, TECHNICIAN = "customer", "agent", "dispatcher", "technician"
SUPERVISOR, CLIENT, EDITOR = "supervisor", "client", "editor"
SUBMIT: Act = ("click", "#step-form button:not([data-close])")
MENU: Act = ("click", "#tickethead .menu summary")


def press(step: str) -> Act:
    """The order's one big button."""
    return ("click", f".ordernext [data-step={step}]")


@dataclass(frozen=True, slots=True)
class Beat:
    """Something that `who` does in one of the two frames (`phone` or `console`), in words and as acts of the page."""

    who: str
    frame: str
    words: Any
    acts: tuple[Act, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A story of a minute or two; `shows` is what one should look out for."""

    key: str
    title: Any
    shows: Any
    beats: tuple[Beat, ...]


CHAT = Scene(
    "chat",
    _l("聊天里一次解决"),
    _l("客户只说一次；答案在坐席眼前，按一下就插入；十五秒记完。"),
    (
        Beat(AGENT, "console", _l("坐席在线，坐席台开着待派工的列表。"), (("login", "agent"), ("open", "/desk?view=free&sort=new"))),
        Beat(
            CUSTOMER,
            "phone",
            _l("客户在门户上点「在线客服」，用自己的话说。"),
            (("forget",), ("open", "/"), ("click", "button[aria-label^='在线客服'], button[aria-label^='Chat with']"),
             ("wait", "#compose .send"), ("pause", "500"), ("type", "#text", SAID["sim_card"]), ("click", "#compose .send"), ("wait", "#list .mine:not(.waiting)", SAID["sim_card"][:8])),
        ),
        Beat(
            AGENT,
            "console",
            _l("这句话已经是一张工单。打开，接单。"),
            (("open", "/desk?view=free&sort=new"), ("click", "[data-row]", SAID["sim_card"][:9]), ("keep", "ticket", "url", r"/tickets/(\d+)"),
             ("click", "[data-step='claim']"), ("wait", "[data-step='solve_now']:not([role]), #tickethead [aria-current='step']")),
        ),
        Beat(
            AGENT,
            "console",
            _l("右边三条答案里第一条就是换卡。插入，加一句话，发送。"),
            (("click", "#answers [data-insert]"), ("before", "#reply", SAID["sim_answer"]), ("click", "#composer .primary.reply-only"),
             ("wait", "#timeline, #scroll", SAID["sim_answer"][:12])),
        ),
        Beat(
            CUSTOMER,
            "phone",
            _l("客户马上看到，照做，道谢。"),
            (("wait", "#list", SAID["sim_answer"][:12]), ("type", "#text", SAID["sim_thanks"]), ("click", "#compose .send"), ("wait", "#list .mine:not(.waiting)", SAID["sim_thanks"][:6])),
        ),
        Beat(
            AGENT,
            "console",
            _l("一键首解：一张表，写清怎么解决的。"),
            (("wait", "#scroll", SAID["sim_thanks"][:6]), MENU, ("click", "[data-step='solve_now']"), ("type", "#step-form [name=resolution]", SAID["sim_done"]),
             ("choose", "#step-form [name=category]", "connection"), SUBMIT, ("wait", "#tickethead [aria-current='step']")),
        ),
        Beat(
            SUPERVISOR,
            "console",
            _l("主管看这张工单的首解判定：为什么算，为什么还只是暂定。"),
            (("login", "supervisor"), ("open", "/desk/tickets/{ticket}"), ("wait", "#fcr")),
        ),
    ),
)  # fmt: skip

ORDER = Scene(
    "order",
    _l("停线报修，师傅上门"),
    _l("停线自动排在前面；供应商只看到自己的单；客户像查包裹一样看进度。"),
    (
        Beat(
            CUSTOMER,
            "phone",
            _l("客户写明停线，提交；页面先给了答案，也给了编号。"),
            (("open", "/ask"), ("type", "#f-text", SAID["drive"]), ("click", "[name=impact][value=line_down]"), ("type", "#f-name", SAID["person"]),
             ("type", "#f-email", SAID["mail"]), ("click", "main form button[type=submit], main form .primary"),
             ("keep", "progress", "url", r"(/r/[^?#]+)")),
        ),
        Beat(
            AGENT,
            "console",
            _l("坐席接单：客户、设备、以前的来往都在右边。"),
            (("login", "agent"), ("open", "/desk?view=free&sort=new"), ("click", "[data-row]", SAID["drive"][:12]), ("keep", "ticket", "url", r"/tickets/(\d+)"),
             ("click", "[data-step='claim']"), ("wait", "#tickethead [aria-current='step']")),
        ),
        Beat(
            AGENT,
            "console",
            _l("需要有人动手：转服务订单，供应商由产品决定。"),
            (MENU, ("click", "[data-step='escalate']"), ("choose", "#step-form [name=product]", "HK-V20"),
             ("type", "#step-form [name=reason]", SAID["drive_order"]), ("type", "#step-form [name=place]", SAID["drive_place"]), SUBMIT,
             ("keep", "order", "a[href^='/orders/']", r"/orders/(\d+)")),
        ),
        Beat(
            DISPATCHER,
            "console",
            _l("宏控的调度：接单，派师傅，约时间。接单以前看不到客户的名字。"),
            (("login", "dispatcher"), ("open", "/orders/{order}"), press("accept"), press("assign"),
             ("choose", "#step-form [name=technician]", SAID["technician"]), SUBMIT, press("appoint"), SUBMIT, ("wait", ".ordernext [data-step=plan], .ordernext [data-step=reappoint]")),
        ),
        Beat(
            CUSTOMER,
            "phone",
            _l("客户的进度页上有了师傅和时间。等不及，催一下。"),
            (("open", "{progress}"), ("click", "#urge button")),
        ),
        Beat(
            TECHNICIAN,
            "phone",
            _l("师傅的手机上有红点：客户在催。定方案，出发，到场，开工。"),
            (("login", "technician"), ("open", "/orders/{order}"), press("plan"), ("click", "#step-form [name=warranty][value=in]"),
             ("type", "#step-form [name=steps]", SAID["drive_steps"]), SUBMIT, press("depart"), press("arrive"), press("start")),
        ),
        Beat(
            TECHNICIAN,
            "phone",
            _l("检查表、照片、读数、签字，交付。断了网也能先存着。"),
            (("tick", "#proof-checklist [name=done]"), ("click", "#proof-checklist button[type=submit]"),
             ("click", "#proof-photo summary"), ("file", "#proof-photo input[type=file]"), ("wait", "#order-evidence img"),
             ("click", "#proof-reading summary"), ("type", "#proof-reading [name=text]", SAID["drive_reading"]), ("click", "#proof-reading button[type=submit]"),
             ("click", "#proof-signature summary"), ("type", "#proof-signature [name=text]", SAID["signer"]), ("sign", "#proof-signature canvas"),
             ("click", "#proof-signature button[type=submit]"), ("wait", "#order-evidence", SAID["signer"]),
             press("deliver"), ("type", "#step-form [name=solution]", SAID["drive_solution"]), SUBMIT,
             ("wait", ".ordernext [data-step=leave], .ordernext [data-step=pass]")),
        ),
        Beat(
            AGENT,
            "console",
            _l("坐席看照片和签字，验收；订单关闭，工单解决。"),
            (("login", "agent"), ("open", "/orders/{order}"), press("pass"), ("wait", "#order-head .stepper li:last-child[aria-current=step], #order-head .state-closed, #order-head .tags"),
             ("open", "/desk/tickets/{ticket}"), ("click", "#tickethead [data-step='resolve']"), ("type", "#step-form [name=resolution]", SAID["drive_done"]),
             ("choose", "#step-form [name=category]", "hardware"), SUBMIT, ("wait", "#tickethead [aria-current='step']")),
        ),
        Beat(
            CUSTOMER,
            "phone",
            _l("唯一一次回访：客户在进度页上打分。"),
            (("open", "{progress}"), ("click", "[name=solved][value='1']"), ("click", "[name=rating][value='5']"), ("type", "main [name=comment]", SAID["praise"]),
             ("click", "main form .button.primary"), ("wait", ".now")),
        ),
        Beat(
            SUPERVISOR,
            "console",
            _l("主管在报表里找到它：没有首解，原因是转了服务订单。"),
            (("login", "supervisor"), ("open", "/desk/tickets/{ticket}"), ("wait", "#fcr")),
        ),
    ),
)  # fmt: skip

SELF_HELP = Scene(
    "self-help",
    _l("自己找到答案"),
    _l("用原话就能搜到那一段；没有人工，也没有工单。"),
    (
        Beat(
            CUSTOMER,
            "phone",
            _l("客户用自己的话搜。"),
            (("login", ""), ("open", "/"), ("type", "main [name=q]", SAID["flat"]), ("click", "main form button")),
        ),
        Beat(CUSTOMER, "phone", _l("第一段就是。打开全文，照着做。"), (("click", "main a[href^='/articles/']"), ("wait", "h1"))),
        Beat(CUSTOMER, "phone", _l("说一声解决了；编辑看得到哪篇有用。"), (("click", "main form:has([name=solved][value='1']) button"), ("wait", "main"))),
    ),
)  # fmt: skip

COMPANY = Scene(
    "company",
    _l("企业管理员看四个厂区"),
    _l("全公司的请求在一页：按厂区、按人筛，点进去就是进度。"),
    (
        Beat(CLIENT, "console", _l("澄湖轴承的企业管理员登录，看到全公司的请求。"), (("login", "client"), ("open", "/requests"), ("wait", "main"))),
        Beat(CLIENT, "console", _l("自己的设备、保修和合同也在。"), (("open", "/requests/devices"), ("wait", "main"))),
    ),
)  # fmt: skip

FIGURES = Scene(
    "figures",
    _l("从数字点到工单"),
    _l("每个数都点得开；谁也磨不平它。"),
    (
        Beat(SUPERVISOR, "console", _l("主管的首屏：首次联系解决率，和它旁边防粉饰的数。"), (("login", "supervisor"), ("open", "/reports"), ("wait", "main"))),
        Beat(SUPERVISOR, "console", _l("点一个数，看见是哪些工单。"), (("click", "main a[href^='/reports/rows']"), ("wait", "main table, main .rows, main ol"))),
        Beat(SUPERVISOR, "console", _l("定义只有一份，写在这里。"), (("open", "/reports/about"), ("wait", "main"))),
    ),
)  # fmt: skip

WALLS = Scene(
    "walls",
    _l("别家供应商什么也看不到"),
    _l("拓联的驻场只看自己产品的事；宏控的订单对他不存在。"),
    (
        Beat(TECHNICIAN, "console", _l("宏控的师傅有自己的单。"), (("login", "technician"), ("open", "/orders"), ("wait", "main"))),
        Beat(AGENT, "console", _l("拓联的驻场打开服务订单：一张宏控的也没有。"), (("login", "resident"), ("open", "/orders"), ("wait", "main"))),
    ),
)  # fmt: skip

HOLD_PHONE: tuple[Act, ...] = (("lend",), ("open", "/demo/wechat?phone={openid}"), ("wait", "#words-out"))
SEND: Act = ("click", "#write .send")


def on_phone(words: str) -> tuple[Act, ...]:
    """The customer writes on the phone."""
    return (("type", "#words-out", words), SEND, ("wait", "#screen .mine .bubble", words[:10]))


WECHAT = Scene(
    "wechat",
    _l("微信里一次解决"),
    _l("一声「你好」不算工单；说了问题，人、设备、还能发几条都在坐席眼前。"),
    (
        Beat(AGENT, "console", _l("坐席在线，坐席台开着待派工的列表。"), (("login", "agent"), ("open", "/desk?view=free&sort=new"))),
        Beat(CUSTOMER, "phone", _l("老客户在公众号里说「你好」：马上有人应，没有开工单。"), (*HOLD_PHONE, *on_phone(SAID["hello"]), ("wait", "#screen .turn:not(.mine)"))),
        Beat(
            CUSTOMER,
            "phone",
            _l("说清了问题，带上机号，再拍一张面板。"),
            (*on_phone(SAID["hot"] + " {serial}"), ("click", "#more"), ("click", "#bag [data-deed=panel]"), ("wait", "#screen .mine img")),
        ),
        Beat(
            AGENT,
            "console",
            _l("这才是一张工单。接单：是谁、哪台设备、照片，还可发几条，都在屏上。"),
            (("open", "/desk?view=free&sort=new"), ("click", "[data-row]", SAID["hot"][:9]), ("keep", "ticket", "url", r"/tickets/(\d+)"),
             ("wait", "#scroll .pictures img"), ("click", "[data-step='claim']"), ("gone", "#tickethead [data-step='claim']"), ("wait", "#window .left")),
        ),
        Beat(
            AGENT,
            "console",
            _l("插入第一篇知识，作为卡片附上，加一句话，发送。"),
            (("click", "#answers [data-insert]"), ("pick", ".with-card input"), ("type", "#reply", SAID["hot_answer"]), ("click", "#composer .primary.reply-only"),
             ("wait", "#scroll", SAID["hot_answer"][:12])),
        ),
        Beat(
            CUSTOMER,
            "phone",
            _l("客户点开卡片看全文，照做，回来道谢。"),
            (("wait", "#screen .bubble", SAID["hot_answer"][:12]), ("click", "#screen .card a"), ("wait", "main h1, main article"), ("pause", "1200"),
             ("open", "/demo/wechat?phone={openid}"), *on_phone(SAID["hot_thanks"])),
        ),
        Beat(
            AGENT,
            "console",
            _l("解决：写清怎么好的。回访只问这一次。"),
            (("wait", "#scroll", SAID["hot_thanks"][:8]), MENU, ("click", "[data-step='solve_now']"), ("type", "#step-form [name=resolution]", SAID["hot_done"]),
             ("choose", "#step-form [name=category]", "hardware"), SUBMIT, ("gone", "#step-form")),
        ),
        Beat(
            CUSTOMER,
            "phone",
            _l("回访是一张菜单，点一下就答完。"),
            (("click", "#screen .menu button[data-item$=':5']"), ("wait", "#screen .turn.mine ~ .turn:last-child:not(.mine)")),
        ),
        Beat(SUPERVISOR, "console", _l("主管看这张工单：已关闭，客户打了 5 分，首解判定写着为什么。"), (("login", "supervisor"), ("open", "/desk/tickets/{ticket}"), ("wait", "#fcr"))),
    ),
)  # fmt: skip

PHONE = Scene(
    "phone",
    _l("电话一响，人就在屏上"),
    _l("一秒内弹屏：是谁、哪家、哪台设备、没结的单、七天内重复。没接到的，一个人只有一个回电任务。"),
    (
        Beat(AGENT, "console", _l("坐席在线。"), (("login", "agent"), ("open", "/desk"), ("wait", "#live[data-state=on]"))),
        Beat(
            CUSTOMER,
            "phone",
            _l("客户打热线，坐席的分机响了。"),
            (("open", "/demo/softphone?for=agent"), ("click", "[data-do=ring]"), ("console:wait", "#callcard[data-state=ring] #callcard-who")),
        ),
        Beat(
            AGENT,
            "console",
            _l("看一眼弹屏：名字、设备、没结的工单、七天内又来电。接起，边听边记。"),
            (("phone:click", "[data-do=answer]"), ("wait", "#callcard[data-state=talk]"), ("type", "#call-note", SAID["call_note"]), ("pause", "800")),
        ),
        Beat(
            AGENT,
            "console",
            _l("挂断，小结已经带着刚才的记录：选一类，写原因，一张表记完。"),
            (("phone:click", "[data-do=hangup]"), ("wait", "#callcard[data-state=end] #wrap-form"), ("pick", "#wrap-form [name=category][value=hardware]"),
             ("type", "#wrap-form [name=cause]", SAID["call_done"]), ("click", "#wrap-form .end-buttons .primary"), ("gone", "#callcard")),
        ),
        Beat(AGENT, "console", _l("通话里有它，小结写好了。"), (("open", "/desk/calls/log"), ("wait", "table.calllog tbody tr"))),
        Beat(
            CUSTOMER,
            "phone",
            _l("另一位打了两次，都没等到人就挂了。"),
            (("open", "/demo/softphone?for=agent&caller=%2B8619900000302"), ("click", "[data-do=ring]"), ("console:wait", "#callcard[data-state=ring]"),
             ("pause", "1500"), ("click", "[data-do=give-up]"), ("console:wait", "#callcard[data-state=missed]"),
             ("click", "[data-do=ring]"), ("console:wait", "#callcard[data-state=ring]"), ("click", "[data-do=give-up]"), ("console:wait", "#callcard[data-state=missed]")),
        ),
        Beat(
            AGENT,
            "console",
            _l("两次来电只有一个回电任务。回电，登记结果。"),
            (("open", "/desk/calls?reason=abandoned"), ("click", ".calltask:has(a[href*='0302'], [href$='0302']) [data-act=r]"),
             ("pick", "#step-form [name=result][value=reached]"), ("type", "#step-form [name=comment]", SAID["call_back"]), SUBMIT, ("gone", "#step-form")),
        ),
        Beat(SUPERVISOR, "console", _l("主管看电话报表：接通率、20 秒内接起、放弃率，来自同一批记录。"), (("login", "supervisor"), ("open", "/reports/calls"), ("wait", "main"))),
    ),
)  # fmt: skip

PROGRESS = Scene(
    "progress",
    _l("微信上门时间，催一下"),
    _l("上门时间发到微信；一句「催一下」不开新单，当场答到哪一步，供应商和师傅都看得见。"),
    (
        Beat(CUSTOMER, "phone", _l("客户在微信里报修，带上机号。"), (*HOLD_PHONE, *on_phone(SAID["visit"] + " {serial}"))),
        Beat(
            AGENT,
            "console",
            _l("坐席接单，转服务订单：设备和产品已经认出来了。"),
            (("login", "agent"), ("open", "/desk?view=free&sort=new"), ("click", "[data-row]", SAID["visit"][:9]), ("keep", "ticket", "url", r"/tickets/(\d+)"),
             ("click", "[data-step='claim']"), ("gone", "#tickethead [data-step='claim']"), MENU, ("click", "[data-step='escalate']"),
             ("choose", "#step-form [name=product]", "HK-V20"), ("type", "#step-form [name=reason]", SAID["visit_order"]),
             ("type", "#step-form [name=place]", SAID["visit_place"]), SUBMIT, ("keep", "order", "a[href^='/orders/']", r"/orders/(\d+)")),
        ),
        Beat(
            DISPATCHER,
            "console",
            _l("宏控的调度接单，派师傅，约时间。"),
            (("login", "dispatcher"), ("open", "/orders/{order}"), press("accept"), press("assign"), ("choose", "#step-form [name=technician]", SAID["technician"]), SUBMIT,
             press("appoint"), SUBMIT, ("wait", ".ordernext [data-step=plan], .ordernext [data-step=reappoint]")),
        ),
        Beat(
            CUSTOMER,
            "phone",
            _l("客户在微信里看到师傅和时间。等不及，说一句「催一下」：当场答复。"),
            (("wait", "#screen .turn:not(.mine)"), *on_phone(SAID["urge"]), ("wait", "#screen .turn.mine ~ .turn:last-child:not(.mine)")),
        ),
        Beat(DISPATCHER, "console", _l("调度看见：催了一次。"), (("open", "/orders/{order}"), ("wait", ".tags .tag.bad"))),
        Beat(TECHNICIAN, "phone", _l("师傅的手机上也有。"), (("login", "technician"), ("open", "/orders/{order}"), ("wait", ".tags .tag.bad"))),
    ),
)  # fmt: skip

ANSWER = Scene(
    "answer",
    _l("问答：机器人先答，要人就有人"),
    _l("有把握才答，答案带出处；点「转人工」，坐席看得见机器人说过什么。"),
    (
        Beat(
            CUSTOMER,
            "phone",
            _l("客户在「在线客服」里问一个常见问题：机器人按公开知识当场答。"),
            (("forget",), ("open", "/"), ("click", "button[aria-label^='在线客服'], button[aria-label^='Chat with']"),
             ("wait", "#compose .send"), ("pause", "500"), ("type", "#text", SAID["warranty"]), ("click", "#compose .send"), ("wait", "#list .robot .menuitems")),
        ),
        Beat(CUSTOMER, "phone", _l("解决了，点一下就完：没有开工单，也不算进首解率。"), (("click", "#list .robot .menuitems button:enabled"), ("wait", "#list .robot:last-child"))),
        Beat(
            CUSTOMER,
            "phone",
            _l("再问一个。答得不够，点「转人工」。"),
            (("type", "#text", SAID["account"]), ("click", "#compose .send"), ("wait", "#list .robot .menuitems button:enabled"),
             ("click", "#list .robot .menuitems button:enabled:last-child"), ("wait", "#list .robot:last-child")),
        ),
        Beat(
            AGENT,
            "console",
            _l("坐席马上有一张工单：机器人答过什么、几成把握，都写着。"),
            (("login", "agent"), ("open", "/desk?view=free&sort=new"), ("click", "[data-row]", SAID["account"]), ("wait", "#timeline .message.robot")),
        ),
    ),
)  # fmt: skip

SCENES: tuple[Scene, ...] = (CHAT, ANSWER, ORDER, WECHAT, PHONE, PROGRESS, SELF_HELP, FIGURES, COMPANY, WALLS)
