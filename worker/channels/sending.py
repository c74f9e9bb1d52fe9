"""One notification on its way through ``sending``, the state nobody resends from.

Each step is a short transaction of its own, and each changes the row only while the
claim is still ours.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from worker import lifecycle
from worker.database import is_machinery
from worker.errors import LostLeaseError
from worker.lifecycle import Ending, Lease

#: Waits before the result of a mail that went out is written down once more, in
#: seconds. If that fails for good the row stays in ``sending`` and becomes doubtful.
FINISH_WAITS_SECONDS = (0.2, 0.5, 1.0)

# Whoever moves the access to another learner waits until this is committed, and then
# finds a mail that may be out; or has moved it before, and then the mail stays here.
_KEEP_ACCESS = text("""
SELECT FROM notifications n
JOIN enrollments e ON e.id = n.enrollment_id
JOIN grants g ON g.learner_id = e.learner_id AND g.course_key = e.course_key
WHERE n.id = :id ORDER BY g.id FOR SHARE OF g
""")
_BEGIN = text("""
UPDATE notifications n
SET state = 'sending', leased_until = clock_timestamp() + :lease
WHERE n.id = :id AND n.lease_token = :token AND n.state = 'pending' AND NOT EXISTS (
  SELECT FROM enrollments e
  JOIN grants gone ON gone.former_learners @> ARRAY[e.learner_id]
    AND gone.course_key = e.course_key AND gone.learner_id <> e.learner_id
  WHERE e.id = n.enrollment_id
    AND (gone.state = 'active' OR n.kind = 'welcome' OR NOT EXISTS (
      SELECT FROM grants held
      WHERE held.learner_id = e.learner_id AND held.course_key = e.course_key))
    AND (n.kind <> 'welcome' OR NOT EXISTS (
      SELECT FROM grants held
      WHERE held.learner_id = e.learner_id AND held.course_key = e.course_key
        AND held.state = 'active')))
""")
_TAKE_BACK = text("""
UPDATE notifications SET state = 'pending'
WHERE id = :id AND lease_token = :token AND state = 'sending'
""")


# The log of transactions is one: who waits for a later one has waited for those before.
_LET_WAIT = text("SET LOCAL synchronous_commit = off")


def let_wait(connection: Connection) -> None:
    """Do not wait for the disk in this transaction: the next ``begin`` does.

    ``begin`` alone must be durable before anything goes out. If the server's machine
    dies, of each process at most the one message that was finished last is in
    ``sending`` again, and so doubtful.
    """
    connection.execute(_LET_WAIT)


@dataclass(frozen=True, slots=True)
class Sending:
    """A claimed notification that is about to go out."""

    engine: Engine
    lease: Lease
    row_id: int
    #: How long it may be in ``sending`` before it is in doubt.
    lease_for: timedelta

    def begin(self) -> None:
        """Note, durably, that the mail may be out from here on.

        Raises:
            LostLeaseError: The row is no longer ours, or the access another learner's;
                nothing may be sent.
        """
        values = {**self._row(), "lease": self.lease_for}
        with self.engine.begin() as connection:
            connection.execute(_KEEP_ACCESS, self._row())
            begun = connection.execute(_BEGIN, values).rowcount
        if not begun:
            raise LostLeaseError(f"notification {self.row_id} was taken over")

    def take_back(self) -> None:
        """Make it a waiting row again: the server said that it has not taken it."""
        with self.engine.begin() as connection:
            connection.execute(_TAKE_BACK, self._row())

    def finish(self, ending: Ending) -> None:
        """Write down how it ended; a server that restarts is given a little time.

        Raises:
            LostLeaseError: It was declared doubtful meanwhile, and stays so.
        """
        for wait in (*FINISH_WAITS_SECONDS, None):
            try:
                with self.engine.begin() as connection:
                    let_wait(connection)
                    lifecycle.finish(connection, self.lease, {self.row_id: ending})
            except DBAPIError as error:
                if wait is None or not is_machinery(error):
                    raise
                time.sleep(wait)
            else:
                return

    def _row(self) -> dict[str, object]:
        return {"id": self.row_id, "token": self.lease.token}
