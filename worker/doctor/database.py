"""Checks of PostgreSQL: there, ours, at this release, with room for all of us."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from worker.doctor import lines
from worker.doctor.check import Check, Severity, Verdict, again, broken, look, ok
from worker.doctor.scene import Scene
from worker.doctor.workers import abouts
from worker.environment import stamp_of
from worker.partition import make_partitions
from worker.settings import ROOT, Settings
from worker.wording import counted

#: The oldest that docs/operate.md promises to work.
LEAST_VERSION = 150_000
#: Leases and retries go by the database's clock, signatures by ours.
FEW_SECONDS = 2.0
EDIT = "set DATABASE_URL to where it runs (make up starts one on this machine)"
ENTER = "set user, password and name in DATABASE_URL to what it takes"
ROOM = "raise max_connections, or lower -c in the Procfile"
#: What libpq says, what it means, and what to do; a text is all that it gives.
CAUSES = (
    ("password authentication failed", "does not take the user or the password", ENTER),
    ("does not exist", "knows no such database or user", ENTER),
    ("too many clients", "has no connection left", ROOM),
    ("remaining connection slots", "has no connection left", ROOM),
    ("starting up", "is just starting", again("database")),
    ("shutting down", "is shutting down", again("database")),
    ("connection refused", "is not there: nothing listens at its address", EDIT),
    ("resolve host", "is not there: its name leads nowhere", EDIT),
    ("timeout", "does not answer: it hangs, or a firewall swallows what is sent", EDIT),
)
#: Of a process with a pool: one, and one more in need.
OF_A_POOL = 2
#: Receiver, beat, watchman, sweepers' parents, an operator's commands.
OF_THE_OTHERS = 12

# Who may not see others' sessions (pg_read_all_stats) sees of them the database alone,
# which none of the server's own processes has but for a few that come and go.
_ROOM = text("""
SELECT current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true), '0')::int AS most,
       count(*) FILTER (WHERE application_name LIKE 'paddlewheel%') AS ours,
       count(*) FILTER (WHERE application_name NOT LIKE 'paddlewheel%') AS others
FROM pg_stat_activity
WHERE coalesce(backend_type = 'client backend', datid IS NOT NULL)
""")
_HEADS = text("SELECT version_num FROM alembic_version ORDER BY 1")
_PARTITIONS = text("""
SELECT count(*) FROM generate_series(0, 1) AS ahead
WHERE to_regclass('inbox_bodies_' || to_char(
  now() AT TIME ZONE 'UTC' + ahead * interval '1 month', 'YYYYMM')) IS NULL
