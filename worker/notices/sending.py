"""One notification on its way through ``sending``, the state nobody resends from.

Each step is a short transaction of its own, and each changes the row only while the
claim is still ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from worker import lifecycle
from worker.errors import LostLeaseError
from worker.grant_statements import LOCK_ORDER
from worker.lifecycle import Ending, Lease
from worker.notices.turns import IS_MOVED
from worker.patience import patiently

# The log of transactions is one: who waits for a later one has waited for those before.
_LET_WAIT = "SET LOCAL synchronous_commit = off"

# Whoever moves the access to another learner waits until this is committed, and then
# finds a mail that may be out; or has moved it before, and then the mail stays here.
_KEEP_ACCESS = text(f"""
SELECT FROM notifications n
JOIN enrollments e ON e.id = n.enrollment_id
JOIN grants g ON g.learner_id = e.learner_id AND g.course_key = e.course_key
WHERE n.id = :id ORDER BY {LOCK_ORDER} FOR SHARE OF g
""")
_BEGIN = text(f"""
UPDATE notifications n
SET state = 'sending', leased_until = clock_timestamp() + :lease,
  message_id = coalesce(message_id, :message_id)
WHERE n.id = :id AND n.lease_token = :token AND n.state = 'pending'
  AND n.leased_until > clock_timestamp() AND NOT EXISTS (
  SELECT FROM enrollments e WHERE e.id = n.enrollment_id AND {IS_MOVED})
""")  # noqa: S608
_TAKE_BACK = text("""
UPDATE notifications SET state = 'pending'
WHERE id = :id AND lease_token = :token AND state = 'sending'
""")


@dataclass(frozen=True, slots=True)
class Sending:
    """A claimed notification that is about to go out."""

    connection: Connection
    lease: Lease
    row_id: int
    #: Kept with the row from ``begin`` on, if it has none yet.
    message_id: str
    #: How long it may be in ``sending`` before it is in doubt.
    lease_for: timedelta

    def begin(self) -> None:
        """Note, durably, that the mail may be out from here on.

        Raises:
            LostLeaseError: The row is no longer ours, or the access another learner's;
                nothing may be sent.
            sqlalchemy.exc.DBAPIError: Nobody knows whether it is noted.
        """
        named = {"lease": self.lease_for, "message_id": self.message_id}
        with self.connection.begin():
            self.connection.execute(_KEEP_ACCESS, self._row())
            begun = self.connection.execute(_BEGIN, self._row() | named).rowcount
        if not begun:
            raise LostLeaseError(f"notification {self.row_id} was taken over")

    def take_back(self) -> None:
        """Make it a waiting row again: the server said that it has not taken it."""
        self._write_down(lambda: self.connection.execute(_TAKE_BACK, self._row()))

    def finish(self, ending: Ending) -> None:
        """Write down how it ended.

        Only ``begin`` must be durable before anything goes out, so nothing waits for
        the disk here: the next ``begin`` does. If the server's machine dies, of each
        process at most the message that was finished last is in ``sending`` again, and
        so doubtful.

        Raises:
            LostLeaseError: It was declared doubtful meanwhile, and stays so.
        """

        def write() -> None:
            self.connection.exec_driver_sql(_LET_WAIT)
            lifecycle.finish(self.connection, self.lease, {self.row_id: ending})

        self._write_down(write)

    def _write_down(self, write: Callable[[], object]) -> None:
        """Write in a transaction; where that fails for good it becomes doubtful."""

        def transaction() -> None:
            with self.connection.begin():
                write()

        patiently(transaction)

    def _row(self) -> dict[str, object]:
        return {"id": self.row_id, "token": self.lease.token}
