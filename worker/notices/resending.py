"""Sends a message again by a person's decision: one that is doubtful, or failed.

It is the same row, and so the same key and Message-ID, back to pending: at its turn it
is judged like any other, and no longer goes out if it is no longer true.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from models.notices import ChannelName
from models.operations import LetterState
from models.outgoing import NotificationState
from worker.audit import audit_all
from worker.errors import PaddlewheelError
from worker.lifecycle import Ending
from worker.notices.addresses import address_of
from worker.notices.suppressing import suppressed
from worker.replay_many import close, put_back
from worker.settings import Settings
from worker.work_tables import NOTIFICATIONS

#: Who is in one of these may not have heard; all others have, will, or need not.
RESENDABLE = (NotificationState.DOUBTFUL, NotificationState.FAILED)

# In the order of their ids, as tasks lock them, and before their letters.
_LOCK = text("""
SELECT n.id, n.state, n.kind, n.channel, n.learner_id, l.email,
       coalesce(n.reason, n.last_error) AS said
FROM notifications n JOIN learners l ON l.id = n.learner_id
WHERE n.id = ANY(:ids) ORDER BY n.id FOR NO KEY UPDATE OF n
""")
_LETTERS = text("""
SELECT id FROM dead_letters
WHERE state = 'open' AND work_table = 'notifications' AND row_id = ANY(:ids)
""")
_WHY_NOT = {
    NotificationState.PENDING: "pending: it goes out by itself",
    NotificationState.SENDING: "going out at this moment",
    NotificationState.SENT: "sent: it would be heard twice",
    NotificationState.SKIPPED: "skipped: there was nothing to tell",
}


class ResendError(PaddlewheelError):
    """Some message may not be sent again; the text says which, and why."""


def resend(
    connection: Connection, ids: Sequence[int], reason: str, config: Settings
) -> list[int]:
    """Put messages back to pending, on record; all of them or none.

    Args:
        connection: An open transaction.
        ids: Which.
        reason: Why, in the operator's words.
        config: The settings.

    Returns:
        Their ids, in order: the time to ring for them is after the commit.

    Raises:
        ResendError: One is not there, not doubtful and not failed, or its address gets
            nothing more.
    """
    wanted = sorted(set(ids))
    found = {row.id: row for row in connection.execute(_LOCK, {"ids": wanted})}
    refusals = [_refusal(connection, one, found.get(one), config) for one in wanted]
    if any(refusals):
        told = "\n".join(filter(None, refusals))
        raise ResendError(f"{told}\nNothing was done.")
    letters = connection.execute(_LETTERS, {"ids": wanted}).scalars().all()
    close(connection, letters, LetterState.REPLAYED)
    for state in RESENDABLE:
        put_back(connection, NOTIFICATIONS, wanted, state)
    audit_all(
        connection,
        "notification resent",
        {
            f"notifications:{row.id}": {
                "state": row.state,
                "kind": row.kind,
                "said": row.said,
                "reason": reason,
            }
            for row in found.values()
        },
    )
    return wanted


def _refusal(
    connection: Connection, row_id: int, row: Row[Any] | None, config: Settings
) -> str:
    """Say why a message may not be sent again; empty: it may."""
    if row is None:
        return f"There is no message {row_id}."
    if row.state not in RESENDABLE:
        return f"Message {row_id} is {_WHY_NOT[NotificationState(row.state)]}."
    channel, learner = ChannelName(row.channel), (row.learner_id, row.email)
    address = address_of(connection, channel, learner, config)
    if not isinstance(address, Ending) and suppressed(connection, channel, address):
        # It would end skipped, and then be sent again by nobody.
        return (
            f"The address of message {row_id} is suppressed: lift it first, with"
            " `./paddlewheel notifications suppressions lift ADDRESS`."
        )
    return ""
