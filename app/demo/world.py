"""The demo's world as pure data, so that a newcomer's first start has people, machines and companies to look at.

Every name is invented. Addresses end in `.example`; mobile numbers are `+86 199 0000 xxxx`, land lines have a
subscriber number that begins with 0, which no exchange hands out. Days are counted from the day of loading.
"""

from app.demo.machines import DEVICE_PATTERNS, DEVICES
from app.demo.people import CONTACTS, LEADERS, STAFF, TEAMS
from app.demo.shapes import (
    Contract,
    Organisation,
    Product,
    Release,
    SharedIdentity,
    Site,
    SupportAccount,
)

__all__ = [
    "ACCOUNT", "CHAT", "CHAT_NAME_EN", "CHAT_WELCOME", "CHAT_WELCOME_EN", "CONTACTS", "CONTRACTS", "DEMO_PASSWORD",
    "DEVICES", "DEVICE_PATTERNS", "HOTLINE", "LEADERS",    "ORGANISATIONS", "PRODUCTS", "SHARED_IDENTITIES", "SITES", "STAFF", "TEAMS", "TICKET_CATEGORIES", "TICKET_CAUSES",
]  # fmt: skip

DEMO_PASSWORD = "huiyin-demo"  # public by contract; only where HUIYIN_DEMO=1
HOTLINE = "+864000000100"
ACCOUNT = SupportAccount("email", "support", "衡川服务台邮箱", "support@hengchuan.example")
CHAT = SupportAccount("webchat", "portal", "衡川在线客服", "")
CHAT_WELCOME = "您好，说说遇到的问题。\n报警代码、型号、序列号写上会更快。"
CHAT_NAME_EN, CHAT_WELCOME_EN = "Hengchuan help desk", "Hello, tell us what happened.\nAn alarm code, model or serial number makes it faster."

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
    Organisation("yuanzhou", "远洲纺织", "client", "yuanzhou.example", manager="manager2"),
    Organisation("hengtai", "恒泰铸造", "client", "hengtai.example", manager="manager2"),
    Organisation("tianmen", "天门药业", "client", "tianmen.example", manager="manager2"),
    Organisation("lingang", "临港汽配", "client", "lingang.example", manager="manager2"),
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

CONTRACTS = (
    Contract("HT-CH-2601", "chenghu", "gold", 320, 410, "四个厂区，产线停机 30 分钟内响应"),
    Contract("HT-SY-2602", "shengyuan", "silver", 290, 75, "数采与 MES，工作日 2 小时内响应"),
    Contract("HT-BL-2603", "beiling", "silver", 250, 115, "熟料线与包装，7×24 小时电话"),
    Contract("HT-JH-2604", "jiahe", "basic", 200, 165, "平台与标识解析，工作日 4 小时内响应"),
    Contract("HT-YZ-2605", "yuanzhou", "basic", 180, 185, "工作日 4 小时内响应"),
    Contract("HT-HT-2606", "hengtai", "silver", 160, 205, "设备健康管理，含季度巡检"),
    Contract("HT-TM-2607", "tianmen", "gold", 150, 580, "洁净车间，48 小时内上门"),
    Contract("HT-LG-2608", "lingang", "gold", 90, 275, "总装线，中英文服务"),
    Contract("HT-CH-2401", "chenghu", "silver", 1050, -321, "一厂与二厂，工作日 2 小时内响应"),
    Contract("HT-SY-2502", "shengyuan", "basic", 655, -291, "数采，工作日 4 小时内响应"),
    Contract("HT-BL-2507", "beiling", "basic", 500, -20, "包装线驱动与控制，工作日 4 小时内响应"),
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
