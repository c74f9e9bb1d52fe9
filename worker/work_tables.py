"""The tables of work: which task serves each, and how its rows end when they fail."""

from dataclasses import dataclass
from datetime import timedelta

from models.work import RetryPolicy
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class WorkTable:
    """A table that carries ``models.tables.work.WorkRow``, and what belongs to it."""

    #: Name of the table; also how operators and dead letters call it.
    name: str
    #: Name of the Celery task that works on its rows.
    task: str
    #: State of a row that will not pass by itself.
    dead: str = "dead"
    #: How long a failing row is tried before it is dead; None: the setting's count.
    keep_trying_for: timedelta | None = None
    #: Longest wait between two attempts.
    longest_wait: timedelta = timedelta(hours=1)
    #: Column that holds who somebody is, and is emptied when a row dies; empty: none.
    forgets: str = ""

    def policy(self, config: Settings) -> RetryPolicy:
        """Return how rows of this table are put off."""
        first = timedelta(seconds=config.retry_first_seconds)
        if self.keep_trying_for is None:
            return RetryPolicy(first, self.longest_wait, config.retry_limit)
        waits = RetryPolicy(first, self.longest_wait)
        limit, total = 1, timedelta()
        while total < self.keep_trying_for:
            total += waits.wait(limit, spread=0.5)
            limit += 1
        return RetryPolicy(first, self.longest_wait, limit)


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims: shown in ``attempts`` and used to free the rows of a lost child."""

    task_id: str
    worker: str


#: A mail server or a course platform may be away over a long weekend.
THREE_DAYS = timedelta(days=3)

#: A buyer waits for the answer, and types the address anew if it is too late.
CHECKOUTS = WorkTable(
    "checkouts",
    "checkouts.recover",
    longest_wait=timedelta(minutes=5),
    forgets="email",
)
INBOX = WorkTable("inbox", "events.record")
VARIANTS = WorkTable("inbox_variants", "variants.compare")
#: Somebody who has paid waits for the answer.
CUSTOMER_FETCHES = WorkTable(
    "customer_fetches", "customers.fetch", longest_wait=timedelta(minutes=5)
)
ACCESS_CHANGES = WorkTable("access_changes", "enrollments.activate")
NOTIFICATIONS = WorkTable(
    "notifications", "notifications.send", dead="failed", keep_trying_for=THREE_DAYS
)
PLATFORM_DELIVERIES = WorkTable(
    "platform_deliveries", "platform.tell", keep_trying_for=THREE_DAYS
)
ALERT_MESSAGES = WorkTable("alert_messages", "alerts.send", keep_trying_for=THREE_DAYS)
RUNS = WorkTable(
    "reconciliation_runs",
    "reconciliation.run",
    dead="failed",
    longest_wait=timedelta(minutes=10),
)
#: In the order in which a purchase passes them, and then what is told of trouble.
WORK_TABLES = (
    CHECKOUTS,
    INBOX,
    VARIANTS,
    CUSTOMER_FETCHES,
    ACCESS_CHANGES,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    ALERT_MESSAGES,
    RUNS,
)
BY_NAME = {table.name: table for table in WORK_TABLES}
#: With billing off their rows are meant to wait.
HELD_BY_BILLING = frozenset({INBOX, RUNS})
