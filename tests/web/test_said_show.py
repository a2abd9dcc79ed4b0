"""What a message holds beside its words: places, cards, talks, calls, files on their way."""

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from app.core.files import StoredFile
from app.web.said_show import content


def message(**given: Any) -> Any:
    return SimpleNamespace(**{"kind": "text", "meta": {}, "direction": "in", "visible_text": "", **given})


def stored(number: int, mime: str, name: str = "f", content_id: str | None = None) -> StoredFile:
    return StoredFile(id=number, mime=mime, name=name, size=2048, sha256="0" * 64, content_id=content_id)


def show(text: str = "", files: tuple[StoredFile, ...] = (), **given: Any) -> dict[str, Any]:
    return content(message(visible_text=text, **given), files, lambda row: f"/f/{row.id}", text)


@pytest.fixture(autouse=True)
def _in_a_request(app: Flask) -> Any:
    with app.test_request_context("/"):
        yield


def test_files_are_sorted_by_what_a_browser_can_do_with_them():
    rows = (stored(1, "image/png"), stored(2, "audio/mpeg"), stored(3, "video/mp4"), stored(4, "audio/amr"), stored(5, "text/html"))
    shown = show("看附件", rows, meta={"seconds": 64})
    assert [f["url"] for f in shown["pictures"]] == ["/f/1"]
    assert [(f["url"], f["length"]) for f in shown["voices"]] == [("/f/2", "1:04")]
    assert [f["url"] for f in shown["videos"]] == ["/f/3"]
    assert [f["url"] for f in shown["files"]] == ["/f/4", "/f/5"]


def test_words_that_only_stand_for_a_file_are_not_repeated():
    picture = (stored(1, "image/png"),)
    assert show("[图片]", picture, kind="image")["text"] == ""
    assert show("[语音] 网关红灯", (stored(2, "audio/mpeg"),), kind="voice")["text"] == "网关红灯"
    assert show("[图片]", (), kind="image")["text"] == "[图片]"
    assert show("[图片]", picture)["text"] == "[图片]"  # a person typed it


def test_pictures_of_a_mail_stand_where_they_stood():
    rows = (stored(1, "image/png", content_id="<a@x>"), stored(2, "image/png", content_id="<b@x>"))
    shown = show("看这里\n[cid:a@x]\n就是它 [cid:none]", rows)
    assert [piece.get("text") or piece["picture"]["url"] for piece in shown["pieces"]] == ["看这里", "/f/1", "就是它 "]
    assert [f["url"] for f in shown["pictures"]] == ["/f/2"]


def test_a_place_is_words_and_a_link():
    shown = show("[位置] 无锡", kind="location", meta={"lat": "31.49", "lng": 120.37, "label": "无锡"})
    assert shown["location"]["label"] == "无锡"
    assert shown["location"]["url"].startswith("https://uri.amap.com/marker?position=120.370000,31.490000")
    assert shown["text"] == ""


@pytest.mark.parametrize("meta", [{}, {"lat": 99, "lng": 1}, {"lat": "x", "lng": 1}, {"lat": "nan", "lng": 1}])
def test_a_place_without_numbers_stays_words(meta):
    shown = show("[位置] 无锡", kind="location", meta=meta)
    assert (shown["location"], shown["text"]) == (None, "[位置] 无锡")


@pytest.mark.parametrize(
    ("url", "kept"),
    [("https://a.example/x", "https://a.example/x"), ("javascript:alert(1)", ""), ("file:///etc/passwd", ""), ("http://[", "")],
)
def test_only_addresses_of_the_web_are_followed(url, kept):
    assert show("链接", kind="link", meta={"title": "排查", "url": url})["link"]["url"] == kept


def test_a_forwarded_talk_keeps_its_speakers():
    parts = [{"speaker": "张班长", "when": "09:12", "text": "停了"}, {"speaker": "王工", "when": "2026-11-22T01:00:00+00:00", "text": "红灯"}, "x"]
    shown = show("聊天记录\n张班长：停了", kind="merged", meta={"title": "设备科群", "parts": parts})
    assert (shown["merged"]["title"], shown["merged"]["count"], shown["merged"]["speakers"]) == ("设备科群", 2, "张班长、王工")
    assert shown["merged"]["items"][0] == {"who": "张班长", "at": "09:12", "text": "停了"}
    assert shown["text"] == ""


def test_what_stood_before_a_pasted_talk_is_kept():
    parts = [{"speaker": "张班长", "when": "09:12", "text": "停了"}]
    assert show("帮忙看下：\n张班长 09:12\n停了", kind="merged", meta={"parts": parts})["text"] == "帮忙看下："


def test_a_recalled_message_says_so_and_nothing_else():
    shown = show("密码是 123", (stored(1, "image/png"),), meta={"recalled": True})
    assert (shown["kind"], shown["text"], shown["pictures"]) == ("recalled", "", [])


def test_files_on_their_way_and_lost_ones_say_so():
    media = [
        {"kind": "image", "state": "wanted"}, {"kind": "voice", "state": "kept"},
        {"kind": "video", "state": "failed", "reason": "已过 3 天。"},
    ]  # fmt: skip
    shown = show("[图片]", kind="image", meta={"media": media})
    assert [(one["text"], one["reason"], one["lost"]) for one in shown["waiting"]] == [
        ("图片正在取回", "", False), ("视频没能取回", "已过 3 天。", True),
    ]  # fmt: skip


def test_menus_and_calls():
    assert show("还没解决", kind="menu", meta={"item": "no"})["menu"]["chosen"] == "还没解决"
    ours = {"head": "解决了吗", "items": [{"id": "y", "text": "是"}, {"id": "n", "text": "否"}], "tail": ""}
    assert show("解决了吗", kind="menu", direction="out", meta=ours)["menu"]["items"] == ["是", "否"]
    call = show("", kind="call", meta={"call_id": 3, "direction": "in", "outcome": "answered", "seconds": 200})["call"]
    assert (call["way"], call["outcome"], call["length"]) == ("来电", "已接", "3:20")
