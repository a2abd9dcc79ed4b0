"""What of a reply its writer wrote, by the marks of the programs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.mail.quotes_html import split_reply_html
from channels.mail.quotes_text import split_reply_text

OWN = "密封圈已换好。"
QUOTES = {
    "gmail_zh": "张三 <zs@plant.example> 于2026年11月5日周四 10:00写道：\n\n> 请更换密封圈。\n>\n> 谢谢",
    "apple_zh": "> 在 2026年11月5日，10:00，张三 <zs@plant.example> 写道：\n> \n> 请更换密封圈。",
    "netease": "在 2026-11-05 10:00:11，\"张三\" <zs@plant.example> 写道：\n\n请更换密封圈。",
    "wrapped": "在 2026年11月5日星期四 10:00，张三 <\nzs@plant.example> 写道：\n请更换密封圈。",
    "qq": "------------------ 原始邮件 ------------------\n发件人: \"张三\" <zs@plant.example>;\n请更换密封圈。",
    "qq_html": "------------------\xa0原始邮件\xa0------------------\n请更换密封圈。",
    "netease_app": "---- 回复的原邮件 ----\n| 发件人 | zs@plant.example |\n| 日期 | 2026年11月5日 |\n请更换密封圈。",
    "outlook": "发件人: 张三 <zs@plant.example>\n发送时间: 2026年11月5日 10:00\n收件人: 李四\n主题: 密封圈\n\n请更换密封圈。",
    "outlook_fullwidth": "________________________________\n发件人：张三\n发送时间：2026年11月5日\n收件人：李四\n请更换密封圈。",
    "traditional": "寄件者: 張三 <zs@plant.example>\n寄件日期: 2026年11月5日 10:00\n收件者: 李四\n主旨: 密封圈\n\n請更換密封圈。",
    "english": "On Thu, Nov 5, 2026 at 10:00 AM Zhang San <\nzs@plant.example> wrote:\n\n> Please replace the seal.",
    "german": "Am 05.11.2026 um 10:00 schrieb Zhang San:\n> Bitte tauschen.",
    "german_outlook": "-----Ursprüngliche Nachricht-----\nVon: Zhang\nBitte tauschen.",
    "japanese": "2026年11月5日(木) 10:00 Zhang San <zs@plant.example>:\n\n> 交換してください。",
    "dingtalk": "------------------------------------------------------------------\n发件人：张三<zs@plant.example>\n日　期：2026年11月05日 10:00:00\n"
                "收件人：李四\n主　题：密封圈\n\n请更换",
    "lark": "发件人: 张三 <zs@plant.example>\n日期: 2026年11月5日 周四 10:00\n主题: Re: 密封圈\n收件人: \"李四\"<li@x.example>\n请更换",
    "wecom": "------------------ Original ------------------\nFrom:  \"张三\"<zs@plant.example>;\nDate:  Thu, Nov 5, 2026 10:00 AM\n请更换",
    "netease_en": "---- Replied Message ----\n| From | zs@plant.example |\n| Date | 11/05/2026 10:00 |\n| Subject | 密封圈 |\n请更换",
    "aliyun_en": "-----Original Email-----\nSender:zs@plant.example\nSent at:2026-11-05 10:00:00\nTo:li\nSubject:x\n请更换",
    "coremail": "> -----原始邮件-----\n> 发件人: 张三 <zs@plant.example>\n> 发送时间:2026-11-05 10:00:00 (星期四)\n> \n> 请更换",
    "sohu": "----- 原文 -----\n发件人：张三\n发送时间：2026-11-05\n请更换",
    "answered": "---------- 回复邮件信息 ----------\n发件人：张三\n请更换",
    "sender": "发送者：张三\n时间：2026年11月5日 10:00\n收件人：李四\n主题：密封圈\n请更换",
    "proton_zh": "2026年11月5日星期四 10:00，张三 <zs@plant.example> 来信：\n请更换",
    "no_colon": "张三 <zs@plant.example> 于2026年11月5日周四 10:00写道\n\n> 请更换。",
    "marks_only": "> 请更换密封圈。\n> 谢谢",
}
KEPT = [
    "在他的报告里，张三写道：\n密封圈已老化。",
    "在2026年1月的报告里，张三写道：\n密封圈已老化。",
    "转给你处理。\n\n---------- Forwarded message ---------\n发件人：张三 <zs@plant.example>\n日期：2026年1月5日\n主题：报警\n\n现场照片见附件。",
    "转给你处理。\n-------- 转发邮件信息 --------\n发件人：张三\n发送日期：2026-01-05\n收件人：李四\n现场照片见附件。",
    "发件人：设备科\n请尽快回复。",
    "检查结果：\n----\n1. 油位正常\n2. 温度正常",
    "文中的 ---- 原始邮件 ---- 是我贴的例子。",
    "> 设备号是多少？\nHY-20231107",
    "客户 zs@plant.example 来信：\n设备坏了。",
    "他在邮件里写道\n设备坏了。",
    "| 型号 | 数量 |\n| V20 | 2 |",
    "日期：2026-11-05\n主题：三号泵点检\n内容：无异常",
]


@pytest.mark.parametrize("quote", QUOTES.values(), ids=QUOTES.keys())
def test_history_is_cut(quote: str):
    reply = split_reply_text(f"{OWN}\n\n{quote}\n")
    assert (reply.visible_text, reply.signature) == (OWN, None)


@pytest.mark.parametrize("body", KEPT)
def test_own_words_stay(body: str):
    assert split_reply_text(body).visible_text == body


def test_words_below_the_quote_stay():
    body = "在 2026-11-05 10:00，张三 <zs@plant.example> 写道：\n> 何时到货？\n\n本周五到货。"
    assert split_reply_text(body).visible_text == "本周五到货。"


def test_a_quote_alone_is_kept_whole():
    body = "-----原始邮件-----\n发件人: 张三\n请更换密封圈。"
    assert split_reply_text(body).visible_text == body


@pytest.mark.parametrize("signature", [
    "发自我的iPhone", "发自我的华为手机", "-- \n张三\n设备科", "此致\n敬礼\n张三", "Best regards,\nZhang San",
    "Sent from my iPhone", "获取 Outlook for iOS", "谢谢！\n王工", "从 Windows 版邮件发送", "來自 Samsung Galaxy 智慧型手機",
    "Thanks & Best Regards\n张三", "以上，谢谢！\n张三", "| | 张三 |\n| 邮箱：zs@plant.example |\n\n签名由 网易邮箱大师 定制",
    "------------------\n张三\n设备科 13800000000"])
def test_signatures_are_told_apart(signature: str):
    reply = split_reply_text(f"{OWN}请安排验收。\n\n{signature}\n\n-----原始邮件-----\n旧内容")
    assert (reply.visible_text, reply.signature) == (f"{OWN}请安排验收。", signature)


@pytest.mark.parametrize("body", [
    "谢谢，请尽快安排，生产线已经停了。", "Sent from my desk, is easier than by phone.", "谢谢\n另外请报一下备件价格，数量两台。",
    "通知由设备科发送给所有人，请查收。"])
def test_prose_is_no_signature(body: str):
    assert split_reply_text(body).signature is None


@pytest.mark.parametrize("old", [
    '<div class="gmail_quote"><div class="gmail_attr">On Thu, Nov 5 <a>zs@plant.example</a> wrote:<br></div>'
    '<blockquote class="gmail_quote">旧</blockquote></div>',
    '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>发件人:</b> 张三</div><div>旧</div>',
    '<div>在 2026年11月5日，10:00，张三 写道：</div><blockquote type="cite"><div>旧</div></blockquote>',
    '<div class="history-quote-wrapper" id="lark-mail-quote-1"><div class="adit-html-block adit-html-block--collapsed">旧</div></div>',
    '<div><div class="xm_mail_oringinal_describe">原始邮件</div><div>旧</div></div>',
    '<div class="ntes-mailmaster-quote"><div>---- 回复的原邮件 ----</div><p>旧</p></div>',
    '<includetail><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div>旧</div></includetail>',
    '<div id="isReplyContent"><p>在 2026-11-05，张三 写道：</p>旧</div>',
    '<div style="border-top:solid"><p><b>发件人:</b> 张三<br><b>发送时间:</b> 2026年11月5日<br><b>收件人:</b> 李四</p></div>旧'])
def test_containers_of_mail_programs_are_cut(old: str):
    assert split_reply_html(f"<div>{OWN}</div><div><br></div>{old}").visible_text == OWN


def test_what_lark_unfolds_is_forwarded():
    html = '<div>请看</div><div class="history-quote-wrapper"><div><div class="adit-html-block adit-html-block--header">报警照片</div></div></div>'
    assert "报警照片" in split_reply_html(html).visible_text


def test_a_forward_in_a_quote_container_stays():
    html = '<div>请看</div><div class="gmail_quote">---------- Forwarded message ---------<br>发件人: 张三<br>报警照片</div>'
    assert "报警照片" in split_reply_html(html).visible_text


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.sampled_from([*QUOTES.values(), *KEPT, "-- ", ">", "On 1 Jan", "\ue0f0", "\ue0f1", ""]),
                          st.text(max_size=20)), max_size=8).map("\n".join))
def test_any_text_keeps_something_and_is_clean(body: str):
    for reply in (split_reply_text(body), split_reply_html(body)):
        f"{reply.visible_text}{reply.signature}".encode()
        assert "\0" not in reply.visible_text
    own = body.translate({0xE0F0: None, 0xE0F1: None, 0: None}).strip()
    assert bool(split_reply_text(body).visible_text) == bool(own)
