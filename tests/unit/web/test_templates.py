"""What our strict CSP would silently kill, and what would break a page, is found in the templates themselves."""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[3] / "app" / "web"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
STYLES = sorted((WEB / "static" / "own").glob("*.css"))
SCRIPTS = sorted((WEB / "static" / "own").glob("*.js"))
PORTAL_CSS_LIMIT = 10_240

DEAD = {
    "an inline script": re.compile(r"""<script(?![^>]*\bsrc=|\s+type="application/ld\+json">)""", re.I),
    "an inline style": re.compile(r"<style\b|\sstyle\s*=", re.I),
    "an on… attribute": re.compile(r"\son[a-z]+\s*=", re.I),
    "hx-on": re.compile(r"hx-on[:\-]"),
    "a js: value": re.compile(r"""hx-[\w:-]+\s*=\s*["']\s*(js|javascript):"""),
    "a filter in hx-trigger": re.compile(r"""hx-trigger\s*=\s*"[^"]*\[[^"]*"|hx-trigger\s*=\s*'[^']*\[[^']*'"""),
    "something from another host": re.compile(r"""(src|href)\s*=\s*["'](https?:)?//"""),
}
_COMMENT = re.compile(r"\{#.*?#\}", re.S)
_ICON = re.compile(r"""ui\.icon(?:_button)?\(\s*"([\w-]+)"|(?<![\w.])icon(?:_button)?\(\s*"([\w-]+)\"""")


def source(path: Path) -> str:
    return _COMMENT.sub("", path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return str(path.relative_to(WEB))


@pytest.mark.parametrize("what", DEAD)
@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_nothing_that_the_csp_kills(path: Path, what: str) -> None:
    found = DEAD[what].search(source(path))
    assert found is None, f"{what}: {found and found[0]!r}"


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_every_form_that_writes_carries_the_token(path: Path) -> None:
    for form in re.findall(r"<form\b.*?</form>", source(path), re.S):
        if re.search(r"""method=["']post""", form):
            assert re.search(r"csrf\(\)", form), form[:120]


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_icons_are_in_the_list(path: Path) -> None:
    listed = {line.strip() for line in (WEB / "icons.txt").read_text(encoding="utf-8").splitlines()}
    used = {first or second for first, second in _ICON.findall(source(path))}
    assert used <= listed


def test_the_styles_use_the_tokens_and_no_raw_colour() -> None:
    for path in STYLES:
        if path.name == "tokens.css":
            continue
        screen = re.sub(r"/\*.*?\*/|@media print.*", "", path.read_text(encoding="utf-8"), flags=re.S)
        assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|rgba?\(", screen), path.name


def test_every_token_that_is_used_exists() -> None:
    tokens = set(re.findall(r"(--[\w-]+)\s*:", (WEB / "static" / "own" / "tokens.css").read_text(encoding="utf-8")))
    for path in STYLES:
        assert set(re.findall(r"var\((--[\w-]+)", path.read_text(encoding="utf-8"))) <= tokens, path.name


def test_the_portal_stays_light() -> None:
    assert (WEB / "static" / "own" / "portal.css").stat().st_size < PORTAL_CSS_LIMIT


def test_scripts_stay_independent() -> None:
    """Their addresses carry a hash, so that one cannot import another by name; they talk by events."""
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*import\b|\bimport\(|\beval\(|new Function", text, re.M), path.name
