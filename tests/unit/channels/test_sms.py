"""Short messages without a network: signatures, parts, what gateways report and what people write back."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text import unpack
from channels.base import Inbound, Signal, Unparseable
from channels.models import Account
from channels.reaching import plans
from channels.robot.adapter import LONGEST_BYTES, RobotChannel, dingtalk_url, shortened
from channels.settings import problem_of
from channels.sms.parts import count_parts, signed
from channels.sms.reading import items_of, read
from channels.sms.settings import PURPOSES, template_of
from channels.sms.signing import aliyun_query, plain_signature, tencent_authorization

ALIYUN = {
    "AccessKeyId": "testId", "Action": "SendSms", "Format": "XML", "OutId": "123", "PhoneNumbers": "15300000001",
    "RegionId": "cn-hangzhou", "SignName": "阿里云短信测试专用", "SignatureMethod": "HMAC-SHA1",
    "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466", "SignatureVersion": "1.0", "TemplateCode": "SMS_71390007",
    "TemplateParam": '{"customer":"test"}', "Timestamp": "2017-07-12T02:42:19Z", "Version": "2017-05-25",
}  # fmt: skip


def test_aliyun_signs_as_its_manual_shows() -> None:
    assert aliyun_query(ALIYUN, "testSecret", "GET").startswith("Signature=zJDF%2BLrzhj%2FThnlvIToysFRq6t4%3D&AccessKeyId=testId&")


def test_tencent_signs_as_its_manual_shows() -> None:
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    made = tencent_authorization(
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm", "cvm.tencentcloudapi.com",
        "application/json; charset=utf-8", "1551113065", body,
    )  # fmt: skip
    assert made.endswith("Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168")


def test_our_own_signature_covers_moment_and_body() -> None:
    made = plain_signature("s", "1", b"{}")
    assert len(made) == 64 and len({made, plain_signature("s", "2", b"{}"), plain_signature("s", "1", b"[]"), plain_signature("t", "1", b"{}")}) == 4


@pytest.mark.parametrize(
    ("text", "parts"), [("", 0), ("字" * 70, 1), ("字" * 71, 2), ("字" * 134, 2), ("字" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2)]
)
def test_parts(text: str, parts: int) -> None:
    assert count_parts(text) == parts


@given(st.text(max_size=500))
def test_longer_is_never_fewer_parts(text: str) -> None:
    assert count_parts(text) <= count_parts(text + "字") <= count_parts(text) + 2


def test_the_name_stands_before_the_text_once() -> None:
    assert signed("恒川", "你好") == "【恒川】你好" == signed("【恒川】", signed("恒川", "你好"))
    assert signed("", "你好") == "你好"


def said(raw: dict[str, object]) -> Inbound | Signal:
    return read(json.dumps(raw).encode())


STATUS = [
    ({"phone_number": "13800138000", "success": True, "err_code": "DELIVERED", "biz_id": "b1"}, "b1", ""),
    ({"phone_number": "13800138000", "success": False, "err_code": "MK:0001", "err_msg": "停机", "biz_id": "b1"}, "b1", "MK:0001 停机"),
    ({"mobile": "13800138000", "nationcode": "86", "report_status": "SUCCESS", "errmsg": "DELIVRD", "sid": "t1"}, "t1", ""),
    ({"mobile": "13800138000", "report_status": "FAIL", "errmsg": "SPAM", "description": "黑名单", "sid": "t1"}, "t1", "SPAM 黑名单"),
    ({"type": "status", "id": "p1", "status": "delivered"}, "p1", ""),
    ({"type": "status", "id": "p1", "status": "failed", "code": "12"}, "p1", "12"),
]


@pytest.mark.parametrize(("raw", "about", "reason"), STATUS)
def test_reports(raw: dict[str, object], about: str, reason: str) -> None:
    heard = said(raw)
    assert isinstance(heard, Signal)
    assert (heard.kind, heard.about, heard.reason) == ("refused" if reason else "delivered", about, reason)


REPLIES = [
    {"phone_number": "13800138000", "send_time": "2026-03-02 12:00:00", "content": "好的", "sign_name": "恒川", "dest_code": "1", "sequence_id": 77},
    {"extend": "", "mobile": "13800138000", "nationcode": "86", "sign": "恒川", "text": "好的", "time": 1772424000},
    {"type": "reply", "id": "x", "phone": "+86 138 0013 8000", "text": "好的", "at": "2026-03-02T04:00:00Z"},
]


@pytest.mark.parametrize("raw", REPLIES)
def test_what_people_write_back(raw: dict[str, object]) -> None:
    heard = said(raw)
    assert isinstance(heard, Inbound) and heard.sender is not None and heard.continues
    assert (heard.text, heard.sender.kind, heard.sent_at) == ("好的", "phone", datetime(2026, 3, 2, 4, tzinfo=UTC))
    again = said(raw)
    assert isinstance(again, Inbound) and again.external_id == heard.external_id


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"{}", b"\xff", b'{"biz_id": ""}', b'{"biz_id": 5}', b'{"report_status": "SUCCESS"}', b'{"text": "x"}',
     b'{"text": " ", "phone": "13800138000"}', b'{"text": "x", "phone": "1"}', b'{"text": ["x"], "phone": "13800138000"}', b"[" * 100_000],
)  # fmt: skip
def test_what_cannot_be_understood_says_why(raw: bytes) -> None:
    with pytest.raises(Unparseable) as problem:
        read(raw)
    assert unpack(str(problem.value)).strip()


KEYS = ["text", "content", "phone", "mobile", "biz_id", "report_status", "sid", "type", "id", "time", "send_time", "nationcode"]


@given(st.dictionaries(st.sampled_from(KEYS), st.none() | st.booleans() | st.integers() | st.sampled_from(["", "status", "13800138000", "x\ud800"])))
def test_nothing_breaks_the_reader(raw: object) -> None:
    for item in items_of(json.dumps(raw).encode()):
        try:
            assert isinstance(read(item), Inbound | Signal)
        except Unparseable as problem:
            assert str(problem)


def test_a_list_is_its_items_and_anything_else_is_one() -> None:
    assert len(items_of(json.dumps([raw for raw, _about, _reason in STATUS]).encode())) == len(STATUS)
    assert items_of(b"{}") == [b"{}"] and items_of(b"rubbish") == [b"rubbish"]
    with pytest.raises(Unparseable):
        items_of(json.dumps([{}] * 501).encode())


def test_templates_are_an_id_and_the_names_of_their_places() -> None:
    assert template_of({"template_rating": "SMS_1, number link"}, "rating") == ("SMS_1", ("number", "link"))
    assert template_of({}, "rating") == ("", ())
    assert problem_of("sms", "template_rating", "模板") and not problem_of("sms", "template_rating", "SMS_1 number link")
    assert problem_of("sms", "sign_name", "【恒川】") and problem_of("sms", "endpoint", "ftp://x") and not problem_of("sms", "sign_name", "恒川互联")
    assert set(PURPOSES) == set(plans.PURPOSES)


def test_dingtalk_signs_the_address() -> None:
    url = dingtalk_url("https://oapi.dingtalk.example/robot/send?access_token=x", "SECsecret", 1577262236757)
    assert url.startswith("https://oapi.dingtalk.example/robot/send?access_token=x&timestamp=1577262236757&sign=")
    assert url != dingtalk_url("https://oapi.dingtalk.example/robot/send?access_token=x", "SECother", 1577262236757)


@given(st.text(max_size=3000))
def test_a_robot_gets_no_more_than_it_takes(text: str) -> None:
    made = shortened(text)
    assert len(made.encode()) <= LONGEST_BYTES
    if len(text.encode("utf-8", "replace")) <= LONGEST_BYTES:
        assert made == text.encode("utf-8", "replace").decode()


def test_a_robot_keeps_the_link_at_the_end() -> None:
    assert shortened("长" * 2000 + "\nhttps://desk.example/desk/tickets/20001").endswith("https://desk.example/desk/tickets/20001")


def test_a_robot_hears_nothing() -> None:
    with pytest.raises(Unparseable):
        RobotChannel().parse(Account(kind="robot", slug="r", settings={}), b"{}")
