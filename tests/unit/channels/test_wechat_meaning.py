"""What callbacks mean, what messages become, and what errors make us do."""

import pytest

from channels.base import (
    Inbound,
    InboundFile,
    Outbound,
    SendFailed,
    SendPostponed,
    Signal,
    Unparseable,
    Unreachable,
    WindowShut,
)
from channels.wechat.errors import TABLE, TOKEN_REFUSED, Deed, Refusal, as_failure, of_token
from channels.wechat.mapping import dedup_key, meaning
from channels.wechat.outgoing import SEND, SUBSCRIBED, TEMPLATE, calls_of, with_file

WHO = {"ToUserName": "gh_1", "FromUserName": "oA", "CreateTime": "1700000000"}


def message(kind: str, **given: object) -> Inbound:
    found = meaning({**WHO, "MsgType": kind, "MsgId": "77", **given})
    assert isinstance(found, Inbound)
    return found


def signal(event: str, **given: object) -> Signal:
    found = meaning({**WHO, "MsgType": "event", "Event": event, **given})
    assert isinstance(found, Signal)
    return found


def test_words():
    said = message("text", Content="跳 E07")
    assert (said.external_id, said.kind, said.visible_text, said.continues) == ("77", "text", "跳 E07", True)
    assert said.sender is not None and (said.sender.kind, said.sender.value, said.sender.verified) == ("openid", "oA", True)
    assert said.sent_at is not None and said.sent_at.isoformat() == "2023-11-14T22:13:20+00:00"
    assert message("text", Content="<b>", Idx="2", MsgDataId="9").meta == {"article": {"data": "9", "index": "2"}}


def test_an_item_of_a_menu():
    chosen = message("text", Content="满意", bizmsgmenuid="good")
    assert (chosen.kind, chosen.text, chosen.meta) == ("menu", "满意", {"item": "good"})


@pytest.mark.parametrize(
    ("kind", "becomes", "name"), [("image", "image", "image.jpg"), ("voice", "voice", "voice.amr"), ("video", "video", "video.mp4"), ("shortvideo", "video", "video.mp4")]
)
def test_files_are_named_for_fetching(kind: str, becomes: str, name: str):
    said = message(kind, MediaId="m1", Format="amr" if kind == "voice" else "")
    assert said.kind == becomes and said.text and [(m.media_id, m.kind, m.name) for m in said.media] == [("m1", becomes, name)]
    with pytest.raises(Unparseable):
        message(kind)


def test_a_voice_that_was_understood():
    assert message("voice", MediaId="m", Format="speex", Recognition="停机了").text == "[语音] 停机了"
    assert message("voice", MediaId="m", Format="../x").media[0].name == "voice.amr"


def test_places_and_links():
    place = message("location", Location_X="31.5", Location_Y="120.3", Scale="16", Label="厚桥")
    assert place.meta == {"lat": 31.5, "lng": 120.3, "label": "厚桥", "scale": "16"} and "厚桥" in place.text
    link = message("link", Title="说明书", Description="V20", Url="https://a.example")
    assert link.meta == {"title": "说明书", "description": "V20", "url": "https://a.example"} and "https://a.example" in link.text
    for bad in ({"Location_X": "x", "Location_Y": "1"}, {"Location_X": "nan", "Location_Y": "1"}, {}, {"Location_X": "91", "Location_Y": "1"}):
        with pytest.raises(Unparseable):
            message("location", **bad)


def test_what_nobody_knows_is_seen():
    said = message("miniprogrampage", Title="小程序", AppId="wx1")
    assert said.kind == "text" and "miniprogrampage" in said.text and said.meta["unknown"] == {"Title": "小程序", "AppId": "wx1"}
    assert signal("lottery", Prize="1").kind == "other" and signal("lottery", Prize="1").meta == {"event": "lottery", "Prize": "1"}
    assert signal("x", A="长" * 9000).meta == {"event": "x", "cut": ["A"]}


def test_without_a_sender_there_is_no_message():
    with pytest.raises(Unparseable):
        meaning({"MsgType": "text", "Content": "x", "MsgId": "1"})
    with pytest.raises(Unparseable):
        meaning({**WHO, "MsgType": "text", "Content": " ", "MsgId": "1"})
    assert signal("kf_msg_or_event", FromUserName="").sender is None


