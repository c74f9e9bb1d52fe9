"""A database in which the clock can be moved, and the product's tasks on it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.exceptions import Retry
from sqlalchemy import Engine, text

from models.access import AccessState, CourseKind
from models.access_rules import Given
from models.enrollment_rules import Access
from models.snapshot import Snapshot
from tasks.activate import activate
from tasks.expire import expire
from tasks.record import record
from tasks.release import release
from tests.factories import add_event, one
from tests.fixtures.database import emptying, migrate
from tests.histories.bodies import Body
from tests.histories.oracle import Person
from tests.purchases import stored
from worker import database
from worker.database import make_engine
from worker.providers.registry import PROVIDERS
from worker.servers.postgres import Postgres
from worker.settings import Settings

#: Found before PostgreSQL's own, by every statement that asks for the time.
MOVABLE_CLOCK = """
CREATE SCHEMA moved;
CREATE TABLE moved.clock (ahead interval NOT NULL);
INSERT INTO moved.clock VALUES ('0');
CREATE FUNCTION moved.now() RETURNS timestamptz LANGUAGE sql STABLE AS
  'SELECT pg_catalog.now() + ahead FROM moved.clock';
ALTER DATABASE {database} SET search_path = moved, public, pg_catalog;
"""
#: Rows bear that clock's times as well: what was written long ago looks so.
MOVED_ROWS = """
CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  'SELECT pg_catalog.clock_timestamp() + ahead FROM moved.clock';
SET LOCAL search_path = moved, public, pg_catalog;
DO $$ DECLARE it record; BEGIN
  FOR it IN
    SELECT adrelid::regclass AS place, attname, pg_get_expr(adbin, adrelid) AS made
    FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
    WHERE pg_get_expr(adbin, adrelid) LIKE '%now()%' LOOP
    EXECUTE format('ALTER TABLE %s ALTER %I SET DEFAULT %s', it.place, it.attname,
                   replace(it.made, 'pg_catalog.', ''));
  END LOOP;
END $$;
"""
_TABLES = text("""
SELECT quote_ident(relname) FROM pg_class
 WHERE relkind IN ('r', 'p') AND NOT relispartition
   AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
   AND relname <> 'deployment'
""")
#: DELETE takes a fortieth of the time of TRUNCATE, and leaves the dead rows in the files:
#: so often those go, too.
NEW_FILES = 100
_HAS = text("""
SELECT l.id, e.course_key, e.state, e.reason, e.access_until, e.seats,
       coalesce(named.value, address.value) AS person
FROM enrollments e JOIN learners l ON l.id = e.learner_id
LEFT JOIN learner_identities named ON named.learner_id = l.id AND named.kind = 'user'
LEFT JOIN learner_identities address
  ON address.learner_id = l.id AND address.kind = 'email'
WHERE e.state <> 'ended'
""")
#: What must never be so, whatever happened.
WRONG = {
    "dead letters": "SELECT count(*) FROM dead_letters",
    "events that did not end": "SELECT count(*) FROM inbox"
    " WHERE state NOT IN ('processed', 'stale')",
    "changes that did not end": "SELECT count(*) FROM access_changes"
    " WHERE state <> 'processed'",
    "versions without history": """
SELECT count(*) FROM enrollments e WHERE e.version <> (
  SELECT count(*) FROM enrollment_history h WHERE h.enrollment_id = e.id)""",
    "history that is not what is": """
SELECT count(*) FROM enrollments e JOIN enrollment_history h
  ON h.enrollment_id = e.id AND h.version = e.version
WHERE (e.state, e.reason, e.access_until, e.seats)
      IS DISTINCT FROM (h.state, h.reason, h.access_until, h.seats)""",
    "platform not to be told": """
SELECT count(*) FROM enrollments e LEFT JOIN platform_deliveries d
  ON d.enrollment_id = e.id
WHERE e.version > 0 AND d.version IS DISTINCT FROM e.version""",
    "two welcomes": """
