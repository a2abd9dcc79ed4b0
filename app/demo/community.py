"""Public questions of the demo: asked by customers, answered by the desk and by suppliers, one that waits, one unanswered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.community import visitor_actor
from app.core.db import session
from app.core.permissions import Actor
from app.demo.replay import Act
from app.demo.world_rows import World
from knowledge.community import moderation, service
from knowledge.community_models import PENDING, Question

AGENT, SUPPLIER = "agent", "dispatcher"


@dataclass(frozen=True)
class Asked:
    """A question: under which product, by which customer (their turn in the list of contacts), how many hours ago, the
    answers as (who, name shown, words), and which of them was accepted."""

    product: str
    asker: int
    hours: int
    title: str
    body: str
    answers: tuple[tuple[str, str, str], ...] = ()
    accepted: int | None = None
    votes: int = 0


QUESTIONS = (
    Asked("HK-V20", 0, 610, "HK-V20 换了风扇还报 E07，风道也吹过了",
          "7.5 kW 的，装在靠墙的柜子里。换风扇之后好了一天，下午三点左右又报。载频没动过。",
          ((SUPPLIER, "宏控技术", "先结论：多半是进柜的空气本身太热。看 d0-14 停机一小时后的读数，高于柜外温度 10 °C 以上就是柜内回流。"
            "把柜门上的滤棉取下试半天，并给变频器上下各留 120 mm。动手之前停机、断电、等 10 分钟。"),), 0, 3),
    Asked("TL-G300", 1, 520, "TL-G300 换卡以后 NET 灯不亮，哪里改 APN？",
          "原来是移动的卡，换成了电信的。SIM 灯是绿的。",
          ((AGENT, "客服小陈", "电脑接 LAN 口，打开网关的配置页，在「网络 → 蜂窝」里把 APN 换成新卡的。保存后等两分钟，NET 变绿就好。"),), 0, 2),
    Asked("OPENAPI", 2, 433, "40113 每天凌晨出现几分钟，白天都正常",
          "服务器是虚拟机，签名代码没有改过。",
          ((AGENT, "客服小陈", "凌晨那几分钟多半是虚拟机快照，恢复后时钟慢了。让服务器每 10 分钟对一次时；调用之前也可以先读 GET /time 算出偏差。"),), 0, 1),
    Asked("MX-VB3", 3, 355, "振动传感器在零下十几度的库房里，电池多久换一次？",
          "冷库，采样间隔 10 分钟，手册上写三年。"),
    Asked("JZ-MES", 0, 290, "一个工单能不能两个人同时报工？",
          "一个人报上半夜，一个人报下半夜，第二个人总是报 1203。",
          ((AGENT, "客服小陈", "可以。1203 是防重间隔内的同一工序、同一数量。把「防重间隔」按工序设成 1 分钟，或者让两个人各用自己的工牌扫码。"),), None, 4),
    Asked("PLATFORM", 1, 214, "大屏上的数据停住了，页面又没有报错",
          "刷新一下就好，过几个小时又停。",
          ((AGENT, "客服小陈", "浏览器把后台的标签页休眠了。在浏览器设置里把大屏的网址加进「始终保持活动」，或者用平台的投屏模式打开。"),), 0),
    Asked("HK-P3", 2, 160, "HK-P3 加第四块扩展模块后 ERR 闪三下",
          "前三块一直是好的。第四块单独接也是好的。",
          ((SUPPLIER, "宏控技术", "三下是扩展总线超时。四块模块要算一下供电：模拟量模块每块 120 mA，超过主机能供的就要加电源扩展。断电后再插拔模块。"),)),
    Asked("IDR", 3, 98, "子公司的编码能不能用集团的前缀？",
          "集团有前缀，我们是新并进来的，注册时提示前缀未授权。",
          ((AGENT, "客服小陈", "可以。由集团管理员在「前缀授权」里给子公司开一段，生效要十分钟左右。之后用原来的账号再注册一次。"),), 0, 1),
    Asked("TL-LINK", 0, 74, "远程维护能不能只开给一个人，用完自动关？",
          "外面的工程师偶尔要连进来改程序，不想一直开着。",
          ((AGENT, "客服小陈", "能。在「远程通道」里按次授权，选人和时长，到点自动关，谁连过、连了多久都有记录。"),)),
    Asked("JZ-SCADA", 1, 52, "SCADA 换电脑以后，授权文件要不要重新申请？", "旧电脑主板坏了，导不出来。"),
)
WAITING = Asked("HK-H7", 7, 3, "触摸屏上的配方能不能从表格里导进去？", "有两百多条，一条一条输太慢。")


def acts(rows: World, begin: datetime, loaded: datetime) -> Iterator[tuple[datetime, Act]]:
    """The questions as they were asked, shown, answered and judged, none of it before `begin`."""
    askers = [visitor_actor(identity) for contact in list(rows.contacts.values())[:8] for identity in contact.identities[:1]]
    for one in QUESTIONS:
        at, told = loaded - timedelta(hours=one.hours), _Told(rows, one, askers)
        for hours, act in ((0, told.ask), (1, told.show), (5, told.answer), (9, told.accept)):
            yield max(at + timedelta(hours=hours), begin), act
    yield max(loaded - timedelta(hours=WAITING.hours), begin), _Told(rows, WAITING, askers).ask


class _Told:
    """One question and what became of it."""

    def __init__(self, rows: World, one: Asked, askers: Sequence[Actor]) -> None:
        self._rows, self._one, self._askers = rows, one, askers
        self._number = 0

    def ask(self) -> None:
        one, asker = self._one, self._askers[self._one.asker]
        self._number = service.ask(asker, self._rows.products[one.product], one.title, one.body, asker.name).id

    def show(self) -> None:
        """A moderator reads first posts; others had the same question."""
        question = self._question()
        if question.state == PENDING:
            moderation.show(self._rows.actor("editor"), question)
        for other in self._askers[4 : 4 + self._one.votes]:
            service.vote(other, question)

    def answer(self) -> None:
        for who, name, words in self._one.answers:
            service.answer(self._rows.actor(who), self._question(), words, name)

    def accept(self) -> None:
        if self._one.accepted is not None:
            question = self._question()
            session().refresh(question, ["answers"])
            service.accept(self._askers[self._one.asker], question, question.answers[self._one.accepted])

    def _question(self) -> Question:
        return session().get_one(Question, self._number)
