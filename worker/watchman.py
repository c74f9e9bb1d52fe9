"""``python -m worker.watchman``: watches while beat, broker or workers are away.

The watch is rung for by beat, through the broker, and run by a worker: it cannot tell
of the death of any of them. He stands beside all three. One is enough, two do no harm.

Rounds are made by a thread, because a frozen database can hold a statement for ever;
the main thread listens to signals, and says when no round has been made for long.
"""

import sys
import threading
import time

import structlog

from worker.errors import EnvironmentMismatchError, PaddlewheelError, SettingsError
from worker.failures import Failure, failure_of
from worker.log import configure
from worker.processes.interrupt import StopRequest
from worker.pulses import pace_seconds
from worker.rounds import Rounds
from worker.sentry import start_sentry
from worker.settings import Settings, settings

PROCESS = "watch"

log = structlog.get_logger()

#: He makes no more rounds than that; a look costs a few milliseconds.
LEAST_SECONDS = 2
LONGEST_SECONDS = 15
#: Without a round for so long he is blind. Said again after twice as long, and so on.
BLIND_SECONDS = 60
LONGEST_QUIET_SECONDS = 3600
#: A round is waited for when he is asked to stop; one that sends, for longer.
STOP_SECONDS = 1
STOP_SENDING_SECONDS = 25


class Watchman:
    """Has rounds made by a thread, and says when none comes about."""

    def __init__(self, config: Settings) -> None:
        """Prepare; nothing runs yet."""
        self._rounds = Rounds(config)
        often = min(config.alert_watch_seconds, pace_seconds(config, LONGEST_SECONDS))
        self._seconds = max(LEAST_SECONDS, often)
        self._patience = min(BLIND_SECONDS, config.alert_silent_seconds)
        #: When he says next that he is blind, if nothing changes; since when he is.
        self._quiet = self._patience
        self._blind_from: float | None = None
        self._saw_at = time.monotonic()
        self._problem: Failure | None = None
        self._stopping = threading.Event()
        # A daemon: a frozen database must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)
        #: Why he cannot go on at all.
        self.refusal: EnvironmentMismatchError | None = None

    def start(self) -> None:
        """Begin with the first round."""
        self._thread.start()

    def goes_on(self) -> bool:
        """Say it if he has become blind or sees again; tell whether he goes on."""
        without = time.monotonic() - self._saw_at
        if without > self._quiet:
            self._say_blind(without)
        elif self._blind_from is not None and without < self._patience:
            blind_for = round(self._saw_at - self._blind_from)
            log.info("watchman_sees_again", blind_seconds=blind_for)
            self._quiet, self._blind_from = self._patience, None
        return self._thread.is_alive()

    def stop(self) -> None:
        """End after the round that runs; what hangs is left behind."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        if self._rounds.is_sending:
            self._thread.join(STOP_SENDING_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._rounds.make()
            except EnvironmentMismatchError as error:
                self.refusal = error
                return
            except Exception as error:  # noqa: BLE001 (he outlives everything)
                self._problem = failure_of(error)
            else:
                self._problem = None
                self._saw_at = time.monotonic()
            self._stopping.wait(self._seconds)

    def _say_blind(self, without: float) -> None:
        self._blind_from = self._blind_from or self._saw_at
        self._quiet = without + min(without, LONGEST_QUIET_SECONDS)
        fault = self._problem
        log.error(
            "watchman_blind",
            seconds=round(without),
            error=fault.sentence if fault else "the database does not answer",
            place=fault.place if fault else None,
        )


def main() -> int:
    """Watch until asked to stop; return the exit code."""
    try:
        config = settings()
        configure(config, PROCESS)
        start_sentry(config, PROCESS)
    except SettingsError as error:
        return _refuse(error)
    watchman = Watchman(config)
    with StopRequest().listening() as stop:
        watchman.start()
        log.info("watchman_started")
        stop.wait(watchman.goes_on)
        watchman.stop()
    if watchman.refusal is not None:
        return _refuse(watchman.refusal)
    log.info("watchman_stopped")
    return 0


def _refuse(error: PaddlewheelError) -> int:
    sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
