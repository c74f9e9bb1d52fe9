"""Who had a grant before, and who bought under which user id."""

import sqlalchemy as sa
from alembic import op

from worker.index_building import Index, build, drop

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_USERS = "user_id IS NOT NULL"
_CUSTOMER = ["provider", "customer_id", "user_id"]
#: Of a table that is as new: nobody waits for it.
OF_SUBSCRIPTIONS = {
    "ix_subscriptions_customer_user": _CUSTOMER,
    "ix_subscriptions_user": ["user_id"],
}
INDEXES = (
    Index(
        "ix_grants_former_learners",
        "grants",
        ["former_learners"],
        where="former_learners IS NOT NULL",
        using="gin",
    ),
    Index("ix_transactions_customer_user", "transactions", _CUSTOMER, where=_USERS),
    Index("ix_transactions_user", "transactions", ["user_id"], where=_USERS),
)


def upgrade() -> None:
    """Apply."""
    # It may be there: what was done before the indexes is kept when one of them fails.
    op.add_column(
        "grants",
        sa.Column("former_learners", sa.ARRAY(sa.BigInteger()), nullable=True),
        if_not_exists=True,
    )
    for name, columns in OF_SUBSCRIPTIONS.items():
        op.create_index(
            name,
            "subscriptions",
            columns,
            if_not_exists=True,
            postgresql_where=sa.text(_USERS),
        )
    build(INDEXES)


def downgrade() -> None:
    """Take back."""
    drop(INDEXES)
    for name in OF_SUBSCRIPTIONS:
        op.drop_index(name, if_exists=True)
    op.drop_column("grants", "former_learners", if_exists=True)
