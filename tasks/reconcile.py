"""``reconciliation.run``: takes the runs that are due a step further, turn by turn.

Changes runs and findings, and puts what is missing or newer into the inbox. Running it
twice is harmless: a step is written together with where the next one begins. Sends on
``events.record``. Fails for good only on an answer that no other attempt would change;
without a turn at the provider, or while it is away, runs wait in their rows.
"""

from collections.abc import Sequence

from worker import database
from worker.app import app
from worker.base_task import this_task
from worker.reconciliation.legs import LEGS
from worker.reconciliation.walker import Walker
from worker.settings import settings
from worker.work_tables import RUNS

BILLING_OFF = "billing is off: runs wait"


@app.task(name="reconciliation.run")
def reconcile(_ids: Sequence[int], _schema_version: int) -> str:
    """Go on with the runs that are due."""
    if not settings().paddle_billing_enabled:
        return BILLING_OFF
    with Walker(database.engine(), settings(), LEGS) as walker:
        return this_task().drain_each(RUNS, walker)
