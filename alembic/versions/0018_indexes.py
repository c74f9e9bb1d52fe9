"""Indexes by which an order or a payment is told once, a channel rests, and lists go."""

from worker.index_building import Index, build, drop

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEXES = (
    Index(
        "ix_platform_deliveries_subject",
        "platform_deliveries",
        ["kind", "provider", "subject_id"],
        where="subject_id IS NOT NULL",
        is_unique=True,
    ),
    Index(
        "ix_notifications_doubtful",
        "notifications",
        ["channel", "finished_at"],
        where="state = 'doubtful'",
    ),
    Index(
        "ix_notifications_unsent",
        "notifications",
        ["state", "id"],
        where="state IN ('failed', 'skipped')",
    ),
    Index(
        "ix_notifications_kind",
        "notifications",
        ["kind", "id"],
        where="kind <> 'welcome'",
    ),
    Index(
        "ix_platform_deliveries_dead",
        "platform_deliveries",
        ["id"],
        where="state = 'dead'",
    ),
)
#: By that name, before.
OLD = (
    Index(
        "ix_notifications_doubtful",
        "notifications",
        ["id"],
        where="state = 'doubtful'",
    ),
)


def upgrade() -> None:
    """Apply."""
    drop(OLD)
    build(INDEXES)


def downgrade() -> None:
    """Take back."""
    drop(INDEXES)
    build(OLD)
