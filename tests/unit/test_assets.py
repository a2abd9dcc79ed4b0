"""What pages load is gathered once, named by its content, and may be kept for ever."""

import re
from pathlib import Path

import pytest

from app import assets


def test_every_library_is_gathered_under_a_name_of_its_content() -> None:
    for name in (*assets.LIBRARIES, "icons.svg"):
        url = assets.asset_url(name)
        assert re.fullmatch(r"/static/vendor/[\w.-]+\.[0-9a-f]{12}\.(js|css|svg)", url)
        assert (assets.STATIC / url.removeprefix("/static/")).is_file()
        assert assets.is_immutable(url)


def test_only_the_present_content_may_be_kept_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "desk.css").write_text("a")
    path, _, version = assets.asset_url("own/desk.css").partition("?v=")
    assert assets.is_immutable(path, version)
    assert not assets.is_immutable(path, "0" * 12)
    assert not assets.is_immutable(path)
    (tmp_path / "own" / "desk.css").write_text("changed, and of another length")
    assert not assets.is_immutable(path, version), "not even in the half second in which pages still name the old one"
    monkeypatch.setattr(assets, "LOOK_EVERY", 0.0)
    assert assets.asset_url("own/desk.css") != f"{path}?v={version}"
    assert not assets.is_immutable("/static/vendor/other.js") and not assets.is_immutable("/login")


def test_a_wrong_name_is_no_silent_page_without_style() -> None:
    for name in ("jquery.js", "own/nothing.css"):
        with pytest.raises(assets.MissingAsset):
            assets.asset_url(name)


def test_a_wrong_icon_is_named(tmp_path: Path) -> None:
    with pytest.raises(assets.MissingAsset, match="no-such-icon"):
        assets.icon_sprite(["no-such-icon"], tmp_path)


def named_icons(page: str) -> set[str]:
    """The icon names written in a template: what `icon(…)`, `icon_button(…)` and `empty(…)` are called with first."""
    names = set()
    for call in re.finditer(r"\b(?:icon|icon_button|empty)\(", page):
        depth, end = 1, call.end()
        while end < len(page) and depth and not (depth == 1 and page[end] == ","):
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(page[end], 0)
            end += 1
        # No keys of a mapping, no words of a comparison, no name of an attribute.
        names |= set(re.findall(r"(?<![=] )(?<!=)[\"']([a-z][a-z0-9-]*)[\"'](?!\s*:)", page[call.end() : end]))
    return names


def test_templates_use_only_icons_of_the_sprite() -> None:
    known = {assets.icon_id(name) for name in assets.icon_names()}
    assert len(known) == len(assets.icon_names())
    assert named_icons("""{{ icon({"a": "mail"}.get(k, "send"), class="small") }}{{ icon("sun" if x == "bad" else "moon") }}""") == {
        "mail", "send", "sun", "moon"
    }  # fmt: skip
    pages = sorted((assets.ROOT / "app" / "web" / "templates").rglob("*.html"))
    used = set().union(*(named_icons(page.read_text(encoding="utf-8")) for page in pages))
    assert used <= known, f"add to app/web/icons.txt: {sorted(used - known)}"


def test_libraries_ask_for_no_other_host_and_no_map() -> None:
    for name in assets.LIBRARIES:
        text = (assets.STATIC / assets.asset_url(name).removeprefix("/static/")).read_text(encoding="utf-8")
        assert "sourceMappingURL=" not in text[-300:]
