"""What was bought for a price that begins, or ceases, to give nothing on purpose.

What gives nothing on purpose waits for nothing, so no mark leads to it when the catalog
says something else: it is looked for here, once, in the transaction that applies the
catalog.
"""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, text

from models.key import Key
from models.snapshots import SubscriptionSnapshot, TransactionSnapshot
from worker import ledger
from worker.grants import Why, recompute
from worker.releasing import CAUSE, SOURCES_A_BATCH
from worker.settings import Settings

# Lines that have given nothing; the locks first, of all, as everywhere.
_PURCHASES = text("""
SELECT DISTINCT t.provider, t.id FROM transaction_lines l
JOIN transactions t ON t.provider = l.provider AND t.id = l.transaction_id
WHERE l.price_id = ANY(:prices) AND NOT l.recurring AND NOT l.prorated
  AND t.status IN ('paid', 'completed') AND NOT EXISTS (
    SELECT FROM grants g
    WHERE g.provider = t.provider AND g.source_id = t.id AND g.line_id = l.id)
ORDER BY 1, 2
""")
_SUBSCRIPTIONS = text("""
SELECT DISTINCT n.provider, n.subscription_id FROM subscription_items n
WHERE n.id = ANY(:prices) AND NOT EXISTS (
  SELECT FROM grants g
  WHERE g.provider = n.provider AND g.source_id = n.subscription_id
    AND g.line_id = n.id)
ORDER BY 1, 2
""")
# It reads every line that was ever sold, once.
_TAKE_TIME = text("SET LOCAL statement_timeout = 0")


def compute_anew(
    connection: Connection, prices: Collection[str], config: Settings
) -> None:
    """Compute again what was bought for some prices, by the offers in force.

    The sweep rings for the enrollments that this gives.

    Args:
        connection: The transaction that has changed the offers.
        prices: Those that give nothing on purpose by now, or did so until now.
        config: The settings.
    """
    if not prices:
        return
    connection.execute(_TAKE_TIME)
    wanted = {"prices": sorted(prices)}
    purchases = [Key(*row) for row in connection.execute(_PURCHASES, wanted)]
    subscriptions = [Key(*row) for row in connection.execute(_SUBSCRIPTIONS, wanted)]
    ledger.lock(connection, TransactionSnapshot, purchases)
    ledger.lock(connection, SubscriptionSnapshot, subscriptions)
    for keys in _batches(purchases):
        recompute(connection, Why(dict.fromkeys(keys, CAUSE)), config)
    for keys in _batches(subscriptions):
        recompute(connection, Why({}, dict.fromkeys(keys, CAUSE)), config)


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), SOURCES_A_BATCH):
        yield keys[start : start + SOURCES_A_BATCH]
