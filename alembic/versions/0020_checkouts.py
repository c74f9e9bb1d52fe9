"""Checkouts that we open, and how many of all checkouts are paid."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLE = "checkouts"
STATES = ("pending", "opened", "refused", "abandoned", "dead")

# Public contracts: columns are added at the end, never changed.
VIEWS = {
    "opened_checkouts": """
CREATE VIEW opened_checkouts AS
SELECT provider, reference, owner, state, transaction_id, checkout_url,
       coalesce(reason, last_error) AS problem, buyer_words, created_at,
       coalesce(finished_at, pending_since) AS changed_at
FROM checkouts
""",
    # What a checkout is, and whether it is paid, is said here alone. Subscriptions charge
    # by themselves: nobody stood at a checkout.
    "checkout_lines": """
CREATE VIEW checkout_lines AS
SELECT t.provider, t.id AS transaction_id, l.price_id, t.opened_at,
       t.status IN ('paid', 'completed') AS is_paid
FROM transactions t
LEFT JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
WHERE t.opened_at IS NOT NULL AND coalesce(t.origin, '') NOT LIKE 'subscription%'
""",
    # A checkout belongs to the day on which it was opened, and to each price on it.
    "checkout_conversion": """
CREATE VIEW checkout_conversion AS
SELECT (opened_at AT TIME ZONE 'UTC')::date AS day, provider, price_id,
       count(DISTINCT transaction_id) AS opened,
       count(DISTINCT transaction_id) FILTER (WHERE is_paid) AS paid
FROM checkout_lines
WHERE price_id IS NOT NULL
GROUP BY 1, 2, 3
""",
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        TABLE,
        sa.Column(
            "state",
            sa.Enum(
                *STATES,
                name="checkoutstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("wanted", postgresql.JSONB(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("customer_id", sa.Text()),
        sa.Column("posted_at", sa.DateTime(timezone=True)),
        sa.Column("transaction_id", sa.Text()),
        sa.Column("checkout_url", sa.Text()),
        sa.Column("buyer_words", sa.Text()),
        *_columns_of_work(),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint(
            "reference", "provider", name=op.f(f"uq_{TABLE}_reference_provider")
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
    op.create_index(f"ix_{TABLE}_finished_at", TABLE, ["finished_at"])
    for statement in VIEWS.values():
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    op.drop_table(TABLE)
    # An older release knows no such table, and its numbers begin anew after an upgrade.
    op.execute("DELETE FROM dead_letters WHERE work_table = 'checkouts'")
    op.execute("DELETE FROM attempts WHERE work_table = 'checkouts'")


def _columns_of_work() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.BigInteger(), nullable=False),
        _counter("attempts"),
        _counter("failures"),
        _counter("crashes"),
        _moment("next_attempt_at", "now()"),
        _moment("rung_until", "now() + interval '5 seconds'"),
        sa.Column("lease_token", sa.Uuid()),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("leased_by", sa.Text()),
        sa.Column(
            "schema_version", sa.BigInteger(), server_default="1", nullable=False
        ),
        sa.Column("reason", sa.Text()),
        sa.Column("last_error", sa.Text()),
        _moment("created_at", "now()"),
        _moment("pending_since", "now()"),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _moment(name: str, default: str) -> sa.Column[datetime]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text(default),
        nullable=False,
    )
