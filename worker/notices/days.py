"""Days as messages have them: the date in UTC, whatever the machine's zone.

Never an hour: a mail crosses zones, and an hour that a clock change skips or repeats
says nothing. Templates write it out, each in its language.
"""

from datetime import UTC, datetime


def day_of(moment: datetime) -> str:
    """Return the day of a moment, as in ``2026-11-24``.

    Raises:
        ValueError: The moment has no zone, so nobody knows which day it is.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone has no day")
    return moment.astimezone(UTC).date().isoformat()
