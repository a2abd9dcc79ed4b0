"""The chat's other corners, as a visitor meets them: questions first, the end and its rating, a phone on its side, a
person whom the site vouches for, the keyboard."""

import json
import re
import secrets
import time
from collections.abc import Iterator

import jwt
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import House
from tests.browser.visitors import serve_pages

SECOND = 1000
SECRET = "a-secret-of-the-site-that-is-long-enough"
FORM = json.dumps(
    [
        {"key": "name", "type": "text", "label": "称呼", "required": False},
        {"key": "email", "type": "email", "label": "邮箱", "required": True},
        {"key": "topic", "type": "choice", "label": "事由", "required": True, "choices": ["咨询", "故障"]},
    ],
    ensure_ascii=False,
)


@pytest.fixture
def shop(house: House) -> Iterator[str]:
    """A page of another company's site with our line; the account stands behind the question mark."""

    def page_of(slug: str) -> str:
        line = f'<script src="{house.url}/widget.js" data-account="{slug}"></script>'
        return f'<!doctype html><html><head><title>澄湖</title><link rel="icon" href="data:,"></head><body>{line}</body></html>'

    with serve_pages(page_of) as address:
        yield address


def account(house: House, **settings: str) -> str:
    slug = f"c{secrets.token_hex(4)}"
    house.flask("channel", "account", "add", "webchat", slug, *(part for k, v in settings.items() for part in ("--set", f"{k}={v}")))
    return slug


def open_page(browser: Browser, house: House, slug: str, width: int = 390, height: int = 844) -> Page:
    page = browser.new_context(locale="zh-CN", viewport={"width": width, "height": height}).new_page()
    page.goto(f"{house.url}/chat/{slug}")
    return page


def test_questions_come_first_and_work_by_keyboard(browser: Browser, house: House) -> None:
    page = open_page(browser, house, account(house, fields=FORM))
    form = page.locator("#prechat")
    expect(form).to_be_visible()
    expect(page.locator("#text")).to_be_hidden()
    page.get_by_role("button", name="开始会话").click()
    expect(page.locator("#prechat-wrong")).to_contain_text("邮箱")
    expect(page.locator("#f-email")).to_be_focused()
    page.keyboard.type("night@chenghu.example")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.locator("#f-name").fill("王工")
    page.keyboard.press("Enter")
    expect(form).to_be_hidden()
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("变频器停机")
    page.keyboard.press("Enter")
    expect(page.locator(".mine .bubble").first).to_have_text("变频器停机")
    expect(page.locator(".mine .bubble").nth(1)).to_contain_text("事由：故障")
    page.reload()
    expect(page.locator(".mine .bubble").first).to_have_text("变频器停机")
    expect(form).to_be_hidden()
    page.context.close()


def test_it_fits_a_phone_on_its_side(browser: Browser, house: House) -> None:
    page = open_page(browser, house, account(house, fields=FORM), 844, 390)
    expect(page.locator("#prechat")).to_be_visible()
    for one in ("#prechat button[type=submit]", "#prechat"):
        page.locator(one).scroll_into_view_if_needed()
        expect(page.locator(one)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 844
    page.context.close()


def test_the_end_of_a_chat_is_said_and_the_next_word_begins_again(browser: Browser, house: House) -> None:
    page = open_page(browser, house, account(house))
    page.locator("#text").fill("触摸屏黑屏了")
    page.locator("#text").press("Enter")
    expect(page.locator(".mine .foot").last).to_contain_text(re.compile("已送达|已读"))
    page.locator("#more summary").press("Enter")
    page.get_by_role("button", name="结束会话").press("Enter")
    expect(page.locator("#list")).to_contain_text("会话已结束", timeout=15 * SECOND)
    expect(page.locator("#rating")).to_be_hidden()
    page.locator("#text").fill("还有一个问题")
    page.locator("#text").press("Enter")
    expect(page.locator(".over")).to_have_count(0)
    page.context.close()


def test_only_whom_the_site_vouches_for_gets_in(browser: Browser, house: House, shop: str) -> None:
    slug = account(house, site_secret=SECRET, verified_only="yes")
    page = browser.new_context(locale="zh-CN").new_page()
    token = jwt.encode({"external_user_id": "u-7", "name": "王工", "exp": int(time.time()) + 600}, SECRET, "HS256")
    page.goto(f"{shop}?{slug}")
    page.evaluate("huiyinChat(true)")
    chat = page.frame_locator("iframe")
    expect(chat.locator("#state")).to_contain_text("请先在网站上登录", timeout=15 * SECOND)
    page.evaluate("jwt => huiyinChat.user(jwt)", token)
    expect(chat.locator("#state")).not_to_contain_text("请先在网站上登录", timeout=15 * SECOND)
    chat.locator("#text").fill("我登录了")
    chat.locator("#text").press("Enter")
    expect(chat.locator(".mine .foot").last).to_contain_text(re.compile("已送达|已读"))
    page.evaluate("huiyinChat.user('')")
    expect(chat.locator("#state")).to_contain_text("请先在网站上登录", timeout=15 * SECOND)
    expect(chat.locator(".bubble")).to_have_count(0)
    page.context.close()


def test_the_sound_can_be_switched_off_for_good(browser: Browser, house: House) -> None:
    page = open_page(browser, house, account(house))
    sound = page.locator("#sound")
    expect(sound).to_have_attribute("aria-pressed", "true")
    sound.click()
    expect(sound).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "false")
    page.context.close()
