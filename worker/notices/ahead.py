"""Looks at the rows of a claim some at a time: which of them are to go out.

One look at fifty costs little more than one at one. What it says of a message that is
to go out holds for a moment; of any other the row is held and asked once more at its
turn, so that whoever changes what it is about comes before that or after it.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import islice

from billiard.exceptions import SoftTimeLimitExceeded
from sqlalchemy import Connection

from worker import lifecycle
from worker.database import is_machinery
from worker.errors import LostLeaseError
from worker.lifecycle import Ending, Lease
from worker.notices.reading import Notice, Turn, read, read_all
from worker.settings import Settings

AHEAD = 50
#: A slow mail server must not make old news of what was seen.
FRESH_SECONDS = 1.0


class Turns:
    """The turns of one run, row by row in the order of the claim."""

    def __init__(self, config: Settings) -> None:
        """Nothing is looked at yet."""
        self._config = config
        self._lease: Lease | None = None
        self._seen_up_to = 0
        self._fresh_until = 0.0
        self._going: dict[int, Notice] = {}

    def read(
        self, connection: Connection, lease: Lease, row_id: int
    ) -> Notice | Ending:
        """Return what is to go out, or how it ended.

        Raises:
            LostLeaseError: The row is no longer ours.
            PermanentError: There is no such message.
            TransientError: Its turn has not come yet.
        """
        if not self._is_seen(lease, row_id):
            self._look(connection, lease, row_id)
        notice = self._going.pop(row_id, None)
        return notice or self._decide(connection, lease, row_id)

    def forget(self) -> None:
        """Look anew: something has changed that others of them may be about."""
        self._fresh_until = 0.0

    def _is_seen(self, lease: Lease, row_id: int) -> bool:
        return (
            lease is self._lease
            and row_id <= self._seen_up_to
            and time.monotonic() < self._fresh_until
        )

    def _look(self, connection: Connection, lease: Lease, row_id: int) -> None:
        ids = list(islice((one for one in lease.rows if one >= row_id), AHEAD))
        turns = self._turns_of(connection, ids)
        self._lease, self._seen_up_to = lease, ids[-1]
        self._fresh_until = time.monotonic() + FRESH_SECONDS
        self._going = {
            one: turn for one, turn in turns.items() if isinstance(turn, Notice)
        }

    def _turns_of(
        self, connection: Connection, ids: Sequence[int]
    ) -> Mapping[int, Turn]:
        try:
            with connection.begin():
                return read_all(connection, ids, self._config)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            if is_machinery(error):
                raise
            # One of them is at fault, and no other may answer for it.
            return {}

    def _decide(
        self, connection: Connection, lease: Lease, row_id: int
    ) -> Notice | Ending:
        with connection.begin():
            if not lifecycle.hold(connection, lease, [row_id]):
                raise LostLeaseError(f"notification {row_id} was taken over")
            turn = read(connection, row_id, self._config)
            if isinstance(turn, Ending):
                lifecycle.finish(connection, lease, {row_id: turn})
            return turn
