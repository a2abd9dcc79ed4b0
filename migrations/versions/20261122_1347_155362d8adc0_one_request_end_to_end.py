"""one request end to end

While this runs, the former release may still be serving: add before you remove, and never lock a large table for long.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


revision: str = "155362d8adc0"
down_revision: str | None = "d639f069c165"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "ticket_looker",
        sa.Column("sid", sa.String(64), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("writing", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_ticket_looker")),
    )
    with op.batch_alter_table("ticket_looker", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_looker_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "mail_folder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(200), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("holder", sa.String(160), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(600), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_mail_folder_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_folder")),
        sa.UniqueConstraint("account_id", "folder", name=op.f("uq_mail_folder_account_id_folder")),
    )
    op.create_table(
        "visitor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(40), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("phone", sa.String(40), nullable=False),
        sa.Column("seen_id", sa.Integer(), nullable=False),
        sa.Column("desk_seen_id", sa.Integer(), nullable=False),
        sa.Column("last_online_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_visitor_account_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visitor")),
        sa.UniqueConstraint("key", name=op.f("uq_visitor_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_visitor_token_hash")),
    )
    with op.batch_alter_table("visitor", schema=None) as batch_op:
        batch_op.create_index("ix_visitor_account_id_last_online_at", ["account_id", "last_online_at"], unique=False)

    op.create_table(
        "presence",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_presence_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_presence")),
    )
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_presence_seen_at"), ["seen_at"], unique=False)

    op.create_table(
        "session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("inbound", sa.Integer(), nullable=False),
        sa.Column("agent_turns", sa.Integer(), nullable=False),
        sa.Column("first_user_id", sa.Integer(), nullable=True),
        sa.Column("first_user_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_id_account")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_session_conversation_id_conversation")
        ),
        sa.ForeignKeyConstraint(
            ["first_user_id"], ["user.id"], name=op.f("fk_session_first_user_id_user"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index("ix_session_conversation_id_id", ["conversation_id", "id"], unique=False)
        batch_op.create_index("ix_session_ended_at_last_at", ["ended_at", "last_at"], unique=False)

    op.create_table(
        "fcr_verdict",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("excluded_as", sa.String(16), nullable=True),
        sa.Column("main_reason", sa.String(16), nullable=True),
        sa.Column("reasons", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("matures_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("broken_after", sa.Integer(), nullable=True),
        sa.Column("solvable", sa.Boolean(), nullable=False),
        sa.Column("possible", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=True),
        sa.Column("organisation_id", sa.Integer(), nullable=True),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("reopened", sa.Boolean(), nullable=False),
        sa.Column("kind_changed", sa.Boolean(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_fcr_verdict_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_fcr_verdict_product_id_product")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_fcr_verdict_team_id_team")),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_fcr_verdict_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_fcr_verdict_user_id_user")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_fcr_verdict")),
    )
    with op.batch_alter_table("fcr_verdict", schema=None) as batch_op:
        batch_op.create_index(
            "ix_fcr_verdict_counted_at_report",
            [
                "counted_at",
                "verdict",
                "solvable",
                "channel",
                "kind",
                "product_id",
                "team_id",
                "user_id",
                "organisation_id",
                "main_reason",
                "excluded_as",
                "broken_after",
                "held",
                "reopened",
                "kind_changed",
                "possible",
                "seconds",
                "created_at",
            ],
            unique=False,
        )
        batch_op.create_index(
            "ix_fcr_verdict_organisation_id_counted_at", ["organisation_id", "counted_at"], unique=False
        )
        batch_op.create_index("ix_fcr_verdict_possible_counted_at", ["possible", "counted_at"], unique=False)

    op.create_table(
        "repeat_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("later_ticket_id", sa.Integer(), nullable=True),
        sa.Column("later_session_id", sa.Integer(), nullable=True),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.String(200), nullable=False),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["decided_by_id"], ["user.id"], name=op.f("fk_repeat_decision_decided_by_id_user")),
        sa.ForeignKeyConstraint(
            ["later_session_id"],
            ["session.id"],
            name=op.f("fk_repeat_decision_later_session_id_session"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["later_ticket_id"],
            ["ticket.id"],
            name=op.f("fk_repeat_decision_later_ticket_id_ticket"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_repeat_decision_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repeat_decision")),
        sa.UniqueConstraint(
            "ticket_id", "later_session_id", name=op.f("uq_repeat_decision_ticket_id_later_session_id")
        ),
        sa.UniqueConstraint("ticket_id", "later_ticket_id", name=op.f("uq_repeat_decision_ticket_id_later_ticket_id")),
    )
    with op.batch_alter_table("repeat_decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_repeat_decision_later_session_id"), ["later_session_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_repeat_decision_later_ticket_id"), ["later_ticket_id"], unique=False)

    op.create_table(
        "order_notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("to_address", sa.String(254), nullable=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("error", sa.String(500), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["service_order.id"], name=op.f("fk_order_notice_order_id_service_order")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_order_notice_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_notice")),
    )
    with op.batch_alter_table("order_notice", schema=None) as batch_op:
        batch_op.create_index("ix_order_notice_order_id_user_id", ["order_id", "user_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_order_notice_user_id"), ["user_id"], unique=False)

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("session_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_message_session_id"), ["session_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_message_session_id_session"), "session", ["session_id"], ["id"])

    with op.batch_alter_table("service_order", schema=None) as batch_op:
        batch_op.create_index("ix_service_order_touched_at_id", ["touched_at", "id"], unique=False)

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "boxes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), server_default="{}", nullable=False
            )
        )
        batch_op.create_index(
            "ix_ticket_closed_at_report", ["closed_at", "state", "close_result", "organisation_id"], unique=False
        )
        batch_op.create_index(
            "ix_ticket_created_at_report",
            [
                "created_at",
                "state",
                "first_response_at",
                "resolved_at",
                "closed_at",
                "channel",
                "kind",
                "organisation_id",
                "contact_id",
            ],
            unique=False,
        )
        batch_op.create_index("ix_ticket_touched_at_id", ["touched_at", "id"], unique=False)

    with op.batch_alter_table("ticket_mark", schema=None) as batch_op:
        batch_op.add_column(sa.Column("answer", sa.String(500), server_default="", nullable=False))

    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("order_mail", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_column("order_mail")

    with op.batch_alter_table("ticket_mark", schema=None) as batch_op:
        batch_op.drop_column("answer")

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index("ix_ticket_touched_at_id")
        batch_op.drop_index("ix_ticket_created_at_report")
        batch_op.drop_index("ix_ticket_closed_at_report")
        batch_op.drop_column("boxes")

    with op.batch_alter_table("service_order", schema=None) as batch_op:
        batch_op.drop_index("ix_service_order_touched_at_id")

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_message_session_id_session"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_message_session_id"))
        batch_op.drop_column("seen_at")
        batch_op.drop_column("leaves_at")
        batch_op.drop_column("session_id")

    with op.batch_alter_table("order_notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_notice_user_id"))
        batch_op.drop_index("ix_order_notice_order_id_user_id")

    op.drop_table("order_notice")
    with op.batch_alter_table("repeat_decision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_repeat_decision_later_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_repeat_decision_later_session_id"))

    op.drop_table("repeat_decision")
    with op.batch_alter_table("fcr_verdict", schema=None) as batch_op:
        batch_op.drop_index("ix_fcr_verdict_possible_counted_at")
        batch_op.drop_index("ix_fcr_verdict_organisation_id_counted_at")
        batch_op.drop_index("ix_fcr_verdict_counted_at_report")

    op.drop_table("fcr_verdict")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index("ix_session_ended_at_last_at")
        batch_op.drop_index("ix_session_conversation_id_id")

    op.drop_table("session")
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_presence_seen_at"))

    op.drop_table("presence")
    with op.batch_alter_table("visitor", schema=None) as batch_op:
        batch_op.drop_index("ix_visitor_account_id_last_online_at")

    op.drop_table("visitor")
    op.drop_table("mail_folder")
    with op.batch_alter_table("ticket_looker", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_looker_ticket_id"))

    op.drop_table("ticket_looker")
