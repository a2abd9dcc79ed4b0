"""What the columns of a table mean, guessed by their names in both languages; a person may correct the guess."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

KINDS = ("questions", "faults", "skip")
# data: names of columns as people write them
MEANINGS: Mapping[str, tuple[str, ...]] = {
    "slug": ("slug", "短地址"),
    "id": ("编号", "编码", "知识编号", "id", "key"),
    "title": ("标题", "主题", "知识标题", "title", "subject"),
    "question": ("问题", "问", "提问", "标准问", "标准问题", "常见问题", "客户问题", "question", "questions", "q", "faq"),
    "similar": ("相似问", "相似问题", "相似问法", "扩展问", "其他问法", "同义问", "问法", "similar", "similarquestions", "variants", "alsoasked"),
    "answer": ("答案", "回答", "答", "回复", "标准答案", "解答", "内容", "正文", "answer", "answers", "a", "reply", "content", "body"),
    "code": ("代码", "故障代码", "故障码", "报警代码", "报警码", "报警号", "错误码", "错误代码", "代号", "code", "faultcode", "errorcode", "alarmcode", "alarm"),
    "model": ("型号", "适用型号", "型号范围", "机型", "适用机型", "model", "models", "modelrange", "appliesto"),
    "meaning": ("含义", "故障名称", "名称", "描述", "说明", "报警内容", "现象", "故障现象", "故障描述", "meaning", "description", "name", "symptom", "message"),
    "cause": ("原因", "可能原因", "故障原因", "产生原因", "cause", "causes", "possiblecause", "possiblecauses", "reason"),
    "action": ("处理", "处理方法", "处理措施", "措施", "对策", "解决办法", "解决方法", "解决方案", "排除方法", "处理步骤", "action", "actions", "remedy", "solution", "measures", "whattodo"),
    "safety": ("安全", "安全提示", "安全警示", "安全注意", "警告", "警示", "注意事项", "safety", "warning", "caution", "safetynote"),
    "product": ("产品", "产品代码", "产品名称", "产品型号", "所属产品", "product", "products", "productcode"),
    "category": ("类别", "分类", "类目", "目录", "知识分类", "category"),
    "audience": ("受众", "给谁看", "可见范围", "阅读范围", "audience", "level"),
    "valid_for": ("适用版本", "版本", "固件版本", "version", "validfor", "firmware"),
    "phone_script": ("话术", "电话话术", "电话里这样说", "phonescript", "script"),
    "language": ("语言", "language", "lang"),
}  # fmt: skip
_KNOWN = {name: meaning for meaning, names in MEANINGS.items() for name in names}
LOOKED_AT = 15


def folded(name: str) -> str:
    """A column's name without width, case, blanks, brackets and numbers at its end: 相似问 1（可选）→ 相似问."""
    name = unicodedata.normalize("NFKC", name).lower()
    name = re.sub(r"[(\[【].*?[)\]】]", "", name)
    return re.sub(r"[\d*]+$", "", re.sub(r"[\s_\-:./、*]+", "", name))


def meaning_of(name: str) -> str:
    """The meaning of a column of this name; empty for one that says nothing to us."""
    return _KNOWN.get(folded(name), "") or _KNOWN.get(folded(re.sub(r"[A-Za-z ]+$|^[A-Za-z ]+", "", name)), "")


def header_row(rows: Sequence[Sequence[str]]) -> int:
    """The row that names the columns: the one of the first rows with most names that we know; else the first with
    two cells or more."""
    known = [(sum(1 for cell in row if cell and meaning_of(cell)), -number) for number, row in enumerate(rows[:LOOKED_AT])]
    best, place = max(known, default=(0, 0))
    if best >= 2:
        return -place
    wide = (number for number, row in enumerate(rows) if sum(map(bool, row)) > 1)
    return next(wide, next(number for number, row in enumerate(rows) if any(row)))


def guess(header: Sequence[str]) -> dict[str, Any]:
    """{"kind": questions | faults | "", "columns": [meaning of each]}; the kind is empty where it cannot be told."""
    columns: list[str] = []
    for name in header:
        meaning = meaning_of(name) if name else ""
        if meaning in columns and meaning not in ("similar", "question"):
            meaning = ""  # the first column of a meaning counts
        columns.append("similar" if meaning == "question" and "question" in columns else meaning)
    return {"kind": kind_of(columns), "columns": columns}


def kind_of(columns: Sequence[str]) -> str:
    """What a table with these columns is; empty where it cannot be told."""
    has = set(columns)
    if "code" in has and has & {"meaning", "cause", "action"}:
        return "faults"
    if "answer" in has and has & {"question", "title", "similar"}:
        return "questions"
    if "action" in has and has & {"question", "title"}:
        return "questions"
    return ""


def checked(mapping: Any, header: Sequence[str]) -> dict[str, Any]:
    """A mapping as it came from a form, with nothing in it that we do not know; the guess where it says nothing. `product`
    is the id that somebody chose for the articles of the table, 0 for none at all; absent, the file decides."""
    guessed = guess(header)
    if not isinstance(mapping, Mapping):
        return guessed
    given = mapping.get("columns")
    columns = guessed["columns"]
    if isinstance(given, list) and len(given) == len(header):
        columns = [name if name in MEANINGS else "" for name in map(str, given)]
    kind = mapping.get("kind")
    chosen = mapping.get("product")
    product = {"product": chosen} if isinstance(chosen, int) and not isinstance(chosen, bool) and 0 <= chosen < 2**31 else {}
    return {"kind": kind if kind in KINDS else kind_of(columns), "columns": columns, **product}
