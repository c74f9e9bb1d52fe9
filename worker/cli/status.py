"""``paddlewheel status``: the operator's first page."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from worker.channels.deadline import Deadline, begun
from worker.cli.output import console
from worker.roll_call import LONGEST_SECONDS, BrokerAwayError, Served, served
from worker.settings import settings

WATCH_SECONDS = 2


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again every 2 s, until Ctrl-C.")
    ] = False,
) -> None:
    """How things stand. Exit code 0: quiet, 1: look, 2: look now."""
    while True:
        level = _look(as_json=as_json, watch=watch)
        if not watch:
            raise typer.Exit(level)
        time.sleep(WATCH_SECONDS)


def _look(*, as_json: bool, watch: bool) -> int:
    asked = begun(lambda: served(settings()))
    # Here: what reads the database takes longer to load than workers to answer.
    from worker.cli import status_page  # noqa: PLC0415

    found = status_page.read()
    queues = _answers(asked)
    if watch:
        console().clear()
    status_page.show(found, queues, as_json=as_json)
    return int(found.level)


def _answers(asked: Callable[[Deadline], Served]) -> Served | None:
    try:
        return asked(Deadline(LONGEST_SECONDS))
    except (BrokerAwayError, TimeoutError):
        return None
