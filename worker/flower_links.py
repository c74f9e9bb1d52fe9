"""Where Flower is, and where it shows a run."""

from worker.settings import Settings


def flower_url(config: Settings) -> str:
    """Return where Flower answers, without the password."""
    return f"http://127.0.0.1:{config.flower_port}"


def task_link(config: Settings, task_id: str) -> str:
    """Return where an operator sees a run in Flower."""
    return f"{flower_url(config)}/task/{task_id}"
