"""Every price we know: what it costs, what it gives, how often it was bought."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

# It reads every line that was ever sold, once, and holds nobody up.
_TAKE_TIME = text("SET LOCAL statement_timeout = 0")
# A price is known by its own event, by the catalog file, or because it was bought.
_PRICES = text("""
WITH sold AS (
  SELECT l.provider, l.price_id, min(l.product_id) AS product_id,
         max(l.course) AS course,
         count(DISTINCT t.id) FILTER (
           WHERE t.status IN ('paid', 'completed') AND NOT l.prorated) AS bought
  FROM transaction_lines l
  JOIN transactions t ON t.provider = l.provider AND t.id = l.transaction_id
  GROUP BY 1, 2
), given AS (
  SELECT provider, price_id, coalesce(jsonb_agg(
           jsonb_build_object('course', course_key, 'days', days, 'version', version)
           ORDER BY course_key) FILTER (WHERE course_key IS NOT NULL), '[]') AS courses
  FROM offers WHERE valid_until IS NULL GROUP BY 1, 2
), subscribed AS (
  SELECT provider, id AS price_id, min(product_id) AS product_id, max(course) AS course
  FROM subscription_items GROUP BY 1, 2
), known AS (
  SELECT provider, id AS price_id FROM prices WHERE clock_event IS NOT NULL
  UNION SELECT provider, price_id FROM sold
  UNION SELECT provider, price_id FROM given
  UNION SELECT provider, price_id FROM subscribed
), listed AS (
  SELECT provider, price_id,
         coalesce(p.product_id, sold.product_id, subscribed.product_id) AS product_id,
         p.name, p.description, p.status, p.currency, p.amount_minor,
         p.cycle_interval, p.cycle_frequency,
         coalesce(given.courses, '[]') AS courses,
         given.courses = '[]' AS on_purpose,
         p.course, coalesce(sold.course, subscribed.course) AS course_when_sold,
         coalesce(sold.bought, 0) AS bought
  FROM known
  LEFT JOIN sold USING (provider, price_id)
  LEFT JOIN given USING (provider, price_id)
  LEFT JOIN subscribed USING (provider, price_id)
  LEFT JOIN (SELECT id AS price_id, * FROM prices) AS p USING (provider, price_id)
)
SELECT l.provider, l.price_id, l.name, l.description, l.status, l.product_id,
       o.name AS product, l.currency, l.amount_minor, l.cycle_interval,
       l.cycle_frequency, l.courses, coalesce(l.on_purpose, false) AS on_purpose,
       coalesce(l.course, o.course, l.course_when_sold) AS named_course, l.bought
FROM listed l
LEFT JOIN products o ON o.provider = l.provider AND o.id = l.product_id
ORDER BY l.on_purpose IS NOT NULL
           OR coalesce(l.course, o.course, l.course_when_sold) IS NOT NULL,
         l.bought DESC, l.provider, l.price_id
""")


def price_list(connection: Connection) -> Sequence[Row[Any]]:
    """Return all prices; first those of which nobody has said what they give.

    ``courses`` is what the catalog gives, each with ``course``, ``days`` and
    ``version``; ``on_purpose`` tells that it gives nothing, and says so;
    ``named_course`` what the provider's ``custom_data.course`` says, which counts where
    the catalog says nothing. ``bought`` counts the transactions with money in, renewals
    too.
    """
    connection.execute(_TAKE_TIME)
    return connection.execute(_PRICES).all()
