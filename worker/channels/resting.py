"""When a channel is not used for a while, and what waits for it is put off.

After a message whose end nobody knows its channel rests, in every process.

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
#: So long is put off what is due over a channel that cannot be used, unless that asks
#: for more; and no longer than the other, so that who is back is noticed soon.
PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=1)
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
# What a claim holds gets its own verdict. What is beyond the bound is put off when it is
# claimed, a claim at a time.
_PUT_OFF = text("""
UPDATE notifications SET next_attempt_at = clock_timestamp() + :wait
WHERE id IN (
  SELECT id FROM notifications
  WHERE state = 'pending' AND channel = :channel AND lease_token IS NULL
    AND next_attempt_at <= now()
  ORDER BY next_attempt_at LIMIT 10000 FOR NO KEY UPDATE SKIP LOCKED)
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


def put_off(connection: Connection, channel: str, wait: timedelta) -> None:
    """Let what is due over a channel wait, so that it stands in no other's way.

    Args:
        connection: An open transaction.
        channel: Which cannot be used.
        wait: What it asked for; zero: nothing.
    """
    values = {"channel": channel, "wait": min(max(wait, PAUSE), LONGEST_PAUSE)}
    connection.execute(_PUT_OFF, values)
