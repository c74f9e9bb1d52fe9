"""Customers to be asked for: somebody has paid, and no event ever told who it is."""

from enum import StrEnum


class FetchState(StrEnum):
    """What became of asking for a customer. Only ``pending`` is left again."""

    #: To be asked for, or being asked for. Left by ``customers.fetch``.
    PENDING = "pending"
    #: An event came meanwhile: nobody was asked.
    KNOWN = "known"
    #: The answer lies in the inbox, as an event like any other.
    FETCHED = "fetched"
    #: The provider knows no such customer: what was bought waits for an event.
    MISSING = "missing"
    #: Will not pass by itself; a dead letter tells why. Left only by a replay.
    DEAD = "dead"
