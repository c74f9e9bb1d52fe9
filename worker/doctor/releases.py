"""Whether all of our processes run one release: the one that lies here.

Workers say it when they are asked, beat and the watchman beside their signs of life, the
receiver among its numbers.
"""

import re
from collections.abc import Iterable

import httpx
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from worker.doctor.check import Check, Severity, Verdict, look, ok, skipped
from worker.doctor.processes import lost_after
from worker.doctor.scene import Scene, plain_http
from worker.doctor.workers import abouts
from worker.heartbeats import BEAT, WATCHMAN, signs
from worker.release_mark import release_mark
from worker.settings import Settings
from worker.wording import counted

#: As they are named to people.
SHOWN = {BEAT: "beat", WATCHMAN: "the watchman"}
RECEIVER = "the receiver"
#: Who listens at all addresses is asked at this machine's own.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
RELEASE = re.compile(r'^paddlewheel_release{release="(\w+)"}', re.MULTILINE)

_NOW = text("SELECT now()")


def _releases(scene: Scene) -> Iterable[Verdict]:
    ours = release_mark()
    workers = {name: one.release for name, one in sorted(abouts(scene).items())}
    others = _by_rows(scene) | _by_numbers(scene.config)
    if not workers and not others:
        yield skipped("nobody answers who could say it: see queues and beat")
        return
    wrong = {who: one for who, one in (workers | others).items() if one != ours}
    if not wrong:
        running = [*([counted(len(workers), "worker")] if workers else []), *others]
        yield ok(f"run by {', '.join(running)} ({ours})")
        return
    named = ", ".join(
        f"{who} runs {one or 'one that cannot say'}" for who, one in wrong.items()
    )
    words = f"Not all run the release that lies here ({ours}): {named}."
    yield look(words, "start them again, the line `release` of the Procfile first")


def _by_rows(scene: Scene) -> dict[str, str]:
    """Return the releases of those who show themselves in rows, while they do."""
    try:
        with scene.reading() as connection:
            now = connection.execute(_NOW).scalar_one()
            known = signs(connection, SHOWN)
    except SQLAlchemyError:
        # The check of the database tells of it.
        return {}
    return {
        SHOWN[name]: sign.release
        for name, sign in sorted(known.items())
        if now - sign.beat_at < lost_after(scene.config)
    }


def _by_numbers(config: Settings) -> dict[str, str]:
    """Return the release of the receiver, if it runs on this machine."""
    host = ANYWHERE.get(config.web_host, config.web_host)
    try:
        with plain_http() as client:
            said = client.get(f"http://{host}:{config.web_port}/metrics").text
    except (httpx.HTTPError, httpx.InvalidURL):
        return {}
    if "paddlewheel_" not in said:
        # Somebody else listens there.
        return {}
    found = RELEASE.search(said)
    return {RECEIVER: found[1] if found else ""}


CHECKS = (
    Check(
        "release",
        "Workers, beat, the watchman and the receiver of this machine run the code that"
        " lies here.",
        _releases,
        needs=("broker",),
        mistake=Severity.LOOK,
    ),
)
