"""Checkouts that we open for a shop: what was asked for, and where it can be paid.

How each of them stands afterwards is in the ledger and told by ``payment_status``.
"""

from enum import StrEnum


class CheckoutState(StrEnum):
    """How far the opening of a checkout is."""

    #: Asked for, and not open yet. Left by whoever opens it, or ``checkouts.recover``.
    PENDING = "pending"
    #: There is a transaction and an address. Never left.
    OPENED = "opened"
    #: The provider will not open this one; ``reason`` says why. Left when it is asked
    #: for again.
    REFUSED = "refused"
    #: Not opened within a day. Left when it is asked for again.
    ABANDONED = "abandoned"
    #: Will not pass by itself; a dead letter tells why. Left by a replay, or when it is
    #: asked for again.
    DEAD = "dead"
