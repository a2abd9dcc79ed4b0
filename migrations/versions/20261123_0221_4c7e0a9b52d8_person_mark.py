"""person mark

The marks of single persons stand at products and releases too, no longer at public questions alone: their table and its
columns are named for that. Only names change, so that no large table is held for long; but a former release that still
serves no longer finds the table, so it is stopped first.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "4c7e0a9b52d8"
down_revision: str | None = "e1dfeabffd7f"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

OLD = ("community_mark", "post", "post_id", "ix_community_mark_person")
NEW = ("person_mark", "about", "about_id", "ix_person_mark_person")


def upgrade() -> None:
    _rename(OLD, NEW)


def downgrade() -> None:
    _rename(NEW, OLD)


def _rename(before: tuple[str, str, str, str], after: tuple[str, str, str, str]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        _copy(before, after)
        return
    (was, was_what, was_id, was_index), (table, what, what_id, index) = before, after
    op.rename_table(was, table)
    op.alter_column(table, was_what, new_column_name=what)
    op.alter_column(table, was_id, new_column_name=what_id)
    op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT pk_{was} TO pk_{table}")
    op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {_once(before)} TO {_once(after)}")
    op.execute(f"ALTER INDEX {was_index} RENAME TO {index}")
    op.execute(f"ALTER INDEX ix_{was}_{was_id} RENAME TO ix_{table}_{what_id}")
    op.execute(f"ALTER SEQUENCE {was}_id_seq RENAME TO {table}_id_seq")


def _copy(before: tuple[str, str, str, str], after: tuple[str, str, str, str]) -> None:
    """SQLite gives a constraint no other name: the rows move into a new table."""
    (was, was_what, was_id, was_index), (table, what, what_id, index) = before, after
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(8), nullable=False),
        sa.Column(what, sa.String(8), nullable=False),
        sa.Column(what_id, sa.Integer(), nullable=False),
        sa.Column("person_kind", sa.String(12), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(300), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("mark", what, what_id, "person_kind", "person_id", name=op.f(_once(after))),
    )
    same = "person_kind, person_id, words, settled, at"
    op.execute(f"INSERT INTO {table} (id, mark, {what}, {what_id}, {same}) SELECT id, mark, {was_what}, {was_id}, {same} FROM {was}")
    op.drop_index(f"ix_{was}_{was_id}", was)
    op.drop_index(was_index, was)
    op.drop_table(was)
    op.create_index(index, table, ["person_kind", "person_id", "mark"])
    op.create_index(op.f(f"ix_{table}_{what_id}"), table, [what_id])


def _once(names: tuple[str, str, str, str]) -> str:
    table, what, what_id, _index = names
    return f"uq_{table}_mark_{what}_{what_id}_person_kind_person_id"
