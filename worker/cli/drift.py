"""``paddlewheel drift``: what the provider sends that this release does not know."""

from typing import Annotated

import typer
from sqlalchemy import text

from worker.audit import audit_all
from worker.cli.database import transaction
from worker.cli.output import console, print_json, print_table
from worker.errors import PaddlewheelError

group = typer.Typer(
    help="What the provider sends that is new to us.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]

# The table is bounded, so the list is too.
_LIST = text("""
SELECT id, provider, kind, path, value, events, first_seen, last_seen, event_id,
       accepted_at
FROM schema_drift WHERE :all OR accepted_at IS NULL
ORDER BY accepted_at IS NOT NULL, id
""")
_ACCEPT = text("""
UPDATE schema_drift SET accepted_at = now()
WHERE accepted_at IS NULL AND (:all OR id = ANY(:ids))
RETURNING id, kind, path, value
""")
_EXISTING = text("SELECT id FROM schema_drift WHERE id = ANY(:ids)")


@group.command("list")
def list_drift(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="What was accepted too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what is new, what was accepted last."""
    with transaction() as connection:
        rows = connection.execute(_LIST, {"all": everything}).all()
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 (public API)
        return
    print_table(
        "New to this release" if rows else "Nothing is new to this release",
        ("", "what", "where", "events", "first seen", "an event"),
        [
            (
                row.id,
                row.kind if row.accepted_at is None else f"{row.kind}, accepted",
                f"{row.path} = {row.value}" if row.value else row.path,
                row.events,
                f"{row.first_seen:%Y-%m-%d}",
                row.event_id,
            )
            for row in rows
        ],
    )


@group.command()
def accept(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="As `drift list` shows them.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="All that is new by now.")
    ] = False,
) -> None:
    """Say that something new is known, so that its alert ends; it is still counted."""
    ids = numbers or []
    if bool(ids) == everything:
        raise PaddlewheelError(
            "Say which: the numbers that `./paddlewheel drift list` shows, or --all."
        )
    with transaction() as connection:
        known = set(connection.execute(_EXISTING, {"ids": ids}).scalars())
        if unknown := sorted(set(ids) - known):
            raise PaddlewheelError(f"There is no drift {unknown[0]}.")
        accepted = connection.execute(_ACCEPT, {"ids": ids, "all": everything}).all()
        details = {
            f"drift {row.id}": {"kind": row.kind, "path": row.path, "value": row.value}
            for row in accepted
        }
        audit_all(connection, "drift accepted", details)
    console().print(
        f"{len(accepted)} accepted. Their alert ends within a minute or so."
    )
