"""Feeds damaged input to every parser that reads what strangers send, for a bounded time: `make fuzz`.

A parser may say that it does not understand (its own refusal); it may not raise anything else, return text that no
database takes, or be slow. With atheris installed the input is steered by what code it reaches; without, it is mutated at
random from a seed that is printed. What breaks is kept in `fuzz-findings/`, and the exit status is 1.
"""

import argparse
import importlib
import importlib.util
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
FINDINGS = Path("fuzz-findings")
SLOW = 2.0
"""Seconds for one input; no mail of a few kilobytes may hold the worker up for longer."""
LARGEST = 16_384

MAILS = (
    b"From: =?gb2312?B?1cXI/Q==?= <z@plant.example>\r\nTo: desk+t1.aaaaaaaaaa@desk.example\r\nSubject: =?utf-8?Q?=E6=8A=A5?=\r\n"
    b"Message-ID: <1@plant.example>\r\nContent-Type: text/plain; charset=gb2312\r\n\r\n\xb1\xc3\xd2\xec\xcf\xec\r\n",
    b"From: a@b.example\nSubject: x\nContent-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/html\n\n<p>Hi<blockquote type=cite>old"
    b"</blockquote>\n--q\nContent-Type: image/png; name*=utf-8''%E5%9B%BE.png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--q--\n",
    b"From: MAILER-DAEMON@b.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\nContent-Type: message/delivery-status\n\n"
    b"Reporting-MTA: dns; b\n\nFinal-Recipient: rfc822; c@d.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no\n\n--r--\n",
    b"From: a@b.example\nContent-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: quoted-printable\n\n=1B$B$\"=1B(B\n",
)
REPLIES = (
    "好的\n\n在 2026-11-05 10:00:11，\"张三\" <zs@plant.example> 写道：\n> 请更换。\n".encode(),
    b"Thanks.\n\nOn Thu, Nov 5, 2026 at 10:00 AM Li <\nli@plant.example> wrote:\n\n> Please.\n-- \nLi\n",
    "收到\n------------------ 原始邮件 ------------------\n发件人: \"张三\" <zs@plant.example>;\n旧\n".encode(),
)
PAGES = (
    b"<div>Yes</div><div class=\"gmail_quote\"><blockquote type=cite><p>old</p></blockquote></div>",
    "<p>好</p><hr><div style='border:none'><b>发件人:</b> 张三<br><b>发送时间:</b> 今天</div>".encode(),
)
BODIES = (
    b"<xml><ToUserName><![CDATA[a]]></ToUserName><FromUserName>b</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>x</Content><MsgId>1</MsgId></xml>",
    b'{"ToUserName":"a","FromUserName":"b","CreateTime":1,"MsgType":"event","Event":"CLICK","EventKey":"k"}',
)
CALLS = (
    b'"","1001","2001","ctx","""A"" <1001>","SIP/1001-1","SIP/2001-1","Dial","SIP/2001","2026-01-02 03:04:05","2026-01-02 03:04:09","2026-01-02 03:05:05",60,56,"ANSWERED","DOCUMENTATION","1.1"\n',
    b"1700000000|1.1|q|NONE|ENTERQUEUE||13800000000|1\n1700000009|1.1|q|NONE|ABANDON|1|1|9\n",
    b'{"variables":{"uuid":"u","start_epoch":"1700000000","billsec":"3","hangup_cause":"NORMAL_CLEARING"}}',
    b"<?xml version=\"1.0\"?><cdr><variables><uuid>u</uuid><start_epoch>1700000000</start_epoch></variables></cdr>",
    b"Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: u\nvariable_start_epoch: 1700000000\n\n",
)
Target = tuple[Callable[[bytes], Any], tuple[type[BaseException], ...], tuple[bytes, ...]]


def targets() -> dict[str, Callable[[], Target]]:
    """The parsers of this version: what reads, which refusals are its own, and what its input looks like."""

    def mail() -> Target:
        found = importlib.import_module("channels.mail.message")
        return (lambda raw: found.parse_mail(raw).to_json()), (found.Unparseable,), MAILS

    def text() -> Target:
        split = importlib.import_module("channels.mail.quotes_text").split_reply_text
        return (lambda raw: vars(split(raw.decode("utf-8", "surrogateescape")))), (), REPLIES

    def html() -> Target:
        split = importlib.import_module("channels.mail.quotes_html").split_reply_html
        return (lambda raw: vars(split(raw.decode("utf-8", "surrogateescape")))), (), PAGES

    def wechat() -> Target:
        found = importlib.import_module("channels.wechat.body")
        return (lambda raw: found.described(found.read_body(raw))), (found.BodyRefused,), BODIES

    def calls() -> Target:
        found = importlib.import_module("channels.calls.formats")
        forms = sorted(found.FORMATS)

        def read(raw: bytes) -> Any:
            return found.parse_calls(raw[1:], forms[raw[0] % len(forms)] if raw else forms[0])

        return read, (importlib.import_module("channels.base").Unparseable,), tuple(bytes([n]) + one for n in range(len(forms)) for one in CALLS)

    return {"mail": mail, "reply-text": text, "reply-html": html, "wechat": wechat, "calls": calls}


