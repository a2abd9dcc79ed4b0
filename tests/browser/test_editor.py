"""An article's life in the browser: from a template with a pasted picture to review, a planned publishing, and search."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import House

Open = Callable[..., Page]
pytestmark = pytest.mark.browser
PASTE = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 12, height: 12 });
  canvas.getContext("2d").fillRect(0, 0, 12, 12);
  canvas.toBlob((blob) => {
    const data = new DataTransfer();
    data.items.add(new File([blob], "image.png", { type: "image/png" }));
    document.getElementById("w-body").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
}"""
MARK = """() => {
  const range = document.createRange(), words = getSelection();
  range.selectNodeContents(document.querySelector("[data-reviewed] ol li"));
  words.removeAllRanges();
  words.addRange(range);
}"""


def test_from_a_template_to_the_reader(open_page: Open, house: House) -> None:
    author = open_page("author", path="/knowledge/new")
    author.locator(".starters a").nth(1).click()
    author.fill("#w-title", "TL-G300 报 X91：天线松动")
    author.fill("#w-questions", "网关报 X91")
    body = author.locator("#w-body")
    body.click()
    author.keyboard.press("Control+End")
    author.evaluate(PASTE)
    expect(body).to_have_value(re.compile(r"!\[图片说明\]\(/articles/files/\d+/image\.png\)"))
    expect(author.locator("#proof img")).to_have_js_property("naturalWidth", 12)
    author.keyboard.press("Control+End")
    author.keyboard.type("- 第一项\n第二项")
    expect(body).to_have_value(re.compile(r"- 第一项\n- 第二项$"))
    author.get_by_label("TL-G300 4G 边缘网关").check()
    expect(author.locator("#kept-status")).not_to_be_empty()
    author.keyboard.press("Control+s")
    expect(author.locator(".prose img")).to_have_js_property("naturalWidth", 12)
    url = author.url
    author.locator("[data-open='step-submit']").click()
    author.fill("#submit-reason", "请看安全警示")
    author.locator("#step-submit button.primary").click()

    editor = open_page("editor", path=url.removeprefix(house.url))
    editor.evaluate(MARK)
    expect(editor.locator("[data-quote]")).to_contain_text("不用拆就能看的原因")
    editor.locator(".atwords").click()  # the form stands below the text: a button at the words leads to it
    expect(editor.locator("#c-text")).to_be_focused()
    expect(editor.locator("[data-quote]")).to_contain_text("不用拆就能看的原因")
    editor.fill("#c-text", "写清扭矩")
    editor.locator(".newcomment button[type=submit], .newcomment .buttons button").last.click()
    expect(editor.locator("#review")).to_contain_text("写清扭矩")
    editor.locator("[data-open='step-return']").click()
    editor.fill("#return-reason", "补上扭矩")
    editor.locator("#step-return .end-buttons button").last.click()

    author.goto(url)
    expect(author.locator("#review")).to_contain_text("补上扭矩")
    author.goto(f"{url}/edit")
    body = author.locator("#w-body")
    body.fill(body.input_value().replace("最常见、不用拆就能看的原因。", "把天线拧到 0.8 N·m。"))
    author.keyboard.press("Control+s")
    expect(author.locator("#review")).to_contain_text("这段已改")
    author.locator("[data-open='step-submit']").click()
    author.locator("#step-submit button.primary").click()

    editor.goto(url)
    editor.locator("[data-open='plan']").click()
    soon = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(seconds=8)
    editor.locator("#plan-publish_at").evaluate("(field, value) => { field.step = 1; field.value = value; }", soon.strftime("%Y-%m-%dT%H:%M:%S"))
    editor.locator("#plan button.primary").click()
    expect(editor.locator(".notice.info")).to_contain_text("自动发布")
    reader = open_page(path="/")
    for _look in range(40):
        reader.goto(f"{house.url}/search?q=X91")
        if reader.get_by_text("天线松动").count():
            break
        reader.wait_for_timeout(1000)
    expect(reader.get_by_text("天线松动").first).to_be_visible()


def test_unsaved_words_come_back(open_page: Open) -> None:
    page = open_page("editor", path="/knowledge/new")
    page.fill("#w-title", "写了一半")
    expect(page.locator("#kept-status")).not_to_be_empty()
    page.once("dialog", lambda question: question.accept())
    page.reload()
    expect(page.locator("#kept")).to_be_visible()
    page.locator("[data-kept-restore]").click()
    expect(page.locator("#w-title")).to_have_value("写了一半")


def test_the_editor_fits_a_phone(open_page: Open) -> None:
    page = open_page("editor", path="/knowledge/new?template=howto", width=390)
    assert page.evaluate("document.querySelector('main').scrollWidth <= document.querySelector('main').clientWidth")
    expect(page.get_by_role("toolbar")).to_be_visible()