""")


def _database(scene: Scene) -> Iterable[Verdict]:
    begun = time.monotonic()
    try:
        with scene.reading() as connection:
            version = connection.dialect.server_version_info or (0,)
            number = int(connection.scalar(text("SHOW server_version_num")))
    except OperationalError as error:
        yield _unreachable(error, scene.config)
        return
    shown = ".".join(map(str, version))
    if number < LEAST_VERSION:
        words = f"PostgreSQL {shown} is older than {LEAST_VERSION // 10_000}."
        yield broken(words, "move the database to a newer PostgreSQL")
        return
    passed = (time.monotonic() - begun) * 1000
    yield ok(f"PostgreSQL {shown} answers in {passed:.0f} ms")


def _unreachable(error: OperationalError, config: Settings) -> Verdict:
    """Say why a connection did not come about; quotes nothing."""
    said = str(error.orig).lower()
    told = ((words, command) for part, words, command in CAUSES if part in said)
    words, command = next(told, ("refuses the connection", EDIT))
    tried = {EDIT: lines.ping_database, ENTER: lines.enter_database}.get(command)
    line = tried(config) if tried else ""
    return broken(f"The database {words}.", f"{line}; {command}" if line else command)


def _migrations(scene: Scene) -> Iterable[Verdict]:
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    wanted = set(scripts.get_heads())
    with scene.reading() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            yield broken("The database has no tables yet.", "./paddlewheel release")
            return
        found = set(connection.scalars(_HEADS))
    named = " and ".join(sorted(found)) or "nothing"
    known = {script.revision for script in scripts.walk_revisions()}
    if found == wanted:
        yield ok(f"at {named}")
    elif found <= known:
        newest = " and ".join(sorted(wanted))
        words = f"The database is at {named}, this release needs {newest}."
        yield broken(words, "./paddlewheel release")
    else:
        words = f"The database is at {named}, which this release does not know."
        yield broken(words, "deploy the newer release here too")


def _stamp(scene: Scene) -> Iterable[Verdict]:
    wanted = scene.config.paddle_environment
    with scene.room:
        found = stamp_of(scene.engine)
    if found is None:
        words = "The database does not bear the name of an environment yet."
        yield look(words, "./paddlewheel release")
    elif found != wanted:
        words = f"This database belongs to {found}, but PADDLE_ENVIRONMENT is {wanted}."
        command = f"set DATABASE_URL to the database of {wanted}"
        yield broken(words, command)
    else:
        yield ok(f"the database of {found}")


def _partitions(scene: Scene) -> Iterable[Verdict]:
    with scene.reading() as connection:
        missing = connection.scalar(_PARTITIONS)
    if missing:
        words = (
            f"{counted(missing, 'partition')} of inbox_bodies missing, of this month and"
            " the next: bodies would gather where they cannot be dropped."
        )
        yield look(words, "./paddlewheel doctor --fix")
        return
    yield ok("there for this month and the next")


def _make_partitions(scene: Scene) -> str:
    with scene.room, scene.engine.begin() as connection:
        made = make_partitions(connection)
    return f"made {counted(made, 'partition')}"


def _connections(scene: Scene) -> Iterable[Verdict]:
    with scene.reading() as connection:
        room = connection.execute(_ROOM).one()
    workers = [one for one in abouts(scene).values() if one.processes]
    needed = sum((one.processes + 1) * OF_A_POOL for one in workers) + OF_THE_OTHERS
    words = (
        f"{counted(len(workers), 'worker')} and the others may need {needed} of"
        f" {room.most} connections; {room.others} are somebody else's"
    )
    if room.ours + room.others >= room.most:
        yield broken(f"No connection is left: {words}.", ROOM)
    elif needed + room.others > room.most:
        yield look(f"Under load connections will run out: {words}.", ROOM)
    else:
        yield ok(f"{words}")


def _clock(scene: Scene) -> Iterable[Verdict]:
    with scene.reading() as connection:
        before = datetime.now(UTC)
        told = connection.scalar(text("SELECT clock_timestamp()"))
        after = datetime.now(UTC)
    skew = (before + (after - before) / 2 - told).total_seconds()
    words = f"This machine's clock is {abs(skew):.1f} s {side_of(skew)} the database's"
    command = "timedatectl set-ntp true, on both machines"
    if abs(skew) > scene.config.paddle_tolerance_seconds:
        yield broken(f"{words}: signatures would be judged wrong.", command)
    elif abs(skew) > FEW_SECONDS:
        yield look(f"{words}.", command)
    else:
        yield ok(f"{abs(skew):.1f} s from the database's")


def side_of(skew: float) -> str:
    """Return which way a clock is off."""
    return "ahead of" if skew > 0 else "behind"


CHECKS = (
    Check(
        "database",
        "PostgreSQL answers, takes user and password, and is new enough.",
        _database,
    ),
    Check(
        "migrations",
        "The database has exactly the schema of this release.",
        _migrations,
        needs=("database",),
    ),
    Check(
        "environment",
        "The database belongs to `PADDLE_ENVIRONMENT`.",
        _stamp,
        needs=("database", "migrations"),
    ),
    Check(
        "partitions",
        "The inbox has its partitions for this month and the next.",
        _partitions,
        needs=("database", "migrations"),
        fix=_make_partitions,
        fixes="makes the missing partitions",
        mistake=Severity.LOOK,
    ),
    Check(
        "connections",
        "What all processes may open fits into `max_connections` less what is reserved"
        " and what others hold.",
        _connections,
        needs=("database",),
    ),
    Check(
        "clock",
        "This machine's clock goes with the database's.",
        _clock,
        needs=("database",),
    ),
)
