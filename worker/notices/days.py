"""Days as messages have them: written out, in UTC, whatever the machine's zone.

Never an hour: a mail crosses zones, and an hour that a clock change skips or repeats
says nothing. Month names are ours, because ``strftime`` takes the machine's language.
"""

from datetime import UTC, datetime

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def day_of(moment: datetime) -> str:
    """Return the day of a moment, as in ``24 November 2026``.

    Raises:
        ValueError: The moment has no zone, so nobody knows which day it is.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone has no day")
    day = moment.astimezone(UTC)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
