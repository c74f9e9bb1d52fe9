"""The one base of our tasks: memory errors tamed, outcomes told, arguments short."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from billiard.exceptions import SoftTimeLimitExceeded
from billiard.process import current_process
from celery import Task, current_task
from celery.exceptions import TaskPredicate

from worker import database, slots
from worker.after_commit import Rings
from worker.drain import Apply, Job, WorkOne, drain, drain_each
from worker.errors import PaddlewheelError, TaskFailedError, TaskOutOfMemoryError
from worker.failures import failure_of
from worker.outcome import DeadLettered
from worker.settings import settings
from worker.work_tables import Claimant, WorkTable


class BaseTask(Task):  # type: ignore[type-arg]
    """Every task of ours; a task's decorator says its name and nothing else."""

    abstract = True
    #: The work table whose due rows this task works on; None for periodic tasks.
    table: WorkTable | None = None
    #: Outcomes rather than faults: logged without a traceback.
    throws = (DeadLettered,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (Celery's)
        """Run the task; a bare MemoryError would end the whole worker."""
        try:
            return self._in_its_slot(*args, **kwargs)
        except (TaskPredicate, DeadLettered, SoftTimeLimitExceeded):
            raise
        except MemoryError:
            raise TaskOutOfMemoryError("out of memory") from None
        except PaddlewheelError as error:
            raise error from None
        except Exception as error:  # noqa: BLE001 (raised again, as its like)
            # With its frames, without its text and its causes: those quote data.
            told = TaskFailedError(failure_of(error).sentence)
            raise told.with_traceback(error.__traceback__) from None

    def _in_its_slot(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Run the task, unless beat asked for it and the slot is not free."""
        period = slots.period_in(self.request.headers)
        if period is None or self.request.called_directly:
            return super().__call__(*args, **kwargs)
        engine, name = database.engine(), str(self.name)
        longest = timedelta(seconds=settings().hard_limit_seconds)
        if not slots.take(engine, name, period, longest):
            return "somebody else is at it, or just was"
        well = False
        try:
            result = super().__call__(*args, **kwargs)
            well = True
        finally:
            slots.done(engine, name, well=well)
        return result

    def claimant(self) -> Claimant:
        """Return who claims rows on behalf of this run."""
        request = self.request
        task_id = request.id or f"{self.name} in {current_process().pid}"
        return Claimant(str(task_id), str(request.hostname or "here"))

    def drain(self, table: WorkTable, apply: Apply, rings: Rings | None = None) -> str:
        """Work on due rows in batches; see ``worker.drain.drain``."""
        send = (rings or Rings()).send
        return self._run(table, lambda job: drain(job, apply, send).conclude())

    def drain_each(
        self, table: WorkTable, work_one: WorkOne, share: float | None = None
    ) -> str:
        """Work on due rows one by one; see ``worker.drain.drain_each``.

        Args:
            table: Whose rows.
            work_one: Does the work.
            share: Of the soft limit, the part in which rows are begun, unless it is
                that of every job.
        """

        def work(job: Job) -> str:
            mine = job if share is None else replace(job, share=share)
            return drain_each(mine, work_one).conclude()

        return self._run(table, work)

    def _run(self, table: WorkTable, work: Callable[[Job], str]) -> str:
        job = Job(database.engine(), table, self.claimant(), settings())
        return work(job)


def this_task() -> BaseTask:
    """Return the task that is running."""
    return cast("BaseTask", current_task)
