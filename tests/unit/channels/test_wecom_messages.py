"""What customers of a WeCom account send, in neutral words; and long answers in pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Inbound, Signal, Unparseable
from channels.wecom.messages import parse_item
from channels.wecom.splitting import split_text


def item(kind: str, part: Any, **given: Any) -> bytes:
    whole = {"msgid": "m1", "open_kfid": "wk1", "external_userid": "wm1", "send_time": 1615478585, "origin": 3, "msgtype": kind, kind: part}
    return json.dumps(whole | given).encode()


def said(kind: str, part: Any, **given: Any) -> Inbound:
    found = parse_item(item(kind, part, **given))
    assert isinstance(found, Inbound)
    return found


def heard(event: dict[str, Any]) -> Signal:
    found = parse_item(item("event", event, origin=4))
    assert isinstance(found, Signal)
    return found


def test_text_and_a_choice_of_a_menu() -> None:
    plain = said("text", {"content": "屏黑了"})
    assert (plain.kind, plain.text, plain.external_id, plain.reply_to, plain.continues) == ("text", "屏黑了", "m1", "wk1/wm1", True)
    assert plain.sender is not None and (plain.sender.kind, plain.sender.value) == ("wecom", "wm1")
    assert plain.sent_at is not None and plain.sent_at.isoformat() == "2021-03-11T16:03:05+00:00"
    chosen = said("text", {"content": "满意", "menu_id": "rate:5"})
    assert (chosen.kind, chosen.meta) == ("menu", {"item": "rate:5"})


@pytest.mark.parametrize("kind", ["image", "voice", "video", "file"])
def test_files_are_named_to_be_fetched(kind: str) -> None:
    found = said(kind, {"media_id": "MID1"})
    assert (found.kind, [(one.media_id, one.kind) for one in found.media]) == (kind, [("MID1", kind)])
    assert found.visible_text


def test_a_place_a_link_and_cards() -> None:
    place = said("location", {"latitude": 23.106021881103501, "longitude": 113.320503234863, "name": "一号厂区", "address": "海珠"})
    assert place.kind == "location" and place.meta["lat"] == 23.106021881103501 and "一号厂区" in place.text
    odd = said("location", {"latitude": "north", "name": "x"})
    assert (odd.kind, odd.text) == ("text", "[位置] x")
    link = said("link", {"title": "手册", "desc": "E07", "url": "https://a.example/x", "pic_url": "https://a.example/p"})
    assert link.kind == "link" and link.meta["url"] == "https://a.example/x" and "手册" in link.text
    assert "lisi" in said("business_card", {"userid": "lisi"}).text
    assert "报修" in said("miniprogram", {"title": "报修", "appid": "wx1", "pagepath": "p"}).text
    assert "变频器" in said("channels_shop_product", {"product_id": "1", "title": "变频器", "sales_price": "100"}).text
    assert "厂家号" in said("channels", {"sub_type": 1, "nickname": "厂家号", "title": "拆机"}).text


def test_a_forwarded_talk_keeps_its_speakers() -> None:
    inner = {"title": "内层", "item": [{"sender_name": "赵", "msgtype": "text", "msg_content": json.dumps({"text": {"content": "里面"}})}]}
    talk = {"title": "群聊的聊天记录", "item": [
        {"send_time": 1615478585, "msgtype": "text", "sender_name": "王工", "msg_content": json.dumps({"msgtype": "text", "text": {"content": "停了"}})},
        {"send_time": 1615478586, "msgtype": "image", "sender_name": "李工", "msg_content": json.dumps({"image": {"media_id": "MID9"}})},
        {"msgtype": "text", "sender_name": "钱", "msg_content": "no json"},
        {"msgtype": "merged_msg", "sender_name": "孙", "msg_content": json.dumps({"merged_msg": inner})},
    ]}  # fmt: skip
    found = said("merged_msg", talk)
    assert found.kind == "merged" and found.meta["title"] == "群聊的聊天记录"
    assert [(one["speaker"], one["kind"]) for one in found.meta["parts"]] == [("王工", "text"), ("李工", "image"), ("钱", "text"), ("孙", "merged")]
    assert "王工：停了" in found.text and found.meta["parts"][0]["when"].startswith("2021-03-11T")
    assert found.media[0].media_id == "MID9" and found.meta["parts"][3]["parts"][0]["text"] == "里面"


def test_what_is_new_is_kept_as_a_message() -> None:
    found = said("hologram", {"x": 1})
    assert found.meta == {"unknown": "hologram"} and "hologram" in found.text


def test_events_are_signals() -> None:
    entered = heard({"event_type": "enter_session", "open_kfid": "wk1", "external_userid": "wm1", "scene": "qr7", "welcome_code": "C1"})
    assert (entered.kind, entered.meta["welcome_code"], entered.meta["scene"]) == ("entered", "C1", "qr7")
    failed = heard({"event_type": "msg_send_fail", "open_kfid": "wk1", "external_userid": "wm1", "fail_msgid": "abc-2", "fail_type": 6})
    assert (failed.kind, failed.about, failed.meta["window"]) == ("refused", "abc", "spent") and failed.reason
    late = heard({"event_type": "msg_send_fail", "fail_msgid": "abc-1", "fail_type": 4, "external_userid": "wm1"})
    assert late.meta["window"] == "closed"
    new = heard({"event_type": "msg_send_fail", "fail_msgid": "abc-1", "fail_type": 77, "external_userid": "wm1"})
    assert "77" in new.reason
    back = heard({"event_type": "user_recall_msg", "external_userid": "wm1", "recall_msgid": "m0"})
    assert (back.kind, back.about) == ("recalled", "m0")
    ended = heard({"event_type": "session_status_change", "external_userid": "wm1", "change_type": 3, "msg_code": "C2"})
    assert (ended.kind, ended.meta["state"], ended.meta["msg_code"]) == ("session", 4, "C2")
    status = heard({"event_type": "servicer_status_change", "servicer_userid": "s", "status": 1})
    assert (status.kind, status.meta["event"]) == ("other", "servicer_status_change")
    assert heard({"event_type": "tomorrow"}).kind == "other"


def test_an_answer_from_the_app_is_no_word_of_the_customer() -> None:
    found = parse_item(item("text", {"content": "您好"}, origin=5, servicer_userid="lisi"))
    assert isinstance(found, Signal) and found.meta["servicer"] == "lisi"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"null", b'{"msgtype":"text"}', b'{"msgtype":"text","msgid":"1","text":{}}', b"[" * 9000])
def test_what_is_no_item_is_said(raw: bytes) -> None:
    with pytest.raises(Unparseable, match="."):
        parse_item(raw)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["content", "item", "msgtype", "msg_content", "list", "event_type", "title", "sender_name"]), inner, max_size=4), max_leaves=12), st.sampled_from(["text", "image", "merged_msg", "location", "link", "msgmenu", "event", "note", "channels"]))  # fmt: skip
def test_whatever_stands_in_it_is_read_or_refused(part: Any, kind: str) -> None:
    try:
        found = parse_item(item(kind, part))
    except Unparseable:
        return
    assert isinstance(found, Inbound | Signal)
    if isinstance(found, Inbound):
        found.text.encode()


@given(st.text(max_size=3000), st.integers(min_value=8, max_value=2048))
def test_pieces_fit_and_lose_no_word(text: str, limit: int) -> None:
    text = text.encode("utf-8", "ignore").decode()
    pieces = split_text(text, limit)
    assert all(0 < len(piece.encode()) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_pieces_end_where_sentences_end() -> None:
    pieces = split_text("先断电，再拆开柜门。" * 100)
    assert len(pieces) == 2 and all(piece.endswith("。") for piece in pieces)
    assert split_text("短") == ["短"]
    assert split_text("👩‍🏭" * 300, 2048)[0].endswith("👩‍🏭")
