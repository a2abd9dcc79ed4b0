"""What people ask about software, interfaces, accounts and the service itself."""

from app.demo.story import Pattern

SYSTEMS = (
    Pattern(
        "scada-cert", "JZ-SCADA", "fault", "degraded", ("scada", "certificate"),
        (
            ("换了电脑 SCADA 连不上", "换了电脑SCADA连不上，提示证书，E07，旧电脑还在。"),
            ("SCADA 提示证书过期", "中控SCADA早上弹窗E07证书过期，点位全问号，能不能先关掉验证跑着？"),
        ),
        "请在配置工具「通信 → OPC UA → 证书」看日志：过期就重新生成，未被信任就到服务端把它移到受信任。安全策略保持 Basic256Sha256，不要改成 None。",
        ("服务端找不到那张证书。", "先在 SCADA 端点一次重新连接，服务端的「已拒绝」里就会出现，再移过去。"),
        "重新生成证书并在服务端信任后，点位恢复 Good。", ("jz-scada-e07-opcua-cert",), ("calls", "webchat", "email"), ("first", "clarify", "again"), ((5, ""), (5, "十分钟搞定")), device=False,
    ),
    Pattern(
        "scada-bad", "JZ-SCADA", "fault", "degraded", ("scada", "setting"),
        (
            ("点位质量戳 Bad", "有一半点位质量戳Bad，另一半正常，都是同一台PLC的。"),
            ("画面数值不动", "SCADA画面温度半天不动，旁边有个感叹号，现场表在变。"),
        ),
        "Bad 是这个数不可信，显示的是断开前的值。同一台 PLC 坏一半多半是点表：查地址、数据类型和字节序，32 位浮点占两个寄存器。",
        ("改了字节序，数对了，还有三个点 Bad。", "那三个点地址超范围了，PLC 里没有这段，对一下变量表。"),
        "点表字节序与地址有误，更正后全部恢复 Good。", ("point-quality-bad",), ("email", "webchat"), ("clarify", "tier"), ((4, ""), (4, "")), device=False,
    ),
    Pattern(
        "scada-move", "JZ-SCADA", "consult", "none", ("scada", "setting"),
        (
            ("SCADA 换工控机要注意什么", "中控的工控机要换新的，SCADA怎么搬？授权会不会失效？"),
            ("SCADA 授权绑在坏掉的电脑上", "旧电脑主板烧了，授权退不回来，新电脑提示未授权，生产等着用。"),
        ),
        "先别格式化旧电脑：导出工程、备份历史库、退回授权，再到新电脑激活，证书要重新信任。旧电脑坏了就用 72 小时应急授权顶上，序列号发我，捷造四个工作小时内重置。",
        ("应急授权激活了，序列号发您了。", "收到，已转捷造，今天下班前重置好。"),
        "按授权、工程、证书三步迁移完成。", ("jz-scada-move-computer",), ("email", "calls"), ("first", "tier"), ((5, "步骤很全"), (4, "")), device=False,
    ),
    Pattern(
        "mes-twice", "JZ-MES", "consult", "none", ("execution", "mistake"),
        (
            ("流转卡报工报了两次", "报工扫两次怎么删？流转卡多报了 320 件，月底要对数。"),
            ("工人多报了一遍", "夜班一个新人把整车报了两遍，班长说删不掉，怎么办？"),
        ),
        "报工不能删，用冲销：班组长账号进「生产 → 报工记录」，选后扫的那条点冲销，原因选重复扫码，产量会减回来。按钮灰的看提示，已入库要先退库。",
        ("冲销按钮是灰的，写已月结。", "月结了就请财务在本月做数量调整，我把文章那一段发给您。"),
        "重复报工已冲销，产量更正。", ("jz-mes-1203-duplicate-report",), ("calls", "webchat", "email"), ("first", "first", "clarify"), ((5, ""), (5, "")), device=False,
    ),
    Pattern(
        "mes-barcode", "JZ-MES", "fault", "degraded", ("execution", "setting"),
        (
            ("新标签扫不进去", "供应商换了新标签，扫码提示条码规则不符JZ-2207。"),
            ("扫码枪多一串字符", "换了一批扫码枪，扫出来前面多东西，MES不认。"),
        ),
        "请先用记事本扫一下看内容：前面多 ]C1 就扫说明书里的「关闭 AIM」；内容对、格式新，就在「基础资料 → 条码规则」加一条，旧的不用删。",
        ("加了规则，试扫是绿的，现场还是不行。", "v5.3 要操作工重新登录一次才生效，请让当班的退出再进。"),
        "新增条码规则，操作工重新登录后可以扫码。", ("jz-mes-2207-barcode-rule",), ("webchat", "email", "calls"), ("first", "clarify"), ((5, ""), (4, "")), device=False,
    ),
    Pattern(
        "mes-slow", "JZ-MES", "fault", "degraded", ("execution", "setting"),
        (
            ("MES 报表打开要两分钟", "月报打开要等两分钟，有时候直接白屏，昨天领导在旁边看着。"),
            ("报工页面转圈", "交接班的时候报工页面一直转圈，过十分钟又好了。"),
        ),
        "交接班那十分钟在跑日结，请把「系统 → 任务 → 日结」挪到 02:30。报表先选厂区和月份再查询，全选会把三年的都拉出来。",
        ("挪了，今天交班没卡。", "好的，我再观察一周。"),
        "日结任务改到 02:30，报表默认按月查询，打开时间降到 3 秒。", (), ("email", "webchat"), ("tier", "second"), ((4, ""), (3, "慢了半个月才有人看")), device=False,
    ),
    Pattern(
        "mes-output", "JZ-MES", "fault", "degraded", ("execution", "setting"),
        (
            ("夜班产量少记了", "夜班产量比计数器少九百多，是不是网关掉线丢了？"),
            ("产量核对补不上去", "产量核对点了重新汇总还是差 210，网关缓存是 0。"),
        ),
        "先看网关缓存有没有补完，补完再点「重新汇总」选对班次。缓存为 0 仍有差，就是采集中断的那段，班组长按计数器做「人工补录」，附照片。",
        ("补录了，财务问凭什么。", "照片和计数器读数会一起存档，财务在产量核对里点开就能看到。"),
        "补传完成后重新汇总，差额按计数器人工补录。", ("data-gap-output-mismatch",), ("email", "calls"), ("tier", "first"), ((3, ""), (4, "")), device=False,
    ),
    Pattern(
        "idr-302", "IDR", "consult", "none", ("identifier", "setting"),
        (
            ("注册返回 302 是什么", "二级节点注册报302是啥意思？网是好的。"),
            ("标识注册提示没权限", "前缀批下来了，注册还是提示前缀未授权。"),
        ),
        "302 是前缀不在授权里，不是网络问题。请对照「标识 → 我的前缀」：测试前缀换成正式的；状态是待授权就请企业管理员补材料，一个工作日开通。",
        ("状态是已授权，还是 302。", "请看用的密钥是不是本企业的，换成本企业密钥再试失败的行。"),
        "模板误用测试前缀，改为正式前缀后注册成功。", ("idr-302-prefix-not-authorised",), ("email", "webchat"), ("first", "clarify", "tier"), ((4, ""), (5, "")), device=False,
    ),
    Pattern(
        "idr-404", "IDR", "consult", "none", ("identifier", "setting"),
        (
            ("经销商扫码查不到", "经销商扫包装上的标识码显示未注册，我们自己扫是有的。"),
            ("刚注册的标识 404", "今天注册的 500 条，查出来一半404。"),
        ),
        "404 是节点里没有这条，或者外部看不到。请看「可见范围」是不是企业内，改成公开；批量的下载结果文件，失败的行重传。",
        ("改公开了，还是要等多久？", "从国家节点过来大约十分钟。"),
        "可见范围改为公开后外部可查。", ("idr-404-not-registered",), ("webchat", "email", "calls"), ("first", "first"), ((5, ""), (4, "")), device=False,
    ),
    Pattern(
        "api-401", "OPENAPI", "fault", "degraded", ("open_api", "clock_drift"),
        (
            ("API 突然 401", "API突然401，代码没动过，返回40113，昨天还好好的。"),
            ("上了服务器就 401", "本地能调通，部署到服务器全是40113，密钥肯定没错。"),
        ),
        "40113 是时间戳差了 300 秒以上。请在服务器上和 /v2/time 的 Date 比一下，启用 NTP；再看时间戳是不是 13 位毫秒，重试要重新签名。",
        ("校时了，还有零星 40113。", "那是先签好再排队，等久了过期，改成发送前再签。"),
        "服务器时钟慢，启用 NTP 并改为发送前签名后恢复。", ("api-40113-signature-expired",), ("email", "webchat"), ("first", "clarify", "tier"), ((5, ""), (4, "文档里要是放在最前面就好了")), device=False,
    ),
    Pattern(
        "api-429", "OPENAPI", "fault", "degraded", ("open_api", "setting"),
        (
            ("接口 42901", "每到整点接口就报42901，其它时间没事。"),
            ("取历史数据被限流", "拉三个月历史，跑一会就42901，能不能把上限调高点？"),
        ),
        "整点大家都在跑，请把任务挪到 :07，按 Retry-After 等，设备用 /v2/devices/batch 一次取 200 台。历史迁移可以申请 14 天临时提额。",
        ("改批量了，少了九成。", "那就不用提额了。"),
        "改用批量接口并错开整点后不再超频。", ("api-42901-rate-limit",), ("email", "webchat"), ("first", "tier"), ((4, ""), (5, "")), device=False,
    ),
    Pattern(
        "api-start", "OPENAPI", "consult", "none", ("open_api", "none"),
        (
            ("开放 API 怎么申请", "想把设备数据接到我们自己的看板，API怎么申请，要不要钱？"),
            ("有没有测试环境", "开发在问有没有测试环境，不想拿正式数据试。"),
        ),
        "密钥由企业管理员在「开放平台 → 密钥」自建，一个系统一把，只显示一次。先调不用签名的 /time，再调设备列表；测试环境是 sandbox，数据是假的。",
        ("调通了，返回的时间差八小时。", "接口一律是 UTC，显示时加 8 小时。"),
        "说明申请与接入步骤，客户已调通。", ("api-first-call",), ("email", "webchat"), ("first", "first"), ((5, ""), (5, "")), device=False,
    ),
    Pattern(
        "api-en", "OPENAPI", "consult", "none", ("open_api", "none"),
        (
            ("Rate limits of the open API", "Could you tell me the rate limits for a gold contract? We plan to poll 90 devices every ten seconds."),
            ("Time zone of the history endpoint", "Does the history endpoint return local time or UTC? Our shift report is off by eight hours."),
        ),
        "all times are in UTC, and a gold contract allows 60 calls a second per key. Please use /v2/devices/batch (200 devices a call) rather than one call for each device.",
        ("Thanks, the batch call works.", "You are welcome."),
        "说明限额与时区，客户改用批量接口。", ("api-42901-rate-limit",), ("email",), ("first", "first"), ((5, "Clear and quick."), (5, "")), device=False, only=("daniel-weber",),
    ),
    Pattern(
        "see-all", "PLATFORM", "provision", "none", ("account", "authorisation"),
        (
            ("想看本厂全部的单", "我现在只看得到自己报的，能不能看到我们厂所有的单？"),
            ("给新同事开账号", "来了两个新人要开平台账号，一个只看设备，一个要能报修。"),
        ),
        "由贵公司企业管理员在「企业 → 成员」里加，选「厂区负责人」就看得到全厂的单，改完立即生效。我们不能越过管理员直接开，这是为了保护您的数据。",
        ("管理员出差，谁能代？", "管理员手机登录也能操作；或者请他把另一位设为管理员。"),
        "由企业管理员按厂区开通权限。", ("platform-add-member",), ("webchat", "email", "calls"), ("first", "first"), ((5, ""), (4, "")), device=False,
    ),
    Pattern(
        "password", "PLATFORM", "consult", "none", ("account", "mistake"),
        (
            ("登录不上，收不到邮件", "忘记密码，点了三次都收不到邮件，垃圾箱也没有。"),
            ("账号被锁了", "密码输错被锁了，马上要开早会看大屏。"),
        ),
        "锁定 15 分钟会自己解开，我先替您解开了。收不到邮件请让信息部放行 hengchuan.example，着急就用手机号登录。",
        ("手机号登上了。", "好的，密码在「我的」里改一下。"),
        "核对身份后解除锁定，改用手机号登录。", ("platform-add-member",), ("calls", "webchat"), ("first", "first", "first"), ((5, "很快"), (5, "")), device=False,
    ),
    Pattern(
        "outage", "PLATFORM", "fault", "degraded", ("connectivity", "none"),
        (
            ("平台是不是又挂了", "你们平台是不是又挂了？大屏转圈转了十分钟。"),
            ("大屏曲线停住", "大屏从昨天开着没关，今天曲线停在早上六点。"),
        ),
        "我这边看平台是正常的，没有公告。请用手机流量打开试一下，手机能开就是厂里网络；大屏开太久会停住，刷新一下就接上了，数据不会丢。",
        ("手机能开，电脑不行。", "请信息部看一下 443 出口，今天是不是换了代理。"),
        "厂内代理策略变更，放行 443 后恢复。", ("platform-outage-check",), ("calls", "webchat", "webchat"), ("first", "first", "again"), ((4, ""), (5, "")), device=False,
    ),
    Pattern(
        "export", "PLATFORM", "provision", "none", ("account", "none"),
        (
            ("导出上季度能耗", "请协助导出上季度各机台能耗，审计要用。"),
            ("停机记录要盖章件", "客户审核要半年的停机记录，能不能给一份带公章的？"),
        ),
        "数据我今晚跑出来，明早放在「企业 → 文件」，按设备和厂区各一张表。盖章件由服务部出，两个工作日寄到。",
        ("收到文件了，少一台。", "那台当月换过网关，旧号也合并进去了，已重新上传。"),
        "导出并按设备、厂区汇总，已放在企业文件。", (), ("email",), ("tier", "second"), ((5, "很细"), (4, "")), device=False,
    ),
    Pattern(
        "change-net", "TL-G300", "change", "none", ("connectivity", "setting"),
        (
            ("厂里改网段，网关要不要动", "下周厂里网段从 192.168.10 改到 10.20.8，{device}要改什么？"),
            ("网关换个电柜装", "{device}要挪到新电柜，能不能先断半小时？"),
        ),
        "改网段只动采集口，云连接走 4G 不受影响；请在「网络 → LAN」改好再改 PLC 通道地址。挪柜断半小时没问题，数据缓存 72 小时。",
        ("改完采集全红。", "通道里还是旧地址，批量替换网段再测试一次。"),
        "网段与通道地址改好，采集恢复。", ("gateway-offline-checklist",), ("email", "webchat"), ("clarify", "first"), ((4, ""), (5, "")),
    ),
    Pattern(
        "threshold", "XZ-HEALTH", "consult", "none", ("monitoring", "setting"),
        (
            ("析诊天天误报警", "析诊天天报警，现场听着没事，阈值怎么设合适？"),
            ("评分掉到 60 要停机吗", "风机评分掉到60，要不要停机？停一次损失不小。"),
        ),
        "评分是趋势，停不停由设备负责人按现场定。天天报多半是默认阈值，请按设备类型选一次，刚性基础风机 4.5 和 11.2，再开两周自学习。",
        ("改了，报警少了很多。", "每季度看一次采纳率，低于三成再调。"),
        "按设备类型重设阈值并开启自学习，误报明显减少。", ("xz-health-alarm-threshold",), ("email", "calls", "webchat"), ("first", "clarify"), ((5, ""), (4, "")), device=False,
    ),
    Pattern(
        "release", "PLATFORM", "consult", "none", ("documentation", "none"),
        (
            ("新版的设备菜单去哪了", "更新以后「设备」菜单找不到了。"),
            ("断线原因哪里看", "说新版能看断线原因，点开设备没看到。"),
        ),
        "2026.11 把「设备」挪到左边第二个。断线原因在离线的网关那一行后面，点错误码会打开对应文章；浏览器太旧不显示弹层。",
        ("看到了。", "有看不惯的告诉我，我转给产品同事。"),
        "说明新版菜单位置与断线原因。", ("platform-2026-11-release",), ("webchat", "calls"), ("first", "first"), ((4, ""), (3, "老位置用惯了")), device=False,
    ),
    Pattern(
        "late-visit", "HK-V20", "complaint", "degraded", ("field_service", "late_visit"),
        (
            ("师傅说好上午到，下午才来", "投诉：师傅约的上午九点，下午两点半才到，停机窗口白批了。{device}"),
            ("改了两次约没人通知", "{device}上门改了两次时间，都是我们打电话问才知道，意见很大。"),
        ),
        "对不起，是我们没有守约，也没有提前说明。我向宏控核实原因，今天下班前给您书面答复，并把下一次的窗口写死。",
        ("光道歉没用，要有说法。", "已记入宏控本月考核，上门费免收；下次改约会提前四小时发到您手机上。"),
        "核实为供应商排班冲突，书面致歉，记入考核，上门费免收。", (), ("email", "calls"), ("second", "second"), ((3, "态度还行"), (2, "希望不要再有下次")),
    ),
    Pattern(
        "wish", "PLATFORM", "suggestion", "none", ("documentation", "none"),
        (
            ("希望报修能传视频", "建议报修的时候可以传一小段视频，光拍照说不清声音。"),
            ("建议月报加同比", "服务月报能不能加一列去年同月？每次自己去翻。"),
        ),
        "谢谢，这个提得很具体，已经转给产品同事，排期定了我告诉您。",
        ("好。", "有进展第一时间说。"),
        "建议已转产品，等待排期。", (), ("webchat", "email"), ("first", "first"), ((5, ""),), device=False,
    ),
    Pattern(
        "supplier-listing", "PLATFORM", "consult", "none", ("documentation", "none"),
        (
            ("新产品怎么上架", "我们有一款新网关要上平台目录，要走什么流程，资料要哪些？"),
            ("上月结算单少一笔", "上月结算单少一笔上门费，订单是关闭的，请核对。"),
        ),
        "上架先填产品资料表并附型式检验报告，三个工作日内审核。结算差异请给订单号，当天核对，少的并到下月。",
        ("资料表在哪下载？", "「供应商 → 资料」第一个文件。"),
        "说明上架流程与结算核对方式。", (), ("email",), ("first", "clarify"), ((5, ""), (4, "")), device=False, only=("jiang-xue",),
    ),
)  # fmt: skip
