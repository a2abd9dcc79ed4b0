"""The colours of both themes can be read: at least 4.5:1 for words, 3:1 for what only shows where something is."""

import re
from itertools import product
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[3] / "app" / "web" / "static" / "own" / "tokens.css"
_BLOCK = re.compile(r"(:root[^{,]*)\{([^{}]*)\}")
_COLOUR = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6})\s*;")

MEANINGS = ("info", "good", "warn", "bad", "muted")
SURFACES = ("surface-0", "surface-1", "surface-2")
WORDS = [
    *product(("text-1", "text-2", "text-3", "accent", "bad", "warn"), SURFACES),
    *product(("text-1", "text-2"), ("surface-3",)),
    *((meaning, f"{meaning}-quiet") for meaning in MEANINGS),
    *product(("text-1", "text-2"), [f"{meaning}-quiet" for meaning in MEANINGS]),
    *product(("text-1", "text-2", "accent", "accent-strong"), ("accent-quiet",)),
    *product(("on-accent",), ("accent", "accent-strong")),
    *product(("text-1", "text-2"), ("mark",)),
    ("surface-1", "text-1"),  # a toast
    ("surface-1", "bad"),  # a badge
]
SIGNS = [*product(("focus", "line-strong"), ("surface-0", "surface-1")), ("good", "surface-1"), ("accent", "surface-3")]


def themes() -> dict[str, dict[str, str]]:
    """The colours per selector; the blocks of dark follow that of light."""
    found = _BLOCK.findall(TOKENS.read_text(encoding="utf-8"))
    return {selector.strip(): dict(_COLOUR.findall(body)) for selector, body in found if _COLOUR.search(body)}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_measures_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_switch_and_the_system_give_the_same_dark() -> None:
    light, by_system, by_switch = themes().values()
    assert by_system == by_switch
    assert set(light) == set(by_system)


@pytest.mark.parametrize("theme", themes())
@pytest.mark.parametrize(("front", "back"), WORDS)
def test_words_can_be_read(theme: str, front: str, back: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[front], colours[back]) >= 4.5, f"{front} on {back}"


@pytest.mark.parametrize("theme", themes())
@pytest.mark.parametrize(("front", "back"), SIGNS)
def test_signs_can_be_seen(theme: str, front: str, back: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[front], colours[back]) >= 3, f"{front} on {back}"
