"""``queues.pulse``: shows that the queue it came through is served.

Changes one heartbeat. Running it twice is harmless, and so is losing it: the next one
comes in seconds. Sends nothing on. While PostgreSQL is away it does nothing.
"""

from sqlalchemy.exc import DBAPIError

from worker import database
from worker.app import app
from worker.base_task import this_task
from worker.heartbeats import beat, of_queue
from worker.pulses import gap_of
from worker.settings import settings


@app.task(name="queues.pulse")
def pulse() -> str:
    """Show it."""
    # Of our direct exchanges, on Redis and RabbitMQ alike, the key is the queue's name.
    queue = str((this_task().request.delivery_info or {}).get("routing_key"))
    try:
        with database.engine().begin() as connection:
            beat(connection, of_queue(queue), gap_of(settings()))
    except DBAPIError as error:
        if not database.is_machinery(error):
            raise
        return "the database is away"
    return queue
