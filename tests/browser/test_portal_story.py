"""A customer with a phone: asks in own words, sees answers before sending, follows the request, and rates it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House
from tests.processes.conftest import until

pytestmark = pytest.mark.browser
Open = Callable[..., Page]


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def fill(page: Page, words: str, email: str) -> None:
    page.fill("[name=text]", words)
    page.locator(".choices label", has_text="一台设备停了").click()
    page.fill("[name=name]", "孙工")
    page.fill("[name=email]", email)


def test_from_the_form_to_the_rating(open_page: Open, house: House) -> None:
    phone = open_page(width=390, path="/ask")
    phone.locator("[name=text]").press_sequentially("网关换卡之后离线，绿灯不亮")
    expect(phone.locator("#ready h2 a").first).to_contain_text("TL-G300")
    expect(phone.locator("#ready a").first).to_have_attribute("target", "_blank")
    fits(phone)

    # What is missing is said, and nothing is lost.
    phone.locator("form[data-once]").evaluate("form => form.noValidate = true")
    phone.get_by_role("button", name="提交请求").click()
    expect(phone.locator("main")).to_contain_text("选一项")
    expect(phone.locator("[name=text]")).to_have_value("网关换卡之后离线，绿灯不亮")
    fill(phone, "网关换卡之后离线，绿灯不亮", "sun@portal-story.example")
    phone.set_input_files("[name=files]", {"name": "light.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\nx"})
    phone.get_by_role("button", name="提交请求").click()
    expect(phone.locator(".sent")).to_contain_text("已收到，编号")
    number = re.search(r"\d{5,}", phone.locator(".sent b").inner_text()).group()  # type: ignore[union-attr]
    expect(phone.locator(".way img[alt='light.png']")).to_be_visible()
    fits(phone)
    receipt = until(lambda: next((m for m in house.letterbox.mails if m["To"] and "sun@portal-story" in m["To"]), None))
    assert "/r/" in receipt.get_body(("plain",)).get_content() and number in receipt["Subject"]

    # An agent takes it and answers; the customer's page shows it by itself.
    agent = open_page("agent", path=f"/desk/tickets/{number}")
    agent.get_by_role("button", name="派给我并接单").click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("处理中")
    agent.locator("#reply").fill("孙工您好，请把 APN 改成 cmiot。")
    agent.get_by_role("button", name="发送回复").click()
    expect(agent.locator("#timeline")).to_contain_text("cmiot")

    def told() -> bool:
        phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        return "cmiot" in phone.locator(".way").inner_text()

    until(told)
    expect(phone.locator("#now")).to_contain_text("正在处理")

    # An urge counts once, and says when the next may come.
    phone.get_by_role("button", name="催一下").click()
    expect(phone.locator("main")).to_contain_text("分钟后可以再催")
    phone.get_by_text("补充说明或文件").click()
    phone.fill("[name=text]", "改好了，上线了")
    phone.get_by_role("button", name="发给处理人").click()
    expect(phone.locator(".way")).to_contain_text("改好了，上线了")
    expect(agent.locator("#timeline")).to_contain_text("改好了，上线了")

    agent.get_by_role("button", name=re.compile("^解决")).first.click()
    dialog = agent.get_by_role("dialog")
    dialog.locator("[name=resolution]").fill("APN 改为 cmiot。")
    dialog.locator("[name=category]").select_option(label="网络与连接")
    dialog.locator("button[type=submit]").click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("待回访")

    phone.reload()
    phone.get_by_text("解决了", exact=True).first.click()
    phone.locator(".stars label").last.click()
    phone.get_by_role("button", name="提交", exact=True).click()
    expect(phone.locator("#now")).to_contain_text("你的评分：5 分")
    fits(phone)

    # Later, without the link: it is mailed, and shows the list.
    later = open_page(width=390, path="/requests")
    later.fill("[name=who]", "sun@portal-story.example")
    later.get_by_role("button", name="把链接发给我").click()
    expect(later.locator("main")).to_contain_text("去看看邮箱")
    letter = until(lambda: next((m for m in house.letterbox.mails if "/requests/open/" in m.get_body(("plain",)).get_content()), None))
    later.goto(re.search(r"http://\S+/requests/open/\S+", letter.get_body(("plain",)).get_content()).group())  # type: ignore[union-attr]
    later.get_by_role("link", name="已结束").click()
    expect(later.locator(".parcels")).to_contain_text("网关换卡之后离线")
    fits(later)


def test_it_works_without_javascript(open_page: Open, house: House) -> None:
    phone = open_page(width=390, path="/ask", javascript=False)
    phone.fill("[name=text]", "变频器跳 E07，吹一吹又能转")
    phone.get_by_role("button", name="先看看有没有现成的答案").click()
    expect(phone.locator("#ready")).to_contain_text("HK-V20")
    expect(phone.locator("[name=text]")).to_have_value("变频器跳 E07，吹一吹又能转")
    fill(phone, "变频器跳 E07，清过风道还是跳", "zhao@portal-story.example")
    phone.get_by_role("button", name="提交请求").click()
    expect(phone.locator(".sent")).to_contain_text("已收到，编号")
    phone.get_by_role("button", name="催一下").click()
    expect(phone.locator("main")).to_contain_text("已催办")
    fits(phone)


def test_the_administrator_of_a_company(open_page: Open, house: House) -> None:
    page = open_page("client", path="/requests")
    expect(page.locator("h1")).to_contain_text("全公司的请求")
    page.locator(".parcels h2 a").first.click()
    expect(page.locator(".stepper").first).to_be_visible()
    page.goto(house.url + "/requests/devices")
    page.locator(".machines a", has_text="报修").first.click()
    expect(page.locator(".askform .notice.info")).to_be_visible()
    fill(page, "主轴异响，开机就有", "qian@chenghu.example")
    page.get_by_role("button", name="提交请求").click()
    expect(page.locator(".sent")).to_contain_text("已收到，编号")
    page.goto(house.url + "/requests")
    expect(page.locator(".parcels")).to_contain_text("主轴异响")
