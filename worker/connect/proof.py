"""Proves the way from the provider to the inbox with one simulated event."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from worker.connect.errors import ConnectError
from worker.failures import failure_of
from worker.providers.paddle.connection import (
    PaddleConnection,
    Setting,
    SimulatedEvent,
)

STEP = "simulation"
#: Between two looks: each is a request of those that all of us have together.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
GROWTH = 1.5
_ARRIVED = text("""
SELECT event_id FROM inbox WHERE provider = 'paddle' AND event_id = ANY(:ids)
""")
_UNAUTHORIZED = (400, 401, 403)
#: So answers what stands before a receiver that is not there.
_IN_BETWEEN = (502, 504)
_FIRST_TIME = (
    "That is to be expected the first time: start the receiver, or start it anew with"
    " the new PADDLE_WEBHOOK_SECRETS, then run the same line again."
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long something is waited for, and by which clock."""

    seconds: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Proof:
    """What it takes to see a simulated event arrive."""

    api: PaddleConnection
    #: Where the inbox is; None: only Paddle's word is asked for.
    engine: Engine | None
    patience: Patience

    def run(self, setting: Setting, *, is_new: bool = False) -> str:
        """Run a simulation and wait for it; say how it arrived.

        Args:
            setting: The destination.
            is_new: No receiver can know its secret yet.

        Raises:
            ConnectError: It did not arrive; the sentence names what held it up.
        """
        simulation, run = self.api.simulate(setting.id)
        until = self.patience.now() + self.patience.seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            events = self.api.simulated(simulation, run)
            if events and self._is_there(events):
                return self._arrived(events[0])
            # What was answered is in the inbox by then, or never comes.
            ended = [one for one in events if one.status != "pending"]
            left = until - self.patience.now()
            if ended or left <= 0:
                one = next(iter(ended or events), None)
                raise ConnectError(STEP, self._reason(setting, one, is_new=is_new))
            self.patience.sleep(min(pause, left))
            pause = min(pause * GROWTH, LONGEST_PAUSE_SECONDS)

    def _is_there(self, events: list[SimulatedEvent]) -> bool:
        if self.engine is None:
            return all(one.status == "success" for one in events)
        ids = [one.id for one in events]
        try:
            with self.engine.connect() as connection:
                return bool(connection.execute(_ARRIVED, {"ids": ids}).first())
        except SQLAlchemyError as error:
            words = (
                "the database does not say whether it arrived"
                f" ({failure_of(error).sentence}): is it running? Run it again."
            )
            raise ConnectError(STEP, words) from error

    def _arrived(self, event: SimulatedEvent) -> str:
        if self.engine is None:
            return f"{event.id}: Paddle says 200; no database to look into"
        return f"{event.id} came through"

    def _reason(
        self, setting: Setting, one: SimulatedEvent | None, *, is_new: bool
    ) -> str:
        if one is None:
            return "Paddle made no event of it. Run it again."
        if one.status == "success":
            return (
                "Paddle was answered 200, and nothing came into this inbox: the address"
                " leads to another receiver, or to another database."
            )
        if one.answer in _UNAUTHORIZED:
            return _unauthorized(one.answer, is_new=is_new)
        if one.answer and one.answer not in _IN_BETWEEN:
            return (
                f"the receiver answered {one.answer}, not 200: is that its address, and"
                " is the receiver well? Its log says more."
            )
        words = self._silence(setting, one)
        if is_new:
            return f"{words}. {_FIRST_TIME}"
        return (
            f"{words}: does the receiver run, and does the address lead to it from the"
            " internet?"
        )

    def _silence(self, setting: Setting, one: SimulatedEvent) -> str:
        address = setting.destination
        if one.answer:
            return f"{one.answer} came from {address}, and nobody answers behind that"
        if one.status == "pending":
            return f"no answer from {address} within {self.patience.seconds:.0f} s"
        return f"nobody answers at {address}"


def _unauthorized(answer: int, *, is_new: bool) -> str:
    words = f"the receiver answered {answer}: it does not know the secret yet"
    if is_new:
        return f"{words}. {_FIRST_TIME}"
    return (
        f"{words} (start it anew with the new PADDLE_WEBHOOK_SECRETS), or something on"
        " the way alters the body (a tunnel or proxy must pass it unaltered)."
    )
