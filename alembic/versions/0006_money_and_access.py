"""Subscriptions, the assortment, findings; whose purchase it is; how access ends.

``parked`` tells of subscriptions too, and names its source by ``source`` and
``source_id``. ``course_access`` has a column more, ``seats``.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_WAITING_PURCHASES = """FROM transactions t
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
  ), -1) < l.total_minor
"""
_REASON = """
       CASE WHEN i.learner_id IS NULL THEN 'unknown learner' ELSE 'unknown price' END
         AS reason, i.learner_id"""
PARKED = f"""
CREATE VIEW parked AS
SELECT t.provider, 'purchase' AS source, t.id AS source_id, l.id AS line_id, l.price_id,
       t.customer_id, {_REASON}, l.course, l.total_minor, t.currency,
       t.waits_since AS since
{_WAITING_PURCHASES}
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
"""  # noqa: S608 (constants)
PARKED_BEFORE = f"""
CREATE VIEW parked AS
SELECT t.provider, t.id AS transaction_id, l.id AS line_id, l.price_id, t.customer_id,
       {_REASON}, l.course, l.total_minor, t.currency, t.waits_since AS since
{_WAITING_PURCHASES}
"""
COURSE_ACCESS = """
CREATE {replace} VIEW course_access AS
SELECT l.ref AS learner_ref, l.email, e.course_key,
       e.state = 'active' AND (e.access_until IS NULL OR e.access_until > now())
         AS has_access,
       e.state, e.reason, e.access_until, e.version, e.changed_at {seats}
