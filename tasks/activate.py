"""``enrollments.activate``: grants into enrollments, and who must be told of it.

Changes enrollments, their history, notifications and platform deliveries. Running it
twice is harmless: an enrollment is the union of its grants, written whole, and only a
difference makes a new version. Sends on ``notifications.send`` and ``platform.tell``.
Nothing in it fails for good by itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from models.access import AccessState, ChangeState, CourseKind, GrantSource
from models.enrollment_rules import Access, LiveGrant, access_of, recheck_at
from models.notices import NoticeKind
from worker import crumbs, findings
from worker import enrollment_statements as sql
from worker.after_commit import Rings
from worker.app import app
from worker.base_task import this_task
from worker.causes import Cause, parts_of
from worker.dead_letters import close_letters
from worker.drain import Result
from worker.lifecycle import Ending
from worker.notices import access_changes
from worker.notices.access_changes import ChangedAccess
from worker.notices.kinds import is_on
from worker.notices.news import ways_of
from worker.providers.registry import PROVIDERS
from worker.settings import settings
from worker.work_tables import ACCESS_CHANGES, NOTIFICATIONS, PLATFORM_DELIVERIES


class Place(NamedTuple):
    """A learner and a course."""

    learner_id: int
    course_key: str


class Change(NamedTuple):
    """An enrollment that has to be written again."""

    enrollment: Row[Any]
    access: Access
    cause: Row[Any]


class Union(NamedTuple):
    """A locked enrollment and what its grants say by now."""

    enrollment: Row[Any]
    grants: Sequence[Row[Any]]
    access: Access
    #: When the clock alone may change it next.
    recheck_at: datetime | None


@app.task(name="enrollments.activate")
def activate(_ids: Sequence[int], _schema_version: int) -> str:
    """Recompute the enrollments whose grants have changed."""
    rings = Rings()
    return this_task().drain(ACCESS_CHANGES, partial(apply, rings), rings)


def apply(
    rings: Rings, connection: Connection, ids: Sequence[int]
) -> Mapping[int, Result]:
    """Recompute the enrollments of a batch inside the caller's transaction."""
    causes = {
        Place(row.learner_id, row.course_key): row
        for row in connection.execute(sql.CHANGES, {"ids": list(ids)})
    }
    crumbs.leave("activate", ids, events=(row.cause_ref for row in causes.values()))
    unions = unite(connection, sorted(causes))
    changes = [
        Change(union.enrollment, union.access, causes[place])
        for place, union in unions.items()
        if union.access != _known(union.enrollment)
    ]
    write(connection, changes)
    recheck(connection, unions.values())
    note_doubles(connection, unions)
    welcome(connection, unions.values(), rings)
    inform(connection, changes, unions, rings)
    tell(connection, changes, rings)
    return dict.fromkeys(ids, Ending(ChangeState.PROCESSED))


def unite(connection: Connection, places: Sequence[Place]) -> dict[Place, Union]:
    """Lock enrollments, made where missing, then read the grants and unite them."""
    parameters = {
        "learners": [place.learner_id for place in places],
        "courses": [place.course_key for place in places],
    }
    connection.execute(sql.ENSURE, parameters)
    enrollments = connection.execute(sql.LOCK, parameters).all()
    grants: dict[Place, list[Row[Any]]] = defaultdict(list)
    for grant in connection.execute(sql.GRANTS, parameters):
        grants[Place(grant.learner_id, grant.course_key)].append(grant)
    unions = {}
    for row in enrollments:
        place = Place(row.learner_id, row.course_key)
        unions[place] = _union(row, grants[place])
    return unions


def _union(enrollment: Row[Any], grants: Sequence[Row[Any]]) -> Union:
    live = [
        LiveGrant(AccessState(g.state), g.cause, g.ends_at, g.ends_as, g.seats)
        for g in grants
    ]
    # The database's clock, the same for all that decide by it.
    now = enrollment.now
    access = access_of(live, now, CourseKind(enrollment.kind))
    return Union(enrollment, grants, access, recheck_at(live, now))


def write(connection: Connection, changes: Sequence[Change]) -> None:
    """Write enrollments and their history."""
    if not changes:
        return
    connection.execute(
        sql.WRITE,
        {
            "ids": [change.enrollment.id for change in changes],
            "states": [change.access.state for change in changes],
            "reasons": [change.access.reason for change in changes],
            "untils": [change.access.access_until for change in changes],
            "seats": [change.access.seats for change in changes],
            "versions": [change.enrollment.version + 1 for change in changes],
            "kinds": [change.cause.cause_kind for change in changes],
            "refs": [change.cause.cause_ref for change in changes],
            "bought": [_may_be_bought(change) for change in changes],
        },
    )


