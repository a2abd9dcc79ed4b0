"""Files and words that are made to stop the house: answered soon, in one line, and nothing of them is believed."""

import random
import signal
from collections.abc import Iterator

import pytest

from app.core.errors import Invalid
from knowledge.changes import changes
from knowledge.intake import front_matter
from knowledge.intake.reading import read_file
from knowledge.intake.shapes import Unreadable
from knowledge.loop.masking import MASK, mask, tidy

SECONDS = 8
"""Each of these took minutes, or did not end; now they take milliseconds."""


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    def late(*_given: object) -> None:
        raise AssertionError("still not done")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_tags_without_an_end() -> None:
    body = '<img src="a" ' * 4000
    found = read_file("a.md", f"# 题\n{body}\n![图](x.png)".encode(), lookup=lambda path: None)
    assert found.entries[0].title == "题"


def test_a_picture_as_a_tag_still_counts() -> None:
    asked: list[str] = []
    read_file("a.md", "# 题\n<img width=3 src='img/a.png' alt='风扇'> <img alt='无'>".encode(), lookup=lambda path: asked.append(path))
    assert asked == ["img/a.png"]


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "unicode_escape", "rot13", "no-such"])
def test_a_page_does_not_choose_among_all_that_python_knows(charset: str) -> None:
    words = f"<meta charset={charset}><title>标题</title><p>变频器过热，请停机断电，等十分钟再开盖。</p>" + "x-" * 30_000
    assert "变频器过热" in read_file("a.html", words.encode()).entries[0].body


def test_a_page_of_too_many_pieces_is_refused() -> None:
    with pytest.raises(Unreadable):
        read_file("a.html", b"<p>" + b"<b>x</b> " * 150_000)


def test_a_block_that_unfolds_is_refused() -> None:
    lines = ["title: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name, anchor in zip("abcdef", ("category", "kind", "language", "source", "valid_for", "questions"), "bcdefg", strict=True):
        lines.append(f"{name}: &{anchor} [{', '.join([f'*{before}'] * 9)}]")
    for head in ("\n".join(lines), "title: " + "[" * 400_000, "title: a\n" + "# x\n" * 40_000):
        with pytest.raises(Invalid):
            front_matter.parse(head)
    assert front_matter.parse("title: 题\nquestions: [一, 二]") == {"title": "题", "questions": ["一", "二"]}


@pytest.mark.parametrize("piece", ["a", "a.", "SN", "-", "你好", "Re: ", "订单", "x@", "张", "1 ", "order A-"])
def test_masking_long_words_ends(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    mask(text, ["澄湖"])
    tidy(piece * (3_000_000 // len(piece)), [], 160)


def test_long_addresses_are_still_masked() -> None:
    told = mask(f"请回 {'a' * 80}.li@mail.example.com，订单号 {'A' * 30}7")
    assert "example" not in told and "A7" not in told and MASK in told


def test_comparing_texts_of_equal_lines_ends() -> None:
    draw = random.Random(1)
    old, new = ("\n".join(draw.choice("ab") for _ in range(20_000)) for _ in range(2))
    assert changes(old, new)
    wide, other = ("\n".join("".join(draw.choice("ab") for _ in range(990)) for _ in range(100)) for _ in range(2))
    found = changes(wide, other)
    assert "".join(piece.text for line in found if line.kind == "gone" for piece in line.pieces) == wide.replace("\n", "")
    assert changes("一\n二\n三", "一\n贰\n三")[1].kind == "gone"
