"""What a visitor is asked before the first word: a form that an administrator writes, one question on each line."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.core.directory.normal_form import normal_form
from app.core.errors import Invalid
from app.core.text import clean

TYPES = ("text", "long", "email", "phone", "number", "choice")
MOST = 8
LONGEST = {"text": 200, "long": 2000, "email": 254, "phone": 40, "number": 30, "choice": 100}
_KEY = re.compile(r"[a-z][a-z0-9_]{0,29}")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_REQUIRED = ("required", "必填", "*")  # data


@dataclass(frozen=True)
class Field:
    """One question. `label` in the visitor's language; `choices` of a choice. The keys `name`, and the types email and
    phone, also say how to reach the visitor."""

    key: str
    type: str
    label: str
    required: bool
    choices: tuple[str, ...] = ()
    label_en: str = ""


def read_fields(value: str) -> list[Field]:
    """The questions of a setting: lines of `key; type; label; required`, where a label may be `中文 / English` and a
    choice is written `choice: a, b, c`; or a JSON list of {"key","type","label","required"}. Raises ValueError with a
    sentence for the administrator."""
    text = value.strip()
    found = _from_json(text) if text.startswith("[") else [_from_line(line) for line in text.splitlines() if line.strip()]
    if len(found) > MOST:
        raise ValueError("会话前最多问 8 项。")
    if len({field.key for field in found}) != len(found):
        raise ValueError("同一个字段名只能用一次。")
    return found


def _from_line(line: str) -> Field:
    parts = [part.strip() for part in re.split("[;；|]", line)]
    if len(parts) not in (3, 4):
        raise ValueError("每行写成：字段名; 类型; 标签; required，最后一段可以不写。")
    kind, _sep, rest = parts[1].partition(":")
    label, _sep, english = parts[2].partition(" / ")
    if len(parts) == 4 and parts[3] not in ("", *_REQUIRED):
        raise ValueError("每行写成：字段名; 类型; 标签; required，最后一段可以不写。")
    return _field(parts[0], kind.strip(), label, len(parts) == 4 and parts[3] != "", re.split("[,，、]", rest), english)


def _from_json(text: str) -> list[Field]:
    try:
        rows: Any = json.loads(text)
        return [
            _field(
                row["key"], row["type"], row["label"], row.get("required") is True, row.get("choices") or [],
                row.get("label_en") or "",
            )
            for row in rows if row.get("enabled", True)
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        if type(problem) is ValueError:
            raise
        raise ValueError("不是可用的 JSON：要是一列 {key, type, label, required}。") from None


def _field(key: Any, kind: Any, label: Any, required: bool, choices: Any, english: Any) -> Field:
    if not all(isinstance(part, str) for part in (key, kind, label, english)) or not _KEY.fullmatch(key):
        raise ValueError("字段名用小写字母、数字和下划线，以字母开头。")
    if kind not in TYPES:
        raise ValueError("类型写 text、long、email、phone、number 或 choice。")
    label = label.strip()
    if not 0 < len(label) <= 60 or len(english) > 60:
        raise ValueError("标签要写，最多 60 个字。")
    options = tuple(str(one).strip() for one in choices if str(one).strip())
    if kind == "choice" and not 1 < len(options) <= 20:
        raise ValueError("选择题写 2 到 20 个选项，例如 choice: 咨询, 故障。")
    return Field(key, kind, label, required, options if kind == "choice" else (), english.strip())


def fields_of(settings: Mapping[str, Any]) -> list[Field]:
    """The questions of an account; none where the setting is empty."""
    try:
        return read_fields(str(settings.get("fields") or ""))
    except ValueError:  # checked when it was written; an older release may have checked less
        return []


def for_page(fields: list[Field], language: str) -> list[dict[str, Any]]:
    """The questions as the visitor's page reads them, with the label in their language."""
    return [
        {k: v for k, v in asdict(f).items() if k != "label_en"} | {"label": f.label_en if language == "en" and f.label_en else f.label}
        for f in fields
    ]  # fmt: skip


def answered(fields: list[Field], given: Mapping[str, Any]) -> dict[str, str]:
    """What a visitor answered, cleaned, by key. Raises Invalid with the key of each answer that is missing or wrong."""
    answers: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for field in fields:
        raw = given.get(field.key, "")
        text = clean(raw).strip() if isinstance(raw, str) else ""
        if field.type != "long":
            text = " ".join(text.split())
        if problem := _wrong(field, text):
            errors[field.key] = [problem]
        elif text:
            answers[field.key] = normal_form(field.type, text).value if field.type in ("email", "phone") else text
    if errors:
        raise Invalid(errors=errors)
    return answers


def _wrong(field: Field, text: str) -> str:
    if not text:
        return "这一项要填写。" if field.required else ""
    if len(text) > LONGEST[field.type]:
        return "太长了。"
    if field.type in ("email", "phone"):
        try:
            normal_form(field.type, text)
        except Invalid as problem:
            return next(iter(problem.errors.values()))[0]
    if field.type == "number" and not _NUMBER.fullmatch(text):
        return "写一个数。"
    if field.type == "choice" and text not in field.choices:
        return "这里只能选列出的值。"
    return ""
