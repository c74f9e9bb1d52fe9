"""What providers send that is new, and the cursors of whatever walks through rows."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "moved_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.create_table(
        "schema_drift",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "type",
                "field",
                "enum",
                name="driftkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), server_default="", nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_drift")),
        sa.UniqueConstraint(
            "provider",
            "kind",
            "path",
            "value",
            name=op.f("uq_schema_drift_provider_kind_path_value"),
        ),
    )
    op.create_index(
        "ix_schema_drift_open",
        "schema_drift",
        ["id"],
        postgresql_where=sa.text("accepted_at IS NULL"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("schema_drift")
    op.drop_table("cursors")
