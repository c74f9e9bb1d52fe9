"""What was given already follows the offers in force: ``catalog apply --existing``.

In batches of their own transactions, in the order of the sources' ids: an interruption
leaves whole batches done, and running it again does the rest. The same computation as
for an event, so refunds, disputes and the clock hold as before.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from models.access import GrantSource
from models.key import Key
from models.snapshots import SubscriptionSnapshot, TransactionSnapshot
from worker import ledger
from worker.audit import actor, audit
from worker.causes import Cause
from worker.grants import REPLACED, Why, recompute
from worker.settings import Settings

#: Sources that one transaction takes up.
SOURCES_A_BATCH = 200

# Lines that have given something, whose price is in the catalog, and whose grants are
# not just those that the offers in force make. Grants that were replaced say
# nothing, and a price that gives nothing by now takes nothing away.
_BEHIND = text("""
SELECT line.source, line.provider, line.source_id
FROM (
  SELECT g.source, g.provider, g.source_id,
         coalesce(l.price_id, g.line_id) AS price_id,
         array_agg(g.offer_id ORDER BY g.offer_id) AS offers
  FROM grants g
  LEFT JOIN transaction_lines l
    ON g.source = 'purchase' AND l.provider = g.provider
   AND l.transaction_id = g.source_id AND l.id = g.line_id
  WHERE g.source IN ('purchase', 'subscription') AND g.cause <> :replaced
    AND (g.source = 'subscription' OR l.price_id IS NOT NULL)
  GROUP BY g.source, g.provider, g.source_id, g.line_id, l.price_id
) AS line
JOIN (
  SELECT provider, price_id, array_agg(id ORDER BY id) AS offers
  FROM offers WHERE valid_until IS NULL AND course_key IS NOT NULL
  GROUP BY provider, price_id
) AS current USING (provider, price_id)
WHERE current.offers IS DISTINCT FROM line.offers
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")
# It reads every grant, once, and holds nobody up.
_TAKE_TIME = text("SET LOCAL statement_timeout = 0")


@dataclass(frozen=True, slots=True)
class Behind:
    """The sources whose grants the offers in force would change."""

    purchases: Sequence[Key]
    subscriptions: Sequence[Key]

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.purchases) + len(self.subscriptions)


def find_behind(connection: Connection) -> Behind:
    """Find the purchases and subscriptions that the offers in force would change."""
    found: dict[str, list[Key]] = {
        GrantSource.PURCHASE: [],
        GrantSource.SUBSCRIPTION: [],
    }
    connection.execute(_TAKE_TIME)
    for source, *key in connection.execute(_BEHIND, {"replaced": REPLACED}):
        found[source].append(Key(*key))
    return Behind(found[GrantSource.PURCHASE], found[GrantSource.SUBSCRIPTION])


def take_over(
    engine: Engine, config: Settings, behind: Behind
) -> Generator[int, None, None]:
    """Let grants follow the offers in force, batch by batch, each committed and audited.

    The sweep rings for their enrollments.

    Yields:
        How many sources a batch had.
    """
    for keys in _batches(behind.purchases):
        with engine.begin() as connection:
            ledger.lock(connection, TransactionSnapshot, keys)
            recompute(connection, Why(_causes(keys)), config, take_over=True)
            _audit(connection, GrantSource.PURCHASE, keys)
        yield len(keys)
    for keys in _batches(behind.subscriptions):
        with engine.begin() as connection:
            ledger.lock(connection, SubscriptionSnapshot, keys)
            recompute(connection, Why({}, _causes(keys)), config, take_over=True)
            _audit(connection, GrantSource.SUBSCRIPTION, keys)
        yield len(keys)


def _causes(keys: Sequence[Key]) -> dict[Key, Cause]:
    return dict.fromkeys(keys, Cause("catalog", f"apply --existing by {actor()}"))


def _audit(connection: Connection, source: GrantSource, keys: Sequence[Key]) -> None:
    detail = {"sources": len(keys), "first": keys[0].id, "last": keys[-1].id}
    audit(connection, "catalog applied to existing", f"{source}s", detail)


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), SOURCES_A_BATCH):
        yield keys[start : start + SOURCES_A_BATCH]
