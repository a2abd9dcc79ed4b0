"""Runs migrations on the connection that app.core.migrate hands over. One transaction per migration."""

from typing import Any

from alembic import context
from sqlalchemy import JSON

from app.core.db import Base, CleanText, UTCDateTime
from app.core.migrate import differs

config = context.config
connection = config.attributes["connection"]


def plain_types(kind: str, item: Any, autogen_context: Any) -> str | bool:
    """Migrations name database types only, so that an old one still runs when our own types have moved on."""
    if kind == "type" and isinstance(item, CleanText):
        return f"sa.String({item.length})" if item.length else "sa.Text()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, JSON):
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=plain_types,
    compare_type=differs,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
