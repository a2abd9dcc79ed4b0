"""Web chat without a database: the questions before the first word, opening hours, and addresses that agents may see."""

import json
from datetime import UTC, datetime

import pytest

from app.core.errors import Invalid
from channels.visitor_pages import tidy_url
from channels.webchat_fields import answered, fields_of, for_page, read_fields
from channels.webchat_hours import next_opening
from channels.webchat_settings import SECRET_FROM, WEBCHAT_SETTINGS

FORM = "name; text; 称呼 / Name\nemail; email; 邮箱 / E-mail; required\ntopic; choice: 咨询, 故障; 事由; required\nnote; long; 说明"


def test_each_line_is_a_question() -> None:
    fields = read_fields(FORM)
    assert [(f.key, f.type, f.label, f.required) for f in fields] == [
        ("name", "text", "称呼", False), ("email", "email", "邮箱", True), ("topic", "choice", "事由", True), ("note", "long", "说明", False),
    ]  # fmt: skip
    assert fields[2].choices == ("咨询", "故障")
    assert [f["label"] for f in for_page(fields, "en")] == ["Name", "E-mail", "事由", "说明"]
    assert set(for_page(fields, "zh")[0]) == {"key", "type", "label", "required", "choices"}


def test_json_says_the_same() -> None:
    rows = [{"key": "order_no", "type": "text", "label": "订单号", "required": True}, {"key": "x", "type": "text", "label": "关", "required": True, "enabled": False}]
    (field,) = read_fields(json.dumps(rows))
    assert (field.key, field.type, field.label, field.required) == ("order_no", "text", "订单号", True)


@pytest.mark.parametrize(
    "value",
    [
        "name", "Name; text; x", "a; date; x", "a; text; ", "a; choice; x", "a; choice: 一; x", "a; text; x; maybe", "a; text; x\na; text; y",
        "[1]", "[{}]", '{"key": 1}', "[" * 5000, '[{"key": "a", "type": "text", "label": 5}]', "\n".join(f"a{n}; text; x" for n in range(9)),
    ],
)  # fmt: skip
def test_a_form_that_is_none_is_refused_with_a_sentence(value: str) -> None:
    with pytest.raises(ValueError, match="[。]$"):
        read_fields(value)
    assert fields_of({"fields": value}) == []


def test_answers_are_cleaned_and_addresses_get_their_normal_form() -> None:
    given = {"name": "  王  工 ", "email": "Wang@Chenghu.example", "topic": "故障", "note": "一\n二", "other": "x"}
    assert answered(read_fields(FORM), given) == {"name": "王 工", "email": "wang@chenghu.example", "topic": "故障", "note": "一\n二"}


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, {"email", "topic"}), ({"email": "no", "topic": "别的"}, {"email", "topic"}), ({"email": ["a@b.example"], "topic": 7}, {"email", "topic"}),
        ({"email": "a@b.example", "topic": "咨询", "name": "x" * 201}, {"name"}),
    ],
)  # fmt: skip
def test_each_wrong_answer_is_named(given: dict[str, object], wrong: set[str]) -> None:
    with pytest.raises(Invalid) as problem:
        answered(read_fields(FORM), given)
    assert set(problem.value.errors) == wrong


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        (datetime(2026, 11, 23, 2, 0, tzinfo=UTC), None),  # Monday 10:00 in Shanghai
        (datetime(2026, 11, 23, 0, 0, tzinfo=UTC), datetime(2026, 11, 23, 1, 0, tzinfo=UTC)),  # Monday 08:00
        (datetime(2026, 11, 23, 4, 30, tzinfo=UTC), datetime(2026, 11, 23, 5, 30, tzinfo=UTC)),  # at noon
        (datetime(2026, 11, 27, 11, 0, tzinfo=UTC), datetime(2026, 11, 28, 2, 0, tzinfo=UTC)),  # Friday evening: Saturday 10:00
        (datetime(2026, 11, 28, 9, 0, tzinfo=UTC), datetime(2026, 11, 30, 1, 0, tzinfo=UTC)),  # Saturday evening: Monday
    ],
)
def test_the_next_opening(moment: datetime, opens: datetime | None) -> None:
    settings = {"hours": "1-5 09:00-12:00; 1-5 13:30-18:00; 6 10:00-16:00"}
    assert next_opening(settings, moment) == opens
    assert next_opening({}, moment) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://www.chenghu.example/p/hk-h7?q=%E9%BB%91%E5%B1%8F&token=abc#top", "https://www.chenghu.example/p/hk-h7?q=%E9%BB%91%E5%B1%8F&token=***"),
        ("https://user:secret@www.chenghu.example:8443/a", "https://www.chenghu.example:8443/a"),
        ("https://x.example/?sessionid=1&keyword=fx3u&code=9", "https://x.example/?sessionid=***&keyword=fx3u&code=***"),
        ("javascript:alert(1)", ""), ("file:///etc/passwd", ""), ("https://", ""), ("http://[", ""), ("", ""),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_what_opens_something(url: str, shown: str) -> None:
    assert tidy_url(url) == shown


def test_every_setting_is_explained_and_right_by_default() -> None:
    for one in WEBCHAT_SETTINGS:
        assert one.label and not (one.default and one.check and one.check(one.default)), one.name
        assert not one.choices or one.default in one.choices, one.name
    (secret,) = [one for one in WEBCHAT_SETTINGS if one.secret]
    assert secret.check is not None and secret.check("x" * (SECRET_FROM - 1)) and not secret.check("x" * SECRET_FROM)
