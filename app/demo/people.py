"""The demo's people: those with a login, the teams they work in, and those who write and call."""

from app.demo.shapes import Contact, Identity, Staff, Team

TEAMS = (
    Team("frontline", "一线服务组", "hengchuan", 1),
    Team("second", "二线技术组", "hengchuan", 2, ("PLATFORM", "OPENAPI", "IDR")),
    Team("knowledge", "知识组", "hengchuan", 2),
    Team("tuolian-desk", "拓联驻场组", "tuolian", 2, ("TL-G300", "TL-G510", "TL-LINK")),
    Team("mingxi-desk", "明析驻场组", "mingxi", 2, ("MX-VB3", "XZ-HEALTH")),
    Team("hkauto-field", "宏控现场服务组", "hkauto", 2, ("HK-V20", "HK-P3", "HK-H7")),
    Team("tuolian-field", "拓联现场服务组", "tuolian", 2, ("TL-G300", "TL-G510", "TL-LINK")),
    Team("mingxi-field", "明析现场服务组", "mingxi", 2, ("MX-VB3", "XZ-HEALTH")),
    Team("jiezao-field", "捷造交付组", "jiezao", 2, ("JZ-MES", "JZ-SCADA")),
)

LEADERS = {
    "frontline": "leader", "second": "supervisor", "tuolian-desk": "resident", "mingxi-desk": "resident2",
    "hkauto-field": "dispatcher", "tuolian-field": "tuolian-dispatch", "mingxi-field": "mingxi-dispatch",
    "jiezao-field": "jiezao-dispatch",
}  # fmt: skip

STAFF = (
    Staff("admin", "顾长宁", "administrator", "hengchuan"),
    Staff("supervisor", "林若梅", "supervisor", "hengchuan", ("frontline", "second")),
    Staff("leader", "陈启明", "leader", "hengchuan", ("frontline",)),
    Staff("agent", "周小禾", "agent", "hengchuan", ("frontline",)),
    Staff("agent2", "吴桐", "agent", "hengchuan", ("frontline", "second")),
    Staff("agent3", "梁静怡", "agent", "hengchuan", ("frontline",)),
    Staff("agent4", "何沐", "agent", "hengchuan", ("frontline",)),
    Staff("agent5", "邵一凡", "agent", "hengchuan", ("frontline",)),
    Staff("agent6", "温可", "agent", "hengchuan", ("frontline",)),
    Staff("agent7", "鲁子谦", "agent", "hengchuan", ("frontline",)),
    Staff("agent8", "祝小满", "agent", "hengchuan", ("frontline",)),
    Staff("second", "高屹", "second_line", "hengchuan", ("second",)),
    Staff("second2", "沈砚秋", "second_line", "hengchuan", ("second",)),
    Staff("second3", "毛振宇", "second_line", "hengchuan", ("second",)),
    Staff("editor", "许清言", "editor", "hengchuan", ("knowledge",)),
    Staff("manager", "方致远", "manager", "hengchuan"),
    Staff("manager2", "姚映雪", "manager", "hengchuan"),
    Staff("dispatcher", "郑海川", "dispatcher", "hkauto", ("hkauto-field",)),
    Staff("technician", "韩大勇", "technician", "hkauto", ("hkauto-field",)),
    Staff("hkauto-tech2", "冯铁山", "technician", "hkauto", ("hkauto-field",)),
    Staff("hkauto-tech3", "贾春生", "technician", "hkauto", ("hkauto-field",)),
    Staff("tuolian-dispatch", "汪丽萍", "dispatcher", "tuolian", ("tuolian-field",)),
    Staff("tuolian-tech1", "丁海波", "technician", "tuolian", ("tuolian-field",)),
    Staff("tuolian-tech2", "岳鹏", "technician", "tuolian", ("tuolian-field",)),
    Staff("resident", "彭立", "resident", "tuolian", ("tuolian-desk",)),
    Staff("author", "苏晚晴", "author", "tuolian"),
    Staff("mingxi-dispatch", "易敏", "dispatcher", "mingxi", ("mingxi-field",)),
    Staff("mingxi-tech1", "谭建业", "technician", "mingxi", ("mingxi-field",)),
    Staff("mingxi-tech2", "俞飞", "technician", "mingxi", ("mingxi-field",)),
    Staff("resident2", "柳知行", "resident", "mingxi", ("mingxi-desk",)),
    Staff("jiezao-dispatch", "范晓东", "dispatcher", "jiezao", ("jiezao-field",)),
    Staff("jiezao-tech1", "倪文博", "technician", "jiezao", ("jiezao-field",)),
    Staff("jiezao-tech2", "康乐", "technician", "jiezao", ("jiezao-field",)),
    Staff("client", "钱国栋", "client", "chenghu", contact="qian-guodong"),
    Staff("client2", "赵磊", "client", "shengyuan", contact="zhao-lei"),
    Staff("client3", "曹玉琴", "client", "tianmen", contact="cao-yuqin"),
)


def _c(
    code: str, name: str, called: str, organisation: str, site: str | None, title: str, mail: str, serial: int, language: str = "zh"
) -> Contact:
    """One contact; `mail` is the part before the @, `serial` the last four digits of the mobile number."""
    known = Identity("email", f"{mail}@{organisation}.example"), Identity("phone", f"+861990000{serial:04d}")
    return Contact(code, name, organisation, site, title, known, language, called)


