"""A periodic task that has not ended well for too long, though its queue is served.

Where beat or the queue is silent, that is the trouble and ``silent`` tells of it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

import celeryconfig
from worker.alerts.condition import Condition, Finding
from worker.alerts.open_alert import open_subjects
from worker.alerts.signs import Signs, read_signs
from worker.heartbeats import BEAT, expect, of_queue
from worker.periodic import periods_of
from worker.settings import Settings

#: Of these two may be missed; the grace is for what waits in the queue before it.
PERIODS = 2
GRACE = timedelta(seconds=60)
#: Of what makes a queue silent: from then on the queue may be the trouble.
SHARE_OF_SILENCE = 3

_DONE = text("SELECT task, done_at FROM slots WHERE done_at IS NOT NULL")


class Overdue(Condition):
    """A periodic task does not come to a good end any more."""

    kind = "overdue"
    opens = (
        "A task that beat rings for every ten seconds or less often has not ended well"
        " for two of its periods and a minute, though its queue is served."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Compare when each last ended well with the clock."""
        periods = periods_of(config)
        queues = {task: of_queue(queue_of(task)) for task in periods}
        names = sorted({BEAT, *queues.values()})
        expect(connection, names)
        signs = read_signs(
            connection, config, names, open_subjects(connection, self.kind)
        )
        done = {row.task: row.done_at for row in connection.execute(_DONE)}
        for task, period in periods.items():
            since = _since(signs, task, queues[task], done.get(task))
            if since is not None and signs.now - since > PERIODS * period + GRACE:
                yield _finding(task, done.get(task) or since)


def queue_of(task: str) -> str:
    """Return the queue that serves a task."""
    return celeryconfig.task_routes[task]["queue"]


def _since(
    signs: Signs, task: str, queue: str, done_at: datetime | None
) -> datetime | None:
    """Return since when it could have ended well; None: something else is silent."""
    if task in signs.told:
        # Not by the floors below: a pause of everything does not look like a return.
        return done_at or signs.began
    limit = signs.limit / SHARE_OF_SILENCE
    if max(signs.silence_of(BEAT), signs.silence_of(queue)) > limit:
        return None
    floors = (signs.began, signs.last[BEAT].since, signs.last[queue].since)
    return max(floors if done_at is None else (done_at, *floors))


def _finding(task: str, since: datetime) -> Finding:
    return Finding(
        summary=f"{task} has not ended well for too long",
        since=since,
        next_steps=(
            "./paddlewheel status",
            f"the log lines of the worker that serves the queue {queue_of(task)} say why",
        ),
        subject=task,
    )
