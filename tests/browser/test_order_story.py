"""An order as people carry it out: handed on at the desk, sent and agreed by the dispatcher, done on a phone, checked."""

import base64
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, House
from tests.processes.conftest import until

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
PHOTO = [{"name": "风扇 <b>.png", "mimeType": "image/png", "buffer": PIXEL}]


def press(page: Page, name: str) -> None:
    """The one big button."""
    page.locator(".ordernext > .button", has_text=name).click()


def stands(page: Page, state: str) -> None:
    expect(page.locator("#order-head .stepper [aria-current=step]")).to_contain_text(state)


def section(page: Page, kind: str) -> None:
    part = page.locator(f"#proof-{kind}")
    if part.get_attribute("open") is None:
        part.locator("summary").click()


def sign(page: Page) -> None:
    canvas = page.locator("#proof-signature canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None and box["width"] > 250
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    for place in range(1, 9):
        page.mouse.move(box["x"] + 40 + 25 * place, box["y"] + 60 + (30 if place % 2 else -20))
    page.mouse.up()


def handed_on(agent: Page, house: House, folder: Path, subject: str) -> tuple[str, str]:
    """A mail becomes a ticket that the agent hands on; returns the numbers of ticket and order."""
    house.receive(
        folder / "in", From="马工 <ma@chenghu.example>", To="support@hengchuan.example", Subject=subject,
        Message_ID=f"<{uuid.uuid4().hex}@chenghu.example>", text="HK-V20 变频器一到下午就停，请派人来看。",
    )  # fmt: skip
    agent.goto(house.url + "/desk?view=free")
    agent.locator("a", has_text=subject).first.click()
    agent.get_by_role("button", name="派给我并接单").click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("处理中")
    agent.locator("#tickethead summary", has_text="操作").click()
    agent.locator("[data-step=escalate]").first.click()
    dialog = agent.get_by_role("dialog")
    product = dialog.locator("[name=product] option", has_text="HK-V20").first.get_attribute("value")
    dialog.locator("[name=product]").select_option(product)
    dialog.locator("[name=reason]").fill("检查风扇与风道，测散热器温度。")
    dialog.locator("[name=place]").fill("澄湖三厂 3 号线")
    dialog.locator("button:not([data-close])").last.click()
    link = agent.locator("#orders a[href^='/orders/'], .orderpanel a[href^='/orders/']").first
    expect(link).to_be_visible()
    number = re.search(r"/tickets/(\d+)", agent.url).group(1)  # type: ignore[union-attr]
    return number, str(link.get_attribute("href")).rpartition("/")[2]


def scheduled(dispatcher: Page, house: House, order: str) -> None:
    """The dispatcher accepts, sends the technician, and agrees on a time."""
    dispatcher.goto(f"{house.url}/orders/{order}")
    press(dispatcher, "接单")
    press(dispatcher, "派师傅")
    dialog = dispatcher.get_by_role("dialog")
    dialog.locator("[name=technician]").select_option(label="韩大勇")
    dialog.locator("button:not([data-close])").last.click()
    press(dispatcher, "预约")
    dialog.locator("button:not([data-close])").last.click()
    stands(dispatcher, "计划排程")


def test_from_escalation_to_resolved(open_page: Open, house: House, tmp_path: Path) -> None:
    subject = f"三号线变频器下午停机 {uuid.uuid4().hex[:4]}"
    agent, dispatcher = open_page("agent", path="/desk"), open_page("dispatcher", path="/orders?view=unaccepted")
    dispatcher.mouse.move(5, 500)
    ticket, order = handed_on(agent, house, tmp_path, subject)
    # It stands in the dispatcher's list without a reload, the customer's name covered; and in the letterbox.
    expect(dispatcher.locator(".ordercard", has_text=subject)).to_be_visible()
    expect(dispatcher.locator(".ordercard", has_text=subject)).not_to_contain_text("马工")
    mail = until(lambda: next((m for m in house.letterbox.mails if f"#{order}" in m["Subject"]), None))
    assert "dispatcher@" in mail["To"] and "ma@chenghu" not in mail.as_string()

    scheduled(dispatcher, house, order)
    expect(dispatcher.locator(".orderside")).to_contain_text("马")

    phone = open_page("technician", width=390, path="/orders?view=week")
    phone.locator(".ordercard", has_text=subject).click()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    press(phone, "制订方案")
    dialog = phone.get_by_role("dialog")
    dialog.locator("[name=warranty][value=in]").check(force=True)
    dialog.locator("[name=steps]").fill("断电挂牌\n清风道，换风扇\n送电观察")
    dialog.locator("button:not([data-close])").last.click()
    stands(phone, "方案制订")
    press(phone, "出发")
    press(phone, "到场签到")
    press(phone, "开工")
    stands(phone, "执行交付")

    # The customer urges at the desk: the phone shows it.
    agent.locator("#tickethead summary", has_text="操作").click()
    agent.locator("[data-step=urge]").click()
    expect(phone.locator(".turn.calls")).to_be_visible()

    big = phone.locator(".ordernext .button.primary")
    box = big.bounding_box()
    assert box is not None and box["y"] > 600 and box["height"] >= 48, "the next step is within the thumb"
    section(phone, "checklist")
    for tick in phone.locator("#proof-checklist [name=done]").all():
        tick.check()
    phone.get_by_role("button", name="存下检查表").click()
    expect(phone.locator("#order-evidence")).to_contain_text("✓ 断电挂牌")
    section(phone, "photo")
    phone.locator("#proof-photo input[type=file]").set_input_files(PHOTO)  # type: ignore[arg-type]
    expect(phone.locator("#order-evidence img")).to_have_count(1)
    expect(phone.locator("#proofs-photo")).to_have_text("1")  # it said 必需 a moment ago
    section(phone, "signature")
    phone.locator("#proof-signature [name=text]").fill("王班长")
    sign(phone)
    phone.get_by_role("button", name="存下签字").click()
    expect(phone.locator("#order-evidence")).to_contain_text("王班长")
    expect(phone.locator("#order-evidence img")).to_have_count(2)
    expect(phone.locator("#sync .word")).to_have_text("已同步")
    press(phone, "交付")
    dialog.locator("[name=solution]").fill("换了风扇，清了风道，满载 62 ℃。")
    dialog.locator("button:not([data-close])").last.click()
    stands(phone, "反馈检查")

    agent.goto(f"{house.url}/orders/{order}")
    expect(agent.locator("#order-evidence img")).to_have_count(2)
    press(agent, "验收")
    expect(agent.locator("#order-head .tags")).to_contain_text("已关闭")
    agent.goto(f"{house.url}/desk/tickets/{ticket}")
    agent.get_by_role("button", name=re.compile("^解决")).first.click()
    dialog = agent.get_by_role("dialog")
    dialog.locator("[name=resolution]").fill("供应商换了风扇。")
    dialog.locator("[name=category]").select_option(label="硬件与供电")
    dialog.locator("button:not([data-close])").last.click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("待回访")


def test_what_is_written_without_a_line_arrives_later(
    open_page: Open, browser: Browser, house: House, tmp_path: Path
) -> None:
    agent, dispatcher = open_page("agent", path="/desk"), open_page("dispatcher", path="/orders")
    _ticket, order = handed_on(agent, house, tmp_path, f"四号线变频器报过热 {uuid.uuid4().hex[:4]}")
    scheduled(dispatcher, house, order)
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", timezone_id="Asia/Shanghai")
    phone = context.new_page()
    phone.goto(house.url + "/login")
    phone.fill("input[name=login]", "technician")
    phone.fill("input[name=password]", PASSWORD)
    phone.keyboard.press("Enter")
    phone.wait_for_url(lambda url: "/login" not in url)
    phone.goto(f"{house.url}/orders/{order}")
    until(lambda: phone.evaluate("!!navigator.serviceWorker.controller"))
    press(phone, "制订方案")
    phone.get_by_role("dialog").locator("[name=steps]").fill("断电挂牌")
    phone.get_by_role("dialog").locator("button:not([data-close])").last.click()
    stands(phone, "方案制订")
    # The page is kept as it stands now, though it was loaded before the plan was made.
    kept = "caches.match(location.pathname).then((page) => page?.text() ?? '')"
    until(lambda: "断电挂牌" in phone.evaluate(kept))
    expect(phone.locator("#sync .word")).to_have_text("已同步")

    context.set_offline(True)
    section(phone, "reading")
    phone.locator("#proof-reading [name=text]").fill("散热器 62 ℃")
    phone.reload()
    assert order in (phone.locator("h1, .crumbs").first.text_content() or "")
    stands(phone, "方案制订")
    expect(phone.locator("#proof-checklist")).to_contain_text("断电挂牌")
    section(phone, "reading")
    expect(phone.locator("#proof-reading [name=text]")).to_have_value("散热器 62 ℃")
    phone.get_by_role("button", name="存下读数").click()
    section(phone, "photo")
    phone.locator("#proof-photo input[type=file]").set_input_files(PHOTO)  # type: ignore[arg-type]
    expect(phone.locator("#sync .word")).to_contain_text("2 项待发送")
    expect(phone.locator("#sync .word")).to_contain_text("没有网络")
    phone.reload()
    expect(phone.locator("#sync .word")).to_contain_text("2 项待发送")

    context.set_offline(False)
    expect(phone.locator("#sync .word")).to_have_text("已同步", timeout=30_000)
    phone.goto(f"{house.url}/orders/{order}")
    expect(phone.locator("#order-evidence")).to_contain_text("散热器 62 ℃")
    expect(phone.locator("#order-evidence .proofs > li")).to_have_count(2)
    context.close()
