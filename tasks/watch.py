"""``alerts.watch``: looks whether all is well, and opens, reminds and resolves alerts.

Changes alerts and adds ``alert_messages``. Running it twice, or at once, is harmless:
it decides from rows, and a condition has one open alert. Sends on ``alerts.send``.
Fails when Postgres is away, and the next look sees the same.
"""

from worker import database
from worker.after_commit import Rings
from worker.alerts.watch import watch as look
from worker.app import app
from worker.settings import settings
from worker.work_tables import ALERT_MESSAGES


@app.task(name="alerts.watch")
def watch() -> str:
    """Look once."""
    rings = Rings()
    written = look(database.engine(), settings())
    rings.add(ALERT_MESSAGES.task, written)
    rings.send()
    return f"{len(written)} to be told" if written else "nothing new"
