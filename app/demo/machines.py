"""The demo's installed base: rows of like machines, numbered from 1. Three and a bit of its hundreds have a story."""

from app.demo.shapes import Device, DevicePattern

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
    # The rest of 澄湖's 312.
    DevicePattern("HV7K5-24-{n:04d}", "HK-V20", "HK-V20-7K5", "chenghu-1", "磨床 {n} 号冷却泵变频器", "2.1", 60, 830),
    DevicePattern("HP16R-24-{n:04d}", "HK-P3", "HK-P3-16MR", "chenghu-1", "磨床 {n} 号控制器", "3.0", 30, 830),
    DevicePattern("MXVB3-25-1{n:03d}", "MX-VB3", "MX-VB3", "chenghu-1", "磨床主轴测点 {n}", "1.4", 48, 410),
    DevicePattern("TG3A1-24-1{n:03d}", "TL-G300", "TL-G300", "chenghu-1", "一厂 {n} 号数采网关", "2.5", 4, 820),
    DevicePattern("HV15K-24-{n:04d}", "HK-V20", "HK-V20-15K", "chenghu-2", "超精机 {n} 号变频器", "2.1", 36, 640),
    DevicePattern("HP32T-24-{n:04d}", "HK-P3", "HK-P3-32MT", "chenghu-2", "超精机 {n} 号控制器", "3.0", 36, 640),
    DevicePattern("HH710-24-{n:04d}", "HK-H7", "HK-H7-10W", "chenghu-2", "超精机 {n} 号触摸屏", "1.8", 24, 640),
    DevicePattern("HV18K-25-{n:04d}", "HK-V20", "HK-V20-18K5", "chenghu-3", "3 号线 {n} 号输送变频器", "2.1", 24, 480),
    DevicePattern("TG3A1-25-3{n:03d}", "TL-G300", "TL-G300", "chenghu-3", "三厂 {n} 号数采网关", "2.6", 4, 470),
    DevicePattern("TG3A1-25-4{n:03d}", "TL-G300", "TL-G300", "chenghu-4", "四厂 {n} 号数采网关", "2.5", 4, 490),
    DevicePattern("HV30K-24-{n:04d}", "HK-V20", "HK-V20-30K", "chenghu-4", "热处理 {n} 号风机变频器", "2.1", 12, 760),
    DevicePattern("MXVB3-25-4{n:03d}", "MX-VB3", "MX-VB3", "chenghu-4", "热处理风机测点 {n}", "1.4", 12, 380),
    # The others' machines that are asked about now and then.
    DevicePattern("HV18K-24-1{n:03d}", "HK-V20", "HK-V20-18K5", "shengyuan-1", "集中供料 {n} 号变频器", "2.1", 4, 700),
    DevicePattern("HP32T-24-1{n:03d}", "HK-P3", "HK-P3-32MT", "shengyuan-1", "机械手 {n} 号控制器", "3.0", 6, 690),
    DevicePattern("HH710-22-{n:04d}", "HK-H7", "HK-H7-10W", "shengyuan-1", "机械手 {n} 号触摸屏", "1.8", 3, 1420),
    DevicePattern("HV45K-24-{n:04d}", "HK-V20", "HK-V20-45K", "beiling-1", "熟料线 {n} 号风机变频器", "2.1", 5, 690),
    DevicePattern("MXVB3-25-2{n:03d}", "MX-VB3", "MX-VB3", "beiling-1", "立磨减速机测点 {n}", "1.4", 6, 300),
    DevicePattern("HV11K-25-{n:04d}", "HK-V20", "HK-V20-11K", "jiahe-1", "灌装线 {n} 号输送变频器", "2.1", 5, 450),
    DevicePattern("HP32T-25-1{n:03d}", "HK-P3", "HK-P3-32MT", "jiahe-1", "灌装机 {n} 号控制器", "3.2", 3, 450),
    DevicePattern("HH710-25-1{n:03d}", "HK-H7", "HK-H7-10W", "jiahe-1", "灌装机 {n} 号触摸屏", "1.8", 3, 450),
    DevicePattern("HP16R-25-1{n:03d}", "HK-P3", "HK-P3-16MR", "yuanzhou-1", "染缸 {n} 号控制器", "3.0", 4, 500),
    DevicePattern("HP48R-25-{n:04d}", "HK-P3", "HK-P3-48MR", "hengtai-1", "中频炉 {n} 号控制器", "3.0", 2, 560),
    DevicePattern("TG3A1-26-{n:04d}", "TL-G300", "TL-G300", "tianmen-1", "制剂车间 {n} 号网关", "2.6", 2, 300),
    DevicePattern("MXVB3-26-1{n:03d}", "MX-VB3", "MX-VB3", "tianmen-1", "空压站测点 {n}", "1.5", 4, 290),
    DevicePattern("HV22K-26-{n:04d}", "HK-V20", "HK-V20-22K", "lingang-1", "总装 {n} 号升降机变频器", "2.3", 4, 130),
    DevicePattern("HP48R-26-{n:04d}", "HK-P3", "HK-P3-48MR", "lingang-1", "总装 {n} 号工位控制器", "3.2", 6, 130),
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
