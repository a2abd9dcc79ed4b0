"""A text that still is its template does not reach readers by one careless tap; an old version offers no steps."""

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from knowledge.from_template import find_template
from knowledge.models import Article
from knowledge.service import Content, draft_article, revise
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, version_of


def made() -> int:
    template = find_template("fault", "zh")
    assert template is not None
    with unit_of_work():
        return draft_article(SYSTEM, Content("HK-V20 报 E31", template.body)).id


def state(number: int) -> str:
    session().rollback()
    return session().get_one(Article, number).state


def test_what_still_is_the_template_is_asked_about(editor: FreshClient, house: House) -> None:
    number = made()
    page = editor.get(f"/knowledge/{number}").text
    assert "模板里的示例文字" in page and "照样发布" in page and 'data-open="step-publish"' in page
    at = f"/knowledge/{number}/steps/publish"
    editor.post(at, data={"version": version_of(number)})
    assert state(number) == "draft"
    assert "示例文字" in editor.get(f"/knowledge/{number}").text
    editor.post(at, data={"version": version_of(number), "sure": "1"})
    assert state(number) == "published"


def test_own_words_are_published_at_once(editor: FreshClient, house: House) -> None:
    number = made()
    with unit_of_work() as s:
        revise(SYSTEM, s.get_one(Article, number), Content("HK-V20 报 E31", "先停机，再查电阻。"))
    page = editor.get(f"/knowledge/{number}").text
    assert "示例文字" not in page and "照样发布" not in page
    editor.post(f"/knowledge/{number}/steps/publish", data={"version": version_of(number)})
    assert state(number) == "published"


def test_an_old_version_offers_no_steps(editor: FreshClient, house: House) -> None:
    number = made()
    with unit_of_work() as s:
        revise(SYSTEM, s.get_one(Article, number), Content("HK-V20 报 E31", "先停机，再查电阻。"))
    old = editor.get(f"/knowledge/{number}?revision=1").text
    assert "恢复这一版" in old and "steps/publish" not in old and "定时发布" not in old
    assert "steps/publish" in editor.get(f"/knowledge/{number}").text
