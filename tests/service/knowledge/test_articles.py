"""The life of an article: drafts, revisions, states, events and the audit trail."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused, Stale
from app.core.events import EventRow
from app.core.permissions import NOBODY, SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge import lifecycle, service
from knowledge.models import Article
from knowledge.service import Content, Properties

from .conftest import Market

Write = Callable[..., Article]


def events() -> list[str]:
    return list(
        session().scalars(select(EventRow.name).where(EventRow.name.startswith("Article")).order_by(EventRow.id))
    )


def trail(article: Article) -> list[tuple[str, str | None, str | None]]:
    rows = session().scalars(select(AuditRow).where(AuditRow.subject == "article", AuditRow.subject_id == article.id))
    return [(row.action, row.before, row.after) for row in rows]


def test_from_draft_to_retired_and_back(write: Write, actor: Callable[..., Actor]) -> None:
    editor = actor("editor")
    with unit_of_work():
        article = service.draft_article(
            editor, Content("换卡后离线", "查接入点。", ("换了卡",)), Properties(safety=True)
        )
    assert (article.state, article.slug, article.draft.number) == ("draft", "换卡后离线", 1)  # type: ignore[union-attr]
    assert lifecycle.steps_for(editor, article) == ["submit", "publish"]
    for step, state in (
        ("submit", "review"),
        ("publish", "published"),
        ("retire", "retired"),
        ("publish", "published"),
    ):
        with unit_of_work():
            lifecycle.take_step(
                editor, article, step, reason="旧了" if step == "retire" else "", version=article.version
            )
        assert article.state == state
    assert article.current is not None and article.draft is None and article.reviewed_by == "editor"
    assert events() == ["ArticleChanged", "ArticleChanged", "ArticlePublished", "ArticleRetired", "ArticlePublished"]
    assert trail(article) == [
        ("article.draft", None, "draft"),
        ("article.submit", "draft", "review"),
        ("article.publish", "review", "published"),
        ("article.retire", "published", "retired"),
        ("article.publish", "retired", "published"),
    ]
    last = session().scalars(select(EventRow).order_by(EventRow.id.desc())).first()
    assert last is not None and last.payload == {"article_id": article.id, "version": article.version}


@pytest.mark.parametrize(
    ("state", "step"), [("draft", "retire"), ("draft", "return"), ("retired", "submit"), ("published", "publish")]
)
def test_a_step_that_is_not_in_the_table_is_refused(write: Write, state: str, step: str) -> None:
    article = write("标题", state=state)
    assert step not in lifecycle.steps_for(SYSTEM, article)
    with pytest.raises(Refused), unit_of_work():
        lifecycle.take_step(SYSTEM, article, step, reason="因为")


def test_every_state_can_be_left_and_reached() -> None:
    reached = {step.target for step in lifecycle.STEPS.values()} | {"draft"}
    left = {state for step in lifecycle.STEPS.values() for state in step.sources}
    assert reached == left == {"draft", "review", "published", "retired"}


def test_permissions_reasons_versions_and_unknown_steps(write: Write, actor: Callable[..., Actor]) -> None:
    article = write("标题")
    with pytest.raises(NotFound), unit_of_work():
        lifecycle.retire(actor("agent"), article, "旧了")
    with pytest.raises(Invalid), unit_of_work():
        lifecycle.retire(SYSTEM, article, " ")
    with pytest.raises(Stale), unit_of_work():
        lifecycle.retire(SYSTEM, article, "旧了", version=article.version - 1)
    with pytest.raises(NotFound), unit_of_work():
        lifecycle.take_step(SYSTEM, article, "explode")
    with pytest.raises(Forbidden), unit_of_work():
        service.draft_article(NOBODY, Content("甲", "乙"))


def test_readers_keep_the_old_text_until_the_new_one_is_published(write: Write) -> None:
    article = write("旧标题", "旧")
    with unit_of_work():
        service.revise(SYSTEM, article, Content("新标题", "新"), "改了", version=article.version)
    assert (article.state, article.title, article.current.body, article.draft.body) == (
        "published",
        "旧标题",
        "旧\n",
        "新\n",
    )  # type: ignore[union-attr]
    with unit_of_work():
        lifecycle.publish(SYSTEM, article)
    assert (article.title, article.current.body, article.draft) == ("新标题", "新\n", None)  # type: ignore[union-attr]
    with unit_of_work():
        assert service.revise(SYSTEM, article, Content("新标题", "新")) is None
        restored = service.restore_revision(SYSTEM, article, 1)
    assert restored is not None and (restored.number, restored.body) == (3, "旧\n")
    assert [r.number for r in article.revisions] == [1, 2, 3]
    with pytest.raises(NotFound), unit_of_work():
        service.restore_revision(SYSTEM, article, 9)


def test_properties_change_at_once_and_need_the_right_to_publish(
    write: Write, actor: Callable[..., Actor], market: Market
) -> None:
    article = write("标题", product_ids=(market.drive.id,))
    author = actor("author", organisation=market.hongkong)
    wanted = replace(service.properties_of(article), level="agent", organisation_ids=(market.chenghu.id,))
    with pytest.raises(Forbidden), unit_of_work():
        service.change_properties(author, article, wanted)
    with unit_of_work():
        changed = service.change_properties(SYSTEM, article, wanted)
    assert set(changed) == {"level", "organisations"} and events()[-1] == "ArticlePublished"
    with unit_of_work():
        assert service.change_properties(SYSTEM, article, wanted) == {}


@pytest.mark.parametrize(
    ("content", "properties", "field"),
    [
        (Content("", "x"), Properties(), "title"),
        (Content("x", "  "), Properties(), "body"),
        (Content("x" * 201, "x"), Properties(), "title"),
        (Content("x", "x"), Properties(level="secret"), "audience"),
        (Content("x", "x"), Properties(kind="poem"), "kind"),
        (Content("x", "x"), Properties(product_ids=(99,)), "products"),
        (Content("x", "x"), Properties(phone_script="x" * 1001), "phone_script"),
    ],
)
def test_wrong_fields_are_named(app: object, content: Content, properties: Properties, field: str) -> None:
    with pytest.raises(Invalid) as problem, unit_of_work():
        service.draft_article(SYSTEM, content, properties)
    assert field in problem.value.errors
    assert session().scalar(select(Article.id)) is None


def test_an_author_drafts_for_own_products_and_the_platform_reviews(
    actor: Callable[..., Actor], market: Market
) -> None:
    author, editor = actor("author", organisation=market.hongkong), actor("editor")
    for products in ((), (market.gateway.id,), (market.drive.id, market.gateway.id)):
        with pytest.raises(Invalid), unit_of_work():
            service.draft_article(author, Content("甲", "乙"), Properties(product_ids=products))
    with unit_of_work():
        article = service.draft_article(author, Content("甲", "乙"), Properties(product_ids=(market.drive.id,)))
        lifecycle.submit(author, article)
    with pytest.raises(Forbidden), unit_of_work():
        lifecycle.publish(author, article)
    with unit_of_work():
        lifecycle.send_back(editor, article, "缺安全警示")
    assert article.state == "draft"
    with unit_of_work():
        lifecycle.submit(author, article)
        service.revise(author, article, Content("甲", "乙，先断电"))
    assert article.state == "draft", "what was submitted is what is reviewed"
    other = actor("author", organisation=market.tuolian)
    with pytest.raises(NotFound), unit_of_work():
        service.revise(other, article, Content("甲", "丙"))


def test_slugs_are_free_and_readable(write: Write) -> None:
    assert [write("HK-V20 报 E07：过热？").slug for _ in range(3)] == [
        "hk-v20-报-e07-过热",
        "hk-v20-报-e07-过热-2",
        "hk-v20-报-e07-过热-3",
    ]
    assert write("？？").slug == "article"


def test_text_with_surrogates_and_nul_is_cleaned(write: Write) -> None:
    article = write("标\x00题\ud800", "正\x00文\ud800")
    session().expire_all()
    assert article.title == "标题\ufffd" and article.current.body == "正文\ufffd\n"  # type: ignore[union-attr]
