"""Checks of our own processes: workers, beat, watchman, Flower."""

from collections.abc import Iterable
from datetime import timedelta

import httpx
from sqlalchemy import text

from worker.alerts.silent import LINES, URGENT
from worker.doctor.check import (
    Check,
    Severity,
    Verdict,
    again,
    broken,
    look,
    ok,
    skipped,
)
from worker.doctor.scene import Scene, plain_http
from worker.doctor.workers import served
from worker.flower_links import flower_url
from worker.heartbeats import BEAT, WATCHMAN, of_queue, signs
from worker.pulses import LONGEST_SECONDS, MISSING, QUEUES, pace_seconds
from worker.settings import Settings
from worker.wording import counted

_NOW = text("SELECT now()")


def _queues(scene: Scene) -> Iterable[Verdict]:
    by_worker = served(scene)
    taken = frozenset[str]().union(*by_worker.values())
    silent = [queue for queue in QUEUES if queue not in taken]
    if not silent:
        yield ok(f"{len(QUEUES)} queues, {counted(len(by_worker), 'worker')}")
        return
    alive = set(_lately(scene, silent))
    gone = [queue for queue in silent if queue not in alive]
    if gone:
        say = broken if URGENT & set(gone) else look
        what = f"Nobody serves {' and '.join(gone)}."
        yield say(what if by_worker else f"No worker answers: {what}", _start(gone))
    if alive:
        words = f"Served lately, and no worker answers: {' and '.join(sorted(alive))}."
        yield look(words, again("queues", "for busy ones answer late"))


def _start(queues: Iterable[str]) -> str:
    lines = " and ".join(dict.fromkeys(LINES.get(queue, queue) for queue in queues))
    return f"start {lines} of the Procfile (make up starts all of it)"


def _lately(scene: Scene, queues: Iterable[str]) -> Iterable[str]:
    limit = 2 * pace_seconds(scene.config, LONGEST_SECONDS)
    names = {of_queue(queue): queue for queue in queues}
    try:
        with scene.reading() as connection:
            now = connection.execute(_NOW).scalar_one()
            known = signs(connection, names)
    except Exception:  # noqa: BLE001 (without a database nobody has shown himself)
        return
    for name, sign in known.items():
        if (now - sign.beat_at).total_seconds() < limit:
            yield names[name]


def lost_after(config: Settings) -> timedelta:
    """Return after which silence beat or the watchman no longer count as alive."""
    pace = max(config.alert_silent_seconds / MISSING, LONGEST_SECONDS)
    return timedelta(seconds=2 * pace)


def _sign(scene: Scene, name: str, words: str, line: str) -> Iterable[Verdict]:
    with scene.reading() as connection:
        now = connection.execute(_NOW).scalar_one()
        known = signs(connection, [name]).get(name)
    command = f"start the line `{line}` of the Procfile (make up starts all of it)"
    say = broken if name == BEAT else look
    if known is None:
        yield say(f"There was never a sign of life: {words}", command)
        return
    age = now - known.beat_at
    seconds = age.total_seconds()
    if age > lost_after(scene.config):
        yield say(f"Silent for {seconds:,.0f} s: {words}", command)
    else:
        yield ok(f"showed itself {max(seconds, 0):.0f} s ago")


def _beat(scene: Scene) -> Iterable[Verdict]:
    words = "without beat nothing is swept, retried or compared."
    return _sign(scene, BEAT, words, "beat")


def _watchman(scene: Scene) -> Iterable[Verdict]:
    words = "nobody would tell if beat or the broker ended."
    return _sign(scene, WATCHMAN, words, "watch")


def _flower(scene: Scene) -> Iterable[Verdict]:
    secret = scene.config.flower_basic_auth
    if secret is None:
        yield skipped("FLOWER_BASIC_AUTH is not set, so it does not run")
        return
    user, _, password = secret.get_secret_value().partition(":")
    url = flower_url(scene.config)
    try:
        with plain_http() as client:
            status = client.get(f"{url}/healthcheck", auth=(user, password)).status_code
    except httpx.HTTPError:
        words = f"Flower does not answer at {url}; elsewhere it is not seen from here."
        yield look(words, "start the line `flower` of the Procfile")
        return
    if status == httpx.codes.UNAUTHORIZED:
        words = "Flower does not take FLOWER_BASIC_AUTH: it was started with another."
        yield look(words, "start the line `flower` of the Procfile again")
    elif status != httpx.codes.OK:
        yield look(f"Flower answers {status}.", "read the log of the line `flower`")
    else:
        yield ok(f"answers at {url}")


CHECKS = (
    Check(
        "queues",
        "Every queue has a worker that serves it and answers.",
        _queues,
        needs=("broker",),
    ),
    Check(
        "beat",
        "Beat has shown itself lately.",
        _beat,
        needs=("database", "migrations"),
    ),
    Check(
        "watchman",
        "The watchman has shown himself lately.",
        _watchman,
        needs=("database", "migrations"),
        mistake=Severity.LOOK,
    ),
    Check(
        "flower",
        "Flower answers and takes `FLOWER_BASIC_AUTH`.",
        _flower,
        mistake=Severity.LOOK,
    ),
)
