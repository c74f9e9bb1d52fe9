"""How many messages are in which state, by kind: cheap however many there ever were.

All that are not at a good end, which are few and have indexes of their own, and those
of the last day that are. Failed ones count while nobody has dealt with their dead
letter.
"""

from typing import Final, LiteralString

COUNTS: Final[LiteralString] = """
SELECT kind, state, count(*) AS messages
FROM (
  SELECT kind, state FROM notifications WHERE state = 'pending'
  UNION ALL
  SELECT kind, state FROM notifications WHERE state = 'sending'
  UNION ALL
  SELECT kind, state FROM notifications WHERE state = 'doubtful'
  UNION ALL
  SELECT n.kind, n.state FROM dead_letters l
  JOIN notifications n ON n.id = l.row_id AND n.state = 'failed'
  WHERE l.state = 'open' AND l.work_table = 'notifications'
  UNION ALL
  SELECT kind, state FROM notifications
  WHERE state IN ('sent', 'skipped') AND finished_at > now() - interval '24 hours'
) AS counted
GROUP BY kind, state ORDER BY kind, state
"""
