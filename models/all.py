"""Every table, for those who need the whole metadata: migrations and tests."""

from models import (
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
from models.base import Base

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
