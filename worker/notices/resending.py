"""What a person decides about a message nobody knows the end of, or that has failed.

Sent again it is the same row, and so the same key and Message-ID, back to pending: at
its turn it is judged like any other, and no longer goes out if it is no longer true. Or
it is confirmed: somebody has seen that it went out.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from models.notices import ChannelName, NoticeKind
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
#: Why a message is ``sent`` that was in doubt.
CONFIRMED = "confirmed by a person"

# In the order of their ids, as tasks lock them, and before their letters.
_LOCK = text("""
SELECT n.id, n.state, n.kind, n.channel, n.learner_id, l.email,
       coalesce(n.reason, n.last_error) AS said
FROM notifications n JOIN learners l ON l.id = n.learner_id
WHERE n.id = ANY(:ids) ORDER BY n.id FOR NO KEY UPDATE OF n
""")
_FIND = text("""
SELECT id FROM notifications
WHERE state = :state AND (CAST(:kind AS text) IS NULL OR kind = :kind)
  AND (CAST(:channel AS text) IS NULL OR channel = :channel)
ORDER BY id
""")
_LETTERS = text("""
SELECT id FROM dead_letters
WHERE state = 'open' AND work_table = 'notifications' AND row_id = ANY(:ids)
""")
_CONFIRM = text("""
UPDATE notifications SET state = 'sent', reason = :reason WHERE id = ANY(:ids)
""")
_WHY_NOT = {
    NotificationState.PENDING: "pending: it goes out by itself",
    NotificationState.SENDING: "going out at this moment",
    NotificationState.SENT: "sent: it would be heard twice",
    NotificationState.SKIPPED: "skipped: there was nothing to tell",
}


class ResendError(PaddlewheelError):
    """Something may not be decided about a message; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Which:
    """All messages that are meant; what is None does not matter."""

    state: NotificationState
    kind: NoticeKind | None = None
    channel: ChannelName | None = None


def find(connection: Connection, which: Which) -> list[int]:
    """Return the messages that are meant, in order."""
    return list(connection.execute(_FIND, asdict(which)).scalars())


def resend(
    connection: Connection,
    ids: Sequence[int],
    reason: str,
    config: Settings,
    only: NotificationState | None = None,
) -> list[int]:
    """Put messages back to pending, on record.

    Args:
        connection: An open transaction.
        ids: Which.
        reason: Why, in the operator's words.
        config: The settings.
        only: Leave alone those in another state, and those that may not be sent again.
            None: all of them, or none.

    Returns:
        Their ids, in order: the time to ring for them is after the commit.

    Raises:
        ResendError: One is not there, not doubtful and not failed, or its address gets
            nothing more.
    """
    wanted = sorted(set(ids))
    found = {row.id: row for row in connection.execute(_LOCK, {"ids": wanted})}
    refusals = {
        one: _refusal(connection, one, found.get(one), config) for one in wanted
    }
    if only is None:
        _refuse(list(refusals.values()))
    chosen = [
        row
        for row in found.values()
        if not refusals[row.id] and only in {None, row.state}
    ]
    again = [row.id for row in chosen]
    letters = connection.execute(_LETTERS, {"ids": again}).scalars().all()
    close(connection, letters, LetterState.REPLAYED)
    for state in RESENDABLE:
        put_back(connection, NOTIFICATIONS, again, state)
    _note(connection, "notification resent", chosen, reason)
    return again


def confirm(
    connection: Connection, ids: Sequence[int], reason: str, *, strict: bool = True
) -> list[int]:
    """Take messages that are in doubt as sent, on record.

    Args:
        connection: An open transaction.
        ids: Which.
        reason: How the operator knows.
        strict: All of them or none; else those alone that still are in doubt.

    Returns:
        Their ids, in order.

    Raises:
        ResendError: One is not there, or not doubtful.
    """
    wanted = sorted(set(ids))
    found = {row.id: row for row in connection.execute(_LOCK, {"ids": wanted})}
    doubtful = [
        row for row in found.values() if row.state == NotificationState.DOUBTFUL
    ]
    sure = [row.id for row in doubtful]
    if strict:
        others = [one for one in wanted if one not in sure]
        _refuse([f"Message {one} is not in doubt." for one in others])
    connection.execute(_CONFIRM, {"ids": sure, "reason": CONFIRMED})
    _note(connection, "notification confirmed", doubtful, reason)
    return sure


def _refuse(refusals: Sequence[str]) -> None:
    if any(refusals):
        told = "\n".join(filter(None, refusals))
        raise ResendError(f"{told}\nNothing was done.")


def _note(
    connection: Connection, action: str, rows: Sequence[Row[Any]], reason: str
) -> None:
    details = {
        f"notifications:{row.id}": {
            "state": row.state,
            "kind": row.kind,
            "said": row.said,
            "reason": reason,
        }
        for row in rows
    }
    audit_all(connection, action, details)


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
