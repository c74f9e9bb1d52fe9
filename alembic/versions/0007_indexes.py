"""Indexes on tables that were there before, for what 0006 asks of them."""

from worker.index_building import Index, build, drop

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = (
    Index("ix_adjustments_opened_at", "adjustments", ["opened_at"], using="brin"),
    Index("ix_customers_email_key", "customers", ["email_key"]),
    Index(
        "ix_enrollments_recheck_at",
        "enrollments",
        ["recheck_at"],
        where="recheck_at IS NOT NULL",
    ),
    Index("ix_learners_merged_into", "learners", ["merged_into"]),
    Index(
        "ix_transactions_subscription",
        "transactions",
        ["provider", "subscription_id"],
        where="subscription_id IS NOT NULL",
    ),
    Index(
        "ix_transactions_reference",
        "transactions",
        ["reference"],
        where="reference IS NOT NULL",
    ),
)


def upgrade() -> None:
    """Apply."""
    build(INDEXES)


def downgrade() -> None:
    """Take back."""
    drop(INDEXES)
