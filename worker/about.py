"""What a worker says of itself when it is asked: its release and its processes.

Importing this module makes a worker answer; ``worker.consumer`` does.
"""

from typing import Any

from celery.worker.control import inspect_command

from worker.release_mark import ABOUT, release_mark


@inspect_command(name=ABOUT)
def about(state: Any, **_: Any) -> dict[str, Any]:  # noqa: ANN401 (Celery's)
    """Say which release this worker runs, and how many processes it has."""
    pool = getattr(state.consumer, "pool", None)
    return {
        "release": release_mark(),
        "processes": int(getattr(pool, "num_processes", 0) or 0),
    }
