"""A search through the API asks the database few things, and a token that is taken back ends at once."""

import pytest
from sqlalchemy import event

from app.core import tokens
from app.core.db import db
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from tests.web.knowledge_house import build


@pytest.fixture
def read(app):
    """The tables that each statement of a block reads from."""
    told = []

    def note(_connection, _cursor, statement, *_rest):
        if statement.startswith("SELECT") and "\nFROM " in statement:
            told.append(statement.partition("\nFROM ")[2].split()[0].strip('"'))

    event.listen(db.engine, "before_cursor_execute", note)
    yield told
    event.remove(db.engine, "before_cursor_execute", note)


def test_one_statement_for_the_caller_one_for_the_articles_one_for_the_products(app, api, read):
    build(app)
    call = api("agent")
    call.get("knowledge/search?q=E07")
    read.clear()
    assert call.get("knowledge/search?q=E07").get_json()["hits"]
    assert [read.count(table) for table in ("api_token", "article", "product", "user", "team_member", "article_product")] == [1, 1, 1, 0, 0, 0], read


def test_a_token_that_was_revoked_finds_nothing_at_once(app, api):
    build(app)
    call = api("agent")
    assert call.get("knowledge/search?q=E07").status_code == 200
    with unit_of_work():
        row = tokens.find_token(call.token)
        assert row is not None
        tokens.revoke(SYSTEM, row.id)
    assert call.get("knowledge/search?q=E07").status_code == 401
