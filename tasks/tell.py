"""``platform.tell``: tells the course platform, until it says yes.

Changes platform deliveries, and notes in the history when a version was told. Running
it twice is harmless: the platform gets the same id again and ignores what it knows.
Sends nothing on. Fails for good only after days of refusals.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import Engine, text

from models.outgoing import DeliveryState
from worker import lifecycle
from worker.app import app
from worker.base_task import this_task
from worker.channels.deadline import Deadline
from worker.channels.errors import UnreachableError
from worker.channels.platform_hook import News, PlatformHook
from worker.channels.reach import Reach
from worker.lifecycle import Ending, Lease
from worker.platform_news import read_news
from worker.settings import Settings, settings
from worker.work_tables import PLATFORM_DELIVERIES

log = structlog.get_logger()

_ACKNOWLEDGED = text("""
UPDATE platform_deliveries SET delivered_at = clock_timestamp(),
  delivered_version = greatest(delivered_version, :version), failures = 0, crashes = 0
WHERE id = :id RETURNING version
""")
# History rows alone: telling locks nothing that activating locks.
_TOLD = text("""
UPDATE enrollment_history AS h SET told_at = now()
FROM platform_deliveries d
WHERE d.id = :id AND h.enrollment_id = d.enrollment_id
  AND h.version <= :version AND h.told_at IS NULL
""")


@app.task(name="platform.tell")
def tell(_ids: Sequence[int], _schema_version: int) -> str:
    """Tell what the platform has not acknowledged."""
    config = settings()
    if config.platform_hook_url is None or config.platform_hook_secret is None:
        return "PLATFORM_HOOK_URL is not set"
    secret = config.platform_hook_secret.get_secret_value()
    with PlatformHook(config.platform_hook_url, secret, Reach.of(config)) as hook:
        return this_task().drain_each(PLATFORM_DELIVERIES, Teller(hook, config))


class Teller:
    """Tells one row after the other, during one run of the task."""

    def __init__(self, hook: PlatformHook, config: Settings) -> None:
        """Tell this platform."""
        self._hook = hook
        self._config = config
        #: Why the platform did not answer, once that was so in this run.
        self._unreachable: UnreachableError | None = None

    def __call__(self, engine: Engine, lease: Lease, row_id: int) -> Ending | None:
        """Tell of one thing; None: the row is no longer ours, or due again."""
        if self._unreachable:
            raise self._unreachable.with_traceback(None)
        news = read(engine, lease, row_id)
        if news is None:
            return None
        try:
            self._hook.tell(news, Deadline.of_one_row(self._config))
        except UnreachableError as error:
            self._unreachable = error
            raise
        log.info("platform_told", delivery=row_id, version=news.version)
        return acknowledge(engine, lease, row_id, news.version)


def read(engine: Engine, lease: Lease, row_id: int) -> News | None:
    """Read what is to be told of a row, if it is still ours, and lock nothing longer.

    Raises:
        PermanentError: There is nothing to be told of it.
    """
    with engine.begin() as connection:
        if not lifecycle.hold(connection, lease, [row_id]):
            return None
        return read_news(connection, row_id)


def acknowledge(
    engine: Engine, lease: Lease, row_id: int, version: int
) -> Ending | None:
    """Note that the platform knows a version; a newer one is due at once."""
    with engine.begin() as connection:
        if not lifecycle.hold(connection, lease, [row_id]):
            return None
        told = {"id": row_id, "version": version}
        newest = connection.execute(_ACKNOWLEDGED, told).scalar_one()
        connection.execute(_TOLD, told)
        if newest > version:
            lifecycle.release(connection, lease, [row_id])
            return None
        ending = Ending(DeliveryState.SENT)
        lifecycle.finish(connection, lease, {row_id: ending})
    return ending
