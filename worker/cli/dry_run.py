"""``--dry-run``: shows row by row what a comparison would find, and writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import typer
from sqlalchemy import Engine

from worker.cli.output import console, print_json, shown
from worker.cli.progress import Bars
from worker.cli.runs import covered
from worker.reconciliation.dry import Difference, Dry, walk
from worker.reconciliation.last import What
from worker.reconciliation.legs import LEGS
from worker.settings import settings


def dry_run(
    engine: Engine, wanted: Sequence[What], since: datetime | None, *, as_json: bool
) -> None:
    """Compare, and tell; exit code 0: all was looked at, and nothing differs."""
    runs: list[Dry] = []
    differences: list[Difference] = []
    with Bars() as bars:
        for what in wanted:
            asked = (what, since)
            dry, found = walk(engine, settings(), LEGS, asked, _shown_in(bars))
            runs.append(dry)
            differences += found
    if as_json:
        told = {"runs": map(asdict, runs), "differences": map(asdict, differences)}
        print_json({name: list(values) for name, values in told.items()})
    else:
        _print(runs, differences)
    if any(dry.found or dry.gap for dry in runs):
        raise typer.Exit(1)


def _shown_in(bars: Bars) -> Any:  # noqa: ANN401 (a closure)
    def watch(dry: Dry) -> None:
        bars.show(dry.what, dry.what.kind, dry.seen, dry.expected)

    return watch


def _print(runs: Sequence[Dry], differences: Sequence[Difference]) -> None:
    out = console()
    for one in differences:
        line = f"{one.what}  {shown(one.about)}  {_detail(one.detail or {})}"
        out.print(line.rstrip(), markup=False, soft_wrap=True)
    if differences:
        out.print()
    for dry in runs:
        looked_at = covered(dry.seen, dry.expected)
        line = f"{dry.what.kind}: {looked_at} looked at, {dry.found:,} differ"
        out.print(f"{line}; {dry.gap}" if dry.gap else line, markup=False)
    out.print("Nothing was written.")


def _detail(detail: Mapping[str, Any]) -> str:
    """Return what differs: ``transaction: status, total_minor``."""
    kind, fields = detail.get("kind"), detail.get("fields")
    if kind and fields:
        return f"{kind}: {', '.join(fields)}"
    return shown(", ".join(f"{name} {value}" for name, value in detail.items()))
