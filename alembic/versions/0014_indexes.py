"""Indexes by which the checks of our own rows find what changed lately."""

from worker.index_building import Index, build, drop

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INDEXES = (
    Index(
        "ix_transactions_clock_updated_at",
        "transactions",
        ["clock_updated_at"],
        using="brin",
    ),
    Index("ix_grants_changed_at", "grants", ["changed_at"], using="brin"),
    Index("ix_enrollments_changed_at", "enrollments", ["changed_at"], using="brin"),
)


def upgrade() -> None:
    """Apply."""
    build(INDEXES)


def downgrade() -> None:
    """Take back."""
    drop(INDEXES)
