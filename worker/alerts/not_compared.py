"""The provider's objects were not compared whole for days, night after night.

Whatever the reason, each such run ends partial or does not end, and no other alert
tells of that: what only a comparison finds is found no more.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from models.reconciliation import RunScope
from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects
from worker.alerts.words import clean
from worker.providers.accounts import askable
from worker.reconciliation.plan import OBJECTS
from worker.settings import Settings

LIMIT = timedelta(days=2)
#: A run that is at it gets so long to end.
AT_WORK = timedelta(days=1)
MOST_REASON_CHARS = 200

# Only where somebody has tried since: that nothing is started at all is told by
# ``overdue`` and ``silent``, and after a pause the first run gets its time.
_LATE = text("""
SELECT wanted.kind, last.state, coalesce(last.reason, last.last_error, '') AS reason,
       coalesce(whole.created_at, first.created_at) AS since,
       last.state = 'pending' AND last.created_at > now() - :at_work AS is_at_work
FROM unnest(CAST(:kinds AS text[])) WITH ORDINALITY AS wanted(kind, place)
CROSS JOIN LATERAL (
  SELECT id, state, created_at, reason, last_error FROM reconciliation_runs r
  WHERE r.provider = :provider AND r.kind = wanted.kind AND r.scope = :scope
  ORDER BY r.id DESC LIMIT 1) AS last
CROSS JOIN LATERAL (
  SELECT created_at FROM reconciliation_runs r
  WHERE r.provider = :provider AND r.kind = wanted.kind AND r.scope = :scope
  ORDER BY r.id LIMIT 1) AS first
LEFT JOIN LATERAL (
  SELECT id, created_at FROM reconciliation_runs r
  WHERE r.provider = :provider AND r.kind = wanted.kind AND r.scope = :scope
    AND r.state = 'complete'
  ORDER BY r.id DESC LIMIT 1) AS whole ON true
WHERE last.id IS DISTINCT FROM whole.id
  AND coalesce(whole.created_at, first.created_at) < now() - :limit
ORDER BY wanted.place
""").bindparams(
    scope=RunScope.ALL.value,
    kinds=[kind.value for kind in OBJECTS],
    limit=LIMIT,
    at_work=AT_WORK,
)


class NotCompared(Condition):
    """No comparison of all objects of some kind comes to a complete end."""

    kind = "not_compared"
    opens = (
        f"No comparison of all customers, transactions, subscriptions or adjustments was"
        f" complete for {LIMIT.days} days, though some were begun. Never with"
        " `PADDLE_BILLING_ENABLED` off or without `PADDLE_API_KEY`."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Read the last runs of each kind."""
        if not config.paddle_billing_enabled:
            return
        told = open_subjects(connection, self.kind)
        for provider in askable(config):
            late = connection.execute(_LATE, {"provider": provider}).all()
            # What is told goes on until it is over, not until somebody tries again.
            if late and (provider in told or not all(one.is_at_work for one in late)):
                yield _finding(provider, late)


def _finding(provider: str, late: Sequence[Row[Any]]) -> Finding:
    kinds = ", ".join(_words(one) for one in late)
    return Finding(
        summary=f"Not all objects of {provider} were compared for {LIMIT.days} days or"
        f" more: {kinds}.",
        since=min(one.since for one in late),
        next_steps=(
            "./paddlewheel reconcile runs",
            *(f"./paddlewheel reconcile {one.kind}" for one in late),
            "the runbook sorts the reasons",
        ),
        subject=provider,
        count=len(late),
    )


def _words(one: Row[Any]) -> str:
    reason = clean(one.reason, MOST_REASON_CHARS)
    return (
        f"{one.kind} ({one.state}: {reason})" if reason else f"{one.kind} ({one.state})"
    )
