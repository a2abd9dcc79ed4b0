"""What `make fuzz` does for minutes, for a second: damaged input is understood or refused, clean and in time."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.mail.message import MAX_BYTES, Unparseable, parse_mail
from scripts import fuzz


@pytest.mark.parametrize("name", sorted(fuzz.targets()))
def test_a_parser_refuses_or_answers_cleanly_and_in_time(name: str) -> None:
    target = fuzz.targets()[name]()

    @settings(max_examples=120, deadline=None)
    @given(st.integers(min_value=0, max_value=2**32))
    def run(seed: int) -> None:
        fuzz.check(target, fuzz.mutated(target[2], random.Random(seed)))

    run()
    for seed in target[2]:
        fuzz.check(target, seed)


def test_the_check_itself_finds_what_it_looks_for() -> None:
    def slow(raw: bytes) -> str:
        return "\ud800"

    with pytest.raises(UnicodeEncodeError):
        fuzz.check((slow, (), ()), b"")
    with pytest.raises(KeyError):
        fuzz.check((lambda raw: {}[raw], (ValueError,), ()), b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"From: a@b.example\nSubject: " + b"=?utf-8?Q?" + b"=E4" * 60_000 + b"?=\n\nx",
        b"From: " + b"<" * 100_000 + b"a@b.example\n\nx",
        b"From: a@b.example\nReferences: " + b"<a@b>" * 50_000 + b"\n\nx",
        b"From: a@b.example\nTo: " + b"a@b.example, " * 20_000 + b"\n\nx",
        b"From: a@b.example\n\n" + b"> " * 200_000,
        b"From: a@b.example\n\n" + b"On 1 Jan 2026, a@b.example\n" * 20_000,
        b"From: a@b.example\nContent-Type: text/html\n\n" + b"<div>" * 100_000 + b"x",
        b"From: a@b.example\nContent-Type: text/html\n\n" + b"<blockquote type=cite>" * 20_000 + b"x",
        b"From: a@b.example\nContent-Type: multipart/mixed; boundary=" + b"x" * 5000 + b"\n\n" + b"--x\n" * 50_000,
        b"From: a@b.example\nTo: " + b"a+t1.aaaaaaaaaa" * 20_000 + b"\n\nx",
    ],
    ids=["word", "angles", "references", "recipients", "quotes", "attributions", "tags", "nested quotes", "boundaries", "marks"],
)
def test_what_is_made_to_be_slow_is_not(raw: bytes) -> None:
    fuzz.check((lambda given: parse_mail(given).to_json(), (Unparseable,), ()), raw)
    assert len(raw) < MAX_BYTES
