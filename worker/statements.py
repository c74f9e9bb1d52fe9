"""The SQL of the lifecycle, the same for every work table.

``{table}`` is a name from ``worker/work_tables.py``, never input.
"""

from functools import cache

from sqlalchemy import TextClause, text

from worker.work_tables import BY_NAME

# The rows that are due are few at the head of a partial index. One whose lease ran
# out still carries its token: that claim ended without a verdict, a crash, unless the
# database itself was not there the whole time. MATERIALIZED keeps the sub-select from
# being run again per row, which would lock more than the limit. NO KEY: a row that
# refers to this one (a variant of an event) can be added meanwhile.
_CLAIM = """
WITH due AS MATERIALIZED (
  SELECT id, next_attempt_at, LEAST(2, crashes + {crashed}) AS tier
  FROM {table}
  WHERE state = 'pending' AND next_attempt_at <= now() AND schema_version <= :version
    {which}
  ORDER BY next_attempt_at, id LIMIT :rows FOR NO KEY UPDATE SKIP LOCKED
), head AS (
  SELECT tier FROM due ORDER BY next_attempt_at, id LIMIT 1
), chosen AS (
  SELECT id FROM due WHERE tier = (SELECT tier FROM head)
  ORDER BY next_attempt_at, id
  LIMIT (SELECT CASE tier WHEN 0 THEN :rows WHEN 1 THEN :tens ELSE :ones END FROM head)
)
UPDATE {table} AS work SET
  attempts = attempts + 1, crashes = crashes + {crashed}, lease_token = :token,
  leased_by = :task_id, leased_until = clock_timestamp() + :lease,
  next_attempt_at = clock_timestamp() + :lease
FROM chosen WHERE work.id = chosen.id
RETURNING work.id, work.attempts, work.failures, work.crashes,
          (SELECT count(*) FROM due) AS due
"""
CLAIM = _CLAIM.replace("{which}", "")
CLAIM_ONE = _CLAIM.replace("{which}", "AND id = :only")
CRASHED = """(CASE WHEN lease_token IS NOT NULL
  AND leased_until - CAST(:lease AS interval) > pg_postmaster_start_time()
  THEN 1 ELSE 0 END)"""
# Only what still waits: a mail in ``sending`` may have gone out, so no verdict that
# began with a hold can ever put it back.
HOLD = """
SELECT id FROM {table}
WHERE lease_token = :token AND id = ANY(:ids) AND state = 'pending'
ORDER BY id FOR NO KEY UPDATE
"""
FINISH = """
UPDATE {table} AS work SET state = ending.state, reason = ending.reason,
  finished_at = clock_timestamp(), last_error = NULL,
  lease_token = NULL, leased_until = NULL, leased_by = NULL
FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:reasons AS text[]))
  AS ending(id, state, reason)
WHERE work.id = ending.id AND work.lease_token = :token
"""
PUT_OFF = """
UPDATE {table} AS work SET state = failed.state, failures = failures + failed.counted,
  last_error = failed.error, next_attempt_at = clock_timestamp() + failed.wait,
  finished_at = CASE failed.state WHEN 'pending' THEN NULL ELSE clock_timestamp() END,
  lease_token = NULL, leased_until = NULL, leased_by = NULL
FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:counted AS int[]),
            CAST(:errors AS text[]), CAST(:waits AS interval[]))
  AS failed(id, state, counted, error, wait)
WHERE work.id = failed.id AND work.lease_token = :token
"""
# What a dead row says of a person serves nobody any more.
FORGET = """
UPDATE {table} SET {forgets} = NULL WHERE id = ANY(:ids)
"""
# It moves: whoever looks how long rows wait counts from here.
GO_ON = """
UPDATE {table} SET next_attempt_at = clock_timestamp() + :wait,
  pending_since = CASE WHEN :further OR last_error IS NULL
    THEN clock_timestamp() ELSE pending_since END,
  last_error = CASE WHEN NOT :further THEN last_error END,
  failures = CASE WHEN :further THEN 0 ELSE failures END,
  attempts = 0, crashes = 0,
  lease_token = NULL, leased_until = NULL, leased_by = NULL
WHERE id = :id AND lease_token = :token
"""
RELEASE = """
UPDATE {table} SET state = 'pending', next_attempt_at = clock_timestamp(),
  attempts = attempts - :uncount,
  lease_token = NULL, leased_until = NULL, leased_by = NULL
WHERE id = ANY(:ids) AND lease_token = :token
"""
SETTLE = """
UPDATE {table} SET next_attempt_at = clock_timestamp(),
  lease_token = NULL, leased_until = NULL, leased_by = NULL
WHERE state = 'pending' AND lease_token = :token
"""
FREE = """
UPDATE {table} SET next_attempt_at = clock_timestamp(), rung_until = clock_timestamp()
WHERE state = 'pending' AND next_attempt_at > now() AND leased_by = :task_id
"""
ATTEMPTS = text("""
INSERT INTO attempts (work_table, row_id, number, task_id, worker, error_class, error)
SELECT :table, row_id, number, :task_id, :worker, error_class, error
FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS bigint[]),
            CAST(:classes AS text[]), CAST(:errors AS text[]))
  AS failed(row_id, number, error_class, error)
""")


@cache
def of(template: str, table: str) -> TextClause:
    """Return a statement for one work table."""
    forgets = BY_NAME[table].forgets
    return text(template.format(table=table, crashed=CRASHED, forgets=forgets))
