"""The last run of each kind that is compared regularly."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from models.reconciliation import RunKind, RunScope, RunState
from worker.providers.errors import AnotherAccountError

#: Who asks for the runs that come by themselves.
BEAT = "beat"


def is_whole(run: str) -> str:
    """Return a condition: this row is a run that looked at all that was to be looked at.

    What an operator asked for from a time on has not looked at what lies before.
    """
    return f"({run}.state = 'complete' AND ({run}.asked_by = '{BEAT}' OR {run}.since IS NULL))"


# One row per kind: its last run, and its last one that could look at everything.
_LAST = text(f"""
SELECT wanted.provider, wanted.kind, wanted.scope, last.state, last.created_at,
       coalesce(last.finished_at, last.created_at) AS ended_at, last.last_error,
       whole.created_at AS complete_at
FROM unnest(CAST(:providers AS text[]), CAST(:kinds AS text[]),
            CAST(:scopes AS text[])) AS wanted(provider, kind, scope)
CROSS JOIN LATERAL (
  SELECT state, created_at, finished_at, last_error FROM reconciliation_runs r
  WHERE r.provider = wanted.provider AND r.kind = wanted.kind
    AND r.scope = wanted.scope
  ORDER BY r.id DESC LIMIT 1) AS last
LEFT JOIN LATERAL (
  SELECT created_at FROM reconciliation_runs r
  WHERE r.provider = wanted.provider AND r.kind = wanted.kind
    AND r.scope = wanted.scope AND {is_whole("r")}
  ORDER BY r.id DESC LIMIT 1) AS whole ON true
""")  # noqa: S608 (constants)


@dataclass(frozen=True, slots=True)
class What:
    """What a run is about; one of each is pending at most."""

    provider: str
    kind: RunKind
    scope: RunScope


@dataclass(frozen=True, slots=True)
class Last:
    """The last run of its kind."""

    state: RunState
    created_at: datetime
    ended_at: datetime
    #: When the last one began that could look at everything; None: there is none.
    complete_at: datetime | None
    last_error: str | None = None

    @property
    def is_another_account(self) -> bool:
        """Whether the key is of an account with which nothing may be compared."""
        return (self.last_error or "").startswith(AnotherAccountError.__name__)

    @property
    def is_pending(self) -> bool:
        """Whether it still goes on."""
        return self.state is RunState.PENDING


def read_last(connection: Connection, asked: list[What]) -> dict[What, Last]:
    """Read the last run of each kind; what never ran is left out."""
    rows = connection.execute(
        _LAST,
        {
            "providers": [what.provider for what in asked],
            "kinds": [what.kind.value for what in asked],
            "scopes": [what.scope.value for what in asked],
        },
    )
    return {
        What(row.provider, RunKind(row.kind), RunScope(row.scope)): Last(
            RunState(row.state),
            row.created_at,
            row.ended_at,
            row.complete_at,
            row.last_error,
        )
        for row in rows
    }
