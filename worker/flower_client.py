"""What Flower knows, for programs: counts by state, and outcomes."""

from collections import Counter

import httpx

from worker.flower_links import flower_url
from worker.settings import Settings

TIMEOUT_SECONDS = 10


def count_by_state(config: Settings) -> Counter[str]:
    """Count the runs that Flower remembers by state: SUCCESS, RETRY, FAILURE, ….

    Raises:
        httpx.HTTPError: Flower does not answer or does not take the password.
    """
    return Counter(str(task.get("state")) for task in _tasks(config).values())


def outcomes(config: Settings, state: str) -> list[str]:
    """Return what Flower shows of the runs in a state, the text of each."""
    found = [task for task in _tasks(config).values() if task.get("state") == state]
    return [str(task.get("exception") or task.get("result") or "") for task in found]


def _tasks(config: Settings) -> dict[str, dict[str, object]]:
    secret = config.flower_basic_auth
    user, _, password = (secret.get_secret_value() if secret else ":").partition(":")
    answer = httpx.get(
        f"{flower_url(config)}/api/tasks",
        auth=(user, password),
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
    tasks: dict[str, dict[str, object]] = answer.json()
    return tasks
