"""A second question in one mail thread becomes a ticket of its own by a key, and the toast takes it back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House

Open = Callable[..., Page]
pytestmark = pytest.mark.browser


def test_a_message_moves_by_keyboard_and_back(open_page: Open, house: House, tmp_path: Path) -> None:
    mail = {"From": "沈工 <shen@moving.example>", "To": "support@hengchuan.example"}
    house.receive(tmp_path / "mails", Message_ID="<move-1@moving.example>", Subject="网关离线要改位置", text="网关离线了", **mail)
    house.receive(
        tmp_path / "mails", Message_ID="<move-2@moving.example>", Subject="Re: 网关离线要改位置", text="另外打印机卡纸",
        In_Reply_To="<move-1@moving.example>", **mail,
    )  # fmt: skip
    page = open_page("agent", path="/desk?view=free&sort=new")
    page.locator(".ticketrow", has_text="网关离线要改位置").first.locator("a").click()
    expect(page.locator(".message.in")).to_have_count(2)
    page.locator(".message.in").last.hover()
    page.locator("#tickethead").click(position={"x": 4, "y": 4})
    page.keyboard.press("v")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("另外打印机卡纸")
    dialog.locator("[name=what][value=one]").check()
    dialog.locator("[data-fills][value=new]").check()
    expect(dialog.locator("#move-into")).to_have_value("new")
    dialog.locator("#move-subject").fill("打印机卡纸")
    dialog.locator("button[type=submit]").click()
    expect(page.locator("#toasts")).to_contain_text("已移到")
    expect(page.locator(".message.in")).to_have_count(1)
    page.locator("#toasts [data-undo]").click()
    expect(page.locator(".message.in")).to_have_count(2)
    page.keyboard.press("o")  # the other ways to this person
    expect(page.get_by_role("dialog")).to_contain_text("没有这位客户的其它联系方式")
