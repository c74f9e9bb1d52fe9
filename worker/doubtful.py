"""Lets go of messages that nobody can tell about.

A process that ends between "sending" and the server's answer leaves its row in
``sending``. Such a row is never claimed again; when its lease is over it becomes
``doubtful``, which is shown to the operator and left alone.
"""

import structlog
from sqlalchemy import Connection, text

log = structlog.get_logger()

#: Why such a row is in doubt.
DIED = "its process ended while sending"
_MARK = text("""
UPDATE notifications SET state = 'doubtful', reason = :died,
  finished_at = clock_timestamp(),
  lease_token = NULL, leased_until = NULL, leased_by = NULL
WHERE id IN (
  SELECT id FROM notifications
  WHERE state = 'sending' AND leased_until < clock_timestamp()
  ORDER BY id FOR UPDATE SKIP LOCKED)
RETURNING id
""")


def mark_doubtful(connection: Connection) -> int:
    """Turn messages that were being sent when their lease ended into doubtful ones.

    Returns:
        How many there were.
    """
    ids = connection.execute(_MARK, {"died": DIED}).scalars().all()
    for notification in sorted(ids):
        log.warning("message_in_doubt", notification=notification)
    return len(ids)
