"""Finds the buyers whom nobody told of, and notes that they are to be asked for.

It looks at the rows, not at what has just come, so it does not matter when the buyer
was missed; and it asks for few at a time, because a provider counts requests.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, text

#: Their event is usually under way: it comes within seconds of the purchase.
PATIENCE = timedelta(seconds=30)
#: Customers that wait to be asked for, at most: less than a provider answers in a
#: minute. The rest follows when these are done.
MOST_WAITING = 200

# What waits is marked with ``waits_since``, so that few rows are read here however much
# was ever sold. A stub is a customer whom only others have named.
_NOTE = text("""
WITH waiting AS (
  SELECT provider, customer_id, waits_since FROM transactions
  WHERE waits_since <= now() - CAST(:patience AS interval)
  UNION ALL
  SELECT provider, customer_id, waits_since FROM subscriptions
  WHERE waits_since <= now() - CAST(:patience AS interval)
), unknown AS (
  SELECT w.provider, w.customer_id
  FROM waiting w
  LEFT JOIN customers c ON c.provider = w.provider AND c.id = w.customer_id
  WHERE w.provider = ANY(:providers) AND w.customer_id IS NOT NULL
    AND c.clock_event IS NULL
    AND NOT EXISTS (
      SELECT FROM customer_fetches f
      WHERE f.provider = w.provider AND f.customer_id = w.customer_id)
  GROUP BY w.provider, w.customer_id
  ORDER BY min(w.waits_since), w.provider, w.customer_id
  LIMIT greatest(0, :most - (
    SELECT count(*) FROM customer_fetches WHERE state = 'pending'))
)
INSERT INTO customer_fetches (provider, customer_id)
SELECT provider, customer_id FROM unknown ORDER BY provider, customer_id
ON CONFLICT DO NOTHING RETURNING id
""")


def note_unknown_buyers(connection: Connection, providers: Sequence[str]) -> list[int]:
    """Note the buyers who are to be asked for, those who wait longest first.

    Args:
        connection: An open transaction.
        providers: Who can be asked.

    Returns:
        Ids of the new rows of ``customer_fetches``.
    """
    if not providers:
        return []
    noted = connection.execute(
        _NOTE,
        {"providers": list(providers), "patience": PATIENCE, "most": MOST_WAITING},
    )
    return sorted(noted.scalars())
