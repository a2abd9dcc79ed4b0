"""Migrations lead from nothing to exactly the models, on the database of this run."""

import re
import secrets
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text

from app.core import migrate
from app.core.db import Base
from tests.conftest import POSTGRES, on_postgres


@pytest.fixture
def empty(tmp_path):
    if not on_postgres():
        engine = create_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
        yield engine
        engine.dispose()
        return
    name = f"huiyin_{secrets.token_hex(6)}"
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    head, _, query = POSTGRES.partition("?")
    engine = create_engine(f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else ""))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def test_up_from_empty_gives_the_models(empty):
    assert not migrate.is_current(empty)
    migrate.upgrade(empty)
    assert migrate.is_current(empty)
    assert migrate.differences(empty) == []


def test_migrated_foreign_keys_are_those_of_the_models(empty):
    """Autogenerate does not see a foreign key that a circular reference dropped on the way."""
    migrate.upgrade(empty)
    found = inspect(empty)
    for table in Base.metadata.sorted_tables:
        wanted = {(fk.column_keys[0], fk.elements[0].target_fullname) for fk in table.foreign_key_constraints}
        there = {
            (fk["constrained_columns"][0], f"{fk['referred_table']}.{fk['referred_columns'][0]}")
            for fk in found.get_foreign_keys(table.name)
        }
        assert there == wanted, table.name


def test_a_second_upgrade_changes_nothing(empty):
    migrate.upgrade(empty)
    migrate.upgrade(empty)
    assert migrate.is_current(empty)


def test_file_names_begin_with_their_date():
    files = [p.name for p in (migrate.ROOT / "migrations" / "versions").glob("*.py")]
    assert files
    assert all(re.match(r"20\d{6}_\d{4}_[0-9a-f]+_\w+\.py$", name) for name in files)


def test_migrations_name_database_types_only():
    for path in Path(migrate.ROOT / "migrations" / "versions").glob("*.py"):
        assert "app.core" not in path.read_text(encoding="utf-8"), path.name


def test_what_persons_marked_survives_the_new_name_of_its_table(empty):
    columns = "mark, {0}, {0}_id, person_kind, person_id, words, settled, at"
    values = "('follow', 'product', 7, 'user', 3, 'a1', false, '2026-11-22 08:00:00')"
    with empty.connect() as connection:
        command.upgrade(migrate._config(connection), "e1dfeabffd7f")
        connection.execute(text(f"INSERT INTO community_mark ({columns.format('post')}) VALUES {values}"))
        connection.commit()
    migrate.upgrade(empty)
    assert migrate.differences(empty) == []
    with empty.connect() as connection:
        first = connection.execute(text("SELECT id, mark, about, about_id, person_id, words FROM person_mark")).all()
        connection.execute(text(f"INSERT INTO person_mark ({columns.format('about')}) VALUES {values.replace('7', '8')}"))
        connection.commit()
        second = connection.execute(text("SELECT max(id) FROM person_mark")).scalar_one()
        assert [row[1:] for row in first] == [("follow", "product", 7, 3, "a1")] and second == first[0][0] + 1
        command.downgrade(migrate._config(connection), "e1dfeabffd7f")
        connection.commit()
        assert connection.execute(text("SELECT post_id FROM community_mark ORDER BY id")).scalars().all() == [7, 8]
