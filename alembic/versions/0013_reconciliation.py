"""Reconciliation: runs, what they found, the budget of requests, slots of beat."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "provider_budgets",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_budgets")),
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "complete",
                "partial",
                "failed",
                name="runstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "events",
                "customers",
                "transactions",
                "subscriptions",
                "adjustments",
                "access",
                name="runkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "scope",
            sa.Enum(
                "recent",
                "all",
                "backfill",
                name="runscope",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "stage",
            sa.Enum(
                "walk",
                "heal",
                name="runstage",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="walk",
            nullable=False,
        ),
        sa.Column("asked_by", sa.Text(), server_default="beat", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "mails", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
        sa.Column("position", sa.Text(), server_default="", nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("found", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("healed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("work_seconds", sa.Double(), server_default="0", nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_runs")),
    )
    op.create_index(
        "ix_reconciliation_runs_due",
        "reconciliation_runs",
        ["next_attempt_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_reconciliation_runs_failing",
        "reconciliation_runs",
        ["pending_since"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND last_error IS NOT NULL"),
    )
    op.create_index(
        "ix_reconciliation_runs_kind",
        "reconciliation_runs",
        ["provider", "kind", "scope", "id"],
        unique=False,
    )
    op.create_index(
        "uq_reconciliation_runs_pending",
        "reconciliation_runs",
        ["provider", "kind", "scope"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "slots",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_slots")),
    )
    op.create_table(
        "reconciled_events",
        sa.Column("inbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "missed",
                "differs",
                "backfilled",
                name="eventreason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column(
            "mails", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
        sa.Column(
            "found_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "explanation",
            sa.Enum(
                "failed",
                "retrying",
                "not_attempted",
                "wrong_destination",
                "not_subscribed",
                "inactive",
                "forgotten",
                "unknown",
                name="explanation",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("explained_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["reconciliation_runs.id"],
            name=op.f("fk_reconciled_events_run_id_reconciliation_runs"),
        ),
        sa.PrimaryKeyConstraint("inbox_id", name=op.f("pk_reconciled_events")),
    )
    op.create_index(
        "ix_reconciled_events_found_at", "reconciled_events", ["found_at"], unique=False
    )
    op.create_index(
        "ix_reconciled_events_run", "reconciled_events", ["run_id"], unique=False
    )
    op.create_index(
        "ix_reconciled_events_subject",
        "reconciled_events",
        ["subject"],
        unique=False,
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_index(
        "ix_reconciled_events_unexplained",
        "reconciled_events",
        ["inbox_id"],
        unique=False,
        postgresql_where=sa.text("reason = 'missed' AND explanation IS NULL"),
    )
    op.add_column(
        "adjustments",
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "cursors", sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "customers",
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "findings",
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.add_column(
        "findings",
        sa.Column("times", sa.BigInteger(), server_default="1", nullable=False),
    )
    op.add_column(
        "subscriptions",
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "transactions",
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_column("transactions", "confirmed_at")
    op.drop_column("subscriptions", "confirmed_at")
    op.drop_column("findings", "times")
    op.drop_column("findings", "seen_at")
    op.drop_column("customers", "confirmed_at")
    op.drop_column("cursors", "reached_at")
    op.drop_column("adjustments", "confirmed_at")
    op.drop_table("reconciled_events")
    op.drop_table("slots")
    op.drop_table("reconciliation_runs")
    op.drop_table("provider_budgets")
