"""How our rows were compared last: per kind the last complete run, and what goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from models.reconciliation import RunState
from worker.reconciliation.plan import wanted

# The last run, and the last that could look at everything, each by the end of an index.
_LAST = text("""
SELECT w.kind, w.scope, last.state, last.seen, last.expected,
       coalesce(last.last_error, last.reason) AS reason,
       whole.seen AS whole_seen, whole.expected AS whole_expected, whole.since,
       whole.found, whole.healed,
       extract(epoch FROM now() - whole.finished_at)::float8 AS age_seconds
FROM unnest(CAST(:providers AS text[]), CAST(:kinds AS text[]),
            CAST(:scopes AS text[])) WITH ORDINALITY AS w(provider, kind, scope, place)
LEFT JOIN LATERAL (
  SELECT * FROM reconciliation_runs r
  WHERE r.provider = w.provider AND r.kind = w.kind AND r.scope = w.scope
  ORDER BY r.id DESC LIMIT 1) AS last ON true
LEFT JOIN LATERAL (
  SELECT * FROM reconciliation_runs r
  WHERE r.provider = w.provider AND r.kind = w.kind AND r.scope = w.scope
    AND r.state = 'complete'
  ORDER BY r.id DESC LIMIT 1) AS whole ON true
ORDER BY w.place
""")


@dataclass(frozen=True, slots=True)
class Complete:
    """A run that could look at everything."""

    age_seconds: float
    seen: int
    #: None: nobody said how much there is.
    expected: int | None
    #: What lay before was not looked at; None: there was no such bound.
    since: datetime | None
    found: int
    healed: int


@dataclass(frozen=True, slots=True)
class LastRun:
    """How one kind of comparison stands."""

    kind: str
    scope: str
    #: None: none ever was.
    complete: Complete | None
    #: Of the last run; None: there was none.
    state: str | None
    seen: int
    expected: int | None
    #: Why it is partial or failed, or what holds it up.
    reason: str | None

    @property
    def now(self) -> str:
        """What goes on, or why the last run was not complete."""
        if self.state is None or self.state == RunState.COMPLETE:
            return ""
        done = f"{self.seen:,}" + (f" of {self.expected:,}" if self.expected else "")
        words = f"{self.state} at {done}"
        return f"{words}: {self.reason}" if self.reason else words


def last_runs(connection: Connection, providers: Sequence[str]) -> tuple[LastRun, ...]:
    """Return how each regular comparison stands, with the providers we can ask."""
    asked = list(wanted(list(providers)))
    rows = connection.execute(
        _LAST,
        {
            "providers": [what.provider for what in asked],
            "kinds": [what.kind.value for what in asked],
            "scopes": [what.scope.value for what in asked],
        },
    )
    return tuple(
        LastRun(
            kind=row.kind,
            scope=row.scope,
            complete=None
            if row.age_seconds is None
            else Complete(
                row.age_seconds,
                row.whole_seen,
                row.whole_expected,
                row.since,
                row.found,
                row.healed,
            ),
            state=row.state,
            seen=row.seen or 0,
            expected=row.expected,
            reason=row.reason,
        )
        for row in rows
    )
