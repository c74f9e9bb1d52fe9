"""Rows that have been of use for long enough: deleted, some at a time.

Only what tells how things went goes, never what decides what happens next: the last run
of a kind, and its last whole one, from which the next is planned; a run that holds
learners' mails back, as long as the event could be applied again; and what a dead letter
stands for. A letter stays, but what it keeps of a message does not: whoever sent that may
have written into it who somebody is.
"""

from datetime import timedelta

from sqlalchemy import Connection, text

from worker.reconciliation.last import is_whole

#: A run that found nothing: the list of events is looked at every minute.
NOTHING_FOUND = timedelta(days=1)
KEPT = timedelta(days=90)
#: Nothing is done with it but to look: as long as the address of a checkout is kept.
MESSAGE_KEPT = timedelta(days=1)
#: Of a table in one transaction.
MOST = 5_000

# One statement: the foreign key is looked at when both deletions are done.
_RUNS = text(f"""
WITH gone AS (
  DELETE FROM reconciliation_runs WHERE id = ANY(ARRAY(
    SELECT r.id FROM reconciliation_runs r
    WHERE r.state <> 'pending' AND r.finished_at < now() - CASE
        WHEN r.state = 'complete' AND r.found = 0 AND r.healed = 0
        THEN CAST(:nothing_found AS interval) ELSE :kept END
      AND EXISTS (
        SELECT FROM reconciliation_runs later
        WHERE later.provider = r.provider AND later.kind = r.kind
          AND later.scope = r.scope AND later.id > r.id
          AND ({is_whole("later")} OR NOT {is_whole("r")}))
      AND NOT EXISTS (
        SELECT FROM reconciled_events e WHERE e.run_id = r.id AND NOT e.mails)
      AND NOT EXISTS (
        SELECT FROM dead_letters d
        WHERE d.subject = 'reconciliation_runs:' || r.id AND d.state = 'open')
    ORDER BY r.id LIMIT :most))
  RETURNING id
), forgotten AS (
  DELETE FROM reconciled_events WHERE run_id IN (SELECT id FROM gone)
)
SELECT count(*) FROM gone
""")  # noqa: S608 (constants)
_COUNTS = text("""
WITH gone AS (
  DELETE FROM delivery_counts WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM delivery_counts WHERE minute < now() - CAST(:kept AS interval)
    ORDER BY minute LIMIT :most))
  RETURNING 1
)
SELECT count(*) FROM gone
""")
# A reference that is asked for again after that is a new one. What is not open yet
# stays: it ends by itself, a day after it was asked for.
_CHECKOUTS = text("""
WITH gone AS (
  DELETE FROM checkouts WHERE id = ANY(ARRAY(
    SELECT c.id FROM checkouts c
    WHERE c.state <> 'pending' AND c.finished_at < now() - CAST(:kept AS interval)
      AND NOT EXISTS (
        SELECT FROM dead_letters d
        WHERE d.subject = 'checkouts:' || c.id AND d.state = 'open')
    ORDER BY c.finished_at LIMIT :most))
  RETURNING 1
)
SELECT count(*) FROM gone
""")

_MESSAGES = text("""
WITH emptied AS (
  UPDATE dead_letters SET message = NULL WHERE id = ANY(ARRAY(
    SELECT id FROM dead_letters
    WHERE message IS NOT NULL AND created_at < now() - CAST(:message_kept AS interval)
    ORDER BY id LIMIT :most))
  RETURNING 1
)
SELECT count(*) FROM emptied
""")


def prune(connection: Connection) -> int:
    """Delete what is due in each table; return the most that one of them had.

    So there may be more as long as that is ``MOST``. Running it twice, or at once, is
    harmless.
    """
    kept = {
        "nothing_found": NOTHING_FOUND,
        "kept": KEPT,
        "message_kept": MESSAGE_KEPT,
        "most": MOST,
    }
    statements = (_RUNS, _COUNTS, _CHECKOUTS, _MESSAGES)
    return max(int(connection.scalar(one, kept) or 0) for one in statements)
