"""``alerts.send``: tells the operators, over the first way out that takes it.

Changes alert messages. Running it twice is harmless: a row is claimed while it waits,
and only a process that dies between a service's yes and its note sends twice. Begins
few rows in one run, and rings for the others. Fails for good only after days of
refusals by every way.
"""

from collections.abc import Sequence

from sqlalchemy import text

from models.work import SCHEMA_VERSION
from worker import database
from worker.after_commit import Rings
from worker.alerts.sender import Sender, SilentWays
from worker.app import app
from worker.base_task import this_task
from worker.channels.deadline import SHARE_TO_BEGIN_ALERTS
from worker.settings import settings
from worker.work_tables import ALERT_MESSAGES

_NEXT = text("""
SELECT id FROM alert_messages
WHERE state = 'pending' AND next_attempt_at <= now() AND schema_version <= :version
ORDER BY next_attempt_at, id LIMIT 1
""")
#: Outlives a run: the next one need not wait for the same silence.
_silent: SilentWays = {}


@app.task(name="alerts.send")
def send(_ids: Sequence[int], _schema_version: int) -> str:
    """Send the messages that are due."""
    sender = Sender(settings(), _silent)
    try:
        return this_task().drain_each(ALERT_MESSAGES, sender, SHARE_TO_BEGIN_ALERTS)
    finally:
        _ring_for_the_rest()


def _ring_for_the_rest() -> None:
    rings = Rings()
    with database.engine().connect() as connection:
        due = connection.execute(_NEXT, {"version": SCHEMA_VERSION}).scalars().all()
    rings.add(ALERT_MESSAGES.task, due)
    rings.send()
