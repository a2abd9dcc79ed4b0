"""Edges of the portal in a browser: what is pressed is large enough, and what was typed is there after the login."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, House

Open = Callable[..., Page]
SMALL = """least => [...document.querySelectorAll('a[href], button, summary, select, input:not([type=hidden], [type=checkbox], [type=radio], [type=file])')]
  .filter(e => e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true }) && !e.matches('.skip, .codecopy') && !e.closest('.sr, .prose'))
  .filter(e => !(e.matches('p a, li a') && e.parentElement.innerText.trim().length > e.innerText.trim().length + 24))  // a link within a sentence
  .map(e => [e.innerText.trim().slice(0, 30) || e.name, e.getBoundingClientRect()])
  .filter(([, box]) => box.width > 2 && Math.min(box.width, box.height) < least - 0.5)
  .map(([words, box]) => `${words}: ${Math.round(box.width)} x ${Math.round(box.height)}`)"""
PUBLIC = ("/", "/search?q=E07", "/products/TL-G300", "/community", "/community/1", "/community/ask", "/ask", "/requests", "/login")


@pytest.mark.parametrize(("width", "least"), [(390, 44), (1440, 24)])
def test_what_is_pressed_is_large_enough(open_page: Open, house: House, width: int, least: int) -> None:
    page = open_page(width=width)
    small = {}
    for path in PUBLIC:
        page.goto(house.url + path)
        small[path] = page.evaluate(SMALL, least)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert small == dict.fromkeys(PUBLIC, [])


def log_in(page: Page, name: str) -> None:
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]:has-text('登录')")


def test_a_strangers_question_goes_through_the_login_without_javascript(open_page: Open) -> None:
    page = open_page(width=390, path="/community/ask?product=TL-G300&title=换卡以后", javascript=False)
    page.fill("[name=body]", "第一行\n第二行")
    page.fill("[name=name]", "陆**")
    page.get_by_role("button", name="登录后公开").click()
    log_in(page, "client")
    expect(page.locator(".notice.good")).to_contain_text("你写的都带过来了")
    assert [page.input_value(f"[name={name}]") for name in ("title", "body", "name")] == ["换卡以后", "第一行\n第二行", "陆**"]


def test_a_request_that_is_left_half_written_waits_in_the_tab(open_page: Open, house: House) -> None:
    page = open_page(width=390, path="/ask")
    page.fill("#f-text", "三号线停了")
    page.locator("input[name=impact][value=line_down]").check(force=True)
    page.get_by_role("link", name="登录").first.click()
    page.wait_for_url("**/login**")
    page.goto(house.url + "/ask")
    assert page.input_value("#f-text") == "三号线停了" and page.is_checked("input[name=impact][value=line_down]")
    page.fill("#f-email", "halfway@chenghu.example")
    page.get_by_role("button", name="提交请求").click()
    page.wait_for_url("**/r/**")
    page.goto(house.url + "/ask")
    assert page.input_value("#f-text") == "", "what was sent does not come again"
