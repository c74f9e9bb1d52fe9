"""Notifications and their attempts, as rows: what is due, and how each try ended.

A row in ``deliveries`` is one HTTP request on the wire. It is written before the bytes
leave, so one that a ``kill -9`` interrupted counts as unanswered.
"""

import json
from dataclasses import dataclass
from typing import Any

from local_paddle.clock import instant_of_epoch
from local_paddle.faults import Extra, Fault
from local_paddle.feed import SIMULATED
from local_paddle.ids import Ids
from local_paddle.store import Store
from local_paddle.wire import Answer

#: Paddle keeps what a receiver answered; this much of it is enough to see why.
KEPT_ANSWER_BYTES = 2_000
HTTP_OK = 200
#: An attacker does not retry, nor does a simulation.
NEVER_RETRIED = frozenset({Extra.FORGED.value, Extra.STALE.value, SIMULATED})


@dataclass(frozen=True)
class Due:
    """A notification to be tried now."""

    id: str
    source: str
    body: bytes
    destination: str
    secret: str
    fault: Fault | None
    times_attempted: int


@dataclass(frozen=True)
class Ending:
    """How one request on the wire ended; no answer is ``None``."""

    delivery: int
    answer: Answer | None
    answer_lost: bool = False

    @property
    def outcome(self) -> str:
        """One of the three that the wire counts add up to."""
        if self.answer is None:
            return "unanswered"
        return "answered_200" if self.answer.status_code == HTTP_OK else "refused"

    @property
    def is_delivered(self) -> bool:
        """Whether Paddle believes that the receiver has it."""
        return self.outcome == "answered_200" and not self.answer_lost


class Outbox:
    """The rows of notifications, logs and deliveries."""

    def __init__(self, store: Store, ids: Ids) -> None:
        """Read and write through this store."""
        self._store = store
        self._ids = ids

    def recover(self) -> list[tuple[float, str]]:
        """End what a killed process left in flight; return all that is still due."""
        self._store.run(
            "UPDATE deliveries SET outcome = 'unanswered' WHERE outcome = 'in_flight'"
        )
        return self.waiting()

    def waiting(self) -> list[tuple[float, str]]:
        """Return due instant and id of every notification that is still to be tried."""
        found = self._store.rows(
            "SELECT due_at, id FROM notifications WHERE due_at IS NOT NULL"
        )
        return [(row["due_at"], row["id"]) for row in found]

    def rescale(self, now: float, ratio: float) -> None:
        """Stretch or shrink every wait that has begun."""
        self._store.run(
            "UPDATE notifications SET due_at = ?1 + (due_at - ?1) * ?2"
            " WHERE due_at > ?1",
            (now, ratio),
        )

    def due(self, notification_id: str, repeat_faults: int) -> Due | None:
        """Return a notification ready to be sent, or None if there is none any more."""
        found = self._store.rows(
            "SELECT n.*, s.body AS setting FROM notifications n JOIN entities s"
            " ON s.kind = 'notification_setting' AND s.id = n.setting_id"
            " WHERE n.id = ? AND n.due_at IS NOT NULL",
            (notification_id,),
        )
        return _due(found[0], repeat_faults) if found else None

    def begin(self, due: Due, copies: int) -> list[int]:
        """Write down that so many requests are about to leave."""
        fault = due.fault.value if due.fault else None
        with self._store.transaction():
            return [
                self._store.insert("deliveries", notification_id=due.id, fault=fault)
                for _ in range(copies)
            ]

    def finish(
        self, due: Due, endings: list[Ending], now: float, retry_at: float | None
    ) -> bool:
        """Write down how an attempt ended; return whether it is delivered."""
        is_delivered = any(ending.is_delivered for ending in endings)
        wait = None if is_delivered else retry_at
        if due.source in NEVER_RETRIED:
            wait = None
        status = _status(is_delivered=is_delivered, wait=wait)
        at = instant_of_epoch(now)
        with self._store.transaction():
            for ending in endings:
                self._end(due, ending, at)
            self._store.run(
                "UPDATE notifications SET status = ?, due_at = ?, retry_at = ?,"
                " times_attempted = times_attempted + 1, last_attempt_at = ?,"
                " delivered_at = CASE WHEN ? THEN ? ELSE delivered_at END WHERE id = ?",
                (
                    status,
                    wait,
                    None if wait is None else instant_of_epoch(wait),
                    at,
                    is_delivered,
                    at,
                    due.id,
                ),
            )
        return is_delivered

    def _end(self, due: Due, ending: Ending, at: str) -> None:
        answer = ending.answer
        self._store.run(
            "UPDATE deliveries SET outcome = ?, status_code = ?, answer_lost = ?"
            " WHERE n = ?",
            (
                ending.outcome,
                answer.status_code if answer else None,
                ending.answer_lost and ending.outcome == "answered_200",
                ending.delivery,
            ),
        )
        seen = Answer() if answer is None or ending.answer_lost else answer
        self._store.insert(
            "logs",
            id=self._ids.new("ntflog"),
            notification_id=due.id,
            response_code=seen.status_code,
            response_content_type=seen.content_type,
            response_body=seen.body[:KEPT_ANSWER_BYTES].decode(errors="replace"),
            attempted_at=at,
        )


def _due(row: Any, repeat_faults: int) -> Due:  # noqa: ANN401
    setting = json.loads(row["setting"])
    is_hit = row["fault"] is not None and row["times_attempted"] < repeat_faults
    return Due(
        id=row["id"],
        source=row["source"],
        body=row["body"],
        destination=setting["destination"],
        secret=setting["endpoint_secret_key"],
        fault=Fault(row["fault"]) if is_hit else None,
        times_attempted=row["times_attempted"],
    )


def _status(*, is_delivered: bool, wait: float | None) -> str:
    if is_delivered:
        return "delivered"
    return "failed" if wait is None else "needs_retry"
