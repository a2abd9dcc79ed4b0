"""The chat as a visitor of another company's site meets it, beside the agent who answers."""

import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import House
from tests.browser.visitors import open_chat, say, serve_pages

SECOND = 1000
OpenPage = Callable[..., Page]


@pytest.fixture
def foreign_site(house: House) -> Iterator[str]:
    """A page of somebody else: another origin, one line of ours."""
    line = f'<script src="{house.url}/widget.js" data-account="portal" async></script>'
    page = f'<!doctype html><html lang="zh-CN"><head><title>澄湖</title><link rel="icon" href="data:,"></head><body><h1>别家</h1>{line}</body></html>'
    with serve_pages(lambda asked: page) as address:
        yield address


def test_a_visitor_and_an_agent_talk(browser: Browser, open_page: OpenPage, foreign_site: str) -> None:
    context = browser.new_context(locale="zh-CN")
    visitor = context.new_page()
    problems: list[str] = []
    visitor.on("pageerror", lambda error: problems.append(str(error)))
    visitor.goto(foreign_site)
    chat = open_chat(visitor)
    mark = secrets.token_hex(3)
    say(chat, f"触摸屏 {mark} 黑屏 <img src=x onerror=alert(1)> 看 https://example.com/x 。")
    expect(chat.locator(".mine .foot")).to_contain_text(re.compile("已送达|已读"))
    expect(chat.locator(".mine .bubble a")).to_have_attribute("href", "https://example.com/x")
    assert chat.locator(".bubble img").count() == 0

    agent = open_page("agent", path="/desk?view=free")
    agent.get_by_role("link", name=re.compile(mark)).first.click()
    expect(agent.locator("#reply")).to_be_visible()
    expect(chat.locator(".mine .foot").last).to_contain_text("已读", timeout=15 * SECOND)
    say(chat, "还在等")
    expect(agent.locator("#timeline")).to_contain_text("还在等")
    chat.locator("#text").type("再")
    expect(agent.locator("#visitor-typing")).to_have_text("客户正在输入…")

    agent.locator("#reply").type("先断电")
    expect(chat.locator("#typing")).to_be_visible()
    agent.locator("#reply").fill("先断电十秒再上电。")
    agent.locator("#reply").press("Control+Enter")
    expect(chat.locator(".agent .bubble")).to_have_text("先断电十秒再上电。")
    expect(chat.locator("#typing")).to_be_hidden()
    expect(agent.locator("#timeline")).to_contain_text("对方已看到")

    # The frame is closed: the next answer is a number on the button, and a reload finds everything again.
    chat.locator("#close").click()
    agent.locator("#reply").fill("好了吗？")
    agent.locator("#reply").press("Control+Enter")
    expect(visitor.get_by_role("button", name="在线客服，1 条新消息")).to_be_visible()
    visitor.reload()
    chat = open_chat(visitor)
    expect(chat.locator(".bubble")).to_have_count(4)
    expect(chat.locator("#text")).to_have_value("再")
    assert not problems, problems
    context.close()


def test_what_is_written_without_a_line_goes_when_it_is_back(browser: Browser, foreign_site: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(foreign_site)
    chat = open_chat(page)
    say(chat, "第一句")
    expect(chat.locator(".mine .foot").last).to_contain_text(re.compile("已送达|已读"))
    context.set_offline(True)
    expect(chat.locator("#state")).to_contain_text("正在重连", timeout=60 * SECOND)
    say(chat, "断线时写的")
    say(chat, "又一句")
    expect(chat.locator(".waiting")).to_have_count(2)
    context.set_offline(False)
    expect(chat.locator(".waiting")).to_have_count(0, timeout=60 * SECOND)
    expect(chat.locator(".mine .bubble")).to_have_text(["第一句", "断线时写的", "又一句"])
    page.reload()
    expect(open_chat(page).locator(".mine .bubble")).to_have_text(["第一句", "断线时写的", "又一句"])
    context.close()


def test_nobody_there_takes_a_way_to_be_reached_on_a_phone(browser: Browser, house: House) -> None:
    house.flask("channel", "account", "add", "webchat", "closed", "--set", "hours=1 00:00-00:01")
    context = browser.new_context(locale="zh-CN", viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.goto(house.url + "/chat/closed")
    expect(page.locator("#state")).to_contain_text("不在服务时间")
    expect(page.locator("#contact")).to_contain_text("周一 00:00–00:01")
    page.locator("#text").fill("晚上停机了")
    page.locator("#text").press("Enter")
    page.get_by_role("button", name="留下联系方式").click()
    expect(page.locator("#c-wrong")).to_contain_text("留一个邮箱或电话")
    page.locator("#c-email").fill("not an address")
    page.get_by_role("button", name="留下联系方式").click()
    expect(page.locator("#c-email")).to_have_attribute("aria-invalid", "true")
    page.locator("#c-email").fill("night@chenghu.example")
    page.get_by_role("button", name="留下联系方式").click()
    expect(page.locator("#contact")).to_be_hidden()
    expect(page.locator(".mine .bubble")).to_have_text(["晚上停机了", "联系方式：night@chenghu.example"])
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_the_portal_has_the_chat_under_its_own_policy(open_page: OpenPage) -> None:
    page = open_page(path="/")
    chat = open_chat(page)
    chat.locator("#text").press("Escape")
    expect(page.get_by_role("button", name="在线客服")).to_be_focused()
