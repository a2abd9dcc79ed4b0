"""Both languages are complete, and no Chinese word for people is out of a translation's reach."""

from pathlib import Path

import pytest

from app import messages

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: en\\n"\n\n'


def test_english_is_complete_and_has_nothing_too_much() -> None:
    problems = messages.catalogue_problems("en")
    assert not problems, "\n".join(problems)


def test_no_chinese_word_is_out_of_reach() -> None:
    found = messages.bare_texts()
    assert not found, "\n".join(found)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny source tree with one page, one view and one service."""
    for folder in ("app/web/templates", "app/translations/en", "workflows"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "TRANSLATIONS", tmp_path / "app" / "translations")
    return tmp_path


def translate(house: Path, area: str, *pairs: tuple[str, str]) -> None:
    text = HEAD + "".join(f'msgid "{id_}"\nmsgstr "{text}"\n\n' for id_, text in pairs)
    (house / "app/translations/en" / f"{area}.po").write_text(text, encoding="utf-8")


def test_what_is_a_message(house: Path) -> None:
    (house / "app/web/templates/page.html").write_text("<p>{{ _('派工') }}</p>{% trans %}结单{% endtrans %}", encoding="utf-8")
    (house / "workflows/steps.py").write_text(
        '"""文档。"""\nimport re\nLABEL = "挂起"\nWORDS = ("螺丝",)  # data\nPATTERN = re.compile(r"[一二]\\s年")\n', encoding="utf-8"
    )
    assert {text for _, text in messages.used_messages()} == {"派工", "结单", "挂起"}
    assert messages.bare_texts() == []


def test_every_hole_is_named(house: Path) -> None:
    (house / "app/web/templates/page.html").write_text("{{ _('派工') }}{{ _('%(n)s 条') }}{{ _('空') }}", encoding="utf-8")
    translate(house, "a", ("%(n)s 条", "items"), ("空", ""), ("旧", "old"))
    translate(house, "b", ("空", "empty"))
    problems = "\n".join(messages.catalogue_problems("en"))
    for expected in ("b.po: '空' is already in a.po", "not translated: '派工'", "loses a place", "empty or fuzzy: '空'", "obsolete: '旧'"):
        assert expected in problems


def test_words_out_of_reach_are_named(house: Path) -> None:
    (house / "app/web/templates/page.html").write_text("<p>派工</p>\n{{ x or '没有' }}", encoding="utf-8")
    (house / "app/web/views.py").write_text('TITLE = "队列"\n', encoding="utf-8")
    (house / "workflows/steps.py").write_text('def f(n):\n    return f"还有 {n} 条"\n', encoding="utf-8")
    found = "\n".join(messages.bare_texts())
    for expected in ("page.html:1", "page.html:2", "views.py:1", "steps.py:2"):
        assert expected in found


def test_areas_are_joined_into_one_catalogue(house: Path) -> None:
    translate(house, "console", ("派工", "Dispatch"))
    translate(house, "portal", ("查询", "Search"))
    assert messages.compile_catalogue("en") == []
    compiled = (house / "app/translations/en/LC_MESSAGES/messages.mo").read_bytes()
    assert b"Dispatch" in compiled and b"Search" in compiled
