"""What a person must know: conditions with a life, and the messages about them.

An alert is opened once, counted while it lasts, reminded of ever more rarely, and
resolved with a word. What it says goes out as rows of work like everything else.
"""

from enum import StrEnum


class Severity(StrEnum):
    """How much it matters, from least to most; compare by ``rank``."""

    #: Good to know: the digest, a test.
    INFO = "info"
    #: Somebody should look today.
    WARNING = "warning"
    #: Money or access does not move: look now.
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """From 0 upwards."""
        return list(Severity).index(self)


#: A row's ``severity`` as a number, to order by in SQL: the worst has the lowest.
WORST_FIRST = (
    f"array_position(ARRAY{[str(one) for one in reversed(Severity)]}, severity::text)"
)


class AlertState(StrEnum):
    """Whether the condition lasts."""

    OPEN = "open"
    #: It has not been seen for its time of calm. Coming back makes a new alert.
    RESOLVED = "resolved"


class MessageKind(StrEnum):
    """What a message tells."""

    OPENED = "opened"
    #: It matters more than what was told last.
    WORSE = "worse"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    #: The shop's day.
    DIGEST = "digest"


class MessageState(StrEnum):
    """How far a message is."""

    PENDING = "pending"
    #: Some way out has taken it; ``way`` says which.
    SENT = "sent"
    #: Not worth telling any more, the reason stands beside it: over, told as worse,
    #: behind an untold one, or back already.
    SKIPPED = "skipped"
    #: No way out took it for days; see the dead letter.
    DEAD = "dead"
