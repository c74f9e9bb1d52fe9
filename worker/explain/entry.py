"""One line of a time line."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened; the keys of the JSON are these names."""

    at: datetime
    #: event, attempt, dead_letter, operator, payment, access, grant, mail, platform,
    #: finding
    kind: str
    text: str
    #: Rows that are meant, by our own numbers.
    inbox: int | None = None
    letter: int | None = None
    enrollment: int | None = None
    #: Where Flower shows the run.
    task_link: str | None = None
