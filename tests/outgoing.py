"""Learners, enrollments and what goes out about them, as rows; one function each.

What a test does not name is made up.
"""

import itertools
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from models.access import AccessState, CourseKind
from models.people import IdentityKind
from models.tables.access import Course, Enrollment, EnrollmentHistory
from models.tables.ledger import Transaction
from models.tables.outgoing import Notification, PlatformDelivery
from models.tables.people import Learner, LearnerIdentity

_numbers = itertools.count(1)


def add_course(connection: Connection, **values: Any) -> str:
    """Insert a course, and return its key."""
    number = next(_numbers)
    defaults = {
        "key": f"course-{number}",
        "kind": CourseKind.COURSE,
        "title": f"Course {number}",
    }
    statement = insert(Course).values({**defaults, **values}).returning(Course.key)
    return connection.execute(statement).scalar_one()


def add_learner(connection: Connection, **values: Any) -> int:
    """Insert a learner, and return the id."""
    number = next(_numbers)
    defaults = {"email": f"learner{number}@example.com", "name": f"Learner {number}"}
    statement = insert(Learner).values({**defaults, **values}).returning(Learner.id)
    return connection.execute(statement).scalar_one()


def add_enrollment(connection: Connection, **values: Any) -> int:
    """Insert an active enrollment, and return the id."""
    if "learner_id" not in values:
        values["learner_id"] = add_learner(connection)
    if "course_key" not in values:
        values["course_key"] = add_course(connection)
    defaults = {"state": AccessState.ACTIVE, "reason": "purchased", "version": 1}
    statement = insert(Enrollment).values({**defaults, **values})
    return connection.execute(statement.returning(Enrollment.id)).scalar_one()


def add_notification(connection: Connection, **values: Any) -> int:
    """Insert a welcome that waits to be sent, and return the id."""
    if "learner_id" not in values:
        values["learner_id"] = add_learner(connection)
    if "enrollment_id" not in values:
        values["enrollment_id"] = add_enrollment(
            connection, learner_id=values["learner_id"]
        )
    defaults = {"key": f"welcome:{values['enrollment_id']}", "kind": "welcome"}
    statement = insert(Notification).values({**defaults, **values})
    return connection.execute(statement.returning(Notification.id)).scalar_one()


def add_number(connection: Connection, learner_id: int, number: str) -> None:
    """Let a learner have given a WhatsApp number with a purchase."""
    place = {"provider": "paddle", "customer_id": f"ctm_{next(_numbers)}"}
    connection.execute(
        insert(LearnerIdentity).values(
            kind=IdentityKind.CUSTOMER,
            value=f"paddle:{place['customer_id']}",
            learner_id=learner_id,
        )
    )
    connection.execute(
        insert(Transaction).values(
            **place,
            id=f"txn_{next(_numbers)}",
            origin="web",
            custom_data={"whatsapp": number},
        )
    )


def add_delivery(connection: Connection, **values: Any) -> int:
    """Insert a platform delivery that waits to be told, and return the id."""
    if "enrollment_id" not in values:
        values["enrollment_id"] = add_enrollment(connection)
    statement = insert(PlatformDelivery).values({"version": 1, **values})
    return connection.execute(statement.returning(PlatformDelivery.id)).scalar_one()


def add_access(
    connection: Connection, paid_at: datetime, changed_at: datetime, **values: Any
) -> int:
    """Insert an enrollment that a purchase turned on, and return the id.

    Further values are of its history.
    """
    enrollment = add_enrollment(connection, changed_at=changed_at)
    defaults = {
        "enrollment_id": enrollment,
        "version": 1,
        "state": AccessState.ACTIVE,
        "reason": "purchased",
        "cause_kind": "event",
        "cause_ref": "evt_1",
        "paid_at": paid_at,
        "changed_at": changed_at,
    }
    connection.execute(insert(EnrollmentHistory).values({**defaults, **values}))
    return enrollment
