"""``checkouts.recover``: goes on with checkouts whose opening was interrupted.

Changes ``payment_sessions``. Running it twice is harmless: one process at a time is at a
row, and what may have been made is looked for before it is made. Sends nothing on.
Fails for good on nothing: what could not be opened for a day is given up.
"""

from worker import database
from worker.app import app
from worker.checkouts.create import recover as recover_checkouts
from worker.settings import settings
from worker.wording import counted

#: Of the soft limit, the part in which another one is begun.
SHARE_TO_BEGIN = 0.2


@app.task(name="checkouts.recover")
def recover() -> str:
    """Look for what was interrupted."""
    config = settings()
    seconds = config.soft_limit_seconds * SHARE_TO_BEGIN
    opened, left = recover_checkouts(database.engine(), config, seconds)
    if not opened and not left:
        return "nothing was interrupted"
    return f"{counted(opened, 'checkout')} opened, {left:,} not"
