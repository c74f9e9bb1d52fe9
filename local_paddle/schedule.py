"""When Paddle tries a delivery again.

https://developer.paddle.com/webhooks/respond-to-webhooks: live accounts retry 60 times
within 3 days (20 in the first hour), sandbox accounts 3 times within 15 minutes, both
exponentially. The page's own calculator has interval 60 s and factor 1.1, which puts
the 20th retry at 57.3 min and the 60th at 50.6 h. For the sandbox only the number and
the span are published; steps of 1, 3 and 9 minutes keep to both.
"""

from enum import StrEnum

LIVE_RETRIES = 60
LIVE_FIRST_SECONDS = 60.0
LIVE_FACTOR = 1.1
SANDBOX_RETRIES = 3
SANDBOX_FIRST_SECONDS = 60.0
SANDBOX_FACTOR = 3.0


class Schedule(StrEnum):
    """Whose retries to make."""

    LIVE = "live"
    SANDBOX = "sandbox"


_NUMBERS = {
    Schedule.LIVE: (LIVE_RETRIES, LIVE_FIRST_SECONDS, LIVE_FACTOR),
    Schedule.SANDBOX: (SANDBOX_RETRIES, SANDBOX_FIRST_SECONDS, SANDBOX_FACTOR),
}


def retry_after_seconds(schedule: Schedule, attempts: int) -> float | None:
    """Return the wait after so many failed attempts, or None when it was the last.

    Live: 60 s by 1.1^(attempts - 1), that is 60, 66, 72.6 … 16,605 s.
    """
    retries, first, factor = _NUMBERS[schedule]
    if attempts > retries:
        return None
    return first * float(factor ** (attempts - 1))
