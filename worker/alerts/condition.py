"""What a condition is: something that may be wrong, seen from rows, told in words.

Looking happens every few seconds and must be cheap: a few probes of indexes, whatever
the tables hold. What it costs people is asked only when a message is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import Connection

from models.alerts import Severity
from worker.alerts.stakes import Stakes
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong right now."""

    #: What is wrong, one plain sentence; safe to show.
    summary: str
    #: Since when it is so, as far as the rows tell.
    since: datetime
    #: What to type next, most useful first.
    next_steps: tuple[str, ...]
    #: What within the condition, stable while it lasts: a queue, a group of dead
    #: letters. Empty where there is only one.
    subject: str = ""
    severity: Severity = Severity.WARNING
    #: How many things it is about.
    count: int = 1


class Condition:
    """One kind of trouble; one small class each, listed in ``conditions.py``."""

    #: Name: of alerts in the database and commands, and of the page in
    #: ``docs/runbooks/`` (``dead_letters`` is ``dead-letters.md``).
    kind: ClassVar[str]
    #: When it opens, for the table in ``docs/alerts.md``: a sentence, settings in
    #: backticks.
    opens: ClassVar[str]

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Return what is wrong at this moment; nothing: all is well."""
        raise NotImplementedError

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Return whom and how much money it touches; asked only for a message."""
        del connection, subject
        return Stakes()
