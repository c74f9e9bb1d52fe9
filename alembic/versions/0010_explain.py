"""What leads from a purchase or a person to its events, mails and operator's deeds."""

import sqlalchemy as sa
from alembic import op

from worker.index_building import Index, build, drop

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INDEXES = (
    Index("ix_notifications_learner", "notifications", ["learner_id"]),
    Index("ix_operator_actions_target", "operator_actions", ["target"]),
)


def upgrade() -> None:
    """Apply."""
    # The indexes are built outside this transaction: run again, the table is there.
    op.create_table(
        "event_entities",
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("inbox_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "entity_id", "inbox_id", name=op.f("pk_event_entities")
        ),
        if_not_exists=True,
    )
    build(INDEXES)


def downgrade() -> None:
    """Take back."""
    drop(INDEXES)
    op.drop_table("event_entities")
