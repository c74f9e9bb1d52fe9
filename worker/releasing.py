"""Gives what waited and need not wait any more; for the task and for the command."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, TextClause, text

from models.access_rules import LIVE_STATUSES
from models.key import Key
from models.snapshots import SubscriptionSnapshot, TransactionSnapshot
from models.subscription_rules import SERVED
from worker import crumbs, ledger
from worker.causes import Cause
from worker.grants import Why, recompute
from worker.settings import Settings

#: Sources of a kind that a transaction takes up.
SOURCES_A_BATCH = 200

# Lines whose access is due and without a grant, whose learner and price are known by
# now. Read from the tables, because the view holds only what still waits; and only
# what is marked, because everything that was ever paid would have to be read.
_RELEASABLE = """
SELECT DISTINCT s.provider, s.id
FROM {source} s
JOIN {line} l ON l.provider = s.provider AND l.{parent} = s.id
JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = s.provider || ':' || s.customer_id
WHERE s.waits_since IS NOT NULL AND s.status = ANY(:live) AND {gives}
  AND (l.course IS NOT NULL OR EXISTS (
    SELECT FROM offers o WHERE o.provider = l.provider AND o.price_id = l.{price}
      AND o.valid_until IS NULL))
  AND NOT EXISTS (
    SELECT FROM offers o WHERE o.provider = l.provider AND o.price_id = l.{price}
      AND o.valid_until IS NULL AND o.course_key IS NULL)
  AND NOT EXISTS (
    SELECT FROM grants g
    WHERE g.provider = s.provider AND g.source_id = s.id AND g.line_id = l.id)
ORDER BY s.provider, s.id LIMIT :most
"""
PURCHASES = text(
    _RELEASABLE.format(
        source="transactions",
        line="transaction_lines",
        parent="transaction_id",
        price="price_id",
        gives="NOT l.recurring AND NOT l.prorated",
    )
)
SUBSCRIPTIONS = text(
    _RELEASABLE.format(
        source="subscriptions",
        line="subscription_items",
        parent="subscription_id",
        price="id",
        gives="l.status <> 'inactive'",
    )
)
CAUSE = Cause("catalog", "mapping appeared")


@dataclass(frozen=True, slots=True)
class Released:
    """What one transaction has released."""

    #: Purchases and subscriptions.
    sources: int
    #: Ids of the new rows of ``access_changes``, to be rung for.
    changes: list[int]
    #: There may be more.
    is_full: bool


def release_batch(engine: Engine, config: Settings) -> Released:
    """Release some sources, least ids first; whoever comes second finds none."""
    with engine.begin() as connection:
        live = LIVE_STATUSES[config.access_from]
        purchases = _waiting(connection, PURCHASES, live)
        subscriptions = _waiting(connection, SUBSCRIPTIONS, SERVED)
        crumbs.leave(
            "release",
            transactions=(key.id for key in purchases),
            subscriptions=(key.id for key in subscriptions),
        )
        ledger.lock(connection, TransactionSnapshot, purchases)
        ledger.lock(connection, SubscriptionSnapshot, subscriptions)
        changes = recompute(connection, Why(purchases, subscriptions), config)
    return Released(
        len(purchases) + len(subscriptions),
        changes,
        max(len(purchases), len(subscriptions)) >= SOURCES_A_BATCH,
    )


def _waiting(
    connection: Connection, statement: TextClause, live: Collection[str]
) -> dict[Key, Cause]:
    parameters = {"most": SOURCES_A_BATCH, "live": sorted(live)}
    return {Key(*row): CAUSE for row in connection.execute(statement, parameters)}
