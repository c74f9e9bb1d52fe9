"""``paddlewheel platform``: what the course platform has yet to hear, and once more."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from sqlalchemy import Row, text

from worker.cli.database import database, transaction
from worker.cli.output import age, console, print_json, print_table
from worker.errors import PaddlewheelError
from worker.replay_many import replay_many
from worker.rings import publish_ring, ringing_app
from worker.settings import settings
from worker.wording import counted
from worker.work_tables import PLATFORM_DELIVERIES

MOST_LISTED = 200
group = typer.Typer(help="What the course platform is told.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]

# By the indexes of both: all that was ever told is kept.
_OPEN = """(
  SELECT * FROM platform_deliveries WHERE state = 'pending'
  UNION ALL
  SELECT * FROM platform_deliveries WHERE state = 'dead'
)"""
_STATE = """
CASE WHEN d.state = 'dead' THEN 'dead' WHEN d.failures > 0 THEN 'fails' ELSE 'waits' END
"""
# The dead first: they wait for a person.
_LIST = text(f"""
SELECT d.id, {_STATE} AS state, d.kind,
       coalesce(d.subject_id, l.ref || ' ' || e.course_key) AS about, d.version,
       d.delivered_version, d.failures, d.last_error, d.pending_since,
       extract(epoch FROM now() - d.pending_since)::float AS age_seconds,
       CASE d.state WHEN 'pending' THEN d.next_attempt_at END AS next_attempt_at
FROM {_OPEN} AS d
LEFT JOIN enrollments e ON e.id = d.enrollment_id
LEFT JOIN learners l ON l.id = e.learner_id
ORDER BY d.state = 'dead' DESC, d.failures > 0 DESC, d.pending_since, d.id LIMIT :most
""")  # noqa: S608 (constants)
_COUNT = text(f"""
SELECT d.kind, {_STATE} AS state, count(*) AS deliveries
FROM {_OPEN} AS d GROUP BY 1, 2 ORDER BY 1, 2
""")  # noqa: S608
# Those that an operator let rest are not among them.
_DEAD = text("""
SELECT l.id, l.row_id FROM dead_letters l
JOIN platform_deliveries d ON d.id = l.row_id AND d.state = 'dead'
WHERE l.state = 'open' AND l.work_table = 'platform_deliveries'
  AND (CAST(:ids AS bigint[]) IS NULL OR l.row_id = ANY(:ids))
ORDER BY l.row_id
""")


@group.command("list")
def list_deliveries(*, as_json: Json = False) -> None:
    """List what the platform has not acknowledged: dead, failing, waiting."""
    with transaction() as connection:
        rows = connection.execute(_LIST, {"most": MOST_LISTED}).all()
        counts = connection.execute(_COUNT).all()
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 (public API)
        return
    print_table(
        "To be told" if rows else "The platform knows everything",
        ("delivery", "state", "about", "last answer", "age"),
        [_shown(row) for row in rows],
    )
    out = console()
    for one in counts:
        out.print(f"  {one.kind}: {one.deliveries:,} {one.state}", markup=False)
    if any(one.state == "dead" for one in counts):
        out.print("  ./paddlewheel platform retry")


@group.command()
def retry(
    deliveries: Annotated[
        list[int] | None,
        typer.Argument(help="Numbers as listed; without one: all that are dead."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Tell again what is dead, now; each is on record, its dead letter closed."""
    wanted = sorted(set(deliveries)) if deliveries else None
    resumed: list[int] = []
    with database() as engine:
        with engine.connect() as connection:
            dead = connection.execute(_DEAD, {"ids": wanted}).all()
        if wanted:
            _refuse_others(wanted, [row.row_id for row in dead])
        app = ringing_app(settings())
        for part in replay_many(engine, [row.id for row in dead]):
            rows = part.rows.get(PLATFORM_DELIVERIES, [])
            publish_ring(app, PLATFORM_DELIVERIES.task, rows)
            resumed += rows
    if as_json:
        print_json({"resumed": resumed})
        return
    _say(len(resumed))


def _refuse_others(wanted: Sequence[int], dead: Sequence[int]) -> None:
    others = [one for one in wanted if one not in dead]
    if others:
        named = ", ".join(map(str, others))
        message = (
            f"Not dead, or left to rest: {named}. Nothing was done;"
            " `./paddlewheel platform list` shows what can be told again."
        )
        raise PaddlewheelError(message)


def _say(resumed: int) -> None:
    out = console()
    if not resumed:
        out.print("Nothing is dead.")
        return
    what = counted(resumed, "message")
    out.print(f"{what} to the platform pending again: `./paddlewheel platform list`.")
    if settings().platform_hook_url is None:
        out.print("PLATFORM_HOOK_URL is not set: nobody is told before it is.")


def _shown(row: Row[Any]) -> tuple[object, ...]:
    about = row.about if row.kind != "enrollment.changed" else _version(row)
    return (
        row.id,
        row.state,
        f"{row.kind}\n{about}",
        row.last_error,
        age(row.age_seconds),
    )


def _version(row: Row[Any]) -> str:
    return f"{row.about}: version {row.version}, knows {row.delivered_version}"
