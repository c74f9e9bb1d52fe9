"""What Celery's signals set off: logging, Sentry, forks, and the net under tasks.

The net is for runs that ended without a verdict on their rows. It runs in the child
after an error and in the parent after the loss of a child (celery 5.7: a hard time
limit tells the parent twice), so it must be quick, repeatable and must never raise.

Connected when ``worker.app`` is imported; ``connect`` says by whom.
"""

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from billiard import pool
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Task, signals
from sqlalchemy.exc import DBAPIError

from worker import crumbs, monitors
from worker import log as logs
from worker.alerts.ways import check_ways
from worker.catalog import read_catalog
from worker.checkouts.noting import NOT_NOTED, TASK
from worker.database import forget_engines
from worker.environment import check_stamp
from worker.errors import PaddlewheelError, PermanentError
from worker.failures import failure_of
from worker.lifecycle import free_leases
from worker.notices.template_check import check_templates
from worker.outcome import DeadLettered
from worker.parent_database import parent_engine
from worker.quarantine import quarantine
from worker.release_mark import release_mark
from worker.sentry import start_sentry
from worker.settings import Settings, settings
from worker.stray import Fault, stray_of_run
from worker.work_tables import CHECKOUTS, WORK_TABLES

log = structlog.get_logger()

#: Told by the parent about a child that can no longer speak for itself.
LOST = (WorkerLostError, TimeLimitExceeded)
#: How long a child stays at its end until the parent has counted all its results, in
#: tenths of a second. billiard (4.3) waits 30 s, as long as a whole stop may take, and
#: now and then in vain: results that come while the parent stops are not counted. Ours
#: are in rows by then.
LAST_WORDS_TENTHS = 30
#: Whose rows a task claims.
_TABLES = {table.task: table for table in WORK_TABLES} | {TASK: CHECKOUTS}


def connect() -> None:
    """Connect everything. Connecting again changes nothing."""
    signals.setup_logging.connect(configure_logging)
    signals.celeryd_init.connect(start_in_worker)
    signals.beat_init.connect(start_in_beat)
    signals.worker_process_init.connect(after_fork)
    signals.task_prerun.connect(bind_run)
    signals.task_postrun.connect(unbind_run)
    signals.task_failure.connect(catch_failure)


def configure_logging(**_: object) -> None:
    """Log our way; that somebody answers this signal keeps Celery from its own."""
    named = [name for name in ("worker", "beat") if name in sys.argv]
    logs.configure(settings(), named[0] if named else "celery")


def start_in_worker(**_: object) -> None:
    """Report what the parent meets; its children inherit it."""
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = LAST_WORDS_TENTHS
    start_sentry(settings(), "worker")
    # Kept: later another release may lie on the disk.
    release_mark()
    check_start(settings())


def start_in_beat(**_: object) -> None:
    """Report what beat meets."""
    start_sentry(settings(), "beat")


def check_start(config: Settings) -> None:
    """Refuse to start on a broken catalog, ways out, templates or a foreign database.

    A database that does not answer yet is no reason: each process asks again at its
    first use of it.
    """
    try:
        read_catalog(config.catalog_file, config.paddle_environment)
        check_ways(config)
        check_templates(config)
        check_stamp(parent_engine(config), config.paddle_environment)
    except PaddlewheelError as error:
        # Celery swallows every other exception of a signal's receiver.
        raise SystemExit(str(error)) from None
    except DBAPIError as error:
        log.warning("stamp_not_checked", error=failure_of(error).sentence)


def after_fork(**_: object) -> None:
    """Leave the parent's connections to the parent."""
    forget_engines()


def bind_run(task_id: str, task: Task[Any, Any], **_: object) -> None:
    """Name the run in every line that it logs, and in Sentry as far as it goes there."""
    crumbs.clear()
    monitors.begin(task, task_id)
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task.name)


def unbind_run(task_id: str, state: str | None = None, **_: object) -> None:
    """Forget the run."""
    monitors.end(task_id, state)
    structlog.contextvars.unbind_contextvars("task_id", "task")


def catch_failure(
    sender: Task[Any, Any],
    task_id: str,
    exception: BaseException,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **_: object,
) -> None:
    """See to it that no row of a failed run stays leased, and no message is lost."""
    if isinstance(exception, DeadLettered):
        return

    def put_aside(fault: Fault) -> None:
        stray = stray_of_run(sender, task_id, args, kwargs or {}, fault)
        quarantine(stray, settings())

    try:
        if not _fits(sender, args, kwargs or {}):
            put_aside(Fault("WrongArguments", f"{sender.name} does not take them"))
            return
        if sender.name == TASK and not isinstance(exception, PermanentError):
            # No row may tell of it yet.
            put_aside(Fault(NOT_NOTED, failure_of(exception).sentence))
        _free(sender, task_id, exception)
    except Exception as error:
        # In the parent it would end the worker.
        log.exception("failure_net_failed", error=failure_of(error).sentence)


def _fits(task: Task[Any, Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    try:
        inspect.signature(task.run).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _free(task: Task[Any, Any], task_id: str, error: BaseException) -> None:
    lost = isinstance(error, LOST)
    table = getattr(task, "table", None) or _TABLES.get(task.name)
    rows = None
    if table is not None:
        rows = free_leases(parent_engine(settings()), table, task_id)
    log.error(
        "child_lost" if lost else "task_ended_without_verdict",
        task=task.name,
        task_id=task_id,
        error=failure_of(error).sentence,
        rows_freed=rows,
    )
