"""A provider's lists in memory, and runs over them from beginning to end."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self
from unittest.mock import patch

from sqlalchemy import Engine, text

from models.reconciliation import RunKind, RunScope, RunStage
from tasks.activate import activate
from tasks.record import record
from tests.factories import make_due, one, rows
from tests.purchases import Body
from worker.drain import Job, drain_each
from worker.providers.api import (
    ApiList,
    Asked,
    Destination,
    Gate,
    ListPage,
    OpenGate,
)
from worker.providers.clients import APIS
from worker.reconciliation import walker
from worker.reconciliation.objects import OBJECTS
from worker.settings import Settings, settings
from worker.work_tables import RUNS, Claimant

#: What a run may change only where something differs.
TABLES = (
    "customers",
    "transactions",
    "transaction_lines",
    "payments",
    "subscriptions",
    "subscription_items",
    "adjustments",
    "adjustment_lines",
    "grants",
    "enrollments",
    "enrollment_history",
    "inbox",
    "findings",
    "reconciled_events",
)
_ADD_RUN = text("""
INSERT INTO reconciliation_runs (provider, kind, scope, since, mails)
VALUES ('paddle', :kind, :scope, :since, :mails) RETURNING id
""")
_AT = """
SELECT count(*) FROM reconciliation_runs WHERE state = 'pending' AND stage = :stage
"""
MOST_STEPS = 20
_SHOW = """
SELECT state, seen, found, healed, requests, expected, reason
FROM reconciliation_runs WHERE id = :id
"""


class Shelf:
    """A provider that answers out of memory, as it knows things now."""

    def __init__(self, *bodies: Body) -> None:
        """Begin with the entities that some events tell of."""
        self.entities: dict[ApiList, dict[str, Any]] = {one: {} for one in ApiList}
        self.asked: list[Asked] = []
        self.page_size = 30
        #: By how much the provider's count is off; None: it does not count.
        self.miscounted: int | None = 0
        #: After so many entities a walk forwards is told that there are no more.
        self.cut_after: int | None = None
        #: What the next pages are answered with instead.
        self.instead: list[ListPage | Exception] = []
        #: What happens when an answer is on its way.
        self.meanwhile: Callable[[], None] = lambda: None
        self.know(*bodies)

    def know(self, *bodies: Body) -> None:
        """Take up what events tell; the last telling of an entity counts."""
        for body in bodies:
            entity, _, _ = body["event_type"].partition(".")
            self.entities[ApiList(f"{entity}s")][body["data"]["id"]] = body["data"]

    def __enter__(self) -> Self:
        """Open nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    def page(self, asked: Asked) -> ListPage:
        """Return a page; see ``worker.providers.api.ProviderApi``."""
        self.asked.append(asked)
        if self.instead:
            return _answered(self.instead.pop(0))
        known = self.entities[asked.list]
        ids = sorted(filter(self._changed(asked), known), reverse=asked.newest_first)
        total = None if self.miscounted is None else len(ids) + self.miscounted
        if not asked.newest_first:
            ids = ids[: self.cut_after]
        if asked.after:
            backwards = asked.newest_first
            ids = [
                i for i in ids if (i < asked.after if backwards else i > asked.after)
            ]
        shown, left = ids[: self.page_size], ids[self.page_size :]
        entities = tuple(json.dumps(known[one]).encode() for one in shown)
        self.meanwhile()
        return ListPage(entities, shown[-1] if left else "", total)

    def _changed(self, asked: Asked) -> Callable[[str], bool]:
        def is_new(entity_id: str) -> bool:
            if asked.changed_since is None:
                return True
            told = self.entities[asked.list][entity_id]["updated_at"]
            return datetime.fromisoformat(told) >= asked.changed_since

        return is_new

    def customer(self, customer_id: str) -> bytes | None:
        """Not asked here."""
        raise NotImplementedError(customer_id)

    def destinations(self) -> list[Destination]:
        """Not asked here."""
        raise NotImplementedError

    def prices(self) -> Iterator[list[bytes]]:
        """Not asked here."""
        raise NotImplementedError

    products = discounts = prices


def _answered(answer: ListPage | Exception) -> ListPage:
    if isinstance(answer, Exception):
        raise answer
    return answer


def add_run(
    engine: Engine,
    kind: RunKind,
    scope: RunScope = RunScope.ALL,
    *,
    since: datetime | None = None,
    mails: bool = True,
) -> int:
    """Add a run that has not begun."""
    given = {"kind": kind, "scope": scope, "since": since, "mails": mails}
    with engine.begin() as connection:
        return int(connection.execute(_ADD_RUN, given).scalar_one())


def step(engine: Engine, shelf: Shelf) -> None:
    """Take each run a step further, however long it has to wait."""
    make_due(engine, RUNS)
    job = Job(engine, RUNS, Claimant("test", "here"), settings())
    with (
        asking(shelf),
        walker.Walker(engine, settings(), OBJECTS) as working,
    ):
        drain_each(job, working)


def go_on(engine: Engine, shelf: Shelf, stage: RunStage = RunStage.WALK) -> None:
    """Take runs further until none is at a stage any more."""
    for _ in range(MOST_STEPS):
        if not one(engine, _AT, stage=stage):
            break
        step(engine, shelf)


@contextmanager
def asking(shelf: Shelf) -> Iterator[None]:
    """Let runs ask this provider, as often as they like."""

    def api(_config: Settings, _seconds: float, gate: Gate) -> Any:
        return Counted(shelf, gate)

    with (
        patch.dict(APIS, {"paddle": api}),
        patch.object(walker, "askable", lambda _config: ["paddle"]),
        patch.object(walker, "Budget", lambda *_: OpenGate()),
    ):
        yield


class Counted:
    """A shelf behind a gate."""

    def __init__(self, shelf: Shelf, gate: Gate) -> None:
        """Ask this gate before each page."""
        self._shelf = shelf
        self._gate = gate

    def __enter__(self) -> Self:
        """Open nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    def page(self, asked: Asked) -> ListPage:
        """Return a page."""
        self._gate.enter()
        return self._shelf.page(asked)


def finish(engine: Engine, shelf: Shelf, run_id: int) -> dict[str, Any]:
    """Take a run to its end, with all that it puts into the inbox; how it ended."""
    go_on(engine, shelf)
    record([], 1)
    activate([], 1)
    go_on(engine, shelf, RunStage.HEAL)
    return show(engine, run_id)


def reconcile(
    engine: Engine,
    shelf: Shelf,
    kind: RunKind = RunKind.TRANSACTIONS,
    scope: RunScope = RunScope.ALL,
    **columns: Any,
) -> dict[str, Any]:
    """Make a run from beginning to end; how it ended."""
    return finish(engine, shelf, add_run(engine, kind, scope, **columns))


def show(engine: Engine, run_id: int) -> dict[str, Any]:
    """Return how a run stands."""
    ((state, seen, found, healed, requests, expected, reason),) = rows(
        engine, _SHOW, id=run_id
    )
    return {
        "state": state,
        "seen": seen,
        "found": found,
        "healed": healed,
        "requests": requests,
        "expected": expected,
        "reason": reason,
    }


def contents(engine: Engine, tables: Iterable[str] = TABLES) -> dict[str, list[Any]]:
    """Return all rows, but for when they were confirmed."""
    return {
        table: rows(
            engine,
            f"SELECT to_jsonb(t) - 'confirmed_at' AS row FROM {table} t ORDER BY row",
        )
        for table in tables
    }


def edit(engine: Engine, statement: str) -> None:
    """Change rows behind everybody's back."""
    with engine.begin() as connection:
        connection.execute(text(statement))
