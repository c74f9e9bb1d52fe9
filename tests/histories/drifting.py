"""How rows go astray: edited by hand, or put back from an old backup."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from psycopg import Cursor
from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope, RunStage
from tests.factories import make_due, one, rows
from tests.fake_api import FakeApi
from tests.histories.deployment import Deployment
from tests.reconciling import add_run
from worker.drain import Job, drain_each
from worker.providers.api import OpenGate
from worker.providers.clients import APIS
from worker.reconciliation import walker
from worker.reconciliation.legs import LEGS
from worker.reconciliation.objects import OBJECTS
from worker.settings import settings
from worker.work_tables import RUNS, Claimant

#: One row, whichever stands at that place.
_ONE = "ctid = (SELECT ctid FROM {rows} ORDER BY 1 OFFSET :place LIMIT 1)"
_OF_ONE_COURSE = """WHERE (source_id, line_id) IN (
  SELECT source_id, line_id FROM grants GROUP BY 1, 2 HAVING count(*) = 1)"""
#: What a hand may do to a row, by table. Nothing of it touches a clock: who raises that
#: says that the provider has told it. Nor what only we know (user ids, identities, one of
#: several courses that a line was sold with): no comparison can tell what that was.
EDITS: tuple[tuple[str, str], ...] = (
    ("customers", "SET email = 'eve@example.com', email_key = 'eve@example.com'"),
    ("customers", "DELETE"),
    ("transactions", "SET status = 'canceled'"),
    ("transactions", "SET status = 'completed'"),
    ("transactions", "SET total_minor = total_minor + 1"),
    ("transactions", "SET customer_id = 'ctm_0'"),
    ("transactions", "DELETE"),
    ("transaction_lines", "SET total_minor = 1"),
    ("transaction_lines", "SET price_id = 'pri_days'"),
    ("transaction_lines", "DELETE"),
    ("payments", "SET status = 'error', captured_at = NULL"),
    ("payments", "DELETE"),
    ("subscriptions", "SET status = 'canceled'"),
    ("subscriptions", "SET status = 'active'"),
    ("subscriptions", "SET scheduled_action = NULL, scheduled_at = NULL"),
    ("subscriptions", "SET period_starts_at = NULL"),
    ("subscriptions", "DELETE"),
    ("subscription_items", "SET status = 'inactive'"),
    ("subscription_items", "DELETE"),
    ("adjustments", "SET status = 'approved'"),
    ("adjustments", "SET status = 'rejected'"),
    ("adjustments", "DELETE"),
    ("adjustment_lines", "SET total_minor = 1"),
    ("adjustment_lines", "DELETE"),
    ("grants", "SET state = 'active', ends_at = NULL"),
    ("grants", "SET state = 'ended'"),
    ("grants", "SET ends_at = now() + interval '5 days'"),
    (f"grants {_OF_ONE_COURSE}", "DELETE"),
    ("enrollments", "SET state = 'active', access_until = NULL"),
    ("enrollments", "SET state = 'ended'"),
    ("enrollments", "SET access_until = now() + interval '5 days'"),
    ("inbox", "DELETE"),
    ("findings", "DELETE"),
)
_TABLES = """
SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relnamespace = 'public'::regnamespace
  AND c.relname NOT IN ('alembic_version', 'deployment')
  AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.relname ORDER BY c.relname
