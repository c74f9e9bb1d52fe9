"""Whether a message about access is still to go out when its turn comes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from models.access import AccessState
from models.notices import NoticeKind
from models.outgoing import NotificationState
from worker.errors import TransientError
from worker.lifecycle import Ending
from worker.notices.access_changes import AS_TOLD, BEFORE_A_RESTORE, KIND_OF, PERSONS
from worker.restored import was_told_of_change, welcomed_before

# A grant of the learner ``e`` for its course.
_HELD = """
SELECT FROM grants held
WHERE held.learner_id = e.learner_id AND held.course_key = e.course_key
"""
#: True of a message ``n`` about access ``e`` that has moved to another learner, who is
#: told there: a welcome, if nothing is left to be welcomed to here; the news of a
#: change, if access is there, or nothing of it here.
IS_MOVED = f"""
EXISTS (
  SELECT FROM grants gone
  WHERE gone.former_learners @> ARRAY[e.learner_id]
    AND gone.course_key = e.course_key AND gone.learner_id <> e.learner_id
    AND CASE n.kind
      WHEN 'welcome' THEN NOT EXISTS ({_HELD} AND held.state = 'active')
      ELSE gone.state = 'active' OR NOT EXISTS ({_HELD}) END)
"""
# Who was told as another learner is not told again.
_WELCOME = text(f"""
SELECT n.id, e.state = 'active' AND NOT {IS_MOVED} AS has_access,
       ARRAY(
         SELECT told.state FROM grants g
         JOIN enrollments before ON before.learner_id = ANY(g.former_learners)
           AND before.course_key = g.course_key
         JOIN notifications told ON told.kind = 'welcome'
           AND told.learner_id = before.learner_id AND told.enrollment_id = before.id
           AND told.channel = n.channel AND told.id <> n.id
         WHERE g.learner_id = e.learner_id AND g.course_key = e.course_key
           AND g.former_learners IS NOT NULL) AS told_before
FROM notifications n JOIN enrollments e ON e.id = n.enrollment_id
WHERE n.id = ANY(:ids)
""")  # noqa: S608
# What the person was told last, over this channel; and whether another message may be
# going out at this moment: of one claim that before this one, of any other each.
_CHANGE = text(f"""
SELECT e.state, e.reason, {IS_MOVED} AS is_moved,
       last.kind AS told, coalesce(last.is_going, false) AS is_going
FROM notifications n JOIN enrollments e ON e.id = n.enrollment_id
LEFT JOIN LATERAL (
  SELECT told.kind, bool_or(told.is_going) OVER () AS is_going
  FROM (
    SELECT other.kind, other.id, other.finished_at,
           other.state NOT IN ('sent', 'doubtful', 'skipped') AS is_going
    FROM ({PERSONS}) AS own
    JOIN notifications other
      ON other.learner_id = own.learner_id AND other.enrollment_id = own.id
    WHERE other.kind IN ('welcome', 'restored', 'suspended', 'ended')
      AND other.channel = n.channel AND other.id <> n.id
      AND (other.state IN ('sending', 'sent', 'doubtful')
        OR {AS_TOLD.format(row="other")}
        OR other.state = 'pending' AND other.leased_until > clock_timestamp()
          AND (other.id < n.id OR other.lease_token IS DISTINCT FROM n.lease_token)
      )) AS told
  ORDER BY told.finished_at DESC NULLS LAST, told.id DESC LIMIT 1
) AS last ON true
WHERE n.id = :id
""")  # noqa: S608
NO_ACCESS = Ending(NotificationState.SKIPPED, "no access any more")
TOLD_BEFORE = Ending(NotificationState.SKIPPED, "told under another account")
MOVED = Ending(NotificationState.SKIPPED, "access is under another account")
TOLD_BEFORE_RESTORE = Ending(NotificationState.SKIPPED, BEFORE_A_RESTORE)
CHANGED_BACK = Ending(NotificationState.SKIPPED, "access has changed again")
NEVER_TOLD = Ending(NotificationState.SKIPPED, "never told of access")
KNOWN = Ending(NotificationState.SKIPPED, "told already")


def needless(
    connection: Connection, ids: Sequence[int]
) -> dict[int, Ending | TransientError]:
    """Tell of welcomes how one ends that need not go out by now; the others must.

    Returns:
        By id. An error: the same mail is going out under another account of the
        learner, or it is not yet known whether it went out before a restore.
    """
    rows = connection.execute(_WELCOME, {"ids": list(ids)})
    by_now = {row.id: _by_now(row) for row in rows}
    due = [row_id for row_id, told in by_now.items() if told is None]
    known = welcomed_before(connection, due)
    before = {
        row_id: TOLD_BEFORE_RESTORE if told is True else told
        for row_id, told in known.items()
        if told is not False
    }
    gone = {row_id: NO_ACCESS for row_id in ids if row_id not in by_now}
    return gone | {r: told for r, told in by_now.items() if told is not None} | before


def _by_now(turn: Row[Any]) -> Ending | TransientError | None:
    if not turn.has_access:
        # Refunded, say, before its turn came: the greeting would be wrong.
        return NO_ACCESS
    if {NotificationState.SENT, NotificationState.DOUBTFUL} & set(turn.told_before):
        return TOLD_BEFORE
    if NotificationState.SENDING in turn.told_before:
        return TransientError("the learner's other account is being told")
    return None


def changed(connection: Connection, row_id: int, kind: NoticeKind) -> Row[Any] | Ending:
    """Return the access that a message of a change is about, or why it need not go.

    Raises:
        TransientError: Another message about the same access is going out, or it is not
            yet known whether this one went out before a restore.
    """
    turn = connection.execute(_CHANGE, {"id": row_id}).one()
    if KIND_OF[AccessState(turn.state)] is not kind:
        return CHANGED_BACK
    if turn.is_moved:
        return MOVED
    if turn.is_going:
        raise TransientError("another message about this access is going out")
    if turn.told is None:
        return NEVER_TOLD
    if _state_told(turn.told) == turn.state:
        return KNOWN
    return TOLD_BEFORE_RESTORE if was_told_of_change(connection, row_id) else turn


def _state_told(kind: str) -> AccessState:
    told = {str(one): state for state, one in KIND_OF.items()}
    return told.get(kind, AccessState.ACTIVE)
