"""What is alive at the moment of loading: something for each list and each person to do next."""

from app.demo.story import DAY, Hold, Order, Ticket, WrapUp, act, noted, said, told

NOW = (
    Ticket(
        number=2101, subject="立磨减速机 2 号测点没有波形", text="立磨减速机2号测点从前天起波形一条直线，点了三次立即采集都一样，电量64%，信号-72。\n\n季虹",
        contact="ji-hong", kind="fault", impact="degraded", product="MX-VB3", device="MXVB3-25-2002",
        age=4 * DAY + 55, state="executing", team="frontline", assignee="agent4",
        thread=(
            told("agent4", 18, "季工您好，四项都排除了，属于传感器本身。已转明析驻场换件，健康评分这两天请不要参考。"),
            said("ji-hong", 2 * DAY + 300, "师傅换好走了，波形有了，平台上显示在等你们验收。"),
        ),
        dispatched_after=5, started_after=12,
        acts=(act(25, "transfer", "agent4", team="mingxi-desk", assignee="resident2", reason="换传感器，转明析驻场。"), act(50, "start", "resident2")),
        orders=(
            Order(70, "resident2", "2 号测点敏感元件损坏，保内以旧换新，装后用手持测振仪对比。", "replace", "checking", (
                act(110, "accept", "mingxi-dispatch"), act(118, "assign", "mingxi-dispatch", technician="mingxi-tech1"),
                act(125, "appoint", "mingxi-dispatch", window=(2 * DAY + 60, 2)),
                act(140, "plan", "mingxi-tech1", steps="停机挂牌；旋下旧件，底座不动；绑定新序列号；手持对比。", parts=["MX-VB3 固件 1.5"], cost="0"),
                act(2 * DAY + 10, "depart", "mingxi-tech1"), act(2 * DAY + 65, "arrive", "mingxi-tech1", place="熟料线立磨平台"),
                act(2 * DAY + 80, "start", "mingxi-tech1"), act(2 * DAY + 110, "photo", "mingxi-tech1", text="新件与底座刻线对齐"),
                act(2 * DAY + 125, "reading", "mingxi-tech1", text="手持 3.1 mm/s，析诊 3.0 mm/s"),
                act(2 * DAY + 140, "deliver", "mingxi-tech1", solution="更换 2 号测点传感器，手持对比相差 3 %，曲线已并到新件。", code=True),
                act(2 * DAY + 145, "leave", "mingxi-tech1", result="done"),
            )),
        ),
    ),
    Ticket(
        number=2102, subject="1 号包装机扩展模块反复掉线", text="1号包装机PLC三闪，逐块拔插查到是第二块扩展模块，换位置也一样。有备件的话请带一块 HK-P3-E8 来。",
        contact="hu-bin", kind="fault", impact="machine_down", product="HK-P3", device="HP32T-25-0001",
        age=2 * DAY + 200, state="executing", team="frontline", assignee="agent5",
        thread=(
            told("agent5", 9, "胡工您好，查得很清楚。我转宏控带 HK-P3-E8 上门，约好时间马上告诉您。包装先用 2、3 号机顶一下可以吗？", "hk-p3-err-three-blinks"),
            said("hu-bin", 31, "可以顶，一天少五百袋。"),
            said("hu-bin", 1500, "师傅来看过了，说底板也要换，没带，要等货。大概哪天？"),
            told("agent5", 1522, "胡工，底板 HK-P3-B4 从总仓调，后天上午到，到货当天下午装。我把单子挂着，到货第一个通知您。"),
        ),
        dispatched_after=2, started_after=4,
        hold=Hold("part", "等 HK-P3-B4 底板到货，总仓已发", after=1530, until=2 * DAY),
        orders=(
            Order(14, "agent5", "第二块扩展模块坏，带 HK-P3-E8。每月 15 日以外须临停，随时可停 1 小时。", "repair", "planned", (
                act(55, "accept", "dispatcher"), act(62, "assign", "dispatcher", technician="hkauto-tech2"), act(70, "appoint", "dispatcher", window=(1290, 2)),
                act(80, "plan", "hkauto-tech2", steps="断两路电；更换扩展模块；逐块上电；走一个循环。", parts=["HK-P3-E8"], cost="0"),
                act(1240, "depart", "hkauto-tech2"), act(1320, "arrive", "hkauto-tech2", place="北岭水泥包装楼"),
                act(1335, "photo", "hkauto-tech2", text="底板插槽烧蚀"),
                act(1480, "leave", "hkauto-tech2", result="part", reason="底板插槽烧蚀，需 HK-P3-B4，未携带"),
                act(1510, "hold", "dispatcher", party="part", reason="HK-P3-B4 总仓调货，后天上午到", until_in=2 * DAY - 120),
            )),
        ),
    ),
    Ticket(
        number=2103, subject="除尘风机 2 号变频器，保外请先报价", text="2号除尘风机变频器昨天中午跳了两次E07，滤棉洗过了没用。过保了，上门的话请先报个价，周三下午可停机。\n\n魏龙",
        contact="wei-long", kind="fault", impact="degraded", product="HK-V20", device="HV45K-23-0002",
        age=1 * DAY + 90, state="executing", team="frontline", assignee="agent3",
        thread=(told("agent3", 25, "魏师傅您好，已转宏控出方案和价格，价格会直接发到您邮箱，点了同意我们才安排。", "warranty-and-quote"),),
        dispatched_after=4, started_after=10,
        orders=(
            Order(32, "agent3", "保外，先报价。45 kW，带 HK-FAN-V20-C 两只，周三 13:00–15:00 可停机。", "replace", "planned", (
                act(200, "accept", "dispatcher"), act(210, "assign", "dispatcher", technician="hkauto-tech3"), act(216, "appoint", "dispatcher", window=(3 * DAY, 2)),
                act(240, "plan", "hkauto-tech3", steps="断电挂牌，等 10 分钟验电；成对更换风扇；换导热硅脂；带载 30 分钟。", parts=["HK-FAN-V20-C ×2", "导热硅脂"], cost="1660.00"),
            )),
        ),
    ),
    Ticket(
        number=2104, subject="想把析诊报警改成早上汇总", text="析诊半夜老发短信，注意级的能不能早上一起发？危险的还是要马上发。阈值那页没找到在哪里改。",
        contact="jin-sha", kind="consult", impact="none", product="XZ-HEALTH", device=None,
        age=1 * DAY + 20, state="following_up", team="frontline", assignee="agent6",
        thread=(told("agent6", 12, "金工您好，在「通知」页，不在阈值页：把「注意」改为「每天 8 点汇总」，「危险」保持立即发送。", "xz-health-alarm-threshold"),),
        dispatched_after=3, started_after=6, resolved_after=14,
        resolution="「通知」页把注意级改为每天 8 点汇总，危险级立即发送。",
        wrap_up=WrapUp("monitoring", "setting", "XZ-HEALTH", ("xz-health-alarm-threshold",)),
    ),
    Ticket(
        number=2105, subject="磨床变频器 E05，停车时跳", channel="calls", text="磨床12号冷却泵变频器一停车就E05，减速时间以前没动过，上周换了个大叶轮。",
        contact="fang-xiaojun", kind="fault", impact="degraded", product="HK-V20", device="HV7K5-24-0012",
        age=1 * DAY - 60, state="following_up", team="frontline", assignee="agent7",
        thread=(noted("agent7", 5, "叶轮大了惯量大，减速 5 s 不够。电话里改 P0-09 为 12 s，试停两次不跳。"),),
        resolved_after=7, resolution="换大叶轮后惯量变大，P0-09 由 5 s 改为 12 s，停车不再报 E05。", at_once=True,
        wrap_up=WrapUp("drive", "setting", "HK-V20", ("hk-v20-e05-bus-overvoltage",)),
        acts=(act(900, "attempt", "agent8"),),
    ),
    Ticket(
        number=2106, subject="MES 升级 5.4 后班次报表少一天", text="升级到5.4以后，月初的班次报表少 1 号夜班。财务今天要数，先给个说法也行。",
        contact="luo-jing", kind="fault", impact="degraded", product="JZ-MES", device=None,
        age=1 * DAY - 200, state="dispatched", team="frontline", assignee="agent8",
        thread=(
            told("agent8", 20, "罗工您好，夜班跨零点，5.4 改成算在前一天，所以 1 号夜班在上月报表里。数没有丢，但上月已结，怎么调我请二线给您准话。"),
            said("luo-jing", 88, "那上月财务不认，还是得有个办法。"),
            noted("agent8", 95, "需要二线确认能否按单厂切回旧口径。"),
        ),
        dispatched_after=4, started_after=9,
        acts=(
            act(100, "transfer", "agent8", team="second", assignee="second3", reason="报表口径，需二线与捷造确认。"),
            act(104, "raise", "agent8", to="second_line", reason="财务今天要结论。"),
        ),
    ),
    Ticket(
        number=2107, subject="请重置 3 号工位控制器密码", text="3号工位控制器的上载密码没人知道了，交接的人走了。请协助重置，我们有采购合同和现场照片。\n\n严博",
        contact="yan-bo", kind="change", impact="none", product="HK-P3", device="HP48R-26-0003",
        age=780, state="executing", team="frontline", assignee="agent4",
        thread=(told("agent4", 26, "严主管您好，重置密码要核对归属：请把采购合同首页、铭牌照片和贵公司设备部盖章的申请发来，三样齐了当天办。"),),
        dispatched_after=6, started_after=15,
        hold=Hold("customer", "等客户发来盖章申请与铭牌照片", after=30, until=3 * DAY),
    ),
    Ticket(
        number=2108, subject="中频炉控制器报 0x8102", text="2号中频炉早上送电PLC报0x8102不运行，备份在，密码也有，但下载到一半提示校验失败。炉子里还有料。\n\n魏龙",
        contact="wei-long", kind="fault", impact="machine_down", product="HK-P3", device="HP48R-25-0002",
        age=545, state="executing", team="frontline", assignee="agent4",
        thread=(
            told("agent4", 7, "魏师傅，先确认炉料保温、人离开、急停有效。下载前看一眼 BAT 灯，亮着就带电换电池，再下载时不要勾选清除断电保持区。", "hk-p3-8102-program-checksum"),
            said("wei-long", 41, "BAT 没亮，又下了一遍，还是校验失败。"),
            noted("agent4", 48, "两次校验失败，可能是存储器。转宏控上门，带 CPU 模块。"),
        ),
        dispatched_after=1, started_after=3,
        orders=(
            Order(50, "agent4", "下载两次校验失败，疑 CPU 存储器。带 HK-P3-48MR CPU，炉料保温中，尽快。", "repair", "created", (
                act(140, "reject", "dispatcher", why="not_ours", reason="程序是客户自己改过的版本，校验失败属客户工程问题。"),
            )),
        ),
    ),
    Ticket(
        number=2109, subject="制剂车间 2 号网关从早上起离线", text="制剂车间2号网关从早上8点多离线，SIM绿 NET绿 CLOUD不亮。没动过任何东西。\n\n邓超然",
        contact="deng-chao", kind="fault", impact="degraded", product="TL-G300", device="TG3A1-26-0002",
        age=400, state="executing", team="frontline", assignee="agent5",
        thread=(
            told("agent5", 14, "邓工您好，NET 绿 CLOUD 灭，网络通了、平台没登录上。请看「状态 → 日志」里是 G-4011 还是 G-4029？"),
            said("deng-chao", 55, "4029。校时点了没反应，NTP 服务器 ping 不通，可能是我们换了防火墙。"),
            said("deng-chao", 205, "催一下，下午 GMP 数据要连续的，缺一段我要写偏差报告。"),
            told("resident", 221, "邓工，换防火墙后要放行 UDP 123。我在等贵厂信息部回复，放行后马上上线，缓存的数据会补齐，不缺段。"),
            said("deng-chao", 345, "再催一下，信息部说今天下班前，能不能先手动校时顶上？"),
        ),
        dispatched_after=5, started_after=11,
        acts=(
            act(62, "transfer", "agent5", team="tuolian-desk", assignee="resident", reason="要看网关侧时间服务，转拓联驻场。"), act(90, "start", "resident"),
            act(240, "extend", "resident", reason="等客户信息部放行端口。", until_after=2 * DAY),
        ),
    ),
    Ticket(
        number=2110, subject="灌装机 PLC 停了，灌装线停线", channel="webchat", text="灌装线停了！！2号灌装机plc红灯一直闪，三下一停，中午断过电，三十个人在等",
        contact="tan-wei", kind="fault", impact="line_down", product="HK-P3", device="HP32T-25-1002",
        age=220, state="executing", team="frontline", assignee="agent3",
        thread=(
            told("agent3", 1, "覃师傅，已按停线处理，编号马上发您。先确认没有人受伤、没有异味。三下是扩展模块没应答，请看哪块模块的 PWR 灯不亮？"),
            said("tan-wei", 4, "没人受伤。第三块不亮"),
            told("agent3", 6, "请电工断 PLC 和 24 V 两路电，把第三块拔下重插到底再上电。我同时叫了宏控的师傅，十分钟内告诉您几点到。"),
            said("tan-wei", 25, "插了还是不亮，端子上有24v"),
            told("agent3", 27, "那就是这块坏了。师傅韩大勇带 HK-P3-E8 已经在路上，预计一小时内到。先把 1 号机的产量排上，可以吗？"),
            said("tan-wei", 96, "师傅到了"),
        ),
        dispatched_after=1, started_after=1,
        acts=(act(8, "supervise", "leader", reason="停线，每 30 分钟回话一次，四小时内恢复。", until_in=60),),
        orders=(
            Order(9, "agent3", "停线。第三块扩展模块无电源指示，24 V 正常，带 HK-P3-E8。", "repair", "delivering", (
                act(14, "accept", "dispatcher"), act(16, "assign", "dispatcher", technician="technician"), act(17, "appoint", "dispatcher", window=(40, 3)),
                act(19, "plan", "technician", steps="断两路电；更换第三块扩展模块；逐块上电；空走一个循环。", parts=["HK-P3-E8"], cost="0"),
                act(24, "depart", "technician"), act(95, "arrive", "technician", place="嘉禾食品 3 号门"), act(102, "start", "technician"),
                act(108, "photo", "technician", text="第三块模块铭牌与端子，24.1 V"),
                act(190, "reading", "technician", text="换后 5 V 总线 4.98 V，四块模块全部识别"),
            )),
        ),
    ),
    Ticket(
        number=2111, subject="染缸控制器报警灯一直闪", channel="webchat", text="你好，染缸2號的控制器報警燈一直閃，五下停一下，機器不動，師傅說程式冇咗，點算好？",
        contact="leung-chiming", kind="fault", impact="machine_down", product="HK-P3", device="HP16R-25-1002",
        age=105, state="dispatched", team="frontline", assignee="agent6",
        thread=(told("agent6", 3, "梁師傅您好，閃五下是程式校驗錯誤，要用備份重新下載。請問廠裡有沒有工程備份？修改日期是哪天？", "hk-p3-8102-program-checksum"),),
        dispatched_after=2,
    ),
    Ticket(
        number=2112, subject="企业邮箱换域名，登录账号怎么改", channel="walk_in", text="来访：公司邮箱下月统一换域名，四十几个账号的登录邮箱要一起改，问能不能批量。",
        contact="ou-jiahui", kind="change", impact="none", product="PLATFORM", device=None,
        age=170, state="executing", team="frontline", assignee="leader",
        thread=(noted("leader", 12, "可以批量，请企业管理员导出成员表、填新邮箱后发来，定在换域名当天零点执行。"),),
        dispatched_after=2, started_after=3,
    ),
    Ticket(
        number=2113, subject="等停机窗口改采集间隔", text="三厂 2 号网关的采集间隔要从 1 秒改 5 秒，改的时候会断一分钟，请在午间停机的时候做。",
        contact="wang-jianping", kind="change", impact="none", product="TL-G300", device="TG3A1-25-3002",
        age=150, state="executing", team="frontline", assignee="agent",
        thread=(told("agent", 16, "王工您好，就约在这个停机窗口，到点我在线上改，改完请您看一眼三厂看板。"),),
        dispatched_after=3, started_after=8, hold=Hold("date", "约在三厂停机窗口内修改采集间隔", after=20, until=12),
    ),
    Ticket(
        number=2114, subject="两台网关轮流掉线", text="总装两台5G网关轮流掉线，一台上来另一台就下去，日志G-4011。上周刚换过一台主板。\n\n贺俊",
        contact="he-jun", kind="fault", impact="degraded", product="TL-G510", device="TG5-26-0002",
        age=75, state="created", team="frontline", assignee="agent8",
        thread=(noted("agent8", 30, "客户来电补充：换主板后没有重新建设备，clientId 大概率重复。"),),
        dispatched_after=4, started_after=None,
        acts=(act(34, "return", "agent8", reason="客户要求 14:00 以后再联系，交下一班派。"),),
    ),
    Ticket(
        number=2115, subject="扫码提示条码规则不符", channel="webchat", text="MES扫码报JZ-2207，新换的供应商标签，前面多了一串]C1，发料窗口排长队了",
        contact="xu-qing", kind="fault", impact="degraded", product="JZ-MES", device=None,
        age=14, state="executing", team="frontline", assignee="agent7",
        thread=(
            told("agent7", 1, "徐工您好，前面的 ]C1 是扫码枪带的前缀，不是标签的问题。请扫一下枪说明书上的「关闭 AIM」码，先关一把枪试试。", "jz-mes-2207-barcode-rule"),
            said("xu-qing", 6, "关了，这把好了"),
            said("xu-qing", 12, "说明书只有一本，另外三把怎么弄？"),
        ),
        dispatched_after=0, started_after=0,
    ),
    Ticket(
        number=2116, subject="网关 SIM 灯红的", channel="webchat", text="wangguan E07，sim灯红的，刚插的新卡，怎么弄啊",
        contact="lu-min", kind="fault", impact="none", product="TL-G300", device=None,
        age=3, state="created",
    ),
    Ticket(
        number=2117, subject="热线留言：请回电", channel="calls", text="热线留言（未接）：我是一厂熊燕，磨床主轴测点报 MX-L03，想问电池型号，下午三点前回我。",
        contact="xiong-yan", kind="consult", impact="none", product="MX-VB3", device="MXVB3-25-1007",
        age=36, state="created",
    ),
)  # fmt: skip
