"""Addresses and numbers in one written form, however they were written."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.directory.normal_form import MAX_VALUE, ascii_domain, normal_form
from app.core.directory.public_mail import is_public
from app.core.errors import Invalid
from app.core.people import IDENTITY_KINDS

OBSERVED = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "callcenter" / "phone_numbers_observed.jsonl"


@pytest.mark.parametrize(
    ("given", "value", "extension"),
    [
        ("138 0013 8000", "+8613800138000", ""),
        ("１３８００１３８０００", "+8613800138000", ""),
        ("tel:+86-138-0013-8000;phone-context=x", "+8613800138000", ""),
        ("008613800138000", "+8613800138000", ""),
        ("0755-88888888-8001", "+8675588888888", "8001"),
        ("0755-88888888 转 8001", "+8675588888888", "8001"),
        ("021-61234567 ext. 801", "+862161234567", "801"),
        ("（010）65529988", "+861065529988", ""),
        ("400-812-3123", "+864008123123", ""),
        ("95588", "short:95588", ""),
        ("short:95588", "short:95588", ""),
        ("+852 2123 4567", "+85221234567", ""),
        ("\u202d138 0013 8000\u202c", "+8613800138000", ""),
    ],
)
def test_numbers(given, value, extension):
    found = normal_form("phone", given)
    assert (found.value, found.extension) == (value, extension)


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "anonymous",
        "Restricted",
        "1001",
        "转8001",
        "14900000000",
        "1065502010012345",
        "call me",
        "+",
        "9" * 400,
    ],
)
def test_what_is_no_number_is_refused_in_words(given):
    with pytest.raises(Invalid) as refused:
        normal_form("phone", given)
    assert list(refused.value.errors) == ["value"]


def test_the_digit_for_an_outside_line_is_dropped_only_where_it_is_configured():
    assert normal_form("phone", "913800138000", outside_line="9").value == "+8613800138000"
    assert normal_form("phone", "13800138000", outside_line="1").value == "+8613800138000"
    with pytest.raises(Invalid):
        normal_form("phone", "9013800138001234")


def test_the_numbers_that_were_observed():
    if not OBSERVED.is_file():
        pytest.skip("the corpus of observed numbers is not beside this repository")
    for line in OBSERVED.read_text(encoding="utf-8").splitlines():
        seen = json.loads(line)
        if seen.get("valid"):
            assert normal_form("phone", seen["in"]).value == seen["e164"]
        elif seen.get("short"):
            assert normal_form("phone", seen["in"]).value == f"short:{seen['in']}"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("Wang@ChengHu.Example.COM", "wang@chenghu.example.com"),
        (" a@b.cn. ", "a@b.cn"),
        ("a+tag@b.cn", "a+tag@b.cn"),
        ("张三@例子.cn", "张三@xn--fsqu00a.cn"),
        ("ａ＠ｂ.cn", "a@b.cn"),
        ("a@XN--FSQU00A.cn", "a@xn--fsqu00a.cn"),
        ('"a b"@x.cn', '"a b"@x.cn'),
        ("root@localhost", "root@localhost"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("o'brien@x.cn", "o'brien@x.cn"),
    ],
)
def test_mail_addresses(given, value):
    assert normal_form("email", given).value == value


@pytest.mark.parametrize(
    "given",
    [
        "",
        "@",
        "a",
        "a@",
        "@b.cn",
        "a b@c.cn",
        "a@b c.cn",
        "a@b..cn",
        "<a@b.cn>",
        "a@b@c.cn",
        "a@-b.cn",
        "x" * 250 + "@b.cn",
        "a@b/c.cn",
    ],
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(Invalid):
        normal_form("email", given)


def test_other_kinds_stay_as_they_are():
    assert normal_form("openid", " oAbC_-12 ").value == "oAbC_-12"
    with pytest.raises(Invalid):
        normal_form("openid", "a b")
    with pytest.raises(Invalid) as refused:
        normal_form("pigeon", "x")
    assert list(refused.value.errors) == ["kind"]


@given(st.sampled_from(IDENTITY_KINDS), st.text(st.characters(codec=None), max_size=60))
def test_any_text_is_normal_or_refused_and_normal_stays_normal(kind, text):
    try:
        found = normal_form(kind, text)
    except Invalid:
        return
    assert normal_form(kind, found.value).value == found.value
    assert 0 < len(found.value) <= MAX_VALUE and len(found.shown) <= MAX_VALUE
    found.value.encode("utf-8")


@given(st.emails())
def test_usual_addresses_pass(address):
    assert normal_form("email", address).value == address.lower()


def test_public_domains_say_nothing_about_a_company():
    assert is_public("qq.com") and is_public("163.com") and is_public("gmail.com") and is_public("localhost")
    assert not is_public("chenghu.example.com")
    assert ascii_domain(" 例子.CN. ") == "xn--fsqu00a.cn"