SELECT count(*) FROM (SELECT enrollment_id FROM notifications
  WHERE kind = 'welcome' GROUP BY enrollment_id HAVING count(*) > 1) AS twice""",
}


@dataclass
class Deployment:
    """What the state machine drives."""

    engine: Engine
    offers: dict[str, list[Given]] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    resets: int = 0

    def reset(self) -> None:
        """Empty it, and set the clock right."""
        self.ahead, self.offers = timedelta(), {}
        self.resets += 1
        with self.engine.begin() as connection:
            tables = connection.execute(_TABLES).scalars().all()
            if self.resets % NEW_FILES == 0:
                connection.execute(text(f"TRUNCATE {', '.join(tables)}"))
            else:
                connection.exec_driver_sql(emptying(tables))
            connection.execute(text("UPDATE moved.clock SET ahead = '0'"))

    @property
    def now(self) -> datetime:
        """The time there."""
        return datetime.now(UTC) + self.ahead

    def pass_time(self, span: timedelta) -> None:
        """Move the clock."""
        self.ahead += span
        with self.engine.begin() as connection:
            move = text("UPDATE moved.clock SET ahead = :ahead")
            connection.execute(move, {"ahead": self.ahead})

    def map_price(
        self, price: str, courses: Mapping[str, CourseKind], days: int | None
    ) -> None:
        """Say what a price gives from now on."""
        with self.engine.begin() as connection:
            given = []
            close = text(
                "UPDATE offers SET valid_until = now() WHERE price_id = :price"
            )
            connection.execute(close, {"price": price})
            for course, kind in courses.items():
                values = {"course": course, "kind": kind, "price": price, "days": days}
                connection.execute(_COURSE, values)
                offer = connection.execute(_OFFER, values).scalar_one()
                given.append(Given(course, days, offer, kind))
        self.offers[price] = given

    def deliver(self, bodies: Sequence[Body]) -> list[Snapshot]:
        """Store events as the receiver does, and read what they say."""
        self.arrive(bodies)
        read = [PROVIDERS["paddle"].read(stored(body)) for body in bodies]
        assert all(isinstance(one, Snapshot) for one in read)
        return [one for one in read if isinstance(one, Snapshot)]

    def arrive(self, bodies: Sequence[Body]) -> None:
        """Store events as the receiver does; what is known already changes nothing."""
        with self.engine.begin() as connection:
            known = set(connection.execute(_KNOWN).scalars())
            for body in bodies:
                if body["event_id"] not in known:
                    add_event(connection, body)
                    known.add(body["event_id"])

    def replay(self, which: int) -> None:
        """Put an event that is done back to pending."""
        with self.engine.begin() as connection:
            connection.execute(_REPLAY, {"which": which})

    def work(self) -> None:
        """Let every task run until nothing is due."""
        tasks: tuple[Callable[[], object], ...] = (
            lambda: record([], 1),
            release,
            expire,
            lambda: activate([], 1),
        )
        for task in tasks:
            for _ in range(5):
                try:
                    task()
                except Retry:
                    continue
                break

    def has(self) -> dict[tuple[Person, str], Access]:
        """Return what everybody has; what is over is left out."""
        with self.engine.connect() as connection:
            return {
                (row.person, row.course_key): Access(
                    AccessState(row.state), row.reason, row.access_until, row.seats
                )
                for row in connection.execute(_HAS)
            }

    def wrong(self) -> dict[str, Any]:
        """Return what must never be so."""
        counts = {name: one(self.engine, query) for name, query in WRONG.items()}
        return {name: count for name, count in counts.items() if count}


@contextmanager
def opened(
    postgres: Postgres,
    configured: Callable[..., Settings],
    name: str,
    grace: int,
    *,
    moves_rows: bool = False,
) -> Iterator[Deployment]:
    """Make a database of its own, and let the product's tasks work on it.

    Args:
        postgres: Where it is made.
        configured: Sets the product up.
        name: Of the database.
        grace: Days that access outlives a payment that is overdue.
        moves_rows: What is written bears the times of the clock that can be moved.
    """
    config = configured(
        database_url=migrate(postgres.create_database(name)),
        learner_ids_unsigned=True,
        access_grace_days=grace,
        batch_rows=100,
        platform_hook_url="http://127.0.0.1:9/hook",
        platform_hook_secret="whsec_aGlzdG9yaWVzLWFyZS1tYWRlLXVwLWhlcmU=",
    )
    engine = make_engine(config, name, pool_size=2)
    with engine.begin() as connection:
        connection.execute(text(MOVABLE_CLOCK.format(database=name)))
        if moves_rows:
            connection.execute(text(MOVED_ROWS))
    # Sessions of before do not have the new search path.
    engine.dispose()
    yield Deployment(engine)
    engine.dispose()
    database.engine().dispose()
    database.forget_engines()


_KNOWN = text("SELECT event_id FROM inbox")
_COURSE = text("""
INSERT INTO courses (key, kind, title) VALUES (:course, :kind, :course)
ON CONFLICT DO NOTHING
""")
_OFFER = text("""
INSERT INTO offers (provider, price_id, course_key, version, days)
VALUES ('paddle', :price, :course,
        (SELECT count(*) + 1 FROM offers WHERE price_id = :price AND course_key = :course),
        :days)
RETURNING id
""")
_REPLAY = text("""
UPDATE inbox SET state = 'pending', generation = generation + 1, finished_at = NULL,
  next_attempt_at = now()
WHERE id = (SELECT id FROM inbox WHERE state IN ('processed', 'stale')
            ORDER BY id OFFSET :which % (SELECT greatest(count(*), 1) FROM inbox) LIMIT 1)
""")
