"""The demo's world as pure data, so that a newcomer's first start has people, machines and companies to look at.

Every name is invented. Addresses end in `.example`; mobile numbers are `+86 199 0000 xxxx`, land lines have a
subscriber number that begins with 0, which no exchange hands out. Days are counted from the day of loading.
References between rows are codes (organisations, sites, products, contacts), logins (staff) or serials (devices).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Organisation:
    """A company; `kind` is platform, supplier or client, `manager` the login of its account manager (clients only)."""

    code: str
    name: str
    kind: str
    domain: str
    manager: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a product; `released_days_ago` counts back from the day of loading."""

    version: str
    released_days_ago: int
    note: str


@dataclass(frozen=True, slots=True)
class Product:
    """What a supplier (or the platform) offers; `models` is empty for software, `releases` runs oldest to newest."""

    code: str
    name: str
    category: str
    organisation: str
    models: tuple[str, ...]
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A plant of a client; `shutdown_window` says in words when machines may be stopped there."""

    code: str
    organisation: str
    name: str
    address: str
    shutdown_window: str


@dataclass(frozen=True, slots=True)
class Device:
    """One machine of the installed base; warranty runs `warranty_days` from the day of installation."""

    serial: str
    product: str
    model: str
    site: str
    name: str
    firmware: str
    installed_days_ago: int
    warranty_days: int


@dataclass(frozen=True, slots=True)
class DevicePattern:
    """A row of like machines at one site, numbered from 1; `serial` and `name` hold the place of the number."""

    serial: str
    product: str
    model: str
    site: str
    name: str
    firmware: str
    count: int
    installed_days_ago: int
    warranty_days: int = 730


@dataclass(frozen=True, slots=True)
class Contract:
    """A client's service contract; `level` is gold, silver or basic (金, 银, 基础)."""

    code: str
    organisation: str
    level: str
    starts_days_ago: int
    ends_in_days: int
    scope: str


@dataclass(frozen=True, slots=True)
class Team:
    """A group that tickets are dispatched to; `line` 1 or 2, `products` it takes first, empty means any."""

    code: str
    name: str
    organisation: str
    line: int
    products: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staff:
    """A person with a login; `contact` is set where the same person also writes to the desk as a customer."""

    login: str
    name: str
    role: str
    organisation: str
    teams: tuple[str, ...] = ()
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """One way we know a contact: `kind` is email or phone (E.164)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who writes or calls; `language` is the one they read their answers in, zh or en."""

    code: str
    name: str
    organisation: str
    site: str | None
    title: str
    identities: tuple[Identity, ...]
    language: str = "zh"


@dataclass(frozen=True, slots=True)
class SharedIdentity:
    """An identity that names a company only; the agent picks the person."""

    kind: str
    value: str
    organisation: str
    label: str


@dataclass(frozen=True, slots=True)
class SupportAccount:
    """The one channel account that the demo's mails arrive on."""

    kind: str
    slug: str
    name: str
    address: str


DEMO_PASSWORD = "huiyin-demo"  # public by contract; only where HUIYIN_DEMO=1
HOTLINE = "+864000000100"
ACCOUNT = SupportAccount("email", "support", "衡川服务台邮箱", "support@hengchuan.example")

ORGANISATIONS = (
    Organisation("hengchuan", "衡川工业互联网平台", "platform", "hengchuan.example"),
    Organisation("tuolian", "拓联通信", "supplier", "tuolian.example"),
    Organisation("hkauto", "宏控自动化", "supplier", "hkauto.example"),
    Organisation("mingxi", "明析智维", "supplier", "mingxi.example"),
    Organisation("jiezao", "捷造软件", "supplier", "jiezao.example"),
    Organisation("chenghu", "澄湖轴承", "client", "chenghu.example", manager="manager"),
    Organisation("shengyuan", "盛源注塑", "client", "shengyuan.example", manager="manager"),
    Organisation("beiling", "北岭水泥", "client", "beiling.example", manager="manager"),
    Organisation("jiahe", "嘉禾食品", "client", "jiahe.example", manager="manager"),
    Organisation("yuanzhou", "远洲纺织", "client", "yuanzhou.example", manager="manager"),
    Organisation("hengtai", "恒泰铸造", "client", "hengtai.example", manager="manager"),
    Organisation("tianmen", "天门药业", "client", "tianmen.example", manager="manager"),
    Organisation("lingang", "临港汽配", "client", "lingang.example", manager="manager"),
)

