"""What happens while everything runs: the day, its end, the operator, the witnesses."""

import time
from dataclasses import dataclass
from datetime import timedelta

from rich.progress import Progress
from sqlalchemy import Engine

from worker.database import make_engine
from worker.demo.alert_evidence import (
    alert_rows_of,
    heard_in,
    is_told,
    open_alerts_of,
)
from worker.demo.alert_verdict import STILL_OPEN
from worker.demo.all_rows import changed, read_all
from worker.demo.day import Day, Played, Progresses, play
from worker.demo.evidence import (
    Evidence,
    answers_of,
    beliefs_of,
    ending_soon,
    mails_in,
    pending_rows,
    rows_of,
    told_of,
    truth_from,
)
from worker.demo.operator import let_rest, untold_kinds
from worker.demo.past import DAYS
from worker.demo.reconciled import Reconciled, differences_left, reconciled_rows
from worker.demo.stage import ALERTS_FILE
from worker.demo.waits import POLL_SECONDS, Waiter
from worker.demo.whole import Wave, events, has_looked, waves
from worker.errors import PaddlewheelError
from worker.flower_client import count_by_state
from worker.local_shop import Client
from worker.processes.stack import Stack

#: What differs after everything was compared, and what the second time has changed.
Compared = tuple[list[str], dict[str, int]]
#: The whole day must have come to rest within this. On a machine so busy that an alert
#: did not get through, it is sent again after five minutes.
QUIET_SECONDS = 420.0
#: So long it may take until all trouble is told, and until it is over.
ALERT_SECONDS = 120.0
#: So long it may take until the clock has ended what it is about to end.
ENDS_SECONDS = 90.0
#: Beat asks every ten seconds what is due.
LOOK_SECONDS = 60.0
#: Flower hears of a task's end a moment later.
FLOWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that runs, and who looks at it."""

    stack: Stack
    shop: Client
    engine: Engine
    waiter: Waiter

    def await_quiet(self) -> None:
        """Wait until nothing is in work, here and at Paddle.

        Raises:
            PaddlewheelError: It took too long.
        """
        if not self.waiter.until("quiet", self._unquiet, QUIET_SECONDS):
            message = f"No quiet within {QUIET_SECONDS:.0f} s: see the log."
            raise PaddlewheelError(message)

    def end_alerts(self) -> None:
        """Let the operator hear of all trouble, do something about it, and wait.

        What is not over in time is for the verdict to tell.
        """
        self.waiter.until("all trouble told", self._untold, ALERT_SECONDS)
        let_rest(self.engine, truth_from(self.shop, self._grace))
        self.waiter.until("all trouble over", self._not_over, ALERT_SECONDS)

    def await_look(self) -> None:
        """Wait until beat's workers know where the list of events stands.

        Raises:
            PaddlewheelError: It took too long.
        """
        if not self.waiter.until("ready to compare", self._not_looked, LOOK_SECONDS):
            message = (
                f"The list of events was not looked at within {LOOK_SECONDS:.0f} s."
            )
            raise PaddlewheelError(message)

    def find_lost(self) -> None:
        """Have the list of events compared, and what was lost put right."""
        wave = Wave(self.engine, events(self.stack.settings))
        self.waiter.until("what was lost is found", wave.left, QUIET_SECONDS)
        self.await_quiet()

    def compare_all(self) -> Compared:
        """Compare everything, and once more.

        Returns:
            What differs after the first time, and how many rows of which tables the
            second time has changed.
        """
        self._compare("everything compared")
        truth = truth_from(self.shop, self._grace)
        with self.engine.begin() as connection:
            left, before = differences_left(connection, truth), read_all(connection)
        self._compare("everything compared again")
        with self.engine.begin() as connection:
            return left, changed(before, read_all(connection))

    def _compare(self, goal: str) -> None:
        for wanted in waves(self.stack.settings):
            self.waiter.until(goal, Wave(self.engine, wanted).left, QUIET_SECONDS)
        self.await_quiet()

    def await_ends(self) -> None:
        """Wait until the clock has ended what it is about to end.

        Where that does not come, rows and truth differ, and the verdict tells.
        """
        self.waiter.until("all has ended in time", self._not_ended, ENDS_SECONDS)

    def gather(self, played: Played, compared: Compared) -> Evidence:
        """Ask every witness."""
        config = self.stack.settings
        with self.engine.begin() as connection:
            rows = {
                **rows_of(connection),
                **told_of(connection),
                **alert_rows_of(connection),
            }
            reconciled = Reconciled(*compared, **reconciled_rows(connection))
        return Evidence(
            truth=truth_from(self.shop, self._grace),
            users=played.users,
            simulated=played.simulated,
            grace=self._grace,
            reconciled=reconciled,
            **rows,
            **beliefs_of(config.platform_hook_url or ""),
            mails=mails_in(config.state_dir / "mail"),
            heard=heard_in(config.state_dir / ALERTS_FILE),
            answers=answers_of(self.stack.web_url),
            flower=self._flower_counts(),
        )

    @property
    def _grace(self) -> timedelta:
        return timedelta(days=self.stack.settings.access_grace_days)

    def _unquiet(self) -> str:
        pending = pending_rows(self.engine)
        if not pending and self.shop.get("quiet")["quiet"]:
            return ""
        return f"{pending} rows in work"

    def _not_ended(self) -> str:
        ending = ending_soon(self.engine)
        return f"{ending} about to end" if ending else self._unquiet()

    def _not_looked(self) -> str:
        return "" if has_looked(self.engine) else "waiting for a look"

    def _untold(self) -> str:
        with self.engine.connect() as connection:
            untold = len(untold_kinds(connection)) + (
                not is_told(connection, STILL_OPEN)
            )
        return f"{untold} kinds of trouble to tell" if untold else self._unsent()

    def _not_over(self) -> str:
        with self.engine.connect() as connection:
            still = open_alerts_of(connection, besides=STILL_OPEN)
        return f"{still} alerts open" if still else self._unsent()

    def _unsent(self) -> str:
        pending = pending_rows(self.engine)
        return f"{pending} messages on their way" if pending else ""

    def _flower_counts(self) -> dict[str, int]:
        end = time.monotonic() + FLOWER_SECONDS
        counts: dict[str, int] = {}
        while time.monotonic() < end:
            counts = dict(count_by_state(self.stack.settings))
            if counts.get("RETRY") and counts.get("FAILURE"):
                break
            time.sleep(POLL_SECONDS)
        return counts


def play_and_watch(stack: Stack, day: Day, progress: Progress) -> Evidence:
    """Play the day, wait for its end and for the end of its alerts, and ask around.

    Raises:
        PaddlewheelError: It does not come to rest.
    """
    config = stack.settings
    if config.paddle_api_url is None or config.paddle_api_key is None:
        raise PaddlewheelError("The local Paddle has no address: this is a defect.")
    past = progress.add_task("past days", total=DAYS)
    today = progress.add_task("purchases", total=day.purchases)
    steps = Progresses(
        past=lambda days: progress.update(past, completed=int(days)),
        today=lambda: progress.advance(today),
    )
    key = config.paddle_api_key.get_secret_value()
    engine = make_engine(config, "demo")
    try:
        with Client(config.paddle_api_url, key) as shop:
            live = Live(stack, shop, engine, Waiter(stack, progress))
            shop.post(
                "limit", {"requests_per_minute": config.paddle_requests_per_minute}
            )
            live.await_look()
            played = play(shop, day, steps)
            live.await_quiet()
            live.find_lost()
            live.end_alerts()
            live.await_ends()
            return live.gather(played, live.compare_all())
    finally:
        engine.dispose()