def recheck(connection: Connection, unions: Iterable[Union]) -> None:
    """Note when the clock alone will change an enrollment; no change of its own."""
    moved = [one for one in unions if one.recheck_at != one.enrollment.recheck_at]
    if moved:
        parameters = {
            "ids": [one.enrollment.id for one in moved],
            "moments": [one.recheck_at for one in moved],
        }
        connection.execute(sql.RECHECK, parameters)


def note_doubles(connection: Connection, unions: Mapping[Place, Union]) -> None:
    """Note what was bought for good by those who had it for good."""
    found = []
    for one in unions.values():
        lines = sorted(
            (grant.starts_at, grant.provider, grant.source_id, grant.line_id)
            for grant in one.grants
            if grant.source == GrantSource.PURCHASE
            and grant.state == AccessState.ACTIVE
            and grant.ends_at is None
        )
        if len(lines) > 1 and one.enrollment.kind != CourseKind.EVENT:
            bought = [findings.BoughtLine(*line) for _, *line in lines]
            place = (one.enrollment.learner_id, one.enrollment.id)
            found.append(findings.Double(*place, bought))
    findings.note_doubles(
        connection, [one.enrollment.id for one in unions.values()], found
    )


def welcome(connection: Connection, unions: Iterable[Union], rings: Rings) -> None:
    """Add the learner's mail, once per enrollment; it waits again if it never got out.

    Unchanged ones too: a purchase may have been another learner's when the mail's turn
    came, so that it was skipped, and have come back before that one's access was written.
    """
    given = [u.enrollment.id for u in unions if u.access.state is AccessState.ACTIVE]
    if given:
        config = settings()
        parameters = {
            "ids": given,
            "is_on": is_on(NoticeKind.WELCOME, config),
            **ways_of(config),
        }
        mails = connection.execute(sql.WELCOME, parameters).all()
        tried = [mail.id for mail in mails if mail.was_tried]
        if tried:
            close_letters(connection, NOTIFICATIONS, tried)
        rings.add(NOTIFICATIONS.task, [mail.id for mail in mails])


def inform(
    connection: Connection,
    changes: Sequence[Change],
    unions: Mapping[Place, Union],
    rings: Rings,
) -> None:
    """Add the messages about access that rests, is over or is back."""
    told = [_told(one, unions) for one in changes]
    rings.add(
        NOTIFICATIONS.task,
        access_changes.make(connection, told, list(PROVIDERS), settings()),
    )


def tell(connection: Connection, changes: Sequence[Change], rings: Rings) -> None:
    """Add what the platform must hear."""
    if changes and settings().platform_hook_url:
        parameters = {
            "ids": [change.enrollment.id for change in changes],
            "versions": [change.enrollment.version + 1 for change in changes],
        }
        told = list(connection.execute(sql.TELL, parameters).scalars())
        # A delivery that had been given up is on its way again: nobody need look.
        close_letters(connection, PLATFORM_DELIVERIES, told)
        rings.add(PLATFORM_DELIVERIES.task, told)


def _told(change: Change, unions: Mapping[Place, Union]) -> ChangedAccess:
    enrollment = change.enrollment
    grants = unions[Place(enrollment.learner_id, enrollment.course_key)].grants
    return ChangedAccess(
        enrollment.id,
        AccessState(enrollment.state) if enrollment.version else None,
        change.access,
        Cause(change.cause.cause_kind, change.cause.cause_ref),
        enrollment.now,
        is_moved=any(grant.is_moved for grant in grants),
    )


def _may_be_bought(change: Change) -> bool:
    """Tell whether an event of the provider has turned access on."""
    turned_on = (
        change.access.state is AccessState.ACTIVE and not change.enrollment.is_on
    )
    _, event_id = parts_of(Cause(change.cause.cause_kind, change.cause.cause_ref))
    return turned_on and bool(event_id)


def _known(enrollment: Row[Any]) -> Access | None:
    if enrollment.version == 0:
        return None
    state = AccessState(enrollment.state)
    return Access(state, enrollment.reason, enrollment.access_until, enrollment.seats)
