"""Without a mouse: an article is written, shown, sent for review and published, and dialogs take the focus and give it back."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House

Open = Callable[..., Page]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636460f8cf50"
    "0f0003860180"
    "5a347d6a0000000049454e44ae426082"
)  # data: a picture of one point
FOCUS = "() => [document.activeElement.id, document.activeElement.textContent].join(' ').trim()"


def tab_to(page: Page, selector: str, back: bool = False) -> None:
    """Go on by Tab until it is the one in focus."""
    wanted = page.locator(selector).first
    for _step in range(90):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {selector}: {page.evaluate(FOCUS)}")


def test_an_article_is_written_and_published_by_keys_alone(open_page: Open, house: House, tmp_path: Path) -> None:
    author = open_page("author", path="/knowledge/new")
    tab_to(author, "#w-title")
    author.keyboard.type("TL-G300 键盘写的一篇 X93")
    tab_to(author, "#w-body")
    author.keyboard.type("先看灯。\n\n")
    author.keyboard.press("Alt+2")
    author.keyboard.type("开柜门\n看灯\n\n做完了。")
    # The list ends at the empty item, and what follows is no part of its last step.
    expect(author.locator("#w-body")).to_have_value("先看灯。\n\n1. 开柜门\n2. 看灯\n\n做完了。")
    expect(author.locator("#proof ol li").last).to_have_text("看灯")
    tab_to(author, "#pick-picture", back=True)
    with author.expect_file_chooser() as chooser:
        author.keyboard.press("Enter")
    picture = tmp_path / "dot.png"
    picture.write_bytes(DOT)
    chooser.value.set_files(picture)
    expect(author.locator("#w-body")).to_be_focused()
    expect(author.locator("#proof img")).to_have_count(1)
    tab_to(author, "#editor input[name=products]")
    author.keyboard.press("Space")
    author.keyboard.press("Control+s")
    author.wait_for_url(re.compile(r"/knowledge/\d+"))
    tab_to(author, "[data-open='step-submit']")
    author.keyboard.press("Enter")
    expect(author.locator("#submit-reason")).to_be_focused()
    author.keyboard.press("Escape")
    expect(author.locator("[data-open='step-submit']")).to_be_focused()
    author.keyboard.press("Enter")
    author.keyboard.type("请看")
    tab_to(author, "#step-submit button.primary")
    author.keyboard.press("Enter")
    expect(author.locator("#review")).to_contain_text("请看")

    editor = open_page("editor", path=author.url.removeprefix(house.url).partition("?")[0])
    tab_to(editor, ".pagehead form button.primary")
    editor.keyboard.press("Enter")
    expect(editor.locator(".tags").first).to_contain_text("已发布")


def test_a_step_from_the_menu_of_a_ticket_gives_the_focus_back(open_page: Open) -> None:
    agent = open_page("agent", path="/desk?view=mine")
    agent.keyboard.press("j")
    agent.keyboard.press("Enter")
    menu = agent.locator("details.menu > summary", has_text="操作").first
    menu.focus()
    agent.keyboard.press("Enter")
    agent.keyboard.press("Tab")
    agent.keyboard.press("Enter")
    expect(agent.locator("dialog[open]").locator("input:focus, select:focus, textarea:focus")).to_have_count(1)
    agent.keyboard.press("Escape")
    expect(agent.locator("dialog[open]")).to_have_count(0)
    expect(menu).to_be_focused()


def test_a_dialog_from_a_menu_gives_the_focus_back_to_it(open_page: Open) -> None:
    editor = open_page("editor", path="/knowledge?state=published")
    editor.locator("tbody a.main").first.click()
    menu = ".pagehead details.menu > summary"
    tab_to(editor, menu)
    editor.keyboard.press("Enter")
    tab_to(editor, "[data-open='flag']")
    editor.keyboard.press("Enter")
    expect(editor.locator("dialog[open] textarea").first).to_be_focused()
    editor.keyboard.press("Escape")
    expect(editor.locator("dialog[open]")).to_have_count(0)
    expect(editor.locator(menu)).to_be_focused()
