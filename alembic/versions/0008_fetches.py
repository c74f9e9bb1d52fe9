"""Customers to be asked for: a table of work of its own."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = "customer_fetches"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        TABLE,
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "known",
                "fetched",
                "missing",
                "dead",
                name="fetchstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        _counter("attempts"),
        _counter("failures"),
        _counter("crashes"),
        _moment("next_attempt_at", "now()"),
        _moment("rung_until", "now() + interval '5 seconds'"),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column(
            "schema_version", sa.BigInteger(), server_default="1", nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        _moment("created_at", "now()"),
        _moment("pending_since", "now()"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint(
            "provider", "customer_id", name=op.f(f"uq_{TABLE}_provider_customer_id")
        ),
    )
    op.create_index(
        f"ix_{TABLE}_due",
        TABLE,
        ["next_attempt_at", "id"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        f"ix_{TABLE}_failing",
        TABLE,
        ["pending_since"],
        postgresql_where=sa.text("state = 'pending' AND last_error IS NOT NULL"),
    )


def downgrade() -> None:
    """Take back. Who was asked for is in the ledger, or will be asked for again."""
    op.drop_table(TABLE)


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _moment(name: str, default: str) -> sa.Column[datetime]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text(default),
        nullable=False,
    )
