"""Rings for rows that a task has written: kept until its transaction is committed."""

from collections.abc import Sequence

from celery import current_app

from worker.rings import publish_ring


class Rings:
    """What is to be rung for. Ids of work that was rolled back ring for nothing."""

    def __init__(self) -> None:
        """Begin with nothing to ring for."""
        self._waiting: dict[str, list[int]] = {}

    def add(self, task: str, ids: Sequence[int]) -> None:
        """Keep ids for a task until ``send``."""
        if ids:
            self._waiting.setdefault(task, []).extend(ids)

    def send(self) -> None:
        """Ring; what the broker does not take, the sweep will find."""
        waiting, self._waiting = self._waiting, {}
        for task, ids in waiting.items():
            publish_ring(current_app, task, ids)
