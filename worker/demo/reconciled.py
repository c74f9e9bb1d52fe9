"""What reconciliation says of the season: what was missed and healed, what is left."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from models.findings import FindingKind
from worker.checks.table import CHECKS
from worker.demo.ledger_differences import Objects, object_differences, theirs
from worker.reconciliation.confirming import OF_PROVIDER

#: Not that something differs: nobody has said yet what this price gives.
NO_DIFFERENCE = FindingKind.UNKNOWN_PRICE_BOUGHT
KINDS = [
    kind.value
    for kind in (*OF_PROVIDER, *(check.kind for check in CHECKS))
    if kind is not NO_DIFFERENCE
]

_LISTED = text("SELECT event_id, state FROM inbox WHERE source = 'event_list'")
_MISSED = text("""
SELECT i.event_id, r.explanation FROM reconciled_events r JOIN inbox i ON i.id = r.inbox_id
WHERE r.reason = 'missed'
""")
_UNFINISHED = text("""
SELECT concat_ws(' ', 'run', id, kind, scope, state, reason, last_error)
FROM reconciliation_runs WHERE state NOT IN ('complete', 'pending') ORDER BY id
""")
_FINDINGS = text("""
SELECT kind, subject FROM findings WHERE state = 'open' AND kind = ANY(:kinds)
ORDER BY kind, subject
""")
# What simulated events told of is nowhere at Paddle.
_SIMULATED = text("""
SELECT DISTINCT e.entity_id FROM event_entities e JOIN inbox i ON i.id = e.inbox_id
WHERE i.event_id LIKE 'ntfsimevt~_%' ESCAPE '~'
""")
_OURS = {
    "customers": "email, name, status",
    "transactions": "status, customer_id, subscription_id, currency, total_minor,"
    " tax_minor, billed_at",
    "subscriptions": "status, period_starts_at, period_ends_at, scheduled_action,"
    " scheduled_at",
    "adjustments": "action, status, transaction_id, subscription_id, total_minor",
}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How the runs went."""

    #: What differed after everything was compared: a sentence each.
    differences: list[str]
    #: Rows by table that comparing everything once more has changed.
    changed: dict[str, int]
    #: Inbox: event id to state, of what was taken from the list of events.
    listed: dict[str, str]
    #: What runs have noted as missed, each with why.
    missed: dict[str, str | None]
    #: Runs that could not look at everything: a sentence each.
    unfinished: list[str]


def reconciled_rows(connection: Connection) -> dict[str, Any]:
    """Read what the database says of the runs."""
    return {
        "listed": {row[0]: row[1] for row in connection.execute(_LISTED)},
        "missed": {row[0]: row[1] for row in connection.execute(_MISSED)},
        "unfinished": list(connection.execute(_UNFINISHED).scalars()),
    }


def differences_left(connection: Connection, truth: dict[str, Any]) -> list[str]:
    """Return where our rows are not as the local Paddle's objects, or as they should be."""
    simulated = set(connection.execute(_SIMULATED).scalars())
    found = list(object_differences(theirs(truth), _ours(connection, simulated)))
    for kind, subject in connection.execute(_FINDINGS, {"kinds": KINDS}):
        if kind != FindingKind.NOT_AT_PROVIDER or subject not in simulated:
            found.append(f"{kind} {subject}")
    return found


def _ours(connection: Connection, left_out: set[str]) -> Objects:
    ours: dict[str, dict[str, dict[str, Any]]] = {}
    for table, columns in _OURS.items():
        query = f"SELECT id, {columns} FROM {table} WHERE clock_event IS NOT NULL"  # noqa: S608 (our names)
        rows = connection.execute(text(query)).mappings()
        ours[table] = {
            row["id"]: dict(row) for row in rows if row["id"] not in left_out
        }
    return ours
