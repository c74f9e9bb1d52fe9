"""Reads ``Retry-After``: how long another side asks to be left alone."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: It may ask for a pause, but not for a day's.
LONGEST_PAUSE = timedelta(hours=1)
NO_PAUSE = timedelta()


def pause_of(header: str | None) -> timedelta:
    """Read a Retry-After: seconds or a date (RFC 9110, 10.2.3); nonsense is none."""
    if header is None:
        return NO_PAUSE
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        asked = timedelta(seconds=int(header))
    else:
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return NO_PAUSE
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        asked = until - datetime.now(UTC)
    return min(max(asked, NO_PAUSE), LONGEST_PAUSE)