@pytest.mark.parametrize(
    ("event", "given", "kind", "meta"),
    [
        ("subscribe", {"EventKey": ""}, "followed", {}),
        ("subscribe", {"EventKey": "qrscene_device:T7"}, "followed", {"scene": "device:T7", "scan": True, "device": "T7"}),
        ("unsubscribe", {}, "unfollowed", {}),
        ("SCAN", {"EventKey": "counter:一楼"}, "scanned", {"scene": "counter:一楼", "scan": True, "counter": "一楼"}),
        ("SCAN", {"EventKey": "4711"}, "scanned", {"scene": "4711", "scan": True}),
        ("CLICK", {"EventKey": "PROGRESS"}, "clicked", {"key": "PROGRESS"}),
        ("scancode_push", {"EventKey": "6", "ScanCodeInfo": {"ScanResult": "1"}}, "clicked", {"ScanCodeInfo": {"ScanResult": "1"}}),
        ("VIEW", {"EventKey": "https://a.example"}, "other", {}),
        ("LOCATION", {"Latitude": "1"}, "other", {"Latitude": "1"}),
        ("kf_switch_session", {"FromKfAccount": "a", "ToKfAccount": "b"}, "session", {"ToKfAccount": "b"}),
        ("user_enter_tempsession", {"SessionFrom": "x"}, "entered", {"SessionFrom": "x"}),
        ("subscribe_msg_popup_event", {}, "other", {}),
    ],
)
def test_events(event: str, given: dict[str, object], kind: str, meta: dict[str, object]):
    found = signal(event, **given)
    assert found.kind == kind and found.meta["event"] == event and meta.items() <= found.meta.items()
    assert found.sender is not None and found.at is not None


def test_how_a_template_went():
    well = signal("TEMPLATESENDJOBFINISH", MsgID="200", Status="success")
    assert (well.kind, well.about, well.reason) == ("delivered", "200", "")
    badly = signal("TEMPLATESENDJOBFINISH", MsgID="200", Status="failed:user block")
    assert badly.kind == "refused" and badly.reason
    row = {"TemplateId": "t", "MsgID": "1700", "ErrorCode": "43101", "ErrorStatus": "refuse"}
    later = signal("subscribe_msg_sent_event", SubscribeMsgSentEvent={"List": [row]})
    assert (later.kind, later.about) == ("refused", "1700") and later.reason
    assert signal("subscribe_msg_sent_event", SubscribeMsgSentEvent={"List": {**row, "ErrorCode": "0"}}).kind == "delivered"


def test_two_events_of_one_second_are_two():
    one, other = ({**WHO, "MsgType": "event", "Event": "CLICK", "EventKey": key} for key in "AB")
    assert dedup_key(one) != dedup_key(other) and dedup_key(one).startswith("oA|1700000000|CLICK")
    first, second = ({**WHO, "MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": n, "Status": "success"} for n in "12")
    assert dedup_key(first) != dedup_key(second)
    assert dedup_key({**WHO, "MsgType": "text", "MsgId": "5", "Content": "a"}) == "5"


def out(**given: object) -> Outbound:
    return Outbound(**{"external_id": "e", "key": "outbox-1", "to": "oA", "to_name": "", "subject": "", "text": "好", **given})  # type: ignore[arg-type]


def test_long_words_are_cut_at_sentences():
    text = "请先停机断电。" * 200
    calls = calls_of(out(text=text), 2048)
    pieces = [call.body["text"]["content"] for call in calls]
    assert len(pieces) > 1 and "".join(pieces) == text and all(len(p.encode()) <= 2048 and p.endswith("。") for p in pieces)
    assert [c.body for c in calls_of(out(), 2048)] == [{"msgtype": "text", "text": {"content": "好"}}]


