"""``digest.write``: writes yesterday's digest as a message to the operators.

Adds one row to ``alert_messages``. Running it twice, or from two beats, is harmless: the
day stands in the message's key, and whoever finds it written computes nothing. Sends on
``alerts.send``. After an outage of days only yesterday's is written. Fails when Postgres
is away, and the next run writes it.
"""

from worker import database
from worker.after_commit import Rings
from worker.alerts.digest_day import write_digest
from worker.app import app
from worker.settings import settings
from worker.work_tables import ALERT_MESSAGES


@app.task(name="digest.write")
def write() -> str:
    """Write the digest that is due."""
    written = write_digest(database.engine(), settings())
    if written is None:
        return "none is due"
    rings = Rings()
    rings.add(ALERT_MESSAGES.task, [written])
    rings.send()
    return f"message {written}"
