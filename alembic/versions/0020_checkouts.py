"""Checkouts that we open, and how many of all checkouts are paid."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

STATES = ("opening", "opened", "refused", "abandoned")

# Public contracts: columns are added at the end, never changed.
VIEWS = {
    "opened_checkouts": """
CREATE VIEW opened_checkouts AS
SELECT provider, reference, owner, state, transaction_id, checkout_url,
       problem, buyer_words, created_at, changed_at
FROM payment_sessions
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
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "payment_sessions",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                *STATES,
                name="sessionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="opening",
            nullable=False,
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("wanted", postgresql.JSONB(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("customer_id", sa.Text()),
        sa.Column("posted_at", moment),
        sa.Column("lease_token", sa.Uuid()),
        sa.Column("leased_until", moment),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transaction_id", sa.Text()),
        sa.Column("checkout_url", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("buyer_words", sa.Text()),
        sa.Column("created_at", moment, server_default=sa.func.now(), nullable=False),
        sa.Column("changed_at", moment, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_sessions")),
        sa.UniqueConstraint(
            "provider", "reference", name=op.f("uq_payment_sessions_provider_reference")
        ),
    )
    op.create_index(
        "ix_payment_sessions_opening",
        "payment_sessions",
        ["created_at"],
        postgresql_where=sa.text("state = 'opening'"),
    )
    op.create_index(
        "ix_payment_sessions_changed_at", "payment_sessions", ["changed_at"]
    )
    for statement in VIEWS.values():
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    op.drop_table("payment_sessions")
