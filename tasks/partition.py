"""``bodies.partition``: makes the coming months' partitions of the inbox bodies.

Changes no rows. Running it twice is harmless: what is there is left alone. Sends
nothing on. Without it bodies go to the default partition, which works but cannot be
dropped by month. Fails when Postgres is away, and the next run makes what is missing.
"""

from worker import database
from worker.app import app
from worker.partition import make_partitions


@app.task(name="bodies.partition")
def partition() -> str:
    """Make the partitions that are missing."""
    with database.engine().begin() as connection:
        made = make_partitions(connection)
    return f"{made} made"
