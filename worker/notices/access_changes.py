"""Makes the messages about access that rests, is over or is back.

Decided by what the person was told before and by what is true now, not by the change
alone: nobody hears that access is over who never heard that it was there. A change that
is undone before its message goes out is told to nobody: ``worker.notices.turns`` looks
once more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from models.access import AccessState
from models.enrollment_rules import NO_GRANT, Access
from models.notices import NoticeKind
from worker.causes import Cause, parts_of
from worker.notices.kinds import Trigger, on
from worker.notices.news import ACCESS_WAYS, NEWS_DAYS, NO_NEWS, ways_of
from worker.settings import Settings

#: What tells of a state; the first time that access is there it is the welcome.
KIND_OF = {
    AccessState.ACTIVE: NoticeKind.RESTORED,
    AccessState.SUSPENDED: NoticeKind.SUSPENDED,
    AccessState.ENDED: NoticeKind.ENDED,
}
#: Two accounts turned out to be one person's, for whom nothing changed.
MERGE = "merge"
#: Why a welcome was never sent that nobody waits for: the shop sends its own.
OFF = "off"
#: Why a message is not sent again that had gone out.
BEFORE_A_RESTORE = "told before the database was restored"
#: Of a message ``{row}`` that was not sent by us: it counts as told all the same.
AS_TOLD = f"{{row}}.reason IN ('{OFF}', '{BEFORE_A_RESTORE}')"
# The enrollment, and those of the accounts from which its grants have come.
PERSONS = """
SELECT e.id, e.learner_id
UNION
SELECT before.id, before.learner_id FROM grants g
JOIN enrollments before ON before.learner_id = ANY(g.former_learners)
  AND before.course_key = g.course_key
WHERE g.learner_id = e.learner_id AND g.course_key = e.course_key
  AND g.former_learners IS NOT NULL
"""
_MAKE = text(f"""
INSERT INTO notifications (key, kind, channel, learner_id, enrollment_id, version)
SELECT told.kind || ':' || e.id || ':' || e.version || way.suffix, told.kind,
       way.channel, e.learner_id, e.id, e.version
FROM unnest(CAST(:ids AS bigint[]), CAST(:kinds AS text[]), CAST(:events AS text[]))
  AS told(id, kind, event_id)
JOIN enrollments e USING (id)
CROSS JOIN LATERAL {ACCESS_WAYS.format(learner="e.learner_id")} AS way
WHERE EXISTS (
  SELECT FROM ({PERSONS}) AS own
  JOIN notifications n ON n.learner_id = own.learner_id AND n.enrollment_id = own.id
  WHERE n.kind IN ('welcome', 'restored', 'suspended', 'ended')
    AND n.channel = way.channel
    AND (n.state IN ('pending', 'sending', 'sent', 'doubtful')
      OR {AS_TOLD.format(row="n")}))
  AND NOT {NO_NEWS.format(provider="ANY(:providers)", event="told.event_id")}
ORDER BY e.id, way.channel
ON CONFLICT (key) DO NOTHING
RETURNING id
""")  # noqa: S608 (constants)


class ChangedAccess(NamedTuple):
    """What an enrollment has become."""

    enrollment_id: int
    #: Empty: the enrollment is new.
    before: AccessState | None
    access: Access
    cause: Cause
    now: datetime
    #: Whether a grant of it was another account's before.
    is_moved: bool

    @property
    def kind(self) -> NoticeKind | None:
        """What may have to be told; None: nothing."""
        if self.cause.kind == MERGE or self.access.reason == NO_GRANT:
            return None
        until = self.access.access_until
        if until and until < self.now - timedelta(days=NEWS_DAYS):
            return None
        is_known = self.before is None and not self.is_moved
        if is_known or self.before == self.access.state:
            return None
        return KIND_OF[self.access.state]


def make(
    connection: Connection,
    changes: Sequence[ChangedAccess],
    providers: Sequence[str],
    config: Settings,
) -> list[int]:
    """Make the messages of some changes of locked enrollments.

    Returns:
        Ids of the new rows of ``notifications``.
    """
    wanted = set(on(Trigger.ACCESS, config))
    told = [one for one in changes if one.kind in wanted]
    if not told:
        return []
    parameters = {
        "ids": [one.enrollment_id for one in told],
        "kinds": [one.kind for one in told],
        "events": [parts_of(one.cause)[1] for one in told],
        "providers": list(providers),
        **ways_of(config),
    }
    return list(connection.execute(_MAKE, parameters).scalars())