"""
_SEQUENCES = "SELECT quote_ident(sequencename), last_value FROM pg_sequences"
#: Who changed rows, and when, is the runs' own.
_OF_RUNS = ("reconciliation_runs", "cursors")
#: When something was looked at, and found as before, is no change.
_LOOKED_AT = "'confirmed_at' - 'seen_at' - 'times'"
What = tuple[RunKind, RunScope]
EVERYTHING: tuple[What, ...] = (
    (RunKind.EVENTS, RunScope.RECENT),
    *((kind, RunScope.ALL) for kind in (*OBJECTS, RunKind.ACCESS)),
)
MOST_STEPS = 60
_LEFT = "SELECT count(*) FROM reconciliation_runs WHERE state = 'pending'"
_ENDED = "SELECT state FROM reconciliation_runs WHERE id = :id"
_HEALING = f"{_LEFT} AND stage = '{RunStage.HEAL}'"


def edit(engine: Engine, which: int, place: int) -> str:
    """Change one row behind everybody's back; return what was done."""
    found, what = EDITS[which % len(EDITS)]
    table = found.split()[0]
    verb = f"DELETE FROM {table}" if what == "DELETE" else f"UPDATE {table} {what}"
    with engine.begin() as connection:
        count = connection.scalar(text(f"SELECT count(*) FROM {found}"))
        if not count:
            return f"no {table}"
        if (table, what) == ("inbox", "DELETE"):
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        where = _ONE.format(rows=found)
        connection.execute(text(f"{verb} WHERE {where}"), {"place": place % count})
    return f"{verb} {place % count}"


@dataclass
class Backup:
    """All rows of all tables, and where their sequences stood."""

    tables: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    sequences: Mapping[str, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, engine: Engine) -> "Backup":
        """Copy everything out."""
        made = cls(sequences=dict(_pairs(engine, _SEQUENCES)))
        with _cursor(engine) as cursor:
            for table, columns in _pairs(engine, _TABLES):
                query = f"COPY (SELECT {columns} FROM {table}) TO STDOUT"
                with cursor.copy(query) as copy:
                    content = b"".join(map(bytes, copy))
                made.tables[table] = (columns, content)
        return made

    def restore(self, engine: Engine) -> None:
        """Put everything back: what was written since is gone."""
        with _cursor(engine) as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table, (columns, content) in self.tables.items():
                cursor.execute(f"DELETE FROM {table}".encode())
                if content:
                    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                        copy.write(content)
            for sequence, last in self.sequences.items():
                values = (sequence, last or 1, last is not None)
                cursor.execute("SELECT setval(%s::regclass, %s, %s)", values)


@contextmanager
def _cursor(engine: Engine) -> Iterator[Cursor[Any]]:
    with engine.begin() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            yield cursor


def _pairs(engine: Engine, query: str) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in rows(engine, query)]


def contents(engine: Engine) -> dict[str, Collection[Any]]:
    """Return every row of every table but the runs' own."""
    return {
        table: rows(
            engine, f"SELECT to_jsonb(t) - {_LOOKED_AT} FROM {table} t ORDER BY 1"
        )
        for table, _ in _pairs(engine, _TABLES)
        if table not in _OF_RUNS
    }


def reconcile(
    deployment: Deployment, api: FakeApi, kinds: Iterable[What] = EVERYTHING
) -> None:
    """Make one run of each kind, with all that they bring about."""
    for kind, scope in kinds:
        _run(deployment, api, kind, scope)


def _run(deployment: Deployment, api: FakeApi, kind: RunKind, scope: RunScope) -> None:
    engine = deployment.engine
    provider = "" if kind is RunKind.ACCESS else "paddle"
    run = add_run(engine, kind, scope, provider=provider)
    for _ in range(MOST_STEPS):
        _step(engine, api)
        if one(engine, _HEALING):
            deployment.work()
        if not one(engine, _LEFT):
            break
    else:
        raise AssertionError(f"the run of {kind} does not end")
    ended = rows(engine, _ENDED, id=run)
    assert ended == [("complete",)], rows(engine, "SELECT * FROM dead_letters")


def _step(engine: Engine, api: FakeApi) -> None:
    make_due(engine, RUNS)
    job = Job(engine, RUNS, Claimant("test", "here"), settings())
    with (
        patch.dict(APIS, {"paddle": lambda *_: api}),
        patch.object(walker, "askable", lambda _config: ["paddle"]),
        patch.object(walker, "Budget", lambda *_: OpenGate()),
        walker.Walker(engine, settings(), LEGS) as working,
    ):
        drain_each(job, working)
