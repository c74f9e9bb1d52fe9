"""``paddlewheel status``: the operator's first page."""

import time
from typing import Annotated

import typer

from models.outgoing import NotificationState
from models.reconciliation import RunKind
from worker.cli.database import transaction
from worker.cli.output import (
    age,
    console,
    print_json,
    print_table,
    say_problem,
    shown,
)
from worker.cli.runs import covered
from worker.errors import PaddlewheelError
from worker.last_runs import LastRun
from worker.money import money
from worker.providers.accounts import askable
from worker.settings import settings
from worker.status import Level, Status, status_of

WATCH_SECONDS = 2
SENTENCES = {
    Level.QUIET: "Quiet: nothing needs you.",
    Level.LOOK: "Have a look: nothing is lost, but something waits for a person.",
    Level.NOW: "Look now: money or access does not move.",
}


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again every 2 s, until Ctrl-C.")
    ] = False,
) -> None:
    """How things stand. Exit code 0: quiet, 1: look, 2: look now."""
    while True:
        found = _read()
        if watch:
            console().clear()
        _show(found, as_json=as_json)
        if not watch:
            raise typer.Exit(int(found.level))
        time.sleep(WATCH_SECONDS)


def _read() -> Status:
    try:
        with transaction() as connection:
            config = settings()
            billing = config.paddle_billing_enabled
            providers = askable(config)
            return status_of(connection, billing_enabled=billing, providers=providers)
    except PaddlewheelError as error:
        # Nobody can tell how things stand: for a program that watches, the worst.
        say_problem(error)
        raise typer.Exit(int(Level.NOW)) from None


def _show(found: Status, *, as_json: bool) -> None:
    if as_json:
        print_json(found.as_json())
        return
    rows = [
        (s.name, s.waiting, s.in_work, s.backing_off, s.dead, age(s.oldest_seconds))
        for s in found.stages
    ]
    print_table(
        f"Paddlewheel, {found.environment or 'not yet started'}",
        ("stage", "waiting", "in work", "back-off", "dead", "oldest"),
        rows,
    )
    out = console()
    for name, value in _facts(found):
        out.print(f"  {name:17} {value}", markup=False)
    if found.runs:
        columns = ("compared", "last complete", "covered", "now")
        is_asking = any(last.kind != RunKind.ACCESS for last in found.runs)
        of_whom = "" if is_asking else ": no PADDLE_API_KEY, so only our own rows"
        print_table(f"Reconciliation{of_whom}", columns, map(_run, found.runs))
    _print_messages(found)
    out.print()
    out.print(SENTENCES[found.level])
    for line in found.advice():
        out.print(f"  {line}", markup=False)


def _print_messages(found: Status) -> None:
    counts = {(one.kind, one.state): one.messages for one in found.messages}
    kinds = sorted({one.kind for one in found.messages})
    if kinds:
        print_table(
            "Messages; sent and skipped within a day",
            ("kind", *NotificationState),
            [
                (kind, *(counts.get((kind, state), 0) for state in NotificationState))
                for kind in kinds
            ],
        )


def _run(last: LastRun) -> tuple[str, ...]:
    complete = last.complete
    if complete is None:
        when, how_much = "never", "–"
    else:
        when = f"{age(complete.age_seconds)} ago"
        how_much = covered(complete.seen, complete.expected)
        if complete.since:
            how_much += f" since {complete.since:%Y-%m-%d %H:%M}"
    return (f"{last.kind}, {last.scope}", when, how_much, last.now)


def _facts(found: Status) -> list[tuple[str, str]]:
    parked = [
        f"{p.lines} lines of {p.buyers} buyers, {money(p.total_minor, p.currency)}"
        f" ({p.reason})"
        for p in found.parked
    ]
    served = ", ".join(f"{name} {age(ago)}" for name, ago in found.queues.items())
    worst = f", the worst {found.worst_alert}" if found.alerts else ""
    return [
        ("open alerts", f"{found.alerts}{worst}"),
        ("enrollments", f"{found.active_enrollments} active"),
        *(("parked", line) for line in parked),
        *(("findings", one.in_words()) for one in found.findings),
        ("doubtful messages", str(found.doubtful)),
        ("stray messages", str(found.stray_messages)),
        ("last delivery", shown(found.last_delivery)),
        ("last sweep", f"{age(found.beat_seconds)} ago" if found.beat_seconds else "–"),
        ("queues served", f"{served} ago" if served else "none so far"),
    ]
