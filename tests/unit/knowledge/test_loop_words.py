"""What is kept of customers' words, and which questions are one."""

import pytest

from knowledge.loop.masking import MASK, mask, own_words, tidy
from knowledge.loop.meaning import meaning_of, same


@pytest.mark.parametrize(
    ("text", "gone", "stays"),
    [
        ("我叫王建国，变频器报 E07", "王建国", "变频器报 E07"),
        ("请李工回电 138 1234 5678，网关离线", "5678", "网关离线"),
        ("座机 0571-88776655 转 12，HK-V20 过热", "88776655", "HK-V20 过热"),
        ("zhang.san@example.com 的账号登录不了", "zhang.san", "的账号登录不了"),
        ("身份证 33010219900307123X 认证失败", "19900307", "认证失败"),
        ("车牌浙A12345 进厂登记失败", "A12345", "进厂登记失败"),
        ("订单号 DD20240501123 没有同步", "20240501", "没有同步"),
        ("序列号：SN8839201 激活不了", "8839201", "激活不了"),
        ("送到杭州市滨江区网商路699号，触摸屏黑屏", "网商路", "触摸屏黑屏"),
        ("工单 #20418 说的那个冲销", "20418", "冲销"),
        ("张师傅说风扇不转", "张师傅", "风扇不转"),
        ("澄湖轴承三号线停了", "澄湖", "三号线停了"),
        ("91330100MA27XYZ123 这家的发票", "MA27XYZ123", "这家的发票"),
        ("HKV20-2309-00417 又跳了", "00417", "又跳了"),
        ("A1B2-1234567 激活不了", "1234567", "激活不了"),
    ],
)
def test_what_tells_who_somebody_is_goes_and_the_matter_stays(text: str, gone: str, stays: str) -> None:
    told = mask(text, ["澄湖轴承"])
    assert gone not in told and stays in told and MASK in told


@pytest.mark.parametrize(
    "text",
    [
        "FX3U-48MR 报 E-07，固件 v4.2.1",
        "ORA-00600 和 0x80070005 是什么",
        "云平台总是掉线",
        "高工艺要求下的施工工序",
        "TL-G300 指示灯 3 红 2 绿，电压 380V",
        "2024-05-01 之后数据没有上来",
        "换了 6ES7214-1AG40-0XB0 以后程序下不进去",
        "3RV2011-1AA10 跳闸",
    ],
)
def test_codes_models_and_plain_words_are_nobodys(text: str) -> None:
    assert mask(text) == text


def test_only_what_the_customer_says_themselves() -> None:
    mail = "Re: 您好！\n变频器一跑就跳 E07，散热器很烫。\n> 上次的回复\n> 第二行\n谢谢\n王建国\n13812345678"
    assert own_words(mail) == "变频器一跑就跳 E07，散热器很烫。"
    assert own_words("换卡以后还是离线\n--\n老王 宏达公司") == "换卡以后还是离线"
    assert own_words("你好，你好，\n") == ""
    long = "网关换卡以后一直离线。" * 30
    assert tidy(long, [], 50).endswith("。") and len(tidy(long, [], 50)) <= 50


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("触摸屏配方丢了", "触摸屏的配方丢失怎么找回", True),
        ("配方丢了怎么办", "觸摸屏配方丟了", True),
        ("网关掉线", "网关老是掉线怎么回事", True),
        ("变频器 E07", "变频器E-07是什么意思", True),
        ("HK-V20 报 E07", "HK-V20 报 E08", False),
        ("变频器过热", "变频器过流", False),
        ("变频器过热", "变频器怎么接线", False),
        ("变频器", "变频器 E07", False),
    ],
)
def test_one_meaning_or_two(one: str, other: str, wanted: bool) -> None:
    assert same(meaning_of(one), meaning_of(other)) is wanted
    assert same(meaning_of(other), meaning_of(one)) is wanted


def test_the_same_first_answer_joins_what_words_alone_would_not() -> None:
    one, other = meaning_of("触摸屏配方没了"), meaning_of("触摸屏的配方丢失怎么找回")
    assert not same(one, other) and same(one, other, same_answer=True)
    assert meaning_of("怎么办").key and meaning_of("触摸屏配方").key == meaning_of("触摸屏的配方？").key
