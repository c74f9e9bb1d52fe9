"""Which snapshot of an entity wins: one total order, whatever order they come in.

Real streams tie on ``occurred_at`` and on ``updated_at``, and an older state can
arrive last; so a snapshot is placed by five things at once, the event id last, which
makes the order total.
"""

from datetime import datetime
from typing import NamedTuple


class Clock(NamedTuple):
    """The place of a snapshot; the greatest wins."""

    #: How final its status is: a final one is never taken back by a later
    #: ``updated_at`` of one that is not.
    terminal: int
    #: The entity's own time.
    updated_at: datetime
    #: How far its status is along the usual way, for equal times.
    status: int
    #: The event's time.
    occurred_at: datetime
    event: str


class Ranks(NamedTuple):
    """The two ranks of a status."""

    terminal: int
    status: int


#: ``completed`` beats ``canceled``: where both are told, the money has come in.
TRANSACTION_RANKS = {
    "draft": Ranks(0, 0),
    "ready": Ranks(0, 1),
    "billed": Ranks(0, 2),
    "past_due": Ranks(0, 3),
    "paid": Ranks(0, 4),
    "canceled": Ranks(1, 5),
    "completed": Ranks(2, 6),
}
ADJUSTMENT_RANKS = {
    "pending_approval": Ranks(0, 0),
    "rejected": Ranks(1, 1),
    "approved": Ranks(1, 2),
    "reversed": Ranks(2, 3),
}
#: A renewal moves the subscription before its money is collected, and tells that it
#: failed within the same moment.
SUBSCRIPTION_RANKS = {
    "trialing": Ranks(0, 0),
    "active": Ranks(0, 1),
    "past_due": Ranks(0, 2),
    "paused": Ranks(0, 3),
    "canceled": Ranks(1, 4),
}
#: Customers, addresses, businesses, products, prices, discounts.
KEPT_RANKS = {"active": Ranks(0, 0), "archived": Ranks(0, 1)}
#: A status that a later release of the provider may bring: stored, never preferred.
UNKNOWN_RANKS = Ranks(0, -1)
