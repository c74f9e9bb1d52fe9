"""Every table, for those who need the whole metadata: migrations and tests."""

from models.tables import (
    access,
    alerts,
    assortment,
    checkouts,
    drift,
    fetches,
    findings,
    inbox,
    ledger,
    notices,
    operations,
    outgoing,
    parties,
    people,
    reconciliation,
    subscriptions,
)
from models.tables.base import Base

__all__ = [
    "Base",
    "access",
    "alerts",
    "assortment",
    "checkouts",
    "drift",
    "fetches",
    "findings",
    "inbox",
    "ledger",
    "notices",
    "operations",
    "outgoing",
    "parties",
    "people",
    "reconciliation",
    "subscriptions",
]
metadata = Base.metadata
