"""Bodies of callbacks: XML and JSON read alike, hostile ones refused, whatever stands in them."""

import json
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.wechat.body import BodyRefused, described, external_id, leaf, moment, read_body

TEXT = b"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oA]]></FromUserName><CreateTime>1700000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[ hi <b> &amp; ]]></Content><MsgId>23456789012345678</MsgId></xml>"
CLEAN = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=80)


def test_text():
    said = described(read_body(TEXT))
    assert said["external_id"] == "23456789012345678" and said["text"] == "hi <b> &amp;"
    assert (said["kind"], said["event"], said["from"], said["to"], said["created_at"]) == ("text", None, "oA", "gh_1", 1700000000)


def test_json_is_the_same():
    given = {"ToUserName": "gh_1", "FromUserName": "oA", "CreateTime": 1700000000, "MsgType": "text", "Content": " hi <b> &amp; ", "MsgId": 23456789012345678}
    assert {k: v for k, v in described(read_body(json.dumps(given).encode())).items() if k != "fields"} == {
        k: v for k, v in described(read_body(TEXT)).items() if k != "fields"
    }


def test_events_are_named_by_who_when_what():
    raw = b"<xml><FromUserName>oA</FromUserName><CreateTime>17</CreateTime><MsgType>event</MsgType><Event>CLICK</Event><MsgId>9</MsgId></xml>"
    assert external_id(read_body(raw)) == "oA|17|CLICK"
    assert external_id({"MsgType": "event", "Event": "kf_msg_or_event", "CreateTime": 17}) == "|17|kf_msg_or_event"
    assert external_id({"MsgType": "text", "FromUserName": "oA", "CreateTime": "17", "MsgId": " "}) == "oA|17|"


def test_children_and_repeats():
    raw = b"<xml><MsgType>event</MsgType><L><i><a>1</a></i><i><a>2</a><a>3</a></i></L><E/></xml>"
    assert read_body(raw)["L"] == {"i": [{"a": "1"}, {"a": ["2", "3"]}]}
    assert read_body(raw)["E"] == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"  ", b"hello", b"[1]", b"{", b"{]", b"<xml>", b"<xml></xml", b"<a><b></a></b>", b"\x00\x01", b'{"a":' * 5000,
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><MsgType>&a;</MsgType></xml>',
        b'<!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml><MsgType>text</MsgType></xml>',
        b"<xml>" + b"<a>" * 200 + b"</a>" * 200 + b"</xml>",
        b"<xml>" + b"x" * 2_000_000 + b"</xml>",
        b'{"MsgType": ' + b"9" * 5000 + b"}",
    ],
    ids=range(16),
)  # fmt: skip
def test_refused(raw: bytes):
    with pytest.raises(BodyRefused) as problem:
        read_body(raw)
    assert str(problem.value).endswith("。")


@pytest.mark.parametrize("raw", [b"<xml></xml>", b"{}", b'{"MsgType": ""}', b'{"MsgType": {"a": 1}}', b"<xml><MsgType><a/></MsgType></xml>", b"<xml>words</xml>"])
def test_without_a_kind(raw: bytes):
    with pytest.raises(BodyRefused):
        described(read_body(raw))


def test_words_that_break_strict_parsers():
    assert read_body(b"<xml><MsgType>text</MsgType><Content><![CDATA[a\x14\x00b]]></Content></xml>")["Content"] == "ab"
    assert read_body(b"<xml><Content>a\xff\xfeb</Content></xml>")["Content"] == "a\ufffd\ufffdb"
    assert read_body(b'{"Content": "a\\ud83d \\u0000b"}')["Content"] == "a\ufffd b"
    assert read_body('<?xml version="1.0" encoding="GBK"?><xml><Content>变频器</Content></xml>'.encode("gb18030"))["Content"] == "变频器"
    assert read_body("\ufeff<xml><Content>变频器</Content></xml>".encode())["Content"] == "变频器"
    assert read_body(b"<xml><Content><![CDATA[<!DOCTYPE x>]]></Content></xml>")["Content"] == "<!DOCTYPE x>"


def test_leaves_and_moments():
    fields = {"a": {"b": 1}, "n": 5, "t": " x ", "big": 10**6000, "CreateTime": "12a"}
    assert [leaf(fields, name) for name in ("a", "n", "t", "none", "big")] == ["", "5", "x", "", ""]
    assert moment(fields) is None and moment({"CreateTime": 12}) == 12


@given(CLEAN, CLEAN)
def test_any_words_come_out_as_they_went_in(words: str, name: str):
    cdata = words.replace("]]>", "]]]]><![CDATA[>")
    raw = f"<xml><MsgType>text</MsgType><A><![CDATA[{cdata}]]></A><B>{escape(name)}</B></xml>".encode()
    found = read_body(raw)
    assert leaf(found, "A").split() == words.split() and leaf(found, "B").split() == name.split()
    again = read_body(json.dumps({"MsgType": "text", "A": words}).encode())
    assert leaf(again, "A") == words.strip()


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(lambda b: b"<xml>" + b), st.binary(max_size=200).map(lambda b: b"{" + b)))
def test_noise_is_read_or_refused(raw: bytes):
    try:
        text = json.dumps(described(read_body(raw)), ensure_ascii=False)
    except BodyRefused as problem:
        assert str(problem)
    else:
        text.encode()
        assert "\x00" not in text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=9))
def test_any_json_is_read_or_refused(value: object):
    try:
        fields = read_body(json.dumps({"MsgType": value, "MsgId": value, "Event": value, "CreateTime": value, "Content": value}).encode())
        assert external_id(fields)
    except BodyRefused as problem:
        assert str(problem)
