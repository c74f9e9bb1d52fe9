"""``checkouts.recover``: goes on with checkouts that are not open yet.

Changes ``checkouts``. Running it twice is harmless: a row is claimed by one process, and
what may have been made at the provider is looked for before it is made. Sends nothing
on. Fails for good only on what nobody expected; while the provider is away, is busy or
wants something of a person, rows wait, for a day at most: then they are given up.
"""

from collections.abc import Sequence

from worker.app import app
from worker.base_task import this_task
from worker.checkouts.opener import Opener
from worker.settings import settings
from worker.work_tables import CHECKOUTS


@app.task(name="checkouts.recover")
def recover(_ids: Sequence[int], _schema_version: int) -> str:
    """Open the checkouts that are due."""
    with Opener(settings()) as opener:
        return this_task().drain_each(CHECKOUTS, opener)
