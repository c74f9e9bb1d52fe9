"""``notices.plan``: makes the messages whose time has come.

Adds notifications, changes nothing else. Running it twice is harmless: each message has
a key of its own. Sends on ``notifications.send``. It looks at the rows, not at what has
just happened, so it does not matter how long it did not run.
"""

from worker import database
from worker.after_commit import Rings
from worker.app import app
from worker.notices.kinds import Trigger, on
from worker.notices.making import make_all
from worker.settings import settings
from worker.wording import counted
from worker.work_tables import NOTIFICATIONS


@app.task(name="notices.plan")
def plan() -> str:
    """Make what is due by the clock."""
    made = 0
    for kind in on(Trigger.CLOCK, settings()):
        rings = Rings()
        with database.engine().begin() as connection:
            ids = make_all(connection, kind, settings())
            rings.add(NOTIFICATIONS.task, ids)
        rings.send()
        made += len(ids)
    return f"{counted(made, 'message')} made" if made else "nothing to be told"
