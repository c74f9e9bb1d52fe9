"""How runs of reconciliation are told."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from models.reconciliation import RunState
from worker.cli.output import age, console, print_json, print_table, shown


def is_clean(run: Row[Any]) -> bool:
    """Tell whether a run has seen everything and left nothing that differs."""
    return bool(run.state == RunState.COMPLETE and run.healed >= run.found)


def print_runs(runs: Sequence[Row[Any]], *, as_json: bool) -> None:
    """Tell what runs covered, asked, found and healed."""
    if as_json:
        print_json([dict(run._mapping) for run in runs])  # noqa: SLF001 (public API)
        return
    columns = ("", "what", "covered", "asked", "found", "healed", "took", "came to")
    print_table("Runs" if runs else "No runs", columns, map(_row, runs))
    for run in runs:
        if reason := run.reason or run.last_error:
            console().print(f"  {run.id}  {shown(reason)}", markup=False)


def covered(seen: int, expected: int | None) -> str:
    """Return how much was looked at: ``12 of 30``; ``12`` where nobody said how many."""
    return f"{seen:,}" if expected is None else f"{seen:,} of {expected:,}"


def _row(run: Row[Any]) -> tuple[object, ...]:
    return (
        run.id,
        f"{run.kind}, {run.scope}",
        covered(run.seen, run.expected),
        run.requests,
        run.found,
        run.healed,
        age(run.seconds),
        run.state,
    )
