"""The main job as people do it: a real mail becomes a ticket, is answered from the knowledge base, solved, and closed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import House
from tests.processes.conftest import until

pytestmark = pytest.mark.browser
Open = Callable[..., Page]


def test_a_customer_finds_the_answer_alone(open_page: Open) -> None:
    page = open_page()
    page.fill("main input[name=q]", "变频器跳E07")
    page.keyboard.press("Enter")
    expect(page.locator("main mark").first).to_be_visible()
    page.locator("main a[href^='/articles/']").first.click()
    expect(page.locator("h1")).to_contain_text("HK-V20 报 E07")


def test_it_works_without_javascript_on_a_phone(open_page: Open, house: House) -> None:
    page = open_page(width=390, javascript=False)
    page.fill("main input[name=q]", "換卡之後離線")
    page.locator("main form[role=search] button").first.click()
    expect(page.locator("main")).to_contain_text("TL-G300 换卡后离线")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_from_mail_to_closed_ticket(open_page: Open, house: House, tmp_path: Path) -> None:
    agent, colleague = open_page("agent", path="/desk?view=free"), open_page("agent2", path="/desk?view=free")
    subject = "干燥机变频器跳E07"
    house.receive(
        tmp_path / "in", From="马工 <ma@chenghu.example>", To="support@hengchuan.example", Subject=subject,
        Message_ID="<first.e07@chenghu.example>", text="HK-V20 变频器一到下午就跳 E07，吹吹风又能转。",
    )  # fmt: skip

    # It appears in both queues without a reload.
    for page in (agent, colleague):
        expect(page.locator("a", has_text=subject).first).to_be_visible()

    agent.locator("a", has_text=subject).first.click()
    expect(agent.locator("h1, h2").filter(has_text=subject).first).to_be_visible()
    number = re.search(r"/tickets/(\d+)", agent.url).group(1)  # type: ignore[union-attr]
    colleague.goto(f"{house.url}/desk/tickets/{number}")
    expect(colleague.get_by_text("待派工").first).to_be_visible()

    agent.get_by_role("button", name="派给我并接单").click()
    expect(agent.get_by_text("接单").first).to_be_visible()
    expect(colleague.locator("#tickethead [aria-current=step]")).to_contain_text("处理中")

    # The best article is on the screen; one click puts it into the reply.
    answer = agent.locator("[data-answer]", has_text="HK-V20 报 E07").first
    answer.locator("[data-insert]").click()
    expect(agent.locator("#chips li")).to_contain_text("HK-V20 报 E07")
    written = agent.locator("#reply").input_value()
    assert "E07" in written
    agent.locator("#reply").fill("马工您好，请先停机断电十分钟，再看风扇和风道。\n\n" + written)
    agent.get_by_role("button", name="发送回复").click()
    mail = until(lambda: next((m for m in house.letterbox.mails if subject in m["Subject"]), None))
    assert mail["In-Reply-To"] == "<first.e07@chenghu.example>"
    assert f"[#{number}]" in mail["Subject"]
    assert "马工您好" in mail.get_body(("plain",)).get_content()
    expect(agent.locator("#timeline")).to_contain_text("已发出")
    expect(colleague.locator("#timeline")).to_contain_text("马工您好")

    # Solve with a wrap-up.
    agent.get_by_role("button", name=re.compile("^解决")).first.click()
    dialog = agent.get_by_role("dialog")
    dialog.locator("[name=resolution]").fill("清理风道，更换柜门滤棉。")
    dialog.locator("[name=category]").select_option(label="硬件与供电")
    dialog.locator("button[type=submit]").click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("待回访")

    # The customer gets one question with a link, answers it without a password, and the ticket closes.
    question = until(
        lambda: next(
            (m for m in house.letterbox.mails if "/r/" in m.get_body(("plain",)).get_content() and number in m["Subject"]), None
        )
    )
    link = re.search(r"http://\S+/r/\S+", question.get_body(("plain",)).get_content()).group()  # type: ignore[union-attr]
    customer = open_page(width=390)
    customer.goto(link)
    expect(customer.locator("h1")).to_contain_text(subject)
    assert customer.evaluate("document.documentElement.scrollWidth") <= 390
    customer.get_by_text("解决了", exact=True).first.click()
    customer.locator(".stars label").last.click()
    customer.get_by_role("button", name="提交").click()
    expect(customer.locator("main")).to_contain_text("谢")
    expect(agent.locator("#tickethead")).to_contain_text("已结单")
    expect(colleague.locator("#timeline")).to_contain_text("结单")

    # All of it is in the audit trail.
    admin = open_page("admin", path="/admin/audit")
    for action in ("接单", "解决", "结单"):
        expect(admin.locator("main")).to_contain_text(action)


def test_an_answer_to_a_solved_ticket_reopens_it(open_page: Open, house: House, tmp_path: Path) -> None:
    house.receive(
        tmp_path / "in", From="李工 <li@chenghu.example>", To="support@hengchuan.example", Subject="网关换卡后离线",
        Message_ID="<sim1@chenghu.example>", text="电信换了卡，绿灯不亮。",
    )  # fmt: skip
    agent = open_page("agent", path="/desk?view=free")
    agent.locator("a", has_text="网关换卡后离线").first.click()
    agent.get_by_role("button", name="派给我并接单").click()
    agent.get_by_role("button", name=re.compile("^解决")).first.click()
    dialog = agent.get_by_role("dialog")
    dialog.locator("button[type=submit]").click()
    expect(dialog).to_contain_text("写下怎样解决的")
    dialog.locator("[name=resolution]").fill("改 APN 为 cmiot。")
    dialog.locator("[name=category]").select_option(label="网络与连接")
    dialog.locator("button[type=submit]").click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("待回访")
    house.receive(
        tmp_path / "in", From="李工 <li@chenghu.example>", To="support@hengchuan.example", Subject="回复：网关换卡后离线",
        Message_ID="<sim2@chenghu.example>", In_Reply_To="<sim1@chenghu.example>", text="还是不行，灯还是不亮。",
    )  # fmt: skip
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("处理中")
    expect(agent.locator("#timeline")).to_contain_text("还是不行")


def test_a_form_opens_though_news_replaced_the_button_meanwhile(open_page: Open) -> None:
    agent = open_page("agent", path="/desk?view=open")
    agent.locator("#queue a[href^='/desk/tickets/']").first.click()
    expect(agent.locator("[data-opens=step-dialog][data-htmx-powered]").first).to_be_attached()  # it hears clicks now
    agent.evaluate("() => { const b = document.querySelector('#tickethead [data-opens=step-dialog], [data-opens=step-dialog]'); b.click(); b.remove(); }")
    expect(agent.locator("#step-dialog[open]")).to_be_visible()
    expect(agent.locator("#step-body")).not_to_be_empty()


def test_an_answer_that_is_still_leaving_closes_no_form_and_makes_none_old(open_page: Open, house: House, tmp_path: Path) -> None:
    """Whoever sends and goes on at once keeps what they opened meanwhile, and is not told that the ticket has moved on."""
    house.receive(
        tmp_path / "in", From="马工 <ma@chenghu.example>", To="support@hengchuan.example", Subject="空压机排气温度高",
        Message_ID="<hot.leaving@chenghu.example>", text="排气温度一百零五度，停机了。",
    )  # fmt: skip
    agent = open_page("agent", path="/desk?view=free")
    agent.locator("a", has_text="空压机排气温度高").first.click()
    agent.get_by_role("button", name="派给我并接单").click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("处理中")
    leaving: list[Route] = []
    agent.route("**/messages", lambda route: leaving.append(route))
    for words, meanwhile in (("请先看油位和冷却风扇。", "keys"), ("再看环境温度。", "solve")):
        agent.locator("#reply").fill(words)
        agent.get_by_role("button", name="发送回复").click()
        if meanwhile == "keys":
            agent.locator("[data-open='keys']").first.click()
        else:
            agent.get_by_role("button", name=re.compile("^解决")).first.click()
        leaving.pop().continue_()
        expect(agent.locator("#toasts")).to_contain_text("秒后发出")
        expect(agent.locator("#timeline")).to_contain_text(words)
        if meanwhile == "keys":
            expect(agent.locator("dialog#keys")).to_be_visible()
            agent.keyboard.press("Escape")
            expect(agent.locator("dialog#keys")).to_be_hidden()
    dialog = agent.get_by_role("dialog")
    dialog.locator("[name=resolution]").fill("清洗冷却器。")
    dialog.locator("[name=category]").select_option(label="硬件与供电")
    dialog.locator("button[type=submit]").click()
    expect(agent.locator("#tickethead [aria-current=step]")).to_contain_text("待回访")
