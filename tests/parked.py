"""What is parked by its full definition, which reads all that was ever paid.

The view ``parked`` reads only what is marked. Whatever happened, the two must agree.
"""

import importlib.util
from functools import cache

from sqlalchemy import Engine, text

from worker.settings import ROOT

COLUMNS = (
    "provider, transaction_id, line_id, price_id, customer_id, reason, learner_id,"
    " course, total_minor, currency"
)


#: What the migration 0017 has left out of all of it.
_GIVES = """NOT EXISTS (
  SELECT FROM offers o WHERE o.provider = w.provider AND o.price_id = w.price_id
    AND o.valid_until IS NULL AND o.course_key IS NULL)"""
#: What a subscription waits for, of all that there are and not of those marked alone.
_SUBSCRIBED = f"""
SELECT * FROM (
SELECT s.provider, s.id, n.id AS line_id, n.id AS price_id, i.learner_id, n.course,
       CASE WHEN i.learner_id IS NULL THEN 'unknown learner' ELSE 'unknown price' END
         AS reason,
       i.learner_id IS NULL OR (n.course IS NULL AND NOT EXISTS (
         SELECT FROM offers o WHERE o.provider = n.provider AND o.price_id = n.id
           AND o.valid_until IS NULL)) AS is_parked
FROM subscriptions s
JOIN subscription_items n ON n.provider = s.provider AND n.subscription_id = s.id
LEFT JOIN learner_identities i
  ON i.kind = 'customer' AND i.value = s.provider || ':' || s.customer_id
WHERE s.status IN ('active', 'trialing', 'past_due') AND n.status <> 'inactive'
  AND (s.collection_mode IS DISTINCT FROM 'manual' OR EXISTS (
    SELECT FROM transactions t
    WHERE t.provider = s.provider AND t.subscription_id = s.id
      AND t.status IN ('paid', 'completed')))
  AND NOT EXISTS (
    SELECT FROM grants g
    WHERE g.provider = s.provider AND g.source_id = s.id AND g.line_id = n.id)
) AS w WHERE {_GIVES}
"""
_SEEN_SUBSCRIBED = text("""
SELECT source_id, line_id, reason, learner_id, course FROM parked
WHERE source = 'subscription'
""")
_MARKED = text("""
SELECT id, waits_since, coalesce(started_at, first_billed_at, opened_at, clock_updated_at)
  AS started_at
FROM subscriptions WHERE waits_since IS NOT NULL
""")
_SEEN = f"""
SELECT {COLUMNS.replace("transaction_id", "source_id")} FROM parked
WHERE source = 'purchase' ORDER BY 2, 3
"""


@cache
def _definition() -> str:
    """The view as the migration 0002 made it."""
    path = ROOT / "alembic" / "versions" / "0002_views.py"
    spec = importlib.util.spec_from_file_location("views", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, _, select = module.PARKED.partition("VIEW parked AS")
    return str(select)


def assert_marked_is_what_waits(engine: Engine) -> None:
    """Compare the view with its definition, and each mark with its source."""
    _assert_of_purchases(engine)
    _assert_of_subscriptions(engine)


def _assert_of_subscriptions(engine: Engine) -> None:
    with engine.connect() as connection:
        waiting = connection.execute(text(_SUBSCRIBED)).all()
        seen = {tuple(row) for row in connection.execute(_SEEN_SUBSCRIBED)}
        marks = connection.execute(_MARKED).all()
    assert seen == {
        (row.id, row.line_id, row.reason, row.learner_id, row.course)
        for row in waiting
        if row.is_parked
    }
    assert {row.id for row in marks} == {row.id for row in waiting}
    assert [row for row in marks if row.waits_since != row.started_at] == []


def _assert_of_purchases(engine: Engine) -> None:
    definition = _definition()
    # What is in waits, whether or not its learner and its price are known.
    mapping, _, rest = definition.partition("  AND (i.learner_id IS NULL")
    all_that_waits = (
        mapping + rest[rest.index("  AND NOT EXISTS (\n    SELECT FROM g") :]
    )
    with engine.connect() as connection:
        known = connection.execute(
            text(
                f"SELECT {COLUMNS} FROM ({definition}) AS w WHERE {_GIVES}"
                " ORDER BY 2, 3"
            )
        )
        seen = connection.execute(text(_SEEN))
        assert seen.all() == known.all()
        waiting = connection.execute(
            text(
                f"SELECT DISTINCT transaction_id FROM ({all_that_waits}) AS w"
                f" WHERE {_GIVES}"
            )
        )
        marks = connection.execute(
            text("""
            SELECT t.id, t.waits_since, coalesce(
                     (SELECT min(captured_at) FROM payments p
                      WHERE p.provider = t.provider AND p.transaction_id = t.id),
                     t.billed_at, t.opened_at, t.clock_updated_at) AS started_at
            FROM transactions t WHERE t.waits_since IS NOT NULL
            """)
        ).all()
        assert {row.id for row in marks} == set(waiting.scalars())
        assert [row for row in marks if row.waits_since != row.started_at] == []
