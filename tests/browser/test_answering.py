"""A machine answers first in the chat; whoever wants a person has one, who sees what was shown and finds more with a slash."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import House
from tests.browser.visitors import open_chat, say

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
OpenPage = Callable[..., Page]
SECOND = 1000


def test_the_machine_answers_and_a_person_takes_over_with_what_was_shown(browser: Browser, house: House, open_page: OpenPage) -> None:
    context = browser.new_context(locale="zh-CN")
    visitor = context.new_page()
    problems: list[str] = []
    visitor.on("pageerror", lambda error: problems.append(str(error)))
    visitor.goto(house.url + "/")
    chat = open_chat(visitor)
    say(chat, "保修期怎么查")
    answer = chat.locator(".say.robot").last
    expect(answer).to_contain_text("机器人按知识库答复", timeout=30 * SECOND)
    expect(chat.locator("#contact")).to_be_hidden()  # whoever of the desk is here, nobody is wanted yet
    answer.get_by_role("button", name="解决了").click()
    expect(chat.locator(".say.robot").last).to_contain_text("记下了", timeout=15 * SECOND)

    say(chat, "怎么给新同事开账号")
    expect(chat.locator(".say.robot .menuitems button:enabled")).to_have_count(2, timeout=30 * SECOND)
    chat.locator(".say.robot .menuitems button:enabled", has_text="转人工").click()
    expect(chat.locator(".say.robot").last).to_contain_text("已经转给同事", timeout=15 * SECOND)
    # A person is wanted now: where nobody of the desk is here (other tests may have opened a console), a way back is asked for.
    here = "我们在线" in chat.locator("#state").inner_text()
    expect(chat.locator("#contact")).to_be_visible(visible=not here)

    agent = open_page("agent", path="/desk?view=free&sort=new")
    expect(agent.locator("[data-row]", has_text="保修期怎么查")).to_have_count(0)
    agent.locator("[data-row]", has_text="怎么给新同事开账号").first.click()
    expect(agent.locator("#timeline .message.robot").first).to_contain_text("机器人答复")
    expect(agent.locator("#timeline")).to_contain_text("机器人已经答过")
    expect(agent.locator("#answers [data-answer]").first).to_be_visible(timeout=15 * SECOND)

    box = agent.locator("#reply")
    box.click()
    box.press_sequentially("您好\n/保修")
    found = agent.locator("#slash [role=option]")
    expect(found.first).to_have_attribute("aria-selected", "true", timeout=15 * SECOND)
    box.press("ArrowDown")
    expect(found.nth(1)).to_have_attribute("aria-selected", "true")
    box.press("Escape")
    expect(agent.locator("#slash")).to_be_hidden()
    expect(box).to_have_value("您好\n/保修")
    for _letter in "/保修":
        box.press("Backspace")
    box.press_sequentially("/保修")
    expect(found.first).to_be_visible(timeout=15 * SECOND)
    sendable = agent.locator("#slash [role=option][data-card]").first
    place = sendable.evaluate("option => [...option.parentElement.querySelectorAll('[role=option]')].indexOf(option)")
    for _step in range(place):
        box.press("ArrowDown")
    box.press("Alt+d")
    expect(agent.locator("#chips .chip")).to_contain_text("卡片")
    expect(box).to_have_value("您好\n")
    box.press("Control+Enter")
    expect(chat.locator(".linkcard")).to_be_visible(timeout=20 * SECOND)
    context.close()
    assert not problems, problems


def test_nothing_is_looked_up_while_a_word_is_being_composed(open_page: OpenPage) -> None:
    agent = open_page("agent", path="/desk?view=open")
    agent.locator("[data-row]").first.click()
    box = agent.locator("#reply")
    box.click()
    asked: list[str] = []
    agent.on("request", lambda request: asked.append(request.url) if "/found" in request.url else None)
    # As an input method does it: the letters stand in the field, and are no words yet.
    agent.evaluate(
        """() => { const box = document.querySelector("#reply"); box.focus();
        box.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
        box.value = "/baoxiu"; box.setSelectionRange(7, 7);
        box.dispatchEvent(new InputEvent("input", { bubbles: true, isComposing: true })); }"""
    )
    agent.wait_for_timeout(600)
    assert asked == [] and agent.locator("#slash").is_hidden()
    agent.evaluate(
        """() => { const box = document.querySelector("#reply"); box.value = "/保修"; box.setSelectionRange(3, 3);
        box.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "保修" })); }"""
    )
    expect(agent.locator("#slash [role=option]").first).to_be_visible(timeout=15 * SECOND)
