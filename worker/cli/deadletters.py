"""``paddlewheel deadletters``: what will not pass by itself."""

from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Row, text

from worker.cli.database import transaction
from worker.cli.letter_kinds import (
    ErrorClass,
    Place,
    Task,
    Yes,
    check_named,
    discard_kind,
    replay_kind,
)
from worker.cli.output import console, print_json, print_table, shown
from worker.errors import PaddlewheelError
from worker.replay import Replayed
from worker.replay import discard as discard_letter
from worker.replay import replay as replay_letter
from worker.replay_many import Kind
from worker.rings import publish_ring, ringing_app
from worker.settings import settings

MOST_LISTED = 200
#: Of a body or message, what a person is shown.
MOST_SHOWN_BYTES = 2_000

group = typer.Typer(help="What will not pass by itself.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]

_LIST = text("""
SELECT id, state, work_table, row_id, task, error_class, error, place, attempts,
       created_at
FROM dead_letters
WHERE (:all OR state = 'open')
  AND (CAST(:task AS text) IS NULL OR task = :task)
  AND (CAST(:error_class AS text) IS NULL OR error_class = :error_class)
  AND (CAST(:place AS text) IS NULL OR place = :place)
ORDER BY id DESC LIMIT :most
""")
_ONE = text("SELECT * FROM dead_letters WHERE id = :id")
_ATTEMPTS = text("""
SELECT number, failed_at, worker, task_id, error_class, error FROM attempts
WHERE work_table = :table AND row_id = :row ORDER BY id DESC LIMIT 20
""")
_EVENT = text("""
SELECT i.event_id, i.event_type, i.received_at, i.generation, b.body
FROM inbox i LEFT JOIN inbox_bodies b
  ON b.inbox_id = i.id AND b.received_at = i.received_at
WHERE i.id = :row
""")


@group.command("list")
def list_letters(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    task: Task = None,
    error: ErrorClass = None,
    place: Place = None,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    kind = {"task": task, "error_class": error, "place": place}
    with transaction() as connection:
        bounds = {"all": everything, "most": MOST_LISTED}
        rows = connection.execute(_LIST, bounds | kind).all()
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 (public API)
        return
    print_table(
        "Dead letters" if rows else "No dead letters",
        ("letter", "state", "about", "error", "since"),
        [
            (
                row.id,
                row.state,
                f"{row.work_table or 'message'} {row.row_id or ''}".strip(),
                f"{row.error_class}: {row.error}",
                row.created_at,
            )
            for row in rows
        ],
    )
    if rows:
        console().print(f"  ./paddlewheel deadletters show {rows[0].id}")


@group.command()
def show(
    letter: int,
    *,
    body: Annotated[
        bool, typer.Option("--body", help="With the body: it holds personal data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a dead letter with what is needed to understand it."""
    with transaction() as connection:
        found = _letter(connection, letter)
        attempts = _attempts(connection, found)
        event = _event(connection, found) if found.work_table == "inbox" else None
    facts = {
        "letter": found.id,
        "state": found.state,
        "about": found.subject,
        "task": found.task,
        "task id": found.task_id,
        "worker": found.worker,
        "error": f"{found.error_class}: {found.error}",
        "place": found.place,
        "attempts": found.attempts,
        "since": found.created_at,
        **_event_facts(event),
    }
    raw = found.message if event is None else event.body
    if body and raw is not None:
        facts["body"] = bytes(raw[:MOST_SHOWN_BYTES]).decode(errors="replace")
    if as_json:
        rows = [dict(row._mapping) for row in attempts]  # noqa: SLF001
        print_json({**facts, "attempts_made": rows})
        return
    _print(facts, attempts, can_replay=found.work_table is not None)


@group.command()
def replay(
    letter: Annotated[int | None, typer.Argument()] = None,
    *,
    task: Task = None,
    error: ErrorClass = None,
    place: Place = None,
    yes: Yes = False,
) -> None:
    """Give a dead letter's row another chance, or those of all of a kind."""
    kind = Kind(task, error, place)
    check_named(letter, kind)
    if letter is None:
        replay_kind(kind, sure=yes)
        return
    with transaction() as connection:
        replayed = replay_letter(connection, letter)
    _ring(replayed)
    console().print(
        f"{replayed.table.name} {replayed.row_id} is pending again."
        " `./paddlewheel status` tells what becomes of it."
    )


@group.command()
def discard(
    letter: Annotated[int | None, typer.Argument()] = None,
    *,
    task: Task = None,
    error: ErrorClass = None,
    place: Place = None,
    yes: Yes = False,
) -> None:
    """Let a dead letter rest, or all of a kind: nothing is to be done about it."""
    kind = Kind(task, error, place)
    check_named(letter, kind)
    if letter is None:
        discard_kind(kind, sure=yes)
        return
    with transaction() as connection:
        discard_letter(connection, letter)
    console().print(f"Dead letter {letter} is discarded. Its row stays dead.")


def _ring(replayed: Replayed) -> None:
    app = ringing_app(settings())
    publish_ring(app, replayed.table.task, [replayed.row_id])


def _letter(connection: Connection, letter: int) -> Row[Any]:
    found = connection.execute(_ONE, {"id": letter}).one_or_none()
    if found is None:
        raise PaddlewheelError(f"There is no dead letter {letter}.")
    return found


def _attempts(connection: Connection, letter: Row[Any]) -> list[Row[Any]]:
    parameters = {"table": letter.work_table, "row": letter.row_id}
    return list(connection.execute(_ATTEMPTS, parameters))


def _event(connection: Connection, letter: Row[Any]) -> Row[Any] | None:
    return connection.execute(_EVENT, {"row": letter.row_id}).one_or_none()


def _event_facts(event: Row[Any] | None) -> dict[str, Any]:
    if event is None:
        return {}
    return {
        "event": event.event_id,
        "event type": event.event_type,
        "received": event.received_at,
        "generation": event.generation,
    }


def _print(
    facts: dict[str, Any], attempts: list[Row[Any]], *, can_replay: bool
) -> None:
    out = console()
    for name, value in facts.items():
        out.print(f"  {name:12} {shown(value)}", markup=False, soft_wrap=True)
    if attempts:
        columns = ("attempt", "failed", "worker", "error")
        rows = [
            (a.number, a.failed_at, a.worker, f"{a.error_class}: {a.error}")
            for a in attempts
        ]
        print_table("Attempts", columns, rows)
    if can_replay:
        out.print(f"  ./paddlewheel deadletters replay {facts['letter']}")
