"""A customer finds nothing; an editor takes the question, writes, publishes, and sees it found."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House
from tests.processes.conftest import until

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
WORDS = "釉面皲裂"


def test_from_nothing_found_to_an_answer(open_page: Open, house: House) -> None:
    customer = open_page(width=390, path="/search")
    customer.goto(re.sub(r"/search.*", f"/search?q={WORDS}", customer.url))
    expect(customer.locator("main")).not_to_contain_text("重新上釉")
    until(lambda: WORDS in house.flask("knowledge", "gaps", "--json"), seconds=30)

    editor = open_page("editor", path="/knowledge/gaps")
    editor.locator(".gaps a.main", has_text=WORDS).click()
    editor.get_by_role("button", name="认领").click()
    expect(editor.locator("main")).to_contain_text("有人在写")
    gap = editor.url
    editor.get_by_role("button", name="写一篇").click()
    expect(editor.locator("[name=title]")).to_have_value(WORDS)
    editor.locator("[name=body]").fill("## 做法\n\n1. 停机断电。\n2. 打磨之后重新上釉。\n")
    editor.locator("[name=body]").evaluate("field => field.form.requestSubmit()")
    editor.wait_for_url(re.compile(r"/knowledge/\d+(\?|$)"))
    editor.get_by_role("button", name=re.compile("^发布")).first.click()
    expect(editor.locator("main")).to_contain_text("已发布")

    def found() -> bool:
        editor.goto(gap)
        return "第 1 位" in editor.locator("main").inner_text() and "已搜得到" in editor.locator("main").inner_text()

    until(found, seconds=30)
    customer.reload()
    expect(customer.locator("main")).to_contain_text("重新上釉")
