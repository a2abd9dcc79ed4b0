"""Bringing the database to the shape of this release."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from app.core.db import Base

ROOT = Path(__file__).parents[2]


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d_%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Run all migrations that the database lacks."""
    with engine.connect() as connection:
        command.upgrade(_config(connection), "head")
        connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether the database has every migration of this release."""
    with engine.connect() as connection:
        heads = set(ScriptDirectory.from_config(_config(connection)).get_heads())
        return set(MigrationContext.configure(connection).get_current_heads()) == heads


def differences(engine: Engine) -> list[object]:
    """What autogenerate would still change: must be empty, or models and migrations have drifted apart."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": differs})
        return list(compare_metadata(context, Base.metadata))


def differs(context: Any, found: Any, wanted: Any, found_type: Any, wanted_type: Any) -> bool:
    """Whether a column's type has drifted. As the database spells it, because our own types wrap the plain ones."""
    dialect = context.dialect
    return bool(found_type.compile(dialect=dialect) != wanted_type.compile(dialect=dialect))


def new_revision(engine: Engine, message: str) -> None:
    """Write a migration file from the difference between the database and the models."""
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)
