"""Messages of which nobody knows whether they went out: a person has to decide."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, text

from models.notices import ChannelName
from worker.alerts.condition import Condition, Finding
from worker.alerts.stakes import MOST_ROWS, Stakes, of_rows
from worker.settings import Settings
from worker.wording import counted
from worker.work_tables import NOTIFICATIONS

#: Counting ends here, as that of a backlog does.
MOST_COUNTED = 1000

_FOUND = text("""
SELECT min(finished_at) AS since, count(*) AS messages
FROM (
  SELECT finished_at FROM notifications WHERE state = 'doubtful' AND channel = :channel
  ORDER BY finished_at LIMIT :most) AS oldest
""")
_IDS = text("""
SELECT id FROM notifications WHERE state = 'doubtful' AND channel = :channel
ORDER BY finished_at LIMIT :most
""")


class Doubtful(Condition):
    """Messages may have gone out, or not; none is sent again by itself."""

    kind = "doubtful"
    opens = (
        "Nobody knows of a message whether it went out; one alert for each channel, until"
        " somebody has sent each of them again or confirmed it."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Count what is in doubt, by its index."""
        del config
        for channel in ChannelName:
            values = {"channel": channel, "most": MOST_COUNTED}
            since, messages = connection.execute(_FOUND, values).one()
            if messages:
                yield _finding(channel, since, messages)

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Ask the oldest of them."""
        # One more than is looked at, so that the figures say "at least".
        values = {"channel": subject, "most": MOST_ROWS + 1}
        ids = connection.execute(_IDS, values).scalars().all()
        return of_rows(connection, NOTIFICATIONS, ids)


def _finding(channel: ChannelName, since: datetime, messages: int) -> Finding:
    least = "at least " if messages >= MOST_COUNTED else ""
    number = f"{least}{counted(messages, 'message')}"
    return Finding(
        summary=f"Nobody knows whether {number} over {channel} went out",
        since=since,
        next_steps=(
            f"./paddlewheel notifications list --state doubtful --channel {channel}",
            "./paddlewheel notifications confirm or resend, as the runbook says",
        ),
        subject=channel,
        count=messages,
    )
