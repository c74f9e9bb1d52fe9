"""The one lifecycle: what every table of work has in common.

A row is *due* while it is pending and ``next_attempt_at`` has come. A claim moves
``next_attempt_at`` to the end of its lease, so a claimed row is simply not due, and a
claim whose process died makes the row due again without anybody's help.
"""

from dataclasses import dataclass
from datetime import timedelta

#: The shape of rows that this release writes and understands. A claim takes rows of
#: this version and older; newer ones wait for a newer worker.
SCHEMA_VERSION = 1

#: The state every row of work begins in, under the same name in each table.
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a row that failed is put off: one formula for every table.

    The wait before retry ``n`` (1, 2, …) is ``first * 2**(n - 1)``, at most
    ``longest``, give or take a fifth so that rows that failed together do not come
    back together. With 5 s and an hour: 5 s, 10 s, 20 s, … 21 min, 43 min, 1 h, 1 h.
    """

    #: Wait before the first retry.
    first: timedelta
    #: Longest wait between two attempts.
    longest: timedelta = timedelta(hours=1)
    #: Failures after which the row is dead.
    limit: int = 8

    def wait(self, failures: int, spread: float) -> timedelta:
        """Return the wait after the given number of failures.

        Args:
            failures: How often the row has failed, at least 1.
            spread: A random number from 0 to 1.
        """
        doubled: timedelta = self.first * (1 << min(failures - 1, 20))
        return min(doubled, self.longest) * (0.8 + 0.4 * spread)