FROM enrollments e JOIN learners l ON l.id = e.learner_id
WHERE e.version > 0
"""
_EMAILS = sa.text("SELECT provider, id, email FROM customers WHERE email IS NOT NULL")
_KEY = sa.text(
    "UPDATE customers SET email_key = :key WHERE provider = :provider AND id = :id"
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "addresses",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clock_terminal", sa.BigInteger(), nullable=True),
        sa.Column("clock_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_status", sa.BigInteger(), nullable=True),
        sa.Column("clock_occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_event", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_addresses")),
    )
    op.create_table(
        "businesses",
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("company_number", sa.Text(), nullable=True),
        sa.Column("tax_identifier", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clock_terminal", sa.BigInteger(), nullable=True),
        sa.Column("clock_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_status", sa.BigInteger(), nullable=True),
        sa.Column("clock_occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_event", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_businesses")),
    )
    op.create_table(
        "discounts",
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("amount", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clock_terminal", sa.BigInteger(), nullable=True),
        sa.Column("clock_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_status", sa.BigInteger(), nullable=True),
        sa.Column("clock_occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_event", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_discounts")),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "cleared",
                "accepted",
                name="findingstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="open",
            nullable=False,
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("learner_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "found_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
        sa.UniqueConstraint("subject", "kind", name=op.f("uq_findings_subject_kind")),
    )
    op.create_index(
        "ix_findings_open",
        "findings",
        ["kind", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "prices",
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("cycle_interval", sa.Text(), nullable=True),
        sa.Column("cycle_frequency", sa.BigInteger(), nullable=True),
        sa.Column("trial_interval", sa.Text(), nullable=True),
        sa.Column("trial_frequency", sa.BigInteger(), nullable=True),
        sa.Column("course", sa.Text(), nullable=True),
        sa.Column(
            "custom_data", postgresql.JSONB(astext_type=sa.Text()), nullable=True
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clock_terminal", sa.BigInteger(), nullable=True),
        sa.Column("clock_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_status", sa.BigInteger(), nullable=True),
        sa.Column("clock_occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_event", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_prices")),
    )
    op.create_index(
        "ix_prices_product", "prices", ["provider", "product_id"], unique=False
    )
    op.create_table(
        "products",
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("course", sa.Text(), nullable=True),
        sa.Column(
            "custom_data", postgresql.JSONB(astext_type=sa.Text()), nullable=True
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clock_terminal", sa.BigInteger(), nullable=True),
        sa.Column("clock_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_status", sa.BigInteger(), nullable=True),
        sa.Column("clock_occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_event", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_products")),
    )
    op.create_table(
        "subscription_items",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("recurring", sa.Boolean(), nullable=False),
        sa.Column("unit_minor", sa.BigInteger(), nullable=True),
        sa.Column("trial_starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trial_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_billed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("course", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "provider", "subscription_id", "id", name=op.f("pk_subscription_items")
        ),
    )
    op.create_table(
        "subscriptions",
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("address_id", sa.Text(), nullable=True),
        sa.Column("business_id", sa.Text(), nullable=True),
        sa.Column("first_transaction_id", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("collection_mode", sa.Text(), nullable=True),
        sa.Column("cycle_interval", sa.Text(), nullable=True),
        sa.Column("cycle_frequency", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_billed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_billed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scheduled_action", sa.Text(), nullable=True),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scheduled_resume_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discount_id", sa.Text(), nullable=True),
        sa.Column(
            "custom_data", postgresql.JSONB(astext_type=sa.Text()), nullable=True
        ),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("user_refusal", sa.Text(), nullable=True),
        sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clock_terminal", sa.BigInteger(), nullable=True),
        sa.Column("clock_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_status", sa.BigInteger(), nullable=True),
        sa.Column("clock_occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_event", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_subscriptions")),
    )
    op.create_index(
        "ix_subscriptions_customer",
        "subscriptions",
        ["provider", "customer_id"],
        unique=False,
    )
    op.create_index(
        "ix_subscriptions_waiting",
        "subscriptions",
        ["waits_since"],
        unique=False,
        postgresql_where=sa.text("waits_since IS NOT NULL"),
    )
    op.add_column("adjustments", sa.Column("kind", sa.Text(), nullable=True))
    op.add_column(
        "adjustments", sa.Column("subtotal_minor", sa.BigInteger(), nullable=True)
    )
    op.add_column("adjustments", sa.Column("tax_minor", sa.BigInteger(), nullable=True))
    op.add_column("adjustments", sa.Column("fee_minor", sa.BigInteger(), nullable=True))
    op.add_column(
        "adjustments", sa.Column("earnings_minor", sa.BigInteger(), nullable=True)
    )
    op.add_column("customers", sa.Column("email_key", sa.Text(), nullable=True))
    op.add_column(
        "enrollment_history",
        sa.Column("seats", sa.BigInteger(), server_default="1", nullable=False),
    )
    op.add_column(
        "enrollments",
        sa.Column("seats", sa.BigInteger(), server_default="1", nullable=False),
    )
    op.add_column(
        "enrollments",
        sa.Column("recheck_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "grants",
        sa.Column(
            "source",
            sa.Enum(
                "purchase",
                "subscription",
                "operator",
                "gift",
                "free",
                name="grantsource",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            server_default="purchase",
            nullable=False,
        ),
    )
    op.add_column(
        "grants",
        sa.Column("seats", sa.BigInteger(), server_default="1", nullable=False),
    )
    op.add_column(
        "grants",
        sa.Column("ends_as", sa.Text(), server_default="expired", nullable=False),
    )
    op.add_column("learners", sa.Column("merged_into", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_learners_merged_into_learners"),
        "learners",
        "learners",
        ["merged_into"],
        ["id"],
    )
    op.add_column("payments", sa.Column("failure", sa.Text(), nullable=True))
    op.add_column(
        "transaction_lines", sa.Column("proration_rate", sa.Text(), nullable=True)
    )
    op.add_column("transaction_lines", sa.Column("tax_rate", sa.Text(), nullable=True))
    op.add_column("transactions", sa.Column("address_id", sa.Text(), nullable=True))
    op.add_column("transactions", sa.Column("business_id", sa.Text(), nullable=True))
    op.add_column(
        "transactions", sa.Column("credit_minor", sa.BigInteger(), nullable=True)
    )
    op.add_column(
        "transactions",
        sa.Column("credit_to_balance_minor", sa.BigInteger(), nullable=True),
    )
    op.add_column("transactions", sa.Column("invoice_id", sa.Text(), nullable=True))
    op.add_column(
        "transactions",
        sa.Column("period_starts_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column(
        "transactions",
        sa.Column("period_ends_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column("transactions", sa.Column("user_id", sa.Text(), nullable=True))
    op.add_column("transactions", sa.Column("user_refusal", sa.Text(), nullable=True))
    op.add_column("transactions", sa.Column("reference", sa.Text(), nullable=True))
    _key_emails()
    op.execute(
        "UPDATE enrollments SET recheck_at = access_until WHERE access_until > now()"
    )
    op.execute("DROP VIEW parked")
    op.execute(PARKED)
    op.execute(COURSE_ACCESS.format(replace="OR REPLACE", seats=", e.seats"))


def _key_emails() -> None:
    """Note addresses as they are matched; PostgreSQL's ``lower`` knows fewer letters."""
    connection = op.get_bind()
    keys = [
        {
            "provider": row.provider,
            "id": row.id,
            "key": unicodedata.normalize("NFC", row.email.strip()).lower(),
        }
        for row in connection.execute(_EMAILS)
    ]
    if keys:
        connection.execute(_KEY, keys)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP VIEW parked")
    op.execute("DROP VIEW course_access")
    op.drop_column("transactions", "reference")
    op.drop_column("transactions", "user_refusal")
    op.drop_column("transactions", "user_id")
    op.drop_column("transactions", "period_ends_at")
    op.drop_column("transactions", "period_starts_at")
    op.drop_column("transactions", "invoice_id")
    op.drop_column("transactions", "credit_to_balance_minor")
    op.drop_column("transactions", "credit_minor")
    op.drop_column("transactions", "business_id")
    op.drop_column("transactions", "address_id")
    op.drop_column("transaction_lines", "tax_rate")
    op.drop_column("transaction_lines", "proration_rate")
    op.drop_column("payments", "failure")
    op.drop_constraint(
        op.f("fk_learners_merged_into_learners"), "learners", type_="foreignkey"
    )
    op.drop_column("learners", "merged_into")
    op.drop_column("grants", "ends_as")
    op.drop_column("grants", "seats")
    op.drop_column("grants", "source")
    op.drop_column("enrollments", "recheck_at")
    op.drop_column("enrollments", "seats")
    op.drop_column("enrollment_history", "seats")
    op.drop_column("customers", "email_key")
    op.drop_column("adjustments", "earnings_minor")
    op.drop_column("adjustments", "fee_minor")
    op.drop_column("adjustments", "tax_minor")
    op.drop_column("adjustments", "subtotal_minor")
    op.drop_column("adjustments", "kind")
    op.drop_index(
        "ix_subscriptions_waiting",
        table_name="subscriptions",
        postgresql_where=sa.text("waits_since IS NOT NULL"),
    )
    op.drop_index("ix_subscriptions_customer", table_name="subscriptions")
    op.drop_table("subscriptions")
    op.drop_table("subscription_items")
    op.drop_table("products")
    op.drop_index("ix_prices_product", table_name="prices")
    op.drop_table("prices")
    op.drop_index(
        "ix_findings_open",
        table_name="findings",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_table("findings")
    op.drop_table("discounts")
    op.drop_table("businesses")
    op.drop_table("addresses")
    op.execute(PARKED_BEFORE)
    op.execute(COURSE_ACCESS.format(replace="", seats=""))
