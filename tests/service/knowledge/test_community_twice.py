"""A double click asks and answers once."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from app.core import clock
from app.core.catalogue import Product
from app.core.db import session
from app.core.people import Organisation
from app.core.permissions import SYSTEM, Actor
from app.core.uow import unit_of_work
from knowledge.community import moderation, service
from knowledge.community_models import Answer, Question


def test_the_same_words_moments_later_are_a_double_click(app: Flask, actor: Callable[..., Actor]) -> None:
    with unit_of_work() as s:
        company = Organisation(kind="client", name="澄湖")
        product = Product(code="HK-V20", name="HK-V20 变频器")
        s.add_all([company, product])
    asker, desk = actor("client", organisation=company), actor("agent")

    def ask(title: str = "变频器跳 E07 是什么意思") -> Question:
        with unit_of_work():
            return service.ask(asker, product, title, "夏天下午就停", "孙**")

    def answer(body: str) -> Answer:
        with unit_of_work():
            return service.answer(desk, question, body, "周敏")

    with clock.frozen(clock.now()):
        question = ask()
        assert ask().id == question.id and ask("变频器跳 E08 是什么意思").id != question.id
        with unit_of_work():
            moderation.show(SYSTEM, question)
        first = answer("清理风扇")
        assert answer("清理风扇").id == first.id and answer("再看滤棉").id != first.id
        clock.advance(timedelta(minutes=3))
        assert ask().id != question.id
    assert session().scalar(select(func.count()).select_from(Question)) == 3
    assert question.answer_count == 2
