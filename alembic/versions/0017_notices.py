"""Notices of more kinds, suppressed addresses, and more that the platform is told."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None

OF_ONE_THING = (
    "(kind = 'enrollment.changed') = (enrollment_id IS NOT NULL)"
    " AND (kind = 'enrollment.changed') = (subject_id IS NULL)"
)


def upgrade() -> None:
    """Apply."""
    op.add_column("notifications", sa.Column("version", sa.BigInteger(), nullable=True))
    op.add_column("notifications", sa.Column("provider", sa.Text(), nullable=True))
    op.add_column("notifications", sa.Column("subject_id", sa.Text(), nullable=True))
    op.add_column(
        "platform_deliveries",
        sa.Column(
            "kind",
            sa.Enum(
                "enrollment.changed",
                "order.completed",
                "payment.failed",
                name="deliverykind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="enrollment.changed",
            nullable=False,
        ),
    )
    op.add_column(
        "platform_deliveries", sa.Column("provider", sa.Text(), nullable=True)
    )
    op.add_column(
        "platform_deliveries", sa.Column("subject_id", sa.Text(), nullable=True)
    )
    op.alter_column(
        "platform_deliveries", "enrollment_id", existing_type=sa.BIGINT(), nullable=True
    )
    op.create_check_constraint("of_one_thing", "platform_deliveries", OF_ONE_THING)
    op.create_table(
        "suppressions",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("notification_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "suppressed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("pk_suppressions")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("suppressions")
    op.execute("DELETE FROM platform_deliveries WHERE kind <> 'enrollment.changed'")
    op.drop_constraint(
        op.f("ck_platform_deliveries_of_one_thing"),
        "platform_deliveries",
        type_="check",
    )
    op.alter_column(
        "platform_deliveries",
        "enrollment_id",
        existing_type=sa.BIGINT(),
        nullable=False,
    )
    op.drop_column("platform_deliveries", "subject_id")
    op.drop_column("platform_deliveries", "provider")
    op.drop_column("platform_deliveries", "kind")
    op.drop_column("notifications", "subject_id")
    op.drop_column("notifications", "provider")
    op.drop_column("notifications", "version")
