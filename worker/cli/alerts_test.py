"""``paddlewheel alerts test``: does what is told arrive, over each way by itself?"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from models.alerts import MessageKind, Severity
from worker.alerts.delivery import shares
from worker.alerts.ways import Letter, Way, hand_over, letter_of, ways_of
from worker.channels.deadline import Deadline
from worker.cli.output import console, print_json, print_table
from worker.settings import Settings, settings

TAKEN = "taken"
NO_WAYS = "ALERT_URLS is empty: alerts go to the log and to Sentry alone."


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the test over one way."""

    way: str
    #: From which severity on alerts go this way; the test goes any way.
    alerts_from: str
    taken: bool
    #: Why not, or ``taken``.
    result: str
    seconds: float


Look = Annotated[Severity, typer.Option(help="How it shall look.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def test(
    *,
    severity: Look = Severity.WARNING,  # noqa: PT028 (a command, no test)
    as_json: Json = False,  # noqa: PT028 (a command, no test)
) -> None:
    """Send a test message over every way at once. Exit code 1: one has failed."""
    config = settings()
    ways = ways_of(config)
    trials = try_all(ways, letter(config, severity), patience(config, len(ways)))
    if as_json:
        print_json([asdict(trial) for trial in trials])
    elif trials:
        _print(trials)
    else:
        console().print(NO_WAYS)
    if not all(trial.taken for trial in trials):
        raise typer.Exit(1)


def letter(config: Settings, severity: Severity) -> Letter:
    """Write the test message."""
    environment = config.paddle_environment.value
    title = f"[{environment}] TEST: this way works"
    body = (
        f"A test of ALERT_URLS, sent by hand, looking as {severity} does.\n"
        "Nothing is wrong, nothing is to be done."
    )
    return letter_of(MessageKind.OPENED, severity, title, body)


def patience(config: Settings, ways: int) -> float:
    """Return how many seconds an alert has for the way that it waits for longest."""
    return Deadline.of_one_alert(config).left() * shares(max(ways, 1))[0]


def try_all(ways: Sequence[Way], given: Letter, seconds: float) -> list[Trial]:
    """Hand a letter to each way, all at the same time, and wait so long."""
    if not ways:
        return []
    with ThreadPoolExecutor(max_workers=len(ways)) as threads:
        return list(threads.map(lambda way: _try(way, given, seconds), ways))


def _try(way: Way, given: Letter, seconds: float) -> Trial:
    begun = time.monotonic()
    refusal = hand_over(way, given, seconds)
    return Trial(
        way=way.label,
        alerts_from=way.min_severity.value,
        taken=refusal is None,
        result=refusal.reason if refusal else TAKEN,
        seconds=round(time.monotonic() - begun, 1),
    )


def _print(trials: Sequence[Trial]) -> None:
    print_table(
        "Ways out, in the order in which alerts try them",
        ("way", "alerts from", "result", "seconds"),
        [(t.way, t.alerts_from, t.result, t.seconds) for t in trials],
    )
