"""Notes when the provider last said what we have."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from models.findings import FindingKind
from models.reconciliation import RunKind
from models.tables.base import Base
from models.tables.ledger import Adjustment, Transaction
from models.tables.parties import Customer
from models.tables.subscriptions import Subscription
from worker.ledger import table_of
from worker.reconciliation.run import Run

MODELS: Mapping[RunKind, type[Base]] = {
    RunKind.CUSTOMERS: Customer,
    RunKind.TRANSACTIONS: Transaction,
    RunKind.SUBSCRIPTIONS: Subscription,
    RunKind.ADJUSTMENTS: Adjustment,
}
#: What an entity is looked at for.
OF_PROVIDER = (
    FindingKind.DIFFERS_FROM_PROVIDER,
    FindingKind.NEWER_THAN_PROVIDER,
    FindingKind.NOT_AT_PROVIDER,
    FindingKind.UNREADABLE_AT_PROVIDER,
)

# Rows that somebody changes at this moment are left out: nobody waits for them, and
# what was compared may no longer be what they say.
_CONFIRM = """
WITH same AS MATERIALIZED (
  SELECT known.provider, known.id FROM {table} known
  JOIN unnest(CAST(:ids AS text[]), CAST(:events AS text[])) AS told(id, event)
    ON known.id = told.id AND known.clock_event = told.event
  WHERE known.provider = :provider
  ORDER BY known.provider, known.id FOR NO KEY UPDATE OF known SKIP LOCKED
)
UPDATE {table} known SET confirmed_at = now() FROM same
WHERE known.provider = same.provider AND known.id = same.id
RETURNING known.id
"""


def confirm(connection: Connection, run: Run, same: Mapping[str, str]) -> set[str]:
    """Note that the provider says what we have.

    Args:
        connection: An open transaction.
        run: The run that asked.
        same: Ids of entities, each with the event that the row compared came from.

    Returns:
        Those that were noted.
    """
    if not same:
        return set()
    statement = text(_CONFIRM.format(table=table_of(MODELS[run.kind]).name))
    given = {"provider": run.provider, "ids": [*same], "events": [*same.values()]}
    return set(connection.execute(statement, given).scalars())
