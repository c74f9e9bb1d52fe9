"""``reconciliation.plan``: starts the reconciliation runs that are due.

Adds rows to ``reconciliation_runs``. Running it twice, late or from two beats is
harmless: it decides from the runs that there were, and one of each kind is pending at
most. Sends on ``reconciliation.run``. Fails when Postgres is away, and the next run
finds the same runs due.
"""

from worker import database
from worker.after_commit import Rings
from worker.app import app
from worker.reconciliation.plan import due
from worker.settings import settings
from worker.wording import counted
from worker.work_tables import RUNS


@app.task(name="reconciliation.plan")
def plan() -> str:
    """Start what is due."""
    rings = Rings()
    with database.engine().begin() as connection:
        started = due(connection, settings())
        rings.add(RUNS.task, started)
    rings.send()
    return f"{counted(len(started), 'run')} started" if started else "nothing due"
