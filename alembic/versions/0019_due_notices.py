"""Indexes by which it is found who is to be told of money."""

from worker.index_building import Index, build, drop

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXES = (
    Index("ix_adjustments_customer", "adjustments", ["provider", "customer_id"]),
    Index(
        "ix_transactions_left_open",
        "transactions",
        ["opened_at"],
        where="status IN ('draft', 'ready')",
    ),
    Index(
        "ix_subscriptions_trials",
        "subscriptions",
        ["next_billed_at"],
        where="status = 'trialing'",
    ),
)


def upgrade() -> None:
    """Apply."""
    build(INDEXES)


def downgrade() -> None:
    """Take back."""
    drop(INDEXES)
