"""The console by hand: taking an answer back, seeing colleagues, everything by Ctrl-K, several tickets at once."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import House

pytestmark = pytest.mark.browser
Open = Callable[..., Page]


@pytest.fixture
def number(house: House, tmp_path: Path, open_page: Open) -> str:
    """A new ticket; two tests never share one."""
    subject = f"除尘风机停机 {tmp_path.name}"
    house.receive(
        tmp_path / "in", From="唐工 <tang@hengtai.example>", To="support@hengchuan.example", Subject=subject,
        Message_ID=f"<{tmp_path.name}@hengtai.example>", text="风机停了，面板没有报警。",
    )  # fmt: skip
    page = open_page("agent", path="/desk?view=free")
    row = page.locator(".ticketrow", has_text=subject)
    expect(row).to_be_visible()
    return (row.get_attribute("id") or "").removeprefix("row-")


def test_an_answer_is_taken_back_within_its_seconds(open_page: Open, number: str) -> None:
    page = open_page("agent", path=f"/desk/tickets/{number}")
    page.fill("#reply", "请先断电。")
    page.keyboard.press("Control+Enter")
    undo = page.locator("#toasts [data-undo]")
    expect(undo).to_be_visible()
    expect(page.locator("#reply")).to_have_value("")
    page.fill("#reply", "再等一下")
    undo.click()
    expect(page.locator("#reply")).to_have_value("请先断电。\n\n再等一下")
    expect(page.locator("#timeline")).to_contain_text("已撤回，没有发出")
    page.reload()  # the draft is on the server, for this page and for any other
    expect(page.locator("#reply")).to_have_value("请先断电。\n\n再等一下")
    expect(open_page("agent", path=f"/desk/tickets/{number}").locator("#reply")).to_have_value("请先断电。\n\n再等一下")


def test_colleagues_see_each_other_and_who_is_writing(open_page: Open, number: str) -> None:
    mine, theirs = open_page("agent", path=f"/desk/tickets/{number}"), open_page("agent2", path=f"/desk/tickets/{number}")
    expect(mine.locator("#present .face")).to_have_count(1)
    theirs.locator("#reply").press_sequentially("您好")
    expect(mine.locator("#writing")).to_contain_text("正在回复")
    theirs.close()
    expect(mine.locator("#present .face")).to_have_count(0)
    expect(mine.locator("#writing")).to_have_text("")


def test_everything_is_reached_by_the_keyboard(open_page: Open, number: str) -> None:
    page = open_page("agent", path=f"/desk/tickets/{number}")
    page.keyboard.press("Control+k")
    palette = page.locator("#palette")
    expect(palette.locator("[role=option]").first).to_contain_text("派给我并接单")  # the steps of this ticket
    page.keyboard.type("20012")
    expect(palette.locator("[aria-selected=true]")).to_contain_text("#20012")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/desk/tickets/20012"))
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(palette).not_to_be_visible()
    page.keyboard.press("h")  # everything with this person, and back
    expect(page.locator("#history")).to_be_visible()
    page.keyboard.press("h")
    expect(page.locator("#timeline")).to_be_visible()


def test_several_tickets_are_held_and_taken_back(open_page: Open, number: str) -> None:
    page = open_page("agent", path="/desk?view=free&sort=new")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#bulk-count")).to_have_text("1")
    page.locator("[data-bulk=hold]").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("label", has_text="客户").first.click()
    dialog.locator("[name=reason]").fill("等客户停机")
    dialog.locator("button[type=submit]").click()
    expect(page.locator("#toasts")).to_contain_text("1 张")
    expect(page.locator(f"#row-{number}")).to_contain_text("挂起")
    page.locator("#toasts [data-undo]").click()
    expect(page.locator(f"#row-{number}")).not_to_contain_text("挂起")


def test_three_pages_on_a_phone(open_page: Open, number: str) -> None:
    page = open_page("agent", path=f"/desk/tickets/{number}?view=free&sort=new", width=390)
    expect(page.locator("#reply")).to_be_in_viewport()
    page.locator(".swipe a").last.click()
    expect(page.locator("#customer")).to_be_in_viewport()
    page.locator(".swipe a").first.click()
    expect(page.locator(f"#row-{number}")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_ticket_that_comes_while_the_page_opens_is_not_missed(house: House, tmp_path: Path, open_page: Open) -> None:
    """The page is made, then the ticket comes, then the line stands: nobody tells the page unless it asks."""
    subject = f"水泵过载 {tmp_path.name}"
    page = open_page("agent", path="/me")

    def late(route: Route) -> None:
        house.receive(
            tmp_path / "in", From="方工 <fang@hengtai.example>", To="support@hengchuan.example", Subject=subject,
            Message_ID=f"<{tmp_path.name}.late@hengtai.example>", text="水泵过载，复位后又停。",
        )  # fmt: skip
        time.sleep(1)  # its news go out before this page can hear them
        route.continue_()

    page.route("**/socket.io*.js*", late, times=1)
    page.context.set_default_navigation_timeout(30_000)
    page.goto(house.url + "/desk?view=free")
    expect(page.locator(".ticketrow", has_text=subject)).to_be_visible()
