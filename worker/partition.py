"""The monthly partitions of the inbox bodies: made ahead, so that none is missing."""

from sqlalchemy import Connection, text

MONTHS_AHEAD = 3

_ENSURE = text("SELECT ensure_inbox_partitions(:months)")


def make_partitions(connection: Connection) -> int:
    """Make this month's and the coming months' partitions; return how many were made.

    Running it twice is harmless.
    """
    return int(connection.scalar(_ENSURE, {"months": MONTHS_AHEAD}) or 0)
