"""Notices of more kinds, suppressed addresses, and more that the platform is told.

An offer may be of no course: what is bought for such a price is not parked.
"""

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

# A line whose price gives nothing on purpose waits neither for it nor for its buyer.
_ON_PURPOSE = """
  AND NOT EXISTS (
    SELECT FROM offers o
    WHERE o.provider = {line}.provider AND o.price_id = {line}.{price}
      AND o.valid_until IS NULL AND o.course_key IS NULL)"""
_REASON = """
       CASE WHEN i.learner_id IS NULL THEN 'unknown learner' ELSE 'unknown price' END
         AS reason, i.learner_id"""
_PARKED = f"""
CREATE OR REPLACE VIEW parked AS
SELECT t.provider, 'purchase' AS source, t.id AS source_id, l.id AS line_id, l.price_id,
       t.customer_id, {_REASON}, l.course, l.total_minor, t.currency,
       t.waits_since AS since
FROM transactions t
JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
LEFT JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = t.provider || ':' || t.customer_id
WHERE t.waits_since IS NOT NULL AND t.status IN ('paid', 'completed')
  AND NOT l.recurring AND NOT l.prorated
  AND (i.learner_id IS NULL
       OR (l.course IS NULL AND NOT EXISTS (
             SELECT FROM offers o
             WHERE o.provider = l.provider AND o.price_id = l.price_id
               AND o.valid_until IS NULL)))
  AND NOT EXISTS (
    SELECT FROM grants g
    WHERE g.provider = t.provider AND g.source_id = t.id AND g.line_id = l.id)
  AND coalesce((
    SELECT sum(al.total_minor) FROM adjustments a
    JOIN adjustment_lines al ON al.provider = a.provider AND al.adjustment_id = a.id
    WHERE a.provider = t.provider AND a.transaction_id = t.id
      AND a.action = 'refund' AND a.status = 'approved' AND al.line_id = l.id
  ), -1) < l.total_minor {{of_purchase}}
UNION ALL
SELECT s.provider, 'subscription', s.id, n.id, n.id, s.customer_id, {_REASON}, n.course,
       coalesce((
         SELECT sum(l.total_minor)::bigint FROM transactions t
         JOIN transaction_lines l ON l.provider = t.provider AND l.transaction_id = t.id
         WHERE t.provider = s.provider AND t.subscription_id = s.id
           AND t.status IN ('paid', 'completed') AND l.price_id = n.id), 0),
       s.currency, s.waits_since
FROM subscriptions s
JOIN subscription_items n ON n.provider = s.provider AND n.subscription_id = s.id
LEFT JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = s.provider || ':' || s.customer_id
WHERE s.waits_since IS NOT NULL AND s.status IN ('active', 'trialing', 'past_due')
  AND n.status <> 'inactive'
  AND (i.learner_id IS NULL
       OR (n.course IS NULL AND NOT EXISTS (
             SELECT FROM offers o
             WHERE o.provider = n.provider AND o.price_id = n.id
               AND o.valid_until IS NULL)))
  AND NOT EXISTS (
    SELECT FROM grants g
    WHERE g.provider = s.provider AND g.source_id = s.id AND g.line_id = n.id)
  {{of_subscription}}
"""  # noqa: S608 (constants)


def upgrade() -> None:
    """Apply."""
    op.alter_column("offers", "course_key", existing_type=sa.TEXT(), nullable=True)
    op.execute(
        _PARKED.format(
            of_purchase=_ON_PURPOSE.format(line="l", price="price_id"),
            of_subscription=_ON_PURPOSE.format(line="n", price="id"),
        )
    )
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
    op.execute(_PARKED.format(of_purchase="", of_subscription=""))
    op.execute("DELETE FROM offers WHERE course_key IS NULL")
    op.alter_column("offers", "course_key", existing_type=sa.TEXT(), nullable=False)
