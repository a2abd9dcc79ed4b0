"""Fourteen stories that the first ten minutes with the house lead through; the newest stand at the end.

The numbers run on from 2031; the customer of 2041 quotes hers, and gets the number that her ticket really has.
"""

from app.demo.story import Hold, Message, Order, Satisfaction, Ticket, WrapUp, act

TICKETS = (
    Ticket(
        number=2031,
        subject="网关绿灯不亮，二厂没有数据",
        text="你好，网关绿灯不亮了，昨天电信换了卡，换完就这样。二厂 1 号数采网关，SIM 那个灯是绿的，"
        "旁边两个都灭着。车间看板从昨晚八点起没数，麻烦尽快看一下。\n\n李秀兰",
        contact="li-xiulan", kind="fault", impact="degraded", product="TL-G300", device="TG3A1-24-0001",
        age=8700, state="closed", team="frontline", assignee="agent",
        thread=(
            Message("agent", "agent", 9,
                    "李班长您好，SIM 绿、NET 不亮，说明卡认到了，APN 还是旧卡的。请按文章第二步改成 ctnet，"
                    "保存后点「重新拨号」，三分钟左右上线。我这边看着。", ("tl-g300-apn-after-sim-change",)),
            Message("customer", "li-xiulan", 31, "改了，两个灯都亮了，看板有数了。昨晚的数会不会丢？"),
            Message("agent", "agent", 34, "不会丢。网关断网时会缓存 72 小时，现在正在补传，约 20 分钟补完。"),
        ),
        dispatched_after=2, started_after=5, restored_after=31, resolved_after=36,
        resolution="换卡后 APN 未改，改为 ctnet 并重新拨号后上线，缓存数据已补传。",
        wrap_up=WrapUp("connectivity", "sim_change", "TL-G300", ("tl-g300-apn-after-sim-change",)),
        satisfaction=Satisfaction(5, "照着做三分钟就好了", 1490), closed_after=1490,
    ),
    Ticket(
        number=2032,
        subject="二级节点注册报 302",
        text="二级节点注册报302是啥意思？我们一批 200 条标识，只有 12 条过了，其他全是 302。网络是好的，网页也能登录。",
        contact="he-miao", kind="consult", impact="none", product="IDR", device=None,
        age=7300, state="closed", team="frontline", assignee="agent2",
        thread=(
            Message("agent", "agent2", 22, "何工您好，302 是前缀未授权。请对照文章核对「标识 → 我的前缀」，"
                    "看那 188 条用的是不是测试前缀 88.999.0。", ("idr-302-prefix-not-authorised",)),
            Message("customer", "he-miao", 55, "对，模板里写的是测试前缀，换成正式的就都过了，谢谢。"),
        ),
        dispatched_after=6, started_after=15, resolved_after=60,
        resolution="批量模板里误用测试前缀，改为正式前缀后重传失败行，全部注册成功。",
        wrap_up=WrapUp("identifier", "setting", "IDR", ("idr-302-prefix-not-authorised",)),
        satisfaction=Satisfaction(4, "说清楚了，提示语可以再直白些", 1580), closed_after=1580,
    ),
    Ticket(
        number=2033,
        subject="申请调整织机区网关的上报间隔",
        text="您好，織機區 1 號網關現在 10 秒上報一次，想改成 60 秒，省一點流量。請問是你們改，還是我們自己改？",
        contact="yip-puishan", kind="change", impact="none", product="TL-G300", device="TG3A1-25-2001",
        age=5800, state="cancelled", team="tuolian-desk", assignee="resident",
        thread=(
            Message("agent", "resident", 95,
                    "葉經理您好，這項設定可以遠端調整。改成 60 秒後，看板上的停機判斷會慢約一分鐘，"
                    "請確認生產那邊可以接受，我再動手。"),
            Message("customer", "yip-puishan", 1410, "問過生產部，他們要看即時停機，那就先不改了，謝謝。"),
        ),
        dispatched_after=12, started_after=90,
        cancelled_after=1425, cancel_reason="客户与生产部确认后决定保持 10 秒上报。",
    ),
    Ticket(
        number=2034,
        subject="报工扫两次怎么删",
        text="报工扫两次怎么删？工人手快，流转卡 LZ-0931 在 6 号机上扫了两遍，完工数多了 480 件，月底要对数的。",
        contact="zhao-lei", kind="consult", impact="none", product="JZ-MES", device=None,
        age=4500, state="closed", team="frontline", assignee="agent",
        thread=(
            Message("agent", "agent", 14, "赵主管您好，报工记录不能删，用冲销：班组长账号进「生产 → 报工记录」，"
                    "选后扫的那一条冲销，原因选「重复扫码」。步骤在文章里。", ("jz-mes-1203-duplicate-report",)),
            Message("customer", "zhao-lei", 70, "冲销按钮是灰的，写着已入库。"),
            Message("agent", "agent", 76, "那要请仓库先做退库，退完按钮就亮了，再冲销。完工数会自动减回来。"),
            Message("customer", "zhao-lei", 148, "弄好了。"),
        ),
        dispatched_after=3, started_after=8, resolved_after=152,
        resolution="该批已入库，仓库退库后由班组长冲销后扫的一条，完工数减回 480 件。",
        wrap_up=WrapUp("execution", "mistake", "JZ-MES", ("jz-mes-1203-duplicate-report",)),
    ),
    Ticket(
        number=2035,
        subject="Open API: every call returns 401 since this morning",
        text="Hello,\n\nsince about 06:40 today all our calls to the open API come back as HTTP 401 with code 40113. "
        "We have not changed a line of code, and the key is the same as yesterday. Reading device data for the "
        "assembly line dashboard is affected; production itself is running.\n\nRequest id of one example: "
        "rq-7f31c2a9.\n\nBest regards\nDaniel Weber",
        contact="daniel-weber", kind="fault", impact="degraded", product="OPENAPI", device=None,
        age=3000, state="following_up", team="second", assignee="agent2",
        thread=(
            Message("agent", "agent2", 18,
                    "Dear Mr Weber, 40113 means that the timestamp in your request differs from our "
                    "clock by more than 300 seconds. Your request was 412 seconds behind, so please check the clock "
                    "of the calling server and whether NTP is running. The key itself is fine. The article (in "
                    "Chinese) has the exact strings to compare.", ("api-40113-signature-expired",)),
            Message("note", "agent2", 20,
                    "request_id rq-7f31c2a9：时间戳慢 412 秒，签名一致。虚拟机夜里恢复过快照，很可能是它。"),
            Message("customer", "daniel-weber", 95,
                    "You were right: the virtual machine was restored from a snapshot last "
                    "night and time synchronisation stayed off. It works again. Thank you."),
        ),
        dispatched_after=4, started_after=10, restored_after=95, resolved_after=110,
        resolution="客户服务器恢复快照后时钟慢 412 秒，启用 NTP 后恢复。",
        wrap_up=WrapUp("open_api", "clock_drift", "OPENAPI", ("api-40113-signature-expired",)),
    ),
    Ticket(
        number=2036,
        subject="除尘风机振动图全是一条直线",
        text="析诊里 1 号除尘风机的振动图全是一条直线，风机明明在转，手摸轴承座都发麻。周末检修动过那个测点，"
        "会不会是装的人没弄好？健康评分还显示 96 分，我不敢信。",
        contact="tang-jun", kind="fault", impact="degraded", product="MX-VB3", device="MXVB3-25-0001",
        age=1900, state="executing", team="frontline", assignee="agent",
        thread=(
            Message("agent", "agent", 25, "唐科长，波形为直线期间评分无效，请先不要参考。麻烦点「立即采集一次」，"
                    "把截图发来。要动传感器，请先停机断电、挂牌，等风机停稳。", ("mx-vb3-flat-waveform",)),
            Message("customer", "tang-jun", 210, "采了，贴着零，有一点点毛刺，0.01 左右。电量 78%，信号 -71。"),
            Message("agent", "agent", 226, "这是松动的样子：电量、信号都好，只有底噪。请在下一个停机窗口看安装面，"
                    "M6 螺柱拧到 5 N·m，不要用磁座。装好再采一次给我。"),
            Message("customer", "tang-jun", 1705, "今天停机看了，果然是磁座吸在漆面上。螺柱要找机修打孔，下午弄。"),
        ),
        dispatched_after=4, started_after=12,
    ),
    Ticket(
        number=2037,
        subject="投诉：报修 72 小时没有人上门",
        text="我公司洁净空调 2 号变频器三天前报修，贵方答应 48 小时内上门，到现在 72 小时了，没有人来，"
        "也没有人打电话说一声。洁净区靠一台机组硬撑，压差随时可能不合格。请给一个负责人，今天答复我。\n\n"
        "天门药业工程部 曹玉琴",
        contact="cao-yuqin", kind="complaint", impact="degraded", product="HK-V20", device="HV11K-26-0002",
        age=1500, state="executing", team="frontline", assignee="leader",
        thread=(
            Message("agent", "leader", 38,
                    "曹经理，我是班长陈启明，这件事由我负责到底。我们没有按约定上门，也没有提前说明，"
                    "是我们的错。我正在向宏控核实人员和入厂许可，今天给您书面答复。"),
            Message("note", "leader", 52,
                    "宏控调度回话：许可材料交晚了 26 小时，师傅没有改约。已要求今天给出时间和姓名。"),
            Message("customer", "cao-yuqin", 840, "许可我们已经批了。请把到厂时间写清楚，不要再说「尽快」。"),
        ),
        dispatched_after=6, started_after=20,
        acts=(
            act(64, "raise", "leader", to="supervisor", reason="金级合同，承诺 48 小时上门，已 72 小时未上门。"),
            act(71, "supervise", "supervisor", reason="书面答复：到厂时间、姓名、为什么没有改约。", until_in=180),
        ),
    ),
    Ticket(
        number=2038,
        subject="数采断断续续，MES 上产量对不上",
        text="数采断断续续，MES上产量对不上。2 号网关带的六台注塑机，每小时掉线两三次，一次几分钟，"
        "昨天夜班少记了差不多一千模。机器本身没停。",
        contact="luo-jing", kind="fault", impact="degraded", product="TL-G300", device="TG3B2-26-1002",
        age=430, state="dispatched", team="tuolian-desk", assignee="resident",
        thread=(
            Message("agent", "agent", 16, "罗工您好，已记下。请在网关「状态 → 拨号日志」导出最近 24 小时，"
                    "顺便看一眼机身标签的硬件版本发给我，我转给拓联驻场工程师一起看。"),
            Message("customer", "luo-jing", 64, "日志导了，里面 E07 和已就绪来回跳。硬件版本是 B2。"),
            Message("note", "agent", 70, "HW B2、E07 反复、注塑车间有振动，疑似卡座批次问题，转拓联驻场判定。"),
        ),
        dispatched_after=72,
    ),
    Ticket(
        number=2039,
        subject="建议：停机报表能按班次看",
        text="提个建议。现在包装机的停机报表只能按自然日看，我们三班倒，夜班跨零点被切成两半，"
        "每天早会都要手工拼。能不能加一个按班次统计？",
        contact="sun-dehai", kind="suggestion", impact="none", product="PLATFORM", device=None,
        age=380, state="created",
    ),
    Ticket(
        number=2040,
        subject="能不能看到我们四个厂所有的单",
        text="能不能看到我们四个厂所有的单？我现在只看得到自己报的。钱部长让我每周汇总各厂报修，"
        "一家一家打电话问太慢了。开通需要他点头的话，他同意，手机您这边有。\n\n李秀兰",
        contact="li-xiulan", kind="provision", impact="none", product="PLATFORM", device=None,
        age=320, state="created",
    ),
    Ticket(
        number=2041,
        subject="空調送風變頻器：什麼時候來換風扇",
        text="您好，昨天師傅來看過 2 號送風變頻器，E07，說是風扇壞了。師傅說要等停機才能換風扇，什麼時候來？"
        "我們後天是檢修日，07:00 到 19:00 可以停。",
        contact="yip-puishan", kind="fault", impact="degraded", product="HK-V20", device="HV15K-25-0002",
        age=300, state="executing", team="frontline", assignee="agent2",
        thread=(
            Message("agent", "agent2", 24,
                    "葉經理您好，已和宏控確認：風扇 HK-FAN-V20-A 有現貨，就約在後天的檢修窗口更換，"
                    "師傅韓大勇，約一小時。換之前請把該機組的負載先轉到 1 號。"),
            Message("customer", "yip-puishan", 41, "可以，早上最好。"),
            Message("customer", "yip-puishan", 262, "工單單號2041那個，催一下：停機只批到中午，師傅能不能八點就到？"),
        ),
        dispatched_after=5, started_after=11,
        hold=Hold("date", "已约检修日停机窗口更换风扇", after=45, until=2880),
        orders=(
            Order(24, "agent2", "更换 2 号送风变频器风扇，备件 HK-FAN-V20-A 一只。停机窗口：后天 07:00–19:00。", "replace", "scheduled", (
                act(30, "accept", "dispatcher"), act(33, "assign", "dispatcher", technician="technician"),
                act(38, "appoint", "dispatcher", window=(2760, 2)),
            )),
        ),
    ),
    Ticket(
        number=2042,
        subject="3 号线主轴变频器跳 E07，产线停了",
        text="变频器跳E07，夏天一到下午就停，吹吹风又能转，现在天凉了也跳。3 号线 2 号主轴，HK-V20 37 千瓦，"
        "刚才又跳了，整条线停着。这个月第三次了，上次说清了风道，没用。\n\n王建平",
        contact="wang-jianping", kind="fault", impact="line_down", product="HK-V20", device="HV37K-25-0002",
        age=55, state="executing", team="frontline", assignee="agent",
        thread=(
            Message("agent", "agent", 6,
                    "王工，已按停线处理。请先不要反复复位，也先不要开盖。在面板上读一下 d0-14 和 d0-04，"
                    "再看一眼柜内风扇转不转，隔着门看就行。"),
            Message("customer", "wang-jianping", 17,
                    "d0-14 现在 81 度，刚跳的时候没看。d0-04 平时 68 安。风扇有一个不转。"),
            Message("note", "agent", 21,
                    "30 天内第三次，风扇停转。需换 HK-FAN-V20-C，准备转宏控；午间 11:30–12:30 可停机。"),
            Message("agent", "agent", 24, "风扇停转就是原因。我现在联系宏控带 HK-FAN-V20-C 上门，定了时间马上告诉您。"
                    "温度降到 75 度以下才能复位；能不能降载先跑，请您按现场情况定，再跳就先停着等师傅。"),
        ),
        dispatched_after=1, started_after=3,
        orders=(
            Order(27, "agent", "同一台 30 天第三次 E07，柜内风扇一只停转。带 HK-FAN-V20-C 成对更换，测柜内温升。午间 11:30–12:30 可停机。",
                  "repair", "created"),
        ),
    ),
    Ticket(
        number=2043,
        subject="PLC 红灯闪三下，包装机停了",
        text="2 号包装机的 PLC红灯闪三下，停一下又三下，机器不动了。早上厂里跳过一次闸。另外两台正常。",
        contact="sun-dehai", kind="fault", impact="machine_down", product="HK-P3", device="HP32T-25-0002",
        age=25, state="dispatched", team="frontline", assignee="agent2",
        dispatched_after=2,
    ),
    Ticket(
        number=2044,
        subject="你们平台是不是又挂了",
        text="你们平台是不是又挂了？灌装线三个网关一起离线，十来分钟了，领导在看大屏。",
        contact="he-miao", kind="fault", impact="degraded", product="PLATFORM", device=None,
        age=9, state="created",
    ),
)  # fmt: skip
