"""The 演示台 plays every scene through the real pages: the ten minutes of the README, from the first word to the verdict."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.web.stage_scenes import SCENES
from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]  # a scene takes many pages, on a busy machine minutes


@pytest.fixture
def language() -> str:
    return "zh-CN"


@pytest.fixture
def stage(browser: Browser, house: House, language: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, locale=language, timezone_id="Asia/Shanghai", reduced_motion="reduce"
    )
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(house.url + "/demo")
    yield page
    context.close()
    assert not broken, broken


def test_a_scene_can_be_shown_again_and_nobody_can_be_chosen(stage: Page) -> None:
    stage.locator("#who-now").select_option("supervisor")
    for _time in range(2):
        stage.locator("[data-scene=self-help]").click()
        for number in range(3):
            stage.keyboard.press("ArrowRight")
            expect(
                stage.locator(f"#stage:not([data-state=busy]) #beats li:nth-child({number + 1})[data-state=done]")
            ).to_be_visible(timeout=30_000)
    stage.locator("#who-now").select_option("agent")
    expect(stage.locator("#who")).to_contain_text("agent")
    stage.locator("#who-now").select_option("")
    expect(stage.locator("#who")).to_have_text("没有登录")
    assert stage.locator("#said").get_attribute("data-bad") != "true"


def play(stage: Page, key: str) -> None:
    """From the first beat to the last."""
    scene = next(scene for scene in SCENES if scene.key == key)
    stage.locator(f"[data-scene={key}]").click()
    for number in range(len(scene.beats)):
        # The first step by the button, the rest as one does on a stage: typing into a frame must not take the key away.
        stage.locator("#next").click() if number == 0 else stage.keyboard.press("ArrowRight")
        expect(
            stage.locator(f"#stage:not([data-state=busy]) #beats li:nth-child({number + 1})[data-state=done]")
        ).to_be_visible(timeout=90_000)
        assert stage.locator("#said").text_content() == "", stage.locator("#said").text_content()


@pytest.mark.parametrize("language", ["en-US"])
@pytest.mark.parametrize("key", ["wechat", "phone", "progress"])
def test_a_scene_that_reads_the_pages_plays_in_english_too(stage: Page, key: str) -> None:
    play(stage, key)
    expect(stage.locator("#next")).to_contain_text("again")


@pytest.mark.parametrize("key", [scene.key for scene in SCENES])
def test_a_scene_plays_to_its_end(stage: Page, key: str) -> None:
    play(stage, key)
    console = stage.frame_locator("#console")
    if key == "chat":
        expect(console.locator("#fcr").first).to_contain_text("未到期")
        expect(console.locator("#fcr").first).not_to_contain_text("转了服务订单")
    if key == "order":
        expect(console.locator("#fcr").first).to_contain_text("转了服务订单")
        expect(stage.frame_locator("#phone").locator("main")).to_contain_text("已结束")
    phone = stage.frame_locator("#phone")
    if key == "wechat":
        expect(console.locator("#fcr").first).to_contain_text("未到期")
        expect(console.locator("main")).to_contain_text("客户确认已解决")
        expect(phone.locator("#screen .turn.mine").last).to_contain_text("很满意")
    if key == "phone":
        expect(console.locator("main")).to_contain_text("接通")
    if key == "progress":
        expect(phone.locator("main")).to_contain_text("催 1 次")
    if key == "walls":
        expect(console.locator("main")).not_to_contain_text("宏控")
