"""Takes out of somebody's words what tells who they are, before the words are kept for searching.

What stays are the words of the matter: codes and models of machines are short, numbers of people and orders are long.
"""

import re
from collections.abc import Iterable

from app.core.text import clean
from knowledge.analysis import HAN

MASK = "＊"
MOST = 20_000
"""Characters that are looked at: what somebody asks stands at the beginning, and a mail may be a book."""
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章云苏潘葛范彭郎鲁韦马苗方俞任袁柳"  # data
_SURNAMES += "鲍史唐费廉薛雷贺倪汤滕罗毕郝安常于傅齐康伍余顾孟黄穆萧尹姚邵汪祁毛米戴谈宋庞熊纪舒项祝董梁杜阮蓝闵季贾路江童颜"  # data
_SURNAMES += "郭梅盛林钟徐邱骆高夏蔡田胡凌霍万卢莫房丁邓洪包左石崔吉龚程裴陆荣翁段侯武刘龙叶黎薄白蒲赖卓屠池乔曾关岳游易廖"  # data
_TITLES = "先生|女士|小姐|经理|主任|主管|师傅|老师|厂长|班长|科长|总监|工程师"  # data
_BEFORE = f"(?:(?<![{HAN}])|(?<=[请系找和跟是给问让叫们]))"  # data
_MIXED = r"(?=\d*[a-z])(?=[a-z]*\d)(?![a-z0-9]*\d{5})[a-z0-9]+"
_KIND = rf"{_MIXED}(?:-{_MIXED})+(?![0-9a-z-])"
"""What makers order a kind of machine by, 6ES7214-1AG40-0XB0: every part mixes letters and digits, as no serial number does."""
_TICKET = re.compile(r"#\d{4,}")
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"https?://[!-~]+",
        r"[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}",
        # identity cards, credit codes of companies, bank cards
        r"(?<![0-9a-z])\d{17}[0-9x](?![0-9a-z])",
        r"(?<![0-9a-z])[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}(?![0-9a-z])",
        r"(?<!\d)\d{4}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?(?!\d)",
        # telephones
        r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)",
        r"(?<!\d)\(?0\d{2,3}\)?[ -]?\d{7,8}(?:[ -]\d{1,5})?(?!\d)",
        r"(?<!\d)\+\d{1,3}[ -]?\d[\d -]{6,14}\d",
        # number plates
        r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·• ]?[A-HJ-NP-Z0-9]{5,6}(?![A-Z0-9])",
        # what is called a number of an order, a device, a contract
        r"(?:序列号|机身号|出厂编号|设备编号|订单号?|单号|合同号|工单号?|快递号?|运单号?|发票号?|S/?N|serial(?: number)?|order(?: no\.?)?)"
        r"(?:是|为)?[ :：#]{0,3}(?=[A-Z0-9-]{0,40}\d)[A-Z0-9][A-Z0-9-]{4,}",
        # other long numbers; 0x80070005 is a code
        rf"(?<![0-9a-z-])(?!0x|\d{{4}}-\d{{2}}-\d{{2}}(?!\d)|{_KIND})(?=(?:[a-z-]*\d){{7}})[a-z0-9-]{{9,}}(?![0-9a-z-])",
        r"(?<![\dx])\d{8,}(?!\d)",
        # addresses
        f"[{HAN}]{{2,8}}(?:省|市|区|县|镇|开发区)[{HAN}]{{0,20}}?(?:路|街|大道|巷|村|园区)(?:[ \\d]+(?:号|弄|栋|幢|楼|室|号楼)[\\d\\-号栋楼室]*)?",
        # who somebody says to be
        f"(?:我是|我叫|本人|联系人|姓名|收件人|找)[ :：]*[{_SURNAMES}][{HAN}]{{1,2}}(?![{HAN}])",
        f"{_BEFORE}[{_SURNAMES}][{HAN}]{{0,2}}?(?:{_TITLES})",
        f"{_BEFORE}[{_SURNAMES}](?:工(?![艺作程业厂位具况控序人单件时资期步频夹])|总(?![站装线体共结数成部是会在要之]))",
    )
)
_GREETING = re.compile(rf"^(?:你好|您好|各位好|hi|hello|dear[^,，]*)[!！,，。:：\s{MASK}]*", re.IGNORECASE)
_QUOTED = re.compile(r"^\s*(?:>|＞|\|)")
_SIGNATURE = re.compile(r"^\s*(?:--\s*$|—{2,}|_{3,}|-{3,}|发自我的|从我的.{0,12}发送|Sent from|此致|顺祝|祝好|谢谢[!！。]?\s*$|Best regards|Regards|原始邮件|在.{4,60}写道)", re.IGNORECASE)
_REPLY = re.compile(r"^\s*(?:(?:re|fw|fwd|aw|答复|回复|转发)\s*[:：]\s*)+", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\u3000]+")


def mask(text: str, names: Iterable[str] = ()) -> str:
    """The text without what names a person or one single order. `names` are those that are known: of the contact, their
    company, our own people."""
    told = clean(text)
    for name in sorted({n.strip() for n in names if len(n.strip()) > 1}, key=len, reverse=True):
        told = re.sub(re.escape(name), MASK, told, flags=re.IGNORECASE)
    told = _TICKET.sub(MASK, told)
    for pattern in _PATTERNS:
        told = pattern.sub(MASK, told)
    return told


def own_words(text: str) -> str:
    """What the writer says themselves, on one line: without quoted text, greeting and signature."""
    kept: list[str] = []
    for line in clean(text).splitlines():
        if _SIGNATURE.match(line):
            break
        if not _QUOTED.match(line) and line.strip():
            kept.append(line.strip())
    words = " ".join(kept)
    while (shorter := _GREETING.sub("", _REPLY.sub("", words))) != words:
        words = shorter
    return _SPACES.sub(" ", words).strip()


def tidy(text: str, names: Iterable[str], longest: int) -> str:
    """Both, cut at the end of a sentence where one is near."""
    words = own_words(mask(own_words(text[:MOST]), names))
    if len(words) <= longest:
        return words
    cut = words[:longest]
    end = max(cut.rfind(mark) for mark in "。！？；!?;")
    return cut[: end + 1] if end > longest // 2 else cut
