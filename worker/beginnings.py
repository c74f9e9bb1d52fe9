"""Which transaction a subscription began with.

Only the event of its making tells it, and later ones leave it out; where that event never
came, the ledger's own transactions tell.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, text

from models.key import Key
from worker.bulk import keys_of

_BEGIN = text("""
UPDATE subscriptions AS known SET first_transaction_id = told.first
FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[]), CAST(:firsts AS text[]))
  AS told(provider, id, first)
WHERE known.provider = told.provider AND known.id = told.id
  AND known.first_transaction_id IS DISTINCT FROM told.first
""")
# Of a subscription's transactions only the one that began it is older than it is.
_FIND = text("""
UPDATE subscriptions AS known SET first_transaction_id = began.id
FROM (
  SELECT DISTINCT ON (s.provider, s.id) s.provider, s.id AS subscription_id, t.id
  FROM unnest(CAST(:providers AS text[]), CAST(:ids AS text[])) AS wanted(provider, id)
  JOIN subscriptions s USING (provider, id)
  JOIN transactions t ON t.provider = s.provider AND t.subscription_id = s.id
  WHERE s.first_transaction_id IS NULL AND t.opened_at <= s.opened_at
  ORDER BY s.provider, s.id, t.opened_at, t.id
) AS began
WHERE known.provider = began.provider AND known.id = began.subscription_id
""")


def write(connection: Connection, firsts: Mapping[Key, str]) -> None:
    """Merge the first transactions of subscriptions, which later events leave out."""
    if firsts:
        ordered = dict(sorted(firsts.items()))
        parameters = {**keys_of(ordered), "firsts": list(ordered.values())}
        connection.execute(_BEGIN, parameters)


def find(connection: Connection, subscriptions: Iterable[Key]) -> None:
    """Find the first transactions of locked subscriptions that nobody has told."""
    ordered = sorted(set(subscriptions))
    if ordered:
        connection.execute(_FIND, keys_of(ordered))