PRODUCTS = (
    Product(
        "PLATFORM",
        "衡川平台",
        "平台",
        "hengchuan",
        (),
        (Release("2026.9", 68, "设备接入信息页显示密钥版本"), Release("2026.11", 12, "设备断线原因直接列出错误码")),
    ),
    Product(
        "OPENAPI",
        "衡川开放 API",
        "平台",
        "hengchuan",
        (),
        (Release("v2", 310, "签名改为 HMAC-SHA256，时间戳单位为毫秒"),),
    ),
    Product("IDR", "标识解析二级节点", "平台", "hengchuan", (), (Release("1.3", 150, "支持集团前缀子授权"),)),
    Product(
        "TL-G300",
        "TL-G300 4G 边缘网关",
        "网关",
        "tuolian",
        ("TL-G300",),
        (
            Release("2.3", 420, "支持断网缓存 72 小时"),
            Release("2.5", 190, "拨号日志给出 G 系列错误码"),
            Release("2.6", 40, "修复弱信号下反复注册"),
        ),
    ),
    Product(
        "TL-G510",
        "TL-G510 5G 网关",
        "网关",
        "tuolian",
        ("TL-G510",),
        (Release("1.2", 240, "支持双卡备份"), Release("1.3", 55, "支持 5G 专网切片")),
    ),
    Product("TL-LINK", "TL-Link 远程维护", "网关", "tuolian", (), (Release("3.1", 90, "远程通道按次授权并留痕"),)),
    Product(
        "HK-V20",
        "HK-V20 变频器",
        "变频器",
        "hkauto",
        (
            "HK-V20-7K5",
            "HK-V20-11K",
            "HK-V20-15K",
            "HK-V20-18K5",
            "HK-V20-22K",
            "HK-V20-30K",
            "HK-V20-37K",
            "HK-V20-45K",
        ),
        (Release("2.1", 800, "新增散热器温度 d0-14"), Release("2.3", 130, "新增过热预警 A07")),
    ),
    Product(
        "HK-P3",
        "HK-P3 可编程控制器",
        "控制器",
        "hkauto",
        ("HK-P3-16MR", "HK-P3-32MT", "HK-P3-48MR"),
        (Release("3.0", 600, "扩展总线诊断"), Release("3.2", 75, "ERR 灯次数与诊断页一致")),
    ),
    Product("HK-H7", "HK-H7 触摸屏", "触摸屏", "hkauto", ("HK-H7-10W",), (Release("1.8", 160, "支持配方导入导出"),)),
    Product(
        "MX-VB3",
        "MX-VB3 无线振动传感器",
        "传感器",
        "mingxi",
        ("MX-VB3",),
        (Release("1.4", 210, "支持立即采集"), Release("1.5", 33, "延长低温电池寿命")),
    ),
    Product("XZ-HEALTH", "析诊设备健康管理", "设备健康", "mingxi", (), (Release("2.3", 48, "测点页可直接改量程"),)),
    Product(
        "JZ-MES",
        "捷造 MES",
        "生产执行",
        "jiezao",
        (),
        (Release("5.3", 330, "报工记录冲销"), Release("5.4", 62, "防重间隔可按工序设置")),
    ),
    Product(
        "JZ-SCADA",
        "捷造 SCADA",
        "数采监控",
        "jiezao",
        (),
        (Release("4.0", 400, "OPC UA 默认签名并加密"), Release("4.1", 85, "证书到期提醒")),
    ),
)

SITES = (
    Site("chenghu-1", "chenghu", "澄湖一厂", "云泽市澄湖园区纬一路 6 号", "周日 08:00–16:00"),
    Site("chenghu-2", "chenghu", "澄湖二厂", "云泽市澄湖园区纬二路 18 号", "周日 08:00–16:00"),
    Site("chenghu-3", "chenghu", "澄湖三厂", "云泽市澄湖园区纬三路 2 号", "每日 11:30–12:30，周日全天"),
    Site("chenghu-4", "chenghu", "澄湖四厂", "云泽市东塘镇工业路 77 号", "周六 20:00 至周日 20:00"),
    Site("shengyuan-1", "shengyuan", "盛源注塑车间", "云泽市东塘镇模具路 9 号", "每日 06:00–07:30 换模时段"),
    Site("beiling-1", "beiling", "北岭水泥熟料线", "白砂市北岭镇石场路 1 号", "每月 15 日 08:00–18:00"),
    Site("jiahe-1", "jiahe", "嘉禾食品中央工厂", "白砂市南埔路 210 号", "每日 02:00–05:00 清洗时段"),
    Site("yuanzhou-1", "yuanzhou", "远洲纺织织造厂", "临浦市湾头路 36 号", "检修日 07:00–19:00，提前两天约定"),
    Site("hengtai-1", "hengtai", "恒泰铸造熔炼车间", "白砂市铁桥路 55 号", "周三 13:00–15:00"),
    Site("tianmen-1", "tianmen", "天门药业固体制剂车间", "临浦市杏林路 8 号", "须提前 48 小时申请入厂许可"),
    Site("lingang-1", "lingang", "临港汽配总装厂", "临浦市码头大道 120 号", "周六 18:00 至周日 18:00"),
)

