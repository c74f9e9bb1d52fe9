"""Our side of what a provider has: filled by the ledger itself, and changed by hand."""

import json
from datetime import datetime

from sqlalchemy import Engine, text

from bench.shelf import Shelf
from models.fold import fold_payments
from models.snapshot import Snapshot
from models.snapshots import TransactionSnapshot
from worker import ledger
from worker.providers.contract import StoredEvent
from worker.providers.registry import PROVIDERS
from worker.reconciliation.comparing import KINDS

AT_ONCE = 500
TABLES = (
    "customers",
    "transactions",
    "transaction_lines",
    "payments",
    "subscriptions",
    "subscription_items",
    "adjustments",
    "adjustment_lines",
)
#: One of a hundred rows each: edited, or gone.
CHANGES = (
    "UPDATE customers SET email = 'x' || email WHERE id ~ '00$'",
    "UPDATE transactions SET total_minor = total_minor + 1 WHERE id ~ '[02468]00$'",
    "DELETE FROM transactions WHERE id ~ '[13579]00$'",
    "UPDATE subscriptions SET status = 'canceled' WHERE id ~ '[02468]00$'",
    "DELETE FROM subscriptions WHERE id ~ '[13579]00$'",
    "DELETE FROM adjustments WHERE id ~ '00$'",
)
# What heals has other events' clocks.
_CLOCKS = ["clock_occurred_at", "clock_event", "waits_since", "first_transaction_id"]
_DIGEST = """
SELECT md5(string_agg(row, '' ORDER BY row)) FROM (
  SELECT md5((to_jsonb(t) - CAST(:without AS text[]))::text) AS row FROM {table} t
) AS rows
"""


def stock(engine: Engine, shelf: Shelf) -> None:
    """Fill our tables with all that a provider has."""
    for kind, name in KINDS.items():
        of = kind.value
        for begin in range(0, shelf.counts[of], AT_ONCE):
            numbers = range(begin, min(begin + AT_ONCE, shelf.counts[of]))
            _write(engine, [_snapshot(name, n, shelf.entity(of, n)) for n in numbers])


def _snapshot(kind: str, number: int, entity: str) -> Snapshot:
    data = json.loads(entity)
    told = {
        "event_id": f"evt_{kind}_{number}",
        "event_type": f"{kind}.updated",
        "occurred_at": data["updated_at"],
    }
    event = StoredEvent(
        number,
        "paddle",
        told["event_id"],
        told["event_type"],
        datetime.fromisoformat(told["occurred_at"]),
        json.dumps({**told, "data": data}).encode(),
    )
    snapshot = PROVIDERS["paddle"].read(event)
    assert isinstance(snapshot, Snapshot)
    return snapshot


def _write(engine: Engine, snapshots: list[Snapshot]) -> None:
    kind = type(snapshots[0])
    winners = {one.key: one for one in snapshots}
    bought = [one for one in snapshots if isinstance(one, TransactionSnapshot)]
    with engine.begin() as connection:
        ledger.lock(connection, kind, winners)
        ledger.write(connection, kind, winners)
        ledger.write_payments(connection, fold_payments(bought).values())


def plant(engine: Engine) -> int:
    """Change one of a hundred rows by hand; return how many."""
    with engine.begin() as connection:
        return sum(connection.execute(text(change)).rowcount for change in CHANGES)


def digest(engine: Engine, *, with_clocks: bool = False) -> dict[str, str]:
    """Return what tells whether any row of the ledger is another than before."""
    without = ["confirmed_at", *([] if with_clocks else _CLOCKS)]
    with engine.connect() as connection:
        return {
            table: connection.execute(
                text(_DIGEST.format(table=table)), {"without": without}
            ).scalar_one()
            for table in TABLES
        }
