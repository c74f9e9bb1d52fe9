"""Customers, what they buy under which user id, and whose it turned out to be."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, text

from models.outgoing import NotificationState
from tasks.activate import activate
from tasks.record import apply
from tests.factories import add_events, rows
from tests.purchases import COMPLETED_AT, Body, at, published, transaction
from worker.after_commit import Rings
from worker.lifecycle import Ending
from worker.notices.reading import read
from worker.settings import settings

#: A user of the shop, else the address under which nobody else is known.
NAMED = """
coalesce((SELECT 'user ' || value FROM learner_identities i
          WHERE i.learner_id = l.id AND kind = 'user'),
         (SELECT 'address ' || value FROM learner_identities i
          WHERE i.learner_id = l.id AND kind = 'email'), 'nobody')
"""
PENDING = text("SELECT id FROM notifications WHERE state = 'pending' ORDER BY id")
END = text("""
UPDATE notifications SET state = :state, reason = :reason,
  finished_at = clock_timestamp() WHERE id = :id
""")


@dataclass(frozen=True)
class World:
    """Names that no other test, and no other example of a test, uses."""

    name: str

    def customer(self, number: int) -> str:
        return f"ctm_{self.name}_{number}"

    def course(self, number: int) -> str:
        return f"course-{self.name}-{number}"

    def user(self, number: int) -> str:
        return f"user-{self.name}-{number}"

    def address(self, number: int) -> str:
        return f"{number}-{self.name}@example.com"

    def told(self, customer: int, address: int, minute: int) -> Body:
        """Return that a customer has an address since some minute."""
        body = published("customer.created")
        body["data"]["id"] = self.customer(customer)
        body["data"]["email"] = self.address(address).upper()
        moment = COMPLETED_AT + timedelta(minutes=minute)
        return at(body, moment, f"evt_{self.name}_ctm_{customer}_{minute}")

    def bought(self, number: int, customer: int, user: int | str | None = None) -> Body:
        """Return that a customer bought a course of its own number."""
        claim = self.user(user) if isinstance(user, int) else user
        body = transaction(
            "transaction.completed",
            self.course(number),
            id=f"txn_{self.name}_{number}",
            customer_id=self.customer(customer),
            custom_data={"learner": claim} if claim else None,
        )
        body["event_id"] = f"evt_{self.name}_txn_{number}"
        body["data"]["details"]["line_items"][0]["id"] = f"line_{self.name}_{number}"
        return body


def record(engine: Engine, *bodies: Body) -> None:
    """Record events as one batch."""
    ids = add_events(engine, bodies)
    with engine.begin() as connection:
        apply(Rings(), connection, ids)


def act(engine: Engine) -> None:
    """Carry out every access change."""
    activate([], 1)
    waiting = "SELECT count(*) FROM access_changes WHERE state = 'pending'"
    assert rows(engine, waiting) == [(0,)]


def mail(engine: Engine) -> None:
    """Send every mail whose turn it is, without a server."""
    with engine.connect() as connection:
        ids = connection.execute(PENDING).scalars().all()
    for row_id in ids:
        with engine.begin() as connection:
            notice = read(connection, row_id, settings())
            sent = Ending(NotificationState.SENT)
            end = notice if isinstance(notice, Ending) else sent
            values = {"id": row_id, "state": str(end.state), "reason": end.reason}
            connection.execute(END, values)


def owners(engine: Engine) -> dict[str, str]:
    """Return whose each course is by its grant."""
    query = f"""
    SELECT g.course_key, {NAMED} FROM grants g JOIN learners l ON l.id = g.learner_id
    """
    return dict(_pairs(rows(engine, query)))


def holders(engine: Engine) -> dict[str, list[str]]:
    """Return who has each course by enrollment."""
    query = f"""
    SELECT e.course_key, {NAMED} FROM enrollments e
    JOIN learners l ON l.id = e.learner_id WHERE e.state = 'active' ORDER BY 1, 2
    """
    found: dict[str, list[str]] = {}
    for course, name in _pairs(rows(engine, query)):
        found.setdefault(course, []).append(name)
    return found


def welcomes(engine: Engine) -> dict[str, int]:
    """Return how many mails went out for each course."""
    query = """
    SELECT e.course_key, count(*)
    FROM notifications n JOIN enrollments e ON e.id = n.enrollment_id
    WHERE n.state = 'sent' AND n.kind = 'welcome' GROUP BY 1
    """
    return {course: count for course, count in rows(engine, query)}  # noqa: C416 (rows)


def _pairs(found: Iterable[tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(one, other) for one, other in found]
