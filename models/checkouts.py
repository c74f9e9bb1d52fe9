"""Checkouts that we open for a shop: what was asked for, and where it can be paid.

How each of them stands afterwards is in the ledger and told by ``payment_status``.
"""

from enum import StrEnum


class SessionState(StrEnum):
    """How far the opening of a checkout is."""

    #: Asked for. Left by whoever opens it, or by ``checkouts.recover``.
    OPENING = "opening"
    #: There is a transaction and an address. Never left.
    OPENED = "opened"
    #: The provider will not: ``problem`` says why. Left when it is asked for again.
    REFUSED = "refused"
    #: Not opened within a day. Left when it is asked for again.
    ABANDONED = "abandoned"
