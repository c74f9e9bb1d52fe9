"""Which release beat and the watchman run."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("heartbeats", sa.Column("release", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("heartbeats", "release")
