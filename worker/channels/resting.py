"""After a message whose end nobody knows its channel rests, in every process.

A far side that takes messages and says nothing would leave each of them in doubt. The
doubtful rows themselves are the memory: no process has to tell another, and a resend
of what is doubtful ends the rest.
"""

from datetime import timedelta

from sqlalchemy import Connection, text

from worker.doubtful import DIED

#: After one doubt; twice as long for each other one of the last hour.
FIRST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(minutes=30)
#: What rows say that wait meanwhile.
WHY = "the last message has no answer"

# A process that died says nothing about the channel. 2^6 minutes are more than enough.
_REST = text("""
SELECT max(finished_at) - now()
  + least(:longest, :first * power(2, least(count(*), 7) - 1))
FROM notifications
WHERE state = 'doubtful' AND channel = :channel
  AND finished_at > now() - interval '1 hour' AND reason IS DISTINCT FROM :died
""")


def rest_of(connection: Connection, channel: str) -> timedelta:
    """Return how long a channel still rests; zero: it does not."""
    values = {
        "channel": channel,
        "died": DIED,
        "first": FIRST_REST,
        "longest": LONGEST_REST,
    }
    left = connection.execute(_REST, values).scalar_one()
    return max(left or timedelta(), timedelta())
