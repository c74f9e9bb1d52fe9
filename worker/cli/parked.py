"""``paddlewheel parked``: money that is in while access waits for a price or a buyer."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, NamedTuple

import typer
from rich.padding import Padding
from sqlalchemy import Engine

from worker.audit import audit
from worker.cli.database import database, transaction
from worker.cli.output import age, console, print_json, print_table
from worker.cli.progress import late_bar
from worker.fetching import note_unknown_buyers
from worker.money import money
from worker.parked import ADVICE, ParkedSum, parked_lines, parked_sums
from worker.providers.accounts import askable
from worker.releasing import release_batch
from worker.rings import publish_ring, ringing_app
from worker.settings import Settings, settings
from worker.wording import counted
from worker.work_tables import ACCESS_CHANGES, CUSTOMER_FETCHES

MOST_LISTED = 500
group = typer.Typer(help="Money in, access waiting.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
_INDENT = (0, 0, 0, 4)


class _Done(NamedTuple):
    #: Purchases and subscriptions whose access waits no longer.
    released: int
    #: Buyers whom the provider is to be asked for.
    asked_for: int


@group.command("list")
def list_parked(*, as_json: Json = False) -> None:
    """List what has been bought and gives nothing yet, oldest first."""
    with transaction() as connection:
        lines = parked_lines(connection, MOST_LISTED)
        sums = parked_sums(connection)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    print_table(
        "Parked" if lines else "Nothing is parked",
        ("bought, price, learner or customer", "why", "amount", "age"),
        [
            (
                # One above the other: an id that is broken cannot be copied.
                "\n".join(
                    (
                        line.source_id,
                        line.price_id,
                        line.learner or line.customer_id or "no customer",
                    )
                ),
                f"{line.reason}\n(asked: {line.asked})" if line.asked else line.reason,
                _amount(line.total_minor, line.currency),
                age(line.age_seconds),
            )
            for line in lines
        ],
    )
    if sum(one.lines for one in sums) > len(lines):
        console().print(f"  The oldest {len(lines)} are listed, all are counted:")
    _say(sums)


@group.command()
def release(*, as_json: Json = False) -> None:
    """Give what waits and need not, now; say what remains, and why."""
    config = settings()
    with database() as engine:
        done = _release(engine, config)
        with engine.connect() as connection:
            sums = parked_sums(connection)
    if as_json:
        print_json({**done._asdict(), "remaining": [asdict(one) for one in sums]})
        return
    out = console()
    if done.released:
        what = counted(done.released, "source")
        out.print(f"Released {what} of access: it follows within seconds.")
    else:
        out.print("Nothing that is parked can be released.")
    if done.asked_for:
        out.print(f"The provider is asked for {counted(done.asked_for, 'buyer')}.")
    _say(sums)


def _release(engine: Engine, config: Settings) -> _Done:
    """Do what the task does, to its end, with whoever else does it at the same time."""
    app = ringing_app(config)
    with engine.connect() as connection:
        total = sum(one.lines for one in parked_sums(connection))
    released, is_full = 0, True
    with late_bar("releasing", max(total, 1)) as bar:
        while is_full:
            batch = release_batch(engine, config)
            publish_ring(app, ACCESS_CHANGES.task, batch.changes)
            released, is_full = released + batch.sources, batch.is_full
            bar.advance(batch.sources)
    with engine.begin() as connection:
        asked = note_unknown_buyers(connection, askable(config))
        if released:
            audit(connection, "parked released", counted(released, "source"))
    publish_ring(app, CUSTOMER_FETCHES.task, asked)
    return _Done(released, len(asked))


def _say(sums: Sequence[ParkedSum]) -> None:
    """Say how much waits for what, and what to do about it."""
    out = console()
    for reason in sorted({one.reason for one in sums}):
        own = [one for one in sums if one.reason == reason]
        out.print(f"\n{reason.capitalize()}:", markup=False)
        for one in own:
            line = (
                f"{counted(one.lines, 'line')} of {counted(one.learners, 'learner')},"
                f" {_amount(one.total_minor, one.currency)}, since {one.since:%Y-%m-%d}"
            )
            out.print(Padding(line, _INDENT), markup=False)
        words, command = ADVICE[reason]
        out.print(Padding(words, _INDENT), markup=False)
        out.print(Padding(command, _INDENT), markup=False)


def _amount(amount_minor: int, currency: str | None) -> str:
    return money(amount_minor, currency) if currency else "an unknown sum"