def check(target: Target, raw: bytes) -> None:
    """One input. Raises what the parser must not raise, and AssertionError for what it must not return."""
    parse, refusals, _seeds = target
    began = time.monotonic()
    with suppress(*refusals):
        json.dumps(parse(raw), ensure_ascii=False, default=str).encode("utf-8")  # a lone surrogate breaks here
    took = time.monotonic() - began
    assert took < SLOW, f"took {took:.1f} s"


def mutated(seeds: tuple[bytes, ...], dice: random.Random) -> bytes:
    """A seed with some bytes flipped, cut, doubled, or joined with another seed."""
    raw = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(len(raw) + 1)
        deed = dice.randrange(5)
        if deed == 0 and raw:
            raw[at % len(raw)] = dice.randrange(256)
        elif deed == 1:
            del raw[at : at + dice.randint(1, 40)]
        elif deed == 2:
            raw[at:at] = raw[at : at + dice.randint(1, 200)] * dice.randint(1, 20)
        elif deed == 3:
            raw[at:at] = dice.choice(seeds)[: dice.randint(1, 400)]
        else:
            raw[at:at] = dice.choice((b"\x00", b"\xed\xa0\x80", b"\xff", b"\r", b"\n", b"=?", b"?=", b"<", b">", b"&#xD800;", b"\\ud800", b"\xe2\x80\xa8"))
    return bytes(raw[:LARGEST])


def blindly(name: str, seconds: float, seed: int) -> int:
    """Mutate at random; returns the exit status."""
    target, dice = targets()[name](), random.Random(seed)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        raw = mutated(target[2], dice)
        count += 1
        try:
            check(target, raw)
        except Exception as problem:
            FINDINGS.mkdir(exist_ok=True)
            kept = FINDINGS / f"{name}-{count}"
            kept.write_bytes(raw)
            print(f"{name}: {problem!r}; input kept in {kept}", flush=True)
            return 1
    print(f"{name}: {count} inputs, nothing found (random, seed {seed})", flush=True)
    return 0


def steered(name: str, seconds: float) -> int:
    """Let atheris choose; it ends the process by itself."""
    import atheris

    with atheris.instrument_imports(include=["channels", "app.core.text"]):
        target = targets()[name]()
    folder = FINDINGS / f"seeds-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target[2]):
        (folder / str(number)).write_bytes(seed)

    def one(raw: bytes) -> None:
        check(target, raw)

    options = [f"-max_total_time={int(seconds)}", f"-max_len={LARGEST}", "-rss_limit_mb=2048", f"-artifact_prefix={FINDINGS}/{name}-", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(folder)], one)
    print(f"{name}: atheris for {seconds:.0f} s", flush=True)
    atheris.Fuzz()
    return 0


def main() -> int:
    """All targets, or those that are named, one process each."""
    known = sorted(targets())
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("targets", nargs="*", choices=[*known, []], help="parsers; all of them without")
    asked.add_argument("--seconds", type=float, default=60, help="time for each")
    asked.add_argument("--seed", type=int, default=int(time.time()), help="for random mutation")
    asked.add_argument("--random", action="store_true", help="without atheris even where it is installed")
    asked.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    chosen = given.targets or known
    steer = not given.random and importlib.util.find_spec("atheris") is not None
    if given.alone:
        return steered(chosen[0], given.seconds) if steer else blindly(chosen[0], given.seconds, given.seed)
    print("with atheris" if steer else "atheris is not installed: random mutation", flush=True)
    bad = []
    for name in chosen:
        command = [sys.executable, __file__, name, "--alone", f"--seconds={given.seconds}", f"--seed={given.seed}", *(["--random"] if given.random else [])]
        if subprocess.run(command, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}, timeout=given.seconds * 3 + 120).returncode:
            bad.append(name)
    print(f"broke: {', '.join(bad)}" if bad else "nothing broke", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