CONTACTS = (
    _c("qian-guodong", "钱国栋", "钱部长", "chenghu", "chenghu-1", "设备部部长", "qian.gd", 101),
    _c("wang-jianping", "王建平", "王工", "chenghu", "chenghu-3", "设备工程师", "wangjp", 102),
    _c("li-xiulan", "李秀兰", "李班长", "chenghu", "chenghu-2", "二厂电气班长", "lixl", 103),
    _c("fang-xiaojun", "房晓军", "房师傅", "chenghu", "chenghu-1", "一厂维修电工", "fangxj", 104),
    _c("lu-min", "陆敏", "陆工", "chenghu", "chenghu-4", "四厂热处理工艺员", "lumin", 105),
    _c("shi-qiang", "史强", "史班长", "chenghu", "chenghu-3", "三厂夜班班长", "shiq", 106),
    _c("xiong-yan", "熊燕", "熊工", "chenghu", "chenghu-1", "点检工程师", "xiongyan", 107),
    _c("bai-zhigang", "白志刚", "白主任", "chenghu", "chenghu-4", "四厂设备主任", "baizg", 108),
    _c("zhao-lei", "赵磊", "赵主管", "shengyuan", "shengyuan-1", "生产主管", "zhaolei", 201),
    _c("luo-jing", "罗静", "罗工", "shengyuan", "shengyuan-1", "信息专员", "luojing", 202),
    _c("ma-dashan", "马大山", "马师傅", "shengyuan", "shengyuan-1", "机修班长", "mads", 203),
    _c("xu-qing", "徐晴", "徐工", "shengyuan", "shengyuan-1", "计划员", "xuqing", 204),
    _c("sun-dehai", "孙德海", "孙主管", "beiling", "beiling-1", "电气主管", "sundh", 301),
    _c("hu-bin", "胡斌", "胡工", "beiling", "beiling-1", "自动化工程师", "hubin", 302),
    _c("shen-guangfu", "申广福", "申师傅", "beiling", "beiling-1", "中控操作员", "shengf", 303),
    _c("ji-hong", "季虹", "季工", "beiling", "beiling-1", "设备统计员", "jihong", 304),
    _c("he-miao", "何淼", "何工", "jiahe", "jiahe-1", "信息主管", "hemiao", 401),
    _c("liao-jie", "廖洁", "廖主管", "jiahe", "jiahe-1", "灌装车间主管", "liaojie", 402),
    _c("tan-wei", "覃伟", "覃师傅", "jiahe", "jiahe-1", "设备维修", "qinwei", 403),
    _c("pan-yue", "潘悦", "潘工", "jiahe", "jiahe-1", "追溯专员", "panyue", 404),
    _c("yip-puishan", "葉佩珊", "葉經理", "yuanzhou", "yuanzhou-1", "廠務經理", "ps.yip", 501),
    _c("leung-chiming", "梁志明", "梁師傅", "yuanzhou", "yuanzhou-1", "電機維修", "cm.leung", 502),
    _c("ou-jiahui", "区嘉慧", "区工", "yuanzhou", "yuanzhou-1", "能源管理员", "jiahui", 503),
    _c("tang-jun", "唐军", "唐科长", "hengtai", "hengtai-1", "设备科长", "tangjun", 601),
    _c("wei-long", "魏龙", "魏师傅", "hengtai", "hengtai-1", "熔炼电工", "weilong", 602),
    _c("jin-sha", "金莎", "金工", "hengtai", "hengtai-1", "设备点检员", "jinsha", 603),
    _c("cao-yuqin", "曹玉琴", "曹经理", "tianmen", "tianmen-1", "工程部经理", "caoyq", 701),
    _c("deng-chao", "邓超然", "邓工", "tianmen", "tianmen-1", "公用工程主管", "dengcr", 702),
    _c("xie-ning", "谢宁", "谢工", "tianmen", "tianmen-1", "计算机化系统验证", "xiening", 703),
    _c("daniel-weber", "Daniel Weber", "Mr Weber", "lingang", "lingang-1", "IT integration lead", "d.weber", 801, "en"),
    _c("he-jun", "贺俊", "贺工", "lingang", "lingang-1", "自动化工程师", "hejun", 802),
    _c("zou-lin", "邹琳", "邹工", "lingang", "lingang-1", "MES 管理员", "zoulin", 803),
    _c("yan-bo", "严博", "严主管", "lingang", "lingang-1", "设备主管", "yanbo", 804),
    _c("jiang-xue", "江雪", "江经理", "tuolian", None, "商务经理", "jiangxue", 901),
)

SURNAMES = "秦尤许施孔严华金魏陶姜戚邹喻柏窦章云苏潘葛奚范彭郎鲁韦马苗花方俞任袁柳鲍史唐费岑薛雷贺倪汤滕殷罗毕郝邬安常乐"
GIVEN = ("文涛", "秀英", "国强", "晓芳", "志远", "丽华", "海涛", "桂兰", "建军", "雨桐", "永刚", "春梅", "思远", "红霞", "立新", "嘉欣")
TRADES = (("电工", "师傅"), ("设备工程师", "工"), ("自动化工程师", "工"), ("班长", "班长"), ("信息专员", "工"), ("点检员", "工"))


def more_contacts(count: int) -> tuple[Contact, ...]:
    """That many further people at the clients, for a demo of thousands of tickets: the same ones every time."""
    places = sorted({(c.organisation, c.site) for c in CONTACTS if c.site and c.organisation != "yuanzhou"}, key=str)
    made = []
    for n in range(count):
        surname, given = SURNAMES[n % len(SURNAMES)], GIVEN[(n * 7 + n // len(SURNAMES)) % len(GIVEN)]
        company, site = places[n % len(places)]
        title, called = TRADES[(n // 3) % len(TRADES)]
        made.append(_c(f"more-{n}", surname + given, surname + called, company, site, title, f"staff{n:04d}", 1000 + n))
    return tuple(made)
