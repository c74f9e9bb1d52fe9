"""Days, and what a purchase or a subscription is called in a sentence."""

from datetime import UTC, datetime


def day(moment: datetime | None) -> str:
    """Return the day in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else "an unknown day"


def minute(moment: datetime) -> str:
    """Return the minute in UTC, where the hour matters."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def since(moment: datetime | None) -> str:
    """Return since when, or nothing."""
    return f" since {day(moment)}" if moment else ""
