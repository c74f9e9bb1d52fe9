"""Proves the way from the provider to the inbox with one simulated event."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, text

from worker.connect.errors import ConnectError
from worker.providers.paddle.connection import PaddleConnection, SimulatedEvent

STEP = "simulation"
PAUSE_SECONDS = 0.5
_ARRIVED = text("""
SELECT event_id FROM inbox WHERE provider = 'paddle' AND event_id = ANY(:ids)
""")
_UNAUTHORIZED = (400, 401, 403)


@dataclass(frozen=True, slots=True)
class Proof:
    """What it takes to see a simulated event arrive."""

    api: PaddleConnection
    #: Where the inbox is; None: only Paddle's word is asked for.
    engine: Engine | None
    wait_seconds: float
    sleep: Callable[[float], None] = time.sleep

    def run(self, setting_id: str) -> str:
        """Run a simulation and wait for it; say how it arrived.

        Raises:
            ConnectError: It did not arrive; the sentence names what held it up.
        """
        simulation, run = self.api.simulate(setting_id)
        until = time.monotonic() + self.wait_seconds
        while True:
            events = self.api.simulated(simulation, run)
            if events and self._is_there(events):
                return self._arrived(events[0])
            failed = [one for one in events if one.status in {"failed", "aborted"}]
            if failed or time.monotonic() >= until:
                raise ConnectError(STEP, self._reason(failed or events))
            self.sleep(PAUSE_SECONDS)

    def _is_there(self, events: list[SimulatedEvent]) -> bool:
        if self.engine is None:
            return all(one.status == "success" for one in events)
        with self.engine.connect() as connection:
            ids = [one.id for one in events]
            return bool(connection.execute(_ARRIVED, {"ids": ids}).first())

    def _arrived(self, event: SimulatedEvent) -> str:
        if self.engine is None:
            return f"{event.id}: Paddle says 200; no database to look into"
        return f"{event.id} came through"

    def _reason(self, events: list[SimulatedEvent]) -> str:
        one = events[0] if events else None
        if one is None:
            return "Paddle made no event of it. Run it again."
        if one.answer in _UNAUTHORIZED:
            return (
                f"the receiver answered {one.answer}: it does not know the secret yet"
                " (start it anew with the new PADDLE_WEBHOOK_SECRETS), or something on"
                " the way alters the body (a tunnel or proxy must pass it unaltered)."
            )
        if one.status == "success":
            return (
                "Paddle was answered 200, and nothing came into this inbox: the address"
                " leads to another receiver, or to another database."
            )
        if one.answer:
            return (
                f"the receiver answered {one.answer}, not 200: is that its address, and"
                " is the receiver well? Its log says more."
            )
        return (
            f"no answer within {self.wait_seconds:.0f} s: does the receiver run, and"
            " does the address lead to it from the internet?"
        )
