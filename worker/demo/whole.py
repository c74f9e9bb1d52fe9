"""Reconciles everything, as ``./paddlewheel reconcile all`` does, by the demo's workers.

First what the provider says, then what our own rows say of each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, text

from models.reconciliation import RunKind, RunScope
from worker.providers.accounts import askable
from worker.reconciliation.last import What
from worker.reconciliation.plan import NOBODY, OBJECTS, start
from worker.settings import Settings

ASKED_BY = "demo"

_LEFT = text("""
SELECT count(*) FROM reconciliation_runs WHERE id = ANY(:ids) AND state = 'pending'
""")
_LOOKED = text("""
SELECT EXISTS (
  SELECT FROM reconciliation_runs
  WHERE kind = 'events' AND asked_by = 'beat' AND state <> 'pending')
""")


def events(config: Settings) -> list[What]:
    """Return the lists of events."""
    return [What(one, RunKind.EVENTS, RunScope.RECENT) for one in askable(config)]


def waves(config: Settings) -> list[list[What]]:
    """Return what is compared, in the order in which one depends on the other."""
    objects = [
        What(one, kind, RunScope.ALL) for one in askable(config) for kind in OBJECTS
    ]
    return [
        [*events(config), *objects],
        [What(NOBODY, RunKind.ACCESS, RunScope.ALL)],
    ]


@dataclass(slots=True)
class Wave:
    """Runs that are started as soon as they can be, and watched until they end."""

    engine: Engine
    wanted: list[What]
    started: list[int] = field(default_factory=list)

    def left(self) -> str:
        """Say what is left of it; nothing: it is over."""
        with self.engine.begin() as connection:
            self.wanted = [
                one for one in self.wanted if not self._start(connection, one)
            ]
            left = len(self.wanted) + left_of(connection, self.started)
        return f"{left} comparisons go on" if left else ""

    def _start(self, connection: Connection, what: What) -> bool:
        # While beat's own of the same kind goes on there is none beside it.
        place = (what.provider, what.kind, what.scope)
        run = start(connection, *place, asked_by=ASKED_BY)
        if run is not None:
            self.started.append(run)
        return run is not None


def left_of(connection: Connection, runs: Sequence[int]) -> int:
    """Return how many runs have not ended."""
    return int(connection.execute(_LEFT, {"ids": list(runs)}).scalar_one())


def has_looked(engine: Engine) -> bool:
    """Tell whether beat's first look at the list of events has ended."""
    with engine.connect() as connection:
        return bool(connection.execute(_LOOKED).scalar_one())