def test_files_go_as_files_or_as_links():
    files = (
        InboundFile("a.png", "image/png", b"\x89PNG" + b"x" * 9), InboundFile("b.pdf", "application/pdf", b"%PDF-" + b"x" * 9),
        InboundFile("huge.jpg", "image/jpeg", b"x" * (2 * 1024 * 1024 + 1)), InboundFile("tiny.png", "image/png", b"12345"),
    )  # fmt: skip
    import app.core.sealing as sealing

    sealing.use_key("test-key")
    words, picture = calls_of(out(files=files), 2048)
    assert all(name in words.body["text"]["content"] for name in ("b.pdf", "huge.jpg", "tiny.png", "/f/"))
    assert picture.native == "image" and with_file(picture, "m9") == {"msgtype": "image", "image": {"media_id": "m9"}}


def test_menus_cards_templates():
    menu = calls_of(out(kind="menu", text="您满意吗？", meta={"items": [{"id": 1, "text": "满意"}, {"id": "2", "text": "不满意"}, "x"], "tail": "谢谢"}), 2048)
    assert menu[0].body == {
        "msgtype": "msgmenu",
        "msgmenu": {"head_content": "您满意吗？", "list": [{"id": "1", "content": "满意"}, {"id": "2", "content": "不满意"}], "tail_content": "谢谢"},
    }
    card = calls_of(out(kind="card", meta={"title": "E07", "text": "过热", "url": "https://a.example"}), 2048)[0]
    assert card.body["news"] == {"articles": [{"title": "E07", "description": "过热", "url": "https://a.example"}]} and card.path == SEND
    template = calls_of(out(kind="template", meta={"template_id": "T", "data": {"a": "1", "b": {"value": "2"}}, "url": "u"}), 2048)[0]
    assert template.path == TEMPLATE and template.body["data"] == {"a": {"value": "1"}, "b": {"value": "2"}} and template.body["client_msg_id"]
    assert calls_of(out(kind="template", meta={"template_id": "T", "subscribed": True}), 2048)[0].path == SUBSCRIBED


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_error_has_a_deed(code: int):
    problem = Refusal(code, "said")
    if problem.row.deed is Deed.SENT:
        assert code == 45065
        return
    failure = as_failure(problem)
    assert str(code) in str(failure) and str(failure).endswith("。")
    wanted = {
        Deed.RETRY: (SendFailed, False), Deed.TOMORROW: (SendPostponed, False), Deed.REFRESH: (SendFailed, False), Deed.SETUP: (SendFailed, False), Deed.FINAL: (SendFailed, True),
        Deed.UPLOAD: (SendFailed, True), Deed.UNREACHABLE: (Unreachable, True), Deed.CLOSED: (WindowShut, True), Deed.SPENT: (WindowShut, True),
    }[problem.row.deed]  # fmt: skip
    assert (type(failure), failure.final) == wanted


def test_the_numbers_of_the_platform():
    assert {c for c in TABLE if TABLE[c].deed is Deed.REFRESH} == TOKEN_REFUSED >= {40001, 40014, 42001}
    assert {c: TABLE[c].deed for c in (-1, 40164, 40003, 43004, 40007, 45009, 45011, 45015, 45047, 45065, 48001, 40200)} == {
        -1: Deed.RETRY, 40164: Deed.SETUP, 40003: Deed.UNREACHABLE, 43004: Deed.UNREACHABLE, 40007: Deed.UPLOAD, 45009: Deed.TOMORROW,
        45011: Deed.RETRY, 45015: Deed.CLOSED, 45047: Deed.SPENT, 45065: Deed.SENT, 48001: Deed.SETUP, 40200: Deed.SETUP,
    }  # fmt: skip
    assert as_failure(Refusal(99999, "odd")).final and "odd" in str(as_failure(Refusal(99999, "odd")))
    spent, closed = as_failure(Refusal(45047, "")), as_failure(Refusal(45015, ""))
    assert isinstance(spent, WindowShut) and spent.spent and isinstance(closed, WindowShut) and not closed.spent


def test_errors_of_the_token_speak_of_the_secret():
    assert "AppSecret" in str(of_token(Refusal(40001, ""))) and not of_token(Refusal(40001, "")).final
    assert "白名单" in str(of_token(Refusal(40164, ""))) and not of_token(Refusal(99999, "odd")).final