DEVICE_PATTERNS = (
    DevicePattern("TG3A1-24-{n:04d}", "TL-G300", "TL-G300", "chenghu-2", "二厂 {n} 号数采网关", "2.5", 3, 610),
    DevicePattern("TG3B2-26-{n:04d}", "TL-G300", "TL-G300", "beiling-1", "熟料线 {n} 号网关", "2.6", 2, 220),
    DevicePattern("TG3B2-26-1{n:03d}", "TL-G300", "TL-G300", "shengyuan-1", "注塑机群 {n} 号网关", "2.5", 3, 260),
    DevicePattern("TG3A1-25-{n:04d}", "TL-G300", "TL-G300", "jiahe-1", "灌装线 {n} 号网关", "2.5", 3, 400),
    DevicePattern("TG3A1-25-2{n:03d}", "TL-G300", "TL-G300", "yuanzhou-1", "织机区 {n} 号网关", "2.3", 2, 510),
    DevicePattern("TG5-26-{n:04d}", "TL-G510", "TL-G510", "lingang-1", "总装 {n} 号 5G 网关", "1.3", 2, 120),
    DevicePattern("HV37K-25-{n:04d}", "HK-V20", "HK-V20-37K", "chenghu-3", "3 号线 {n} 号主轴变频器", "2.1", 4, 480),
    DevicePattern("HV22K-24-{n:04d}", "HK-V20", "HK-V20-22K", "chenghu-1", "1 号线 {n} 号磨床变频器", "2.1", 3, 840),
    DevicePattern("HV15K-25-{n:04d}", "HK-V20", "HK-V20-15K", "yuanzhou-1", "空调送风 {n} 号变频器", "2.1", 3, 430),
    DevicePattern("HV45K-23-{n:04d}", "HK-V20", "HK-V20-45K", "hengtai-1", "除尘风机 {n} 号变频器", "2.1", 2, 1100),
    DevicePattern("HV11K-26-{n:04d}", "HK-V20", "HK-V20-11K", "tianmen-1", "洁净空调 {n} 号变频器", "2.3", 2, 300),
    DevicePattern("HP32T-25-{n:04d}", "HK-P3", "HK-P3-32MT", "beiling-1", "包装机 {n} 号控制器", "3.0", 3, 520),
    DevicePattern("HP48R-24-{n:04d}", "HK-P3", "HK-P3-48MR", "chenghu-4", "热处理 {n} 号控制器", "3.0", 2, 760),
    DevicePattern("HH710-25-{n:04d}", "HK-H7", "HK-H7-10W", "chenghu-4", "热处理 {n} 号触摸屏", "1.8", 2, 500),
    DevicePattern("MXVB3-25-{n:04d}", "MX-VB3", "MX-VB3", "hengtai-1", "除尘风机测点 {n}", "1.4", 4, 350),
    DevicePattern("MXVB3-26-{n:04d}", "MX-VB3", "MX-VB3", "chenghu-3", "3 号线主轴测点 {n}", "1.5", 4, 90),
)


def _expand(patterns: tuple[DevicePattern, ...]) -> tuple[Device, ...]:
    return tuple(
        Device(
            p.serial.format(n=n), p.product, p.model, p.site, p.name.format(n=n), p.firmware,
            p.installed_days_ago, p.warranty_days,
        )
        for p in patterns
        for n in range(1, p.count + 1)
    )  # fmt: skip


DEVICES = _expand(DEVICE_PATTERNS)

CONTRACTS = (
    Contract("HT-CH-2601", "chenghu", "gold", 320, 410, "四个厂区，产线停机 30 分钟内响应"),
    Contract("HT-SY-2602", "shengyuan", "silver", 290, 75, "数采与 MES，工作日 2 小时内响应"),
    Contract("HT-BL-2603", "beiling", "silver", 250, 115, "熟料线与包装，7×24 小时电话"),
    Contract("HT-JH-2604", "jiahe", "basic", 200, 165, "平台与标识解析，工作日 4 小时内响应"),
    Contract("HT-YZ-2605", "yuanzhou", "basic", 180, 185, "工作日 4 小时内响应"),
    Contract("HT-HT-2606", "hengtai", "silver", 160, 205, "设备健康管理，含季度巡检"),
    Contract("HT-TM-2607", "tianmen", "gold", 150, 580, "洁净车间，48 小时内上门"),
    Contract("HT-LG-2608", "lingang", "gold", 90, 275, "总装线，中英文服务"),
)

