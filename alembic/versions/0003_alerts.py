"""Alerts and what they look at: counts of deliveries, marks, time to access.

On tables that were there before only columns are added, which takes a moment; the
indexes on them are built by 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alert_silences",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_silences")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "severity",
            sa.Enum(
                "info",
                "warning",
                "critical",
                name="severity",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "resolved",
                name="alertstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="open",
            nullable=False,
        ),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("next_steps", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("peak", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "opened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("absent_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("flaps", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acked_by", sa.Text(), nullable=True),
        sa.Column("told_severity", sa.Text(), nullable=True),
        sa.Column("reminders", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(
        "ix_alerts_fingerprint", "alerts", ["fingerprint", "resolved_at"], unique=False
    )
    op.create_index(
        "uq_alerts_open_fingerprint",
        "alerts",
        ["fingerprint"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "delivery_counts",
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("skew_seconds", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint(
            "minute", "provider", "outcome", "reason", name=op.f("pk_delivery_counts")
        ),
    )
    op.create_table(
        "alert_messages",
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "sent",
                "skipped",
                "dead",
                name="messagestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "opened",
                "worse",
                "reminder",
                "resolved",
                "digest",
                name="messagekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("alert_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "severity",
            sa.Enum(
                "info",
                "warning",
                "critical",
                name="severity",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("crashes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "rung_until",
            sa.DateTime(timezone=True),
            server_default=sa.text("now() + interval '5 seconds'"),
            nullable=False,
        ),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column(
            "schema_version", sa.BigInteger(), server_default="1", nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "pending_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("fk_alert_messages_alert_id_alerts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_alert_messages_key")),
    )
    op.create_index(
        "ix_alert_messages_alert", "alert_messages", ["alert_id"], unique=False
    )
    op.create_index(
        "ix_alert_messages_due",
        "alert_messages",
        ["next_attempt_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_alert_messages_failing",
        "alert_messages",
        ["pending_since"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND last_error IS NOT NULL"),
    )
    op.add_column(
        "dead_letters", sa.Column("place", sa.Text(), server_default="", nullable=False)
    )
    op.add_column(
        "enrollment_history",
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "enrollment_history",
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "heartbeats",
        sa.Column(
            "since",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.add_column(
        "transactions",
        sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_column("transactions", "waits_since")
    op.drop_column("heartbeats", "since")
    op.drop_column("enrollment_history", "told_at")
    op.drop_column("enrollment_history", "paid_at")
    op.drop_column("dead_letters", "place")
    op.drop_index(
        "ix_alert_messages_failing",
        table_name="alert_messages",
        postgresql_where=sa.text("state = 'pending' AND last_error IS NOT NULL"),
    )
    op.drop_index(
        "ix_alert_messages_due",
        table_name="alert_messages",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index("ix_alert_messages_alert", table_name="alert_messages")
    op.drop_table("alert_messages")
    op.drop_table("delivery_counts")
    op.drop_index(
        "uq_alerts_open_fingerprint",
        table_name="alerts",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index("ix_alerts_fingerprint", table_name="alerts")
    op.drop_table("alerts")
    op.drop_table("alert_silences")
