"""A customer types with an input method, follows a suggestion, is not helped, and asks: what was read goes along."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import House

pytestmark = pytest.mark.browser
Open = Callable[..., Page]


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]


def test_from_half_typed_pinyin_to_the_ticket(open_page: Open, house: House) -> None:
    page = open_page()
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/search" in request.url and request.resource_type == "fetch":
            asked.append(request.url)

    page.on("request", note)
    field = page.get_by_role("combobox")
    field.focus()
    # An input method composes: letters stand in the field, and nothing may be asked of the server yet.
    keyboard = page.context.new_cdp_session(page)
    for letters in ("w", "wang", "wangguan"):
        keyboard.send("Input.imeSetComposition", {"text": letters, "selectionStart": len(letters), "selectionEnd": len(letters)})
    expect(field).to_have_value("wangguan")
    page.wait_for_function("() => new Promise((done) => setTimeout(() => done(true), 500))")
    assert asked == []
    keyboard.send("Input.insertText", {"text": "网关离线"})
    expect(field).to_have_value("网关离线")
    options = page.get_by_role("option")
    expect(options.first).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "true")
    assert len([url for url in asked if "/search/complete" in url]) == 1, asked

    field.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(field).to_have_value("网关离线")
    field.press("ArrowDown")
    expect(page.get_by_role("listbox")).to_be_visible()
    titles = options.all_inner_texts()
    article = next(n for n, text in enumerate(titles) if "知识" in text)
    for _step in range(article + 1):
        field.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(chosen).to_have_count(1)
    assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    field.press("Enter")
    page.wait_for_url(re.compile("/articles/"))
    first = page.locator("h1").inner_text()

    # Another article, which does not help either.
    page.goto(house.url + "/search?q=网关换卡之后离线")
    expect(page.locator(".answer, .hit").first).to_be_visible()
    fits(page)
    page.goto(house.url + "/articles/tl-g300-e07-sim?q=网关换卡之后离线")
    page.get_by_text("没解决", exact=True).click()
    page.locator(".verdict [name=missing]").fill("卡座是好的")
    page.get_by_role("button", name="告诉编辑").click()
    page.locator(".verdict").get_by_role("link", name="提交请求").click()
    words = page.locator("[name=text]")
    expect(words).to_have_value("网关换卡之后离线\n卡座是好的")
    expect(page.locator(".readlist")).to_contain_text(first)
    expect(page.locator(".askform")).to_contain_text("处理的人会看到它没有解决")
    page.locator(".choices label", has_text="一台设备停了").click()
    page.fill("[name=name]", "周工")
    page.fill("[name=email]", "zhou@finding-story.example")
    page.get_by_role("button", name="提交请求").click()
    expect(page.locator(".sent")).to_contain_text("已收到，编号")
    number = re.search(r"\d{5,}", page.locator(".sent b").inner_text()).group()  # type: ignore[union-attr]

    agent = open_page("agent", path=f"/desk/tickets/{number}")
    expect(agent.locator("#timeline")).to_contain_text("提交前读过，没解决：《TL-G300 报 E07")
    expect(agent.locator("#timeline")).to_contain_text(f"提交前看过：《{first}》")
    expect(agent.locator("#timeline a[href*='/articles/tl-g300-e07-sim']").first).to_be_visible()


def test_pinyin_alone_suggests_and_the_phone_fits(open_page: Open, house: House) -> None:
    phone = open_page(width=390, path="/search?q=变频器过热")
    fits(phone)
    field = phone.get_by_role("combobox").first
    field.fill("wangguan")
    expect(phone.get_by_role("option").first).to_contain_text("网关")
    fits(phone)
    field.press("Enter")
    phone.wait_for_url(re.compile("q=wangguan"))
    for path in ("/products/HK-V20", "/community", "/community/ask"):
        phone.goto(house.url + path)
        fits(phone)


def test_in_public_without_javascript(open_page: Open, house: House) -> None:
    client = open_page("client", width=390, path="/community/ask?product=HK-V20", javascript=False)
    client.fill("[name=title]", "变频器的风扇多久换一次")
    client.select_option("[name=product]", label="HK-V20 变频器")
    client.get_by_role("button", name="公开提问").click()
    expect(client.locator(".post.question")).to_contain_text("第一次发言")
    address = client.url
    editor = open_page("editor", path="/knowledge/community")
    post = editor.locator(".queue > li", has_text="风扇多久换一次")
    post.get_by_role("button", name="公开").click()
    expect(editor.locator("main")).to_contain_text("已公开")
    agent = open_page("agent", path=address.removeprefix(house.url))
    agent.locator(".answerform [name=body]").fill("三年，或者两万小时。")
    agent.get_by_role("button", name="发布").click()
    expect(agent.locator(".post").last).to_contain_text("两万小时")
    client.goto(address)
    client.get_by_role("button", name="采纳这个回答").click()
    expect(client.locator(".post.accepted")).to_contain_text("两万小时")
    fits(client)
    stranger = open_page(width=390, path="/search?q=风扇多久换一次")
    expect(stranger.locator(".asked")).to_contain_text("变频器的风扇多久换一次")
