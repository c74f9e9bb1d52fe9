"""Indexes on tables that were there before, built while these are written to.

By the partial ones a look finds what fails, waits or was paid in a few entries. The
BRIN ones, of a few kilobytes each, find the digest's day in a table of years: rows of
one time lie together in these tables.

Built concurrently, outside a transaction: what stands when it stops half-way stays, and
running it again does the rest.
"""

from worker.index_building import Index, build, drop

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FAILING = "state = 'pending' AND last_error IS NOT NULL"
INDEXES = (
    Index("ix_access_changes_failing", "access_changes", ["pending_since"], _FAILING),
    Index(
        "ix_dead_letters_open",
        "dead_letters",
        ["task", "error_class", "place", "created_at"],
        "state = 'open'",
    ),
    Index(
        "ix_enrollment_history_paid",
        "enrollment_history",
        ["changed_at"],
        "paid_at IS NOT NULL",
    ),
    Index("ix_inbox_failing", "inbox", ["pending_since"], _FAILING),
    Index("ix_inbox_variants_failing", "inbox_variants", ["pending_since"], _FAILING),
    Index("ix_notifications_failing", "notifications", ["pending_since"], _FAILING),
    Index(
        "ix_platform_deliveries_failing",
        "platform_deliveries",
        ["pending_since"],
        _FAILING,
    ),
    Index("ix_transactions_opened_at", "transactions", ["opened_at"], None),
    Index(
        "ix_transactions_waiting",
        "transactions",
        ["waits_since"],
        "waits_since IS NOT NULL",
    ),
    Index("ix_transactions_billed_at", "transactions", ["billed_at"], using="brin"),
    Index(
        "ix_payments_attempted_at_captured_at",
        "payments",
        ["attempted_at", "captured_at"],
        using="brin",
    ),
    Index(
        "ix_enrollment_history_changed_at",
        "enrollment_history",
        ["changed_at"],
        using="brin",
    ),
    Index(
        "ix_access_changes_finished_at", "access_changes", ["finished_at"], using="brin"
    ),
    Index(
        "ix_notifications_finished_at", "notifications", ["finished_at"], using="brin"
    ),
)


def upgrade() -> None:
    """Apply."""
    build(INDEXES)


def downgrade() -> None:
    """Take back."""
    drop(INDEXES)
