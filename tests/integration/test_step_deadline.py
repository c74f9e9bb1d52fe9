"""All requests of a step end together, so that the step ends within its task's time."""

from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine

from models.reconciliation import RunKind
from tests.factories import make_due
from tests.reconciling_objects import Shelf, add_run, asking
from worker.drain import Job, drain_each
from worker.providers.clients import APIS
from worker.reconciliation.run import Progress, Run
from worker.reconciliation.walker import Walker
from worker.settings import settings
from worker.work_tables import RUNS, Claimant


class Twice:
    """Asks twice a step, and takes two steps."""

    def __init__(self) -> None:
        self.ends: list[Any] = []

    def look(self, api: Any, run: Run) -> None:
        del run
        self.ends += [api.enter(), api.enter()]

    def keep(self, connection: Connection, run: Run, answer: None) -> Progress:
        del connection, answer
        return Progress("on", is_over=run.position == "on")


def test_what_a_step_asks_ends_with_it(core: Engine) -> None:
    leg = Twice()
    add_run(core, RunKind.CUSTOMERS)
    make_due(core, RUNS)
    job = Job(core, RUNS, Claimant("test", "here"), settings())
    only_the_gate = {"paddle": lambda _config, _seconds, gate: nullcontext(gate)}
    with (
        asking(Shelf()),
        patch.dict(APIS, only_the_gate),
        Walker(core, settings(), {RunKind.CUSTOMERS: leg}) as walker,
    ):
        drain_each(job, walker)

    first, again, second, _ = leg.ends
    assert first is not None
    assert again is first
    assert second is not first