TEAMS = (
    Team("frontline", "一线服务组", "hengchuan", 1),
    Team("second", "二线技术组", "hengchuan", 2, ("PLATFORM", "OPENAPI", "IDR")),
    Team("knowledge", "知识组", "hengchuan", 2),
    Team("tuolian-desk", "拓联驻场组", "tuolian", 2, ("TL-G300", "TL-G510", "TL-LINK")),
    Team("hkauto-field", "宏控现场服务组", "hkauto", 2, ("HK-V20", "HK-P3", "HK-H7")),
)

STAFF = (
    Staff("admin", "顾长宁", "administrator", "hengchuan"),
    Staff("supervisor", "林若梅", "supervisor", "hengchuan", ("frontline", "second")),
    Staff("leader", "陈启明", "leader", "hengchuan", ("frontline",)),
    Staff("agent", "周小禾", "agent", "hengchuan", ("frontline",)),
    Staff("agent2", "吴桐", "agent", "hengchuan", ("frontline", "second")),
    Staff("editor", "许清言", "editor", "hengchuan", ("knowledge",)),
    Staff("manager", "方致远", "manager", "hengchuan"),
    Staff("dispatcher", "郑海川", "dispatcher", "hkauto", ("hkauto-field",)),
    Staff("technician", "韩大勇", "technician", "hkauto", ("hkauto-field",)),
    Staff("resident", "彭立", "resident", "tuolian", ("tuolian-desk",)),
    Staff("author", "苏晚晴", "author", "tuolian"),
    Staff("client", "钱国栋", "client", "chenghu", contact="qian-guodong"),
)


def _known_by(email: str, serial: int) -> tuple[Identity, Identity]:
    return Identity("email", email), Identity("phone", f"+861990000{serial:04d}")


CONTACTS = (
    Contact("qian-guodong", "钱国栋", "chenghu", "chenghu-1", "设备部部长", _known_by("qian.gd@chenghu.example", 101)),
    Contact("wang-jianping", "王建平", "chenghu", "chenghu-3", "设备工程师", _known_by("wangjp@chenghu.example", 102)),
    Contact("li-xiulan", "李秀兰", "chenghu", "chenghu-2", "二厂电气班长", _known_by("lixl@chenghu.example", 103)),
    Contact("zhao-lei", "赵磊", "shengyuan", "shengyuan-1", "生产主管", _known_by("zhaolei@shengyuan.example", 201)),
    Contact("luo-jing", "罗静", "shengyuan", "shengyuan-1", "信息专员", _known_by("luojing@shengyuan.example", 202)),
    Contact("sun-dehai", "孙德海", "beiling", "beiling-1", "电气主管", _known_by("sundh@beiling.example", 301)),
    Contact("he-miao", "何淼", "jiahe", "jiahe-1", "信息主管", _known_by("hemiao@jiahe.example", 401)),
    Contact("yip-puishan", "葉佩珊", "yuanzhou", "yuanzhou-1", "廠務經理", _known_by("ps.yip@yuanzhou.example", 501)),
    Contact("tang-jun", "唐军", "hengtai", "hengtai-1", "设备科长", _known_by("tangjun@hengtai.example", 601)),
    Contact("cao-yuqin", "曹玉琴", "tianmen", "tianmen-1", "工程部经理", _known_by("caoyq@tianmen.example", 701)),
    Contact(
        "daniel-weber",
        "Daniel Weber",
        "lingang",
        "lingang-1",
        "IT integration lead",
        _known_by("d.weber@lingang.example", 801),
        "en",
    ),
    Contact("he-jun", "贺俊", "lingang", "lingang-1", "自动化工程师", _known_by("hejun@lingang.example", 802)),
    Contact("jiang-xue", "江雪", "tuolian", None, "商务经理", _known_by("jiangxue@tuolian.example", 901)),
)

SHARED_IDENTITIES = (SharedIdentity("phone", "+8651205550100", "chenghu", "澄湖轴承总机"),)

TICKET_CATEGORIES = {
    "connectivity": "连接与上云", "drive": "驱动与控制", "monitoring": "监测与诊断", "execution": "生产执行",
    "scada": "数采与监控", "identifier": "标识解析", "open_api": "开放接口", "account": "账号与权限",
    "field_service": "现场服务", "documentation": "文档与资料",
}  # fmt: skip

TICKET_CAUSES = {
    "cooling": "散热与环境", "setting": "配置错误", "sim_change": "换卡", "certificate": "证书或密钥过期",
    "clock_drift": "时钟偏差", "mounting": "安装不当", "mistake": "误操作", "authorisation": "授权未开通",
    "part_failure": "部件损坏", "power": "外部供电", "late_visit": "上门延误", "none": "无故障", "unknown": "待查",
}  # fmt: skip
