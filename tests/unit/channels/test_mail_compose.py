"""Mails that the desk writes, and the boxes that it reads."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.mail.addresses import Address
from channels.mail.compose import BadAddress, History, OutFile, compose_reply
from channels.mail.mailboxes import read_mails
from channels.mail.message import parse_mail
from channels.mail.subjects import bare_subject, reply_subject, subject_tokens

DESK = Address("service@desk.example", "回音服务台")
CUSTOMER = Address("li@plant.example", "李, 建国")
WHEN = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def test_reply_reads_back_as_it_was_meant():
    long_id = "tencent_" + "A" * 90 + "@qq.example"
    mail = compose_reply(
        message_id="HY-7.0001@desk.example", sender=DESK, to=[CUSTOMER], subject="回复：Re: [#HY-7] 水泵报警", number="HY-7",
        text="您好，\n\n请先断电。", date=WHEN, in_reply_to=long_id, references=["first@desk.example", long_id],
        history=History("李建国 <li@plant.example>", "2026-11-21 10:00", "报警又来了。"), automatic=True,
        attachments=[OutFile("操作\r\n说明.pdf", "application/pdf", b"%PDF-")])
    raw = mail.as_bytes()
    assert raw.isascii()
    parsed = parse_mail(raw)
    assert parsed.message_id == "HY-7.0001@desk.example" and parsed.in_reply_to == long_id
    assert parsed.references == ("first@desk.example", long_id)
    assert parsed.subject == "Re: [#HY-7] 水泵报警"
    assert parsed.to[0].name == "李, 建国" and parsed.sender and parsed.sender.name == "回音服务台"
    assert parsed.visible_text == "您好，\n\n请先断电。" and "> 报警又来了。" in parsed.text
    assert parsed.is_auto and parsed.sent_at == WHEN
    assert [(a.name, a.content) for a in parsed.attachments] == [("操作说明.pdf", b"%PDF-")]
    assert parsed.html and "<blockquote" in parsed.html


@settings(max_examples=60, deadline=None)
@given(name=st.text(max_size=30), subject=st.text(max_size=60), text=st.text(max_size=60),
       identifier=st.text(max_size=30))
def test_no_text_can_inject_a_header(name: str, subject: str, text: str, identifier: str):
    lines = "x\r\nBcc: thief@evil.example\r\n\r\n"
    mail = compose_reply(message_id="a@desk.example" + identifier, sender=Address("s@desk.example", name + lines),
                         to=[CUSTOMER], subject=subject + lines, text=text, date=WHEN, in_reply_to=lines + identifier)
    parsed = parse_mail(mail.as_bytes())
    assert b"\nbcc:" not in mail.as_bytes().lower()
    assert [p.email for p in parsed.to] == ["li@plant.example"] and parsed.sender
    assert parsed.sender.email == "s@desk.example"


ENCODED = "=?utf-8?q?a=0d=0aBcc=3a_thief=40evil.example=0d=0a=0d=0aspoofed?="


@pytest.mark.parametrize("place", ["name", "subject", "file", "mime", "answers", "thread", "number"])
def test_an_encoded_word_in_peoples_words_is_not_decoded_into_headers(place: str):
    def here(name: str) -> str:
        return ENCODED if place == name else "x"

    mail = compose_reply(
        message_id="a@desk.example", sender=DESK, to=[Address("li@plant.example", here("name"))], subject=here("subject"),
        text="t", date=WHEN, number=here("number"), in_reply_to=here("answers"), references=[here("thread")],
        attachments=[OutFile(here("file"), here("mime"), b"x")])
    raw = mail.as_bytes()
    assert b"\nbcc:" not in raw.lower() and b"\nspoofed" not in raw.lower()
    assert [p.email for p in parse_mail(raw).to] == ["li@plant.example"]


@pytest.mark.parametrize("email", ["=?utf-8?q?a=0d=0abcc=3ax?=@x.example", "", "nobody", "a@b\r\nBcc: c@d", "a b@c.example", "<a@b.example>"])
def test_nobody_can_be_written_to_at_a_broken_address(email: str):
    with pytest.raises(BadAddress):
        compose_reply(message_id="a@desk.example", sender=DESK, to=[Address(email)], subject="", text="", date=WHEN)


@pytest.mark.parametrize(("subject", "bare"), [
    ("Re: Fw: 水泵", "水泵"), ("回复：答复: 转发：水泵", "水泵"), ("RE[2]: AW: 水泵", "水泵"), ("Re：水泵", "水泵"),
    ("Re: [#HY-7] Re: 水泵", "[#HY-7] 水泵"), ("Reply needed: 水泵", "Reply needed: 水泵"), ("水泵 Re: x", "水泵 Re: x")])
def test_prefixes_are_stripped(subject: str, bare: str):
    assert bare_subject(subject) == bare


def test_token_stands_once():
    assert reply_subject("Re: [#7] 回复: [#7] 水泵", "7") == "Re: [#7] 水泵"
    assert subject_tokens("回复：[#HY-7] 水泵 [#HY-7] [#8]") == ("HY-7", "8")


def test_boxes_of_every_kind_are_read(tmp_path: Path):
    one = b"From: a@b.example\nSubject: one\n\nhi\n"
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a.eml").write_bytes(one)
    (tmp_path / "tree" / "sub" / "b").write_bytes(one)
    (tmp_path / "tree" / "notes.md").write_bytes(b"no mail")
    (tmp_path / "tree" / ".hidden").write_bytes(b"no mail")
    start = b"From a@b.example Thu Nov 19 10:00:00 2026\n"
    (tmp_path / "tree" / "box").write_bytes(start + one + b">From here on\n\n" + start + one)
    for name in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    (tmp_path / "Maildir" / "cur" / "1.x:2,S").write_bytes(one)
    (tmp_path / "Maildir" / "dovecot.index").write_bytes(b"index")
    (tmp_path / "Maildir" / ".Sent" / "new" / "2.x").write_bytes(one)
    assert [name for name, _ in read_mails(tmp_path / "tree")] == ["a.eml", "box#1", "box#2", "sub/b"]
    assert dict(read_mails(tmp_path / "tree" / "box"))["box#1"] == one + b"From here on\n"
    assert [name for name, _ in read_mails(tmp_path / "Maildir")] == ["cur/1.x:2,S", ".Sent/new/2.x"]
    ((name, missing),) = read_mails(tmp_path / "absent.eml")
    assert name == "absent.eml" and isinstance(missing, OSError)


def test_a_picture_stands_where_the_text_names_it_and_other_files_are_attached():
    files = [OutFile("端子.png", "image/png", b"\x89PNG1"), OutFile("x.png", "image/png", b"\x89PNG2"), OutFile("y.pdf", "application/pdf", b"%PDF-")]
    mail = compose_reply(message_id="7.1@desk.example", sender=Address("s@desk.example", ""), to=[CUSTOMER], subject="x",
                         text="看这里：\n[图片：端子.png]\n再紧一次。", date=WHEN, attachments=files)
    root = message_from_bytes(mail.as_bytes(), policy=default)
    [related] = [part for part in root.walk() if part.get_content_type() == "multipart/related"]
    [html, shown] = related.iter_parts()
    assert f'<img src="cid:{shown["Content-ID"].strip("<>")}"' in html.get_content() and shown.get_content() == b"\x89PNG1"
    assert shown.get_content_disposition() == "inline"
    assert [part.get_filename() for part in root.iter_attachments()] == ["x.png", "y.pdf"]
    parsed = parse_mail(mail.as_bytes())
    assert parsed.text.startswith("看这里") and len(parsed.attachments) == 3


def test_letters_of_the_desk_and_automatic_answers_say_what_they_are():
    def made(**given: object):
        return compose_reply(message_id="7.1@desk.example", sender=Address("s@desk.example", ""), to=[CUSTOMER], subject="x",
                             text="y", date=WHEN, **given)  # type: ignore[arg-type]

    assert made()["Auto-Submitted"] is None
    assert made(generated=True)["Auto-Submitted"] == "auto-generated" and "DR" not in made(generated=True)["X-Auto-Response-Suppress"].split(", ")
    assert made(automatic=True)["X-Auto-Response-Suppress"] == "All"
    assert made(list_id="orders.desk.example\r\nBcc: x@y.example")["List-Id"] == "<orders.desk.exampleBcc:x@y.example>"
    english = made(history=History("Li", "2026-11-05 10:00", "old", "en"))
    assert "On 2026-11-05 10:00, Li wrote:" in english.get_body(("plain",)).get_content()


def test_what_answers_nothing_is_no_reply() -> None:
    plain = {"message_id": "m1@desk.example", "sender": Address("desk@desk.example"), "to": [Address("li@x.example")], "text": "x", "date": WHEN}
    news = compose_reply(**plain, subject="有新回答：水泵\r\nBcc: eve@x.example", generated=True)
    assert news["Subject"] == "有新回答：水泵 Bcc: eve@x.example" and news["Bcc"] is None and news["Auto-Submitted"] == "auto-generated"
    assert compose_reply(**plain, subject="水泵", in_reply_to="q@x.example")["Subject"] == "Re: 水泵"
    assert compose_reply(**plain, subject="水泵", number="7")["Subject"] == "Re: [#7] 水泵"
