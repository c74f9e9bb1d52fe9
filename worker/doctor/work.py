"""Checks of the work itself: what waits, what is held up, how old the comparison is."""

from collections.abc import Iterable
from datetime import timedelta

from models.alerts import Severity as AlertSeverity
from worker.alerts import backlog
from worker.alerts.backlog import Part
from worker.alerts.cursor_age import finding_of, known_age
from worker.alerts.waiting import INSIDE
from worker.alerts.words import span
from worker.doctor.check import (
    Check,
    Severity,
    Verdict,
    broken,
    look,
    ok,
    skipped,
)
from worker.doctor.paddle import NO_KEY
from worker.doctor.scene import Scene
from worker.errors import PaddlewheelError
from worker.money import money
from worker.parked import ADVICE, PRICE, parked_sums
from worker.providers.accounts import askable
from worker.rings import ringing_app
from worker.status import STAGES
from worker.wording import counted
from worker.work_tables import HELD_BY_BILLING, WORK_TABLES


def _prices(scene: Scene) -> Iterable[Verdict]:
    with scene.reading() as connection:
        sums = [one for one in parked_sums(connection) if one.reason == PRICE]
    for one in sums:
        words = (
            f"{counted(one.learners, 'buyer')} paid"
            f" {money(one.total_minor, one.currency or '')} for prices that give no"
            f" course ({counted(one.lines, 'line')})."
        )
        yield look(words, f"./paddlewheel parked list, then {ADVICE[PRICE].command}")
    if not sums:
        yield ok("everything that was bought gives something")


def _compared(scene: Scene) -> Iterable[Verdict]:
    config = scene.config
    limit = timedelta(minutes=config.alert_cursor_minutes)
    providers = askable(config)
    if not providers:
        yield skipped(NO_KEY)
        return
    with scene.reading() as connection:
        for provider in providers:
            known = known_age(connection, provider)
            if known is None:
                words = f"The list of events of {provider} was never compared."
                yield look(words, "./paddlewheel reconcile events")
            elif known.age > limit:
                found = finding_of(
                    provider, known.since, known.age, is_begun=known.is_begun
                )
                say = broken if found.severity is AlertSeverity.CRITICAL else look
                yield say(found.summary, found.next_steps[0])
            else:
                words = span(known.age // timedelta(seconds=1))
                yield ok(f"events of {provider} compared up to {words} ago")


def _waiting(scene: Scene) -> Iterable[Verdict]:
    config = scene.config
    limit = timedelta(seconds=config.alert_waiting_seconds)
    oldest = timedelta()
    late = False
    with scene.reading() as connection:
        for table in WORK_TABLES:
            if table in HELD_BY_BILLING and not config.paddle_billing_enabled:
                continue
            found = backlog.oldest(connection, table, Part.DUE, None)
            oldest = max(oldest, found.age if found else oldest)
            if found is None or found.age <= limit:
                continue
            late = True
            rows = backlog.rows(backlog.count(connection, table, Part.DUE))
            words = (
                f"{rows} in the stage “{STAGES[table.name]}” wait to be taken, the"
                f" oldest for {span(found.age // timedelta(seconds=1))}."
            )
            say = broken if table in INSIDE else look
            yield say(words, "./paddlewheel doctor --fix, once its queue is served")
    if not late:
        yield ok(f"the oldest that is due waits {oldest.total_seconds():.0f} s")


def _ring(scene: Scene, task: str) -> str:
    """Ask a worker for a task that does whatever is due.

    Raises:
        PaddlewheelError: The broker does not take the message.
    """
    app = ringing_app(scene.config)
    try:
        app.send_task(task, retry=False)
    except Exception as error:
        raise PaddlewheelError("the broker does not take messages") from error
    finally:
        app.close()
    return f"rang for {task}, which a worker runs when it is free"


CHECKS = (
    Check(
        "prices",
        "Nobody has paid for a price that gives no course.",
        _prices,
        needs=("database", "migrations"),
        fix=lambda scene: _ring(scene, "parked.release"),
        fixes="rings for `parked.release`: what has an offer by now is given",
        mistake=Severity.LOOK,
    ),
    Check(
        "comparison",
        "The provider's list of events was compared within `ALERT_CURSOR_MINUTES`.",
        _compared,
        needs=("database", "migrations"),
        fix=lambda scene: _ring(scene, "reconciliation.plan"),
        fixes="rings for `reconciliation.plan`: it begins what is due",
    ),
    Check(
        "waiting",
        "No row that is due waits for longer than `ALERT_WAITING_SECONDS`.",
        _waiting,
        needs=("database", "migrations"),
        fix=lambda scene: _ring(scene, "rows.sweep"),
        fixes="rings for `rows.sweep`: it rings for every row that is due",
    ),
)
