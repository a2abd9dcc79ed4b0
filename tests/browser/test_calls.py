"""The telephone rings at the console: within a second, with everything about the caller, wrapped up by two keys."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
SWITCHBOARD = "+8651205550100"


def test_a_call_from_ring_to_wrap_up_by_keyboard(open_page: Open) -> None:
    console, colleague = open_page("agent", path="/desk"), open_page("agent2", path="/desk")
    phone = open_page(path="/demo/softphone?for=agent", width=420)
    expect(console.locator("#live[data-state=on]")).to_be_visible()
    console.goto(console.url)  # the page that rings is not the first one of this house
    expect(console.locator("#live[data-state=on]")).to_be_visible()
    console.evaluate(
        "document.body.addEventListener('ring', () => { window.rang = performance.now(); }, {once: true});"
        "new MutationObserver((all, me) => { if (document.getElementById('callcard')) { window.shown = performance.now(); me.disconnect(); } })"
        ".observe(document.getElementById('callpop'), {childList: true})"
    )
    phone.click("[data-do=ring]")
    card = console.locator("#callcard")
    expect(card).to_have_attribute("data-state", "ring")
    assert console.evaluate("window.shown - window.rang") < 1000
    expect(card).to_contain_text("王建平")
    expect(card).to_contain_text("澄湖轴承")
    expect(card).to_contain_text("没结的工单")
    expect(colleague.locator("#callcard")).to_have_count(0)
    phone.click("[data-do=answer]")
    expect(card).to_have_attribute("data-state", "talk")
    console.keyboard.press("w")
    console.keyboard.type("又过热了")
    phone.click("[data-do=hangup]")
    expect(card).to_have_attribute("data-state", "end")
    expect(card.locator("#wrap-note")).to_have_value("又过热了")
    expect(card.locator("[name=category]").first).to_be_focused()
    console.keyboard.press("3")
    console.keyboard.press("Control+Enter")
    expect(card).to_have_count(0)
    expect(console.locator("#toasts")).to_contain_text("小结已写好")


def test_the_person_at_a_switchboard_is_picked_by_one_key(open_page: Open) -> None:
    console = open_page("agent2", path="/desk/calls/log")
    phone = open_page(path="/demo/softphone?for=agent2", width=420)
    expect(console.locator("#live[data-state=on]")).to_be_visible()
    phone.select_option("#caller", SWITCHBOARD)
    phone.click("[data-do=ring]")
    card = console.locator("#callcard")
    expect(card).to_contain_text("澄湖轴承总机")
    name = card.locator("[data-pick-caller] b").first.inner_text()
    expect(card).to_be_focused()
    console.keyboard.press("1")
    expect(card.locator("#callcard-who")).to_contain_text(name)
    phone.click("[data-do=give-up]")
    expect(card).to_have_attribute("data-state", "missed")
    console.goto(console.url.replace("/log", "?reason=abandoned"))
    expect(console.locator(".calltask", has_text=name).first).to_contain_text("来电没有接到")
