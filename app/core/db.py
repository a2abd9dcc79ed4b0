"""The database base: naming convention, column types, version column, and the two ways SQLite must be told to begin.

Flask-SQLAlchemy is named here and nowhere else in the domain; it ties the session's life to the app context.
"""

import sqlite3
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, Connection, DateTime, Dialect, Engine, Integer, MetaData, String, Text, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

from app.core.text import clean

IMMEDIATE = "huiyin_immediate"


class Base(DeclarativeBase):
    """All tables. Constraint names follow one convention so that a migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)


def session() -> Session:
    """The session of this app context."""
    return db.session()


class UTCDateTime(TypeDecorator[datetime]):
    """Aware moments in, aware UTC moments out. A naive moment is a programming error and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime; use app.core.clock.now()")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CleanText(TypeDecorator[str]):
    """Text without lone surrogates and NUL. With a length, longer text is refused here on every database,
    because SQLite would keep it and PostgreSQL would not."""

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        super().__init__()

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        # Not through type_descriptor(): psycopg's would turn Text into an unbounded VARCHAR.
        return String(self.length) if self.length else Text()

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """What is only compared may be longer than what is kept: it finds nothing, and is no error."""
        return CleanText() if isinstance(value, str) else super().coerce_compared_value(op, value)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        value = clean(value)
        if self.length and len(value) > self.length:
            raise ValueError(f"text of {len(value)} characters where {self.length} are allowed")
        return value


Json = JSON().with_variant(JSONB(), "postgresql")
BigId = BigInteger().with_variant(Integer(), "sqlite")


class Versioned:
    """A row whose every change counts up `version`: the optimistic lock, the ETag and the hint's number."""

    version: Mapped[int] = mapped_column(Integer, nullable=False, default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.__table__.c.version if hasattr(cls, "__table__") else cls.version}


PATIENCE_MS = 30_000
"""How long a writer waits for SQLite's only write lock. Its queue is not fair: in a storm ten seconds were not enough."""


@event.listens_for(Engine, "connect")
def _on_connect(connection: Any, record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={PATIENCE_MS}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


@event.listens_for(Engine, "begin")
def _on_begin(connection: Connection) -> None:
    """A deferred BEGIN that later writes fails with "database is locked" under load; a writer says so at once."""
    if connection.dialect.name == "sqlite":
        immediate = connection.get_execution_options().get(IMMEDIATE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
