"""``paddlewheel reconcile``: compares with the provider now, and says how far."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from celery import current_app
from rich.console import Console
from sqlalchemy import Engine, Row, text

from models.reconciliation import RunKind, RunScope
from worker.cli.access_times import print_last_days
from worker.cli.database import database
from worker.cli.dry_run import dry_run as run_dry
from worker.cli.progress import Bars
from worker.cli.runs import is_clean, print_runs
from worker.errors import PaddlewheelError
from worker.providers.accounts import askable
from worker.reconciliation.driving import drive, read_runs, start_or_take_up
from worker.reconciliation.last import What
from worker.reconciliation.legs import LEGS
from worker.reconciliation.pending import unlike
from worker.reconciliation.plan import NOBODY, OBJECTS
from worker.rings import ringing_app
from worker.settings import settings

MOST_LISTED = 50
ALL = "all"
#: What can be asked for from some time on.
DATED = (RunKind.EVENTS, RunKind.TRANSACTIONS)
NO_KEY = (
    "There is no key for the provider's API: set PADDLE_API_KEY. Our own rows can be"
    " compared without: `./paddlewheel reconcile access`."
)
BILLING_OFF = (
    "PADDLE_BILLING_ENABLED is off: events are stored and wait, and so nothing can be"
    " compared. Switch it on first."
)
group = typer.Typer(
    help="Compare with the provider, and heal what is certain.", no_args_is_help=True
)


def _past(since: datetime | None) -> datetime | None:
    if since is not None and since.replace(tzinfo=UTC) > datetime.now(UTC):
        raise typer.BadParameter("it lies in the future.")
    return since


DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing; show what differs.")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        help="Only events and transactions from then on (UTC).",
        callback=_past,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]

_LIST = text("SELECT id FROM reconciliation_runs ORDER BY id DESC LIMIT :most")


def _command_of(word: str) -> Callable[..., None]:
    def compare(*, dry_run: DryRun = False, as_json: Json = False) -> None:
        _reconcile(whats(word, None), None, dry_run=dry_run, as_json=as_json)

    def compare_since(
        *, since: Since = None, dry_run: DryRun = False, as_json: Json = False
    ) -> None:
        at = since and since.replace(tzinfo=UTC)
        _reconcile(whats(word, at), at, dry_run=dry_run, as_json=as_json)

    return compare_since if word in (*DATED, ALL) else compare


for _kind in RunKind:
    group.command(_kind.value, help=f"Compare {_kind.value}.")(_command_of(_kind))
group.command(ALL, help="Compare everything.")(_command_of(ALL))


@group.command("runs")
def list_runs(*, as_json: Json = False) -> None:
    """List the last runs, newest first."""
    with database() as engine:
        with engine.connect() as connection:
            ids = connection.scalars(_LIST, {"most": MOST_LISTED}).all()
        runs = list(reversed(read_runs(engine, ids)))
    print_runs(runs, as_json=as_json)


@group.command()
def backfill(
    since: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="UTC.", callback=_past)
    ],
    *,
    mails: Annotated[
        bool, typer.Option("--mails", help="Tell learners of access that it brings.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take up what was there before Paddlewheel; again: go on where it stands."""
    wanted = [
        What(provider, kind, RunScope.BACKFILL)
        for provider in askable(settings())
        for kind in OBJECTS
    ]
    at = since.replace(tzinfo=UTC)
    _reconcile(wanted, at, mails=mails, dry_run=dry_run, as_json=as_json)


def whats(word: str, since: datetime | None) -> list[What]:
    """Return what a word asks to compare; nothing where it takes a key to.

    With a key for nobody, ``all`` would say of a part that it is everything.
    """
    kinds = list(RunKind) if word == ALL else [RunKind(word)]
    providers = askable(settings())
    if not providers and kinds != [RunKind.ACCESS]:
        return []
    found = []
    for kind in kinds:
        is_recent = kind is RunKind.EVENTS or (since and kind is RunKind.TRANSACTIONS)
        scope = RunScope.RECENT if is_recent else RunScope.ALL
        asked = [NOBODY] if kind is RunKind.ACCESS else providers
        found += [What(provider, kind, scope) for provider in asked]
    return found


def _reconcile(
    wanted: Sequence[What],
    since: datetime | None,
    *,
    mails: bool = True,
    dry_run: bool,
    as_json: bool,
) -> None:
    if not settings().paddle_billing_enabled:
        raise PaddlewheelError(BILLING_OFF)
    if not wanted:
        raise PaddlewheelError(NO_KEY)
    with database() as engine:
        if dry_run:
            run_dry(engine, wanted, since, as_json=as_json)
            return
        ids = [_started(engine, what, since, mails=mails) for what in wanted]
        why = _drive(engine, ids)
        runs = read_runs(engine, ids)
        print_runs(runs, as_json=as_json)
        if not as_json and any(run.kind == RunKind.ACCESS for run in runs):
            print_last_days(engine)
    if why:
        _say(why)
    if not all(is_clean(run) for run in runs):
        raise typer.Exit(1)


def _started(engine: Engine, what: What, since: datetime | None, *, mails: bool) -> int:
    # Else a run would say of itself that it left out what it has looked at.
    bound = None if what.scope is RunScope.ALL else since
    run, is_new = start_or_take_up(engine, what, bound, mails=mails)
    if not is_new:
        with engine.connect() as connection:
            why = unlike(connection, what, bound, mails=mails)
        goes_on = f"run {run} was pending, and goes on as it is."
        _say(why or f"{what.kind}, {what.scope}: {goes_on}")
    return run


def _drive(engine: Engine, ids: Sequence[int]) -> str:
    try:
        with _ringing(), Bars() as bars:

            def watch(runs: Sequence[Row[Any]]) -> None:
                for run in runs:
                    bars.show(run.id, run.kind, run.seen, run.expected)

            return drive(engine, settings(), LEGS, ids, watch)
    except KeyboardInterrupt:
        _say("Stopped. The runs stay where they are, and workers go on with them.")
        raise


@contextmanager
def _ringing() -> Iterator[None]:
    """Let steps ring workers from this process."""
    before: Any = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    ringing_app(settings()).set_current()
    try:
        yield
    finally:
        before.set_current()


def _say(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True).print(sentence, markup=False, highlight=False)
